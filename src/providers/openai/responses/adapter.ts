import type { ProviderAdapter } from "../../../spec/adapter.ts";
import type { Capabilities } from "../../../spec/capability.ts";
import { errorOf } from "../errors.ts";
import type { Quirks } from "../quirks.ts";
import { ResponsesDecoder } from "./events.ts";
import { encodeResponses } from "./request.ts";

/** What Responses has no field for. */
const LACKS = {
  audioInput: false,
  choices: false,
  seed: false,
  logitBias: false,
  penalties: false,
  topK: false,
} satisfies Partial<Capabilities>;

/** The same account, asked by Responses instead of Chat Completions. */
export function responsesAdapter(chat: ProviderAdapter, quirks: Quirks): ProviderAdapter {
  return {
    ...chat,
    dialect: "openai-responses",
    capabilities: { ...chat.capabilities, ...LACKS, documentUrl: chat.capabilities.documents },
    encode: (request, model) => encodeResponses(request, model, quirks),
    decoder: (request) => new ResponsesDecoder(request),
    error: errorOf,
    keepsResponses: quirks.keepsResponses,
  };
}
