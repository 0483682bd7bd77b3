import type { Wire } from "../../spec/wire.ts";
import { errorBody } from "../openai-chat/errors.ts";
import { decodeRequest } from "./decode.ts";
import { CompletionsEncoder } from "./encode.ts";

/** OpenAI's legacy Completions, `POST /v1/completions` (https://platform.openai.com/docs/api-reference/completions). */
export const openaiCompletions: Wire = {
  dialect: "openai-completions",
  decode: decodeRequest,
  encoder: (request, context) => new CompletionsEncoder(request, context),
  errorBody,
};

/** The same as Azure's clients ask for it: the deployment in the path is the model. */
export const azureCompletions: Wire = {
  ...openaiCompletions,
  decode(body, address) {
    const deployment = address?.params.deployment;
    return decodeRequest(deployment === undefined ? body : { ...body, model: deployment });
  },
};
