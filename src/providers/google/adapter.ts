import type { AccountOptions, ProviderAdapter, UpstreamRequest } from "../../spec/adapter.ts";
import type { Capabilities } from "../../spec/capability.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { errorOf } from "./errors.ts";
import { GeminiDecoder } from "./events.ts";
import { traitsOf } from "./models.ts";
import { encodeRequest } from "./request.ts";

/** Source: https://ai.google.dev/api/generate-content */
export const GEMINI_CAPABILITIES: Capabilities = {
  tools: true,
  forcedTool: true,
  parallelToolSwitch: false,
  imageUrl: true,
  imageBytes: true,
  documents: true,
  documentUrl: true,
  audioInput: true,
  reasoning: true,
  jsonObject: true,
  jsonSchema: true,
  logprobs: true,
  choices: true,
  seed: true,
  logitBias: false,
  penalties: true,
  topK: true,
};

/** What of an adapter one of Google's addresses has for itself. */
type Own = Omit<ProviderAdapter, "dialect" | "framing" | "encode" | "decoder" | "error">;

/**
 * A server of `generateContent`: the Gemini API, or Vertex, which has the same dialect at other
 * addresses and with other credentials.
 * @param pathOf where a model stands, without the method: `/models/gemini-x`.
 */
export function googleAdapter(own: Own, pathOf: (model: string, options: AccountOptions) => string): ProviderAdapter {
  return {
    ...own,
    dialect: "gemini",
    framing: "google-sse",
    encode: (request: ModelRequest, model: string, options: AccountOptions = {}): UpstreamRequest =>
      encodeRequest(request, model, (name) => pathOf(name, options)),
    decoder: (request) => new GeminiDecoder(request),
    error: errorOf,
    longestAnswer: (model) => traitsOf(model).maxOutput,
  };
}
