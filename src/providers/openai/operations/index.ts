import type { OperationApi } from "../../../spec/adapter.ts";
import type { OperationName } from "../../../spec/operation.ts";
import { completionsApi } from "./completions.ts";
import { embeddingsApi } from "./embeddings.ts";

/** The models that complete texts; all others converse only (https://platform.openai.com/docs/models). */
const COMPLETES = /^(?:ft:)?(?:gpt-3\.5-turbo-instruct|davinci-002|babbage-002)/;

/** What OpenAI does beside conversations. */
export const OPENAI_OPERATIONS: Readonly<Partial<Record<OperationName, OperationApi>>> = {
  embed: embeddingsApi,
  complete: { ...completionsApi, serves: (model) => COMPLETES.test(model) },
};
