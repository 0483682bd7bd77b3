import type { ProviderAdapter } from "../../spec/adapter.ts";
import { embedApi } from "./embed.ts";
import { errorOf } from "./errors.ts";
import { CohereDecoder } from "./events.ts";
import { encodeRequest } from "./request.ts";
import { rerankApi } from "./rerank.ts";

/** Cohere's Chat, version 2 (https://docs.cohere.com/reference/chat). */
export const cohere: ProviderAdapter = {
  kind: "cohere",
  dialect: "cohere-chat",
  baseUrl: "https://api.cohere.com",
  needsKey: true,
  capabilities: {
    tools: true,
    forcedTool: true,
    parallelToolSwitch: false,
    imageUrl: true,
    imageBytes: true,
    documents: false,
    documentUrl: false,
    audioInput: false,
    reasoning: true,
    jsonObject: true,
    jsonSchema: true,
    logprobs: true,
    choices: false,
    seed: true,
    logitBias: false,
    penalties: true,
    topK: true,
  },
  credential: (key) => ({ authorization: `Bearer ${key}` }),
  encode: encodeRequest,
  decoder: (request) => new CohereDecoder(request),
  error: errorOf,
  operations: { embed: embedApi, rerank: rerankApi },
  models: [
    "command-a-plus-05-2026",
    "command-a-03-2025",
    "command-a-reasoning-08-2025",
    "command-a-vision-07-2025",
    "command-r-plus-08-2024",
    "command-r-08-2024",
    "command-r7b-12-2024",
    "embed-v4.0",
    "embed-multilingual-v3.0",
    "rerank-v3.5",
  ],
};
