import type { ProviderAdapter } from "../../spec/adapter.ts";
import { BATCH_APIS } from "./batches.ts";
import { countApi } from "./count.ts";
import { errorOf } from "./errors.ts";
import { MessagesDecoder } from "./events.ts";
import { MODELS, traitsOf } from "./models.ts";
import { encodeRequest } from "./request.ts";
import { responseTool } from "./structured.ts";
import { callersNames } from "./tool-names.ts";

/** Anthropic's Messages API (https://docs.claude.com/en/api/messages), and whatever imitates it behind a base URL. */
export const anthropic: ProviderAdapter = {
  kind: "anthropic",
  dialect: "anthropic-messages",
  baseUrl: "https://api.anthropic.com",
  needsKey: true,
  capabilities: {
    tools: true,
    forcedTool: true,
    parallelToolSwitch: true,
    imageUrl: true,
    imageBytes: true,
    documents: true,
    documentUrl: true,
    audioInput: false,
    reasoning: true,
    jsonObject: true,
    jsonSchema: true,
    logprobs: false,
    choices: false,
    seed: false,
    logitBias: false,
    penalties: false,
    topK: true,
  },
  credential: (key) => ({ "x-api-key": key }),
  encode: encodeRequest,
  decoder: (request) => new MessagesDecoder(responseTool(request), callersNames(request)),
  error: errorOf,
  // Anthropic demands a bound, so one is always sent.
  longestAnswer: (model) => traitsOf(model).defaultOutput,
  operations: { "count-tokens": countApi, ...BATCH_APIS },
  models: MODELS,
};
