import type { ProviderAdapter } from "../../spec/adapter.ts";
import { embedApi } from "./embed.ts";
import { errorOf } from "./errors.ts";
import { OllamaDecoder } from "./events.ts";
import { encodeRequest } from "./request.ts";

/**
 * Ollama's own API (https://docs.ollama.com/api), at a server of one's own or in Ollama's
 * cloud. What a model can depends on the file that it was made from.
 */
export const ollama: ProviderAdapter = {
  kind: "ollama",
  dialect: "ollama",
  baseUrl: "http://127.0.0.1:11434",
  needsKey: false,
  capabilities: {
    tools: true,
    forcedTool: false,
    parallelToolSwitch: false,
    imageUrl: false,
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
  framing: "ndjson",
  encode: encodeRequest,
  decoder: (request) => new OllamaDecoder(request),
  error: errorOf,
  operations: { embed: embedApi },
  models: [],
};
