import type { OperationApi } from "../../../spec/adapter.ts";
import type { Dialect } from "../../../spec/dialect.ts";
import type { OperationName } from "../../../spec/operation.ts";
import { relayApi } from "../../relay.ts";
import { errorInside } from "../errors.ts";
import { readUsage } from "../usage.ts";
import { completionsApi } from "./completions.ts";
import { embeddingsApi } from "./embeddings.ts";
import { OBJECT_APIS } from "./objects.ts";

const relayed = (dialect: Dialect, path: string) => relayApi({ dialect, path, errorInside, readUsage });

/** What servers of OpenAI's dialect do beside conversations, if they do it. */
export const APIS_OF_OPENAI: Readonly<
  Record<Exclude<OperationName, "count-tokens" | "batches.delete" | "batches.results">, OperationApi>
> = {
  embed: embeddingsApi,
  complete: completionsApi,
  "images.generate": relayed("openai-images", "/images/generations"),
  "images.edit": relayed("openai-images", "/images/edits"),
  "images.variation": relayed("openai-images", "/images/variations"),
  "audio.speech": relayed("openai-audio", "/audio/speech"),
  "audio.transcribe": relayed("openai-audio", "/audio/transcriptions"),
  "audio.translate": relayed("openai-audio", "/audio/translations"),
  moderate: relayed("openai-moderations", "/moderations"),
  ...OBJECT_APIS,
  // Not OpenAI's own, but its lookalikes'.
  rerank: relayed("rerank", "/rerank"),
};

/** The models that complete texts; all others converse only (https://platform.openai.com/docs/models). */
const COMPLETES = /^(?:ft:)?(?:gpt-3\.5-turbo-instruct|davinci-002|babbage-002)/;

const { rerank: _, ...own } = APIS_OF_OPENAI;

/** What OpenAI itself does beside conversations. */
export const OPENAI_OPERATIONS: Readonly<Partial<Record<OperationName, OperationApi>>> = {
  ...own,
  complete: { ...completionsApi, serves: (model) => COMPLETES.test(model) },
};
