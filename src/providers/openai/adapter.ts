import type { ProviderAdapter } from "../../spec/adapter.ts";
import type { Capabilities } from "../../spec/capability.ts";
import { errorOf } from "./errors.ts";
import { ChatDecoder } from "./events.ts";
import type { Quirks } from "./quirks.ts";
import { encodeRequest } from "./request.ts";

/** What sets one server of OpenAI's dialect apart. */
export interface ChatServer {
  kind: string;
  /** Null where every account has its own. */
  baseUrl: string | null;
  needsKey: boolean;
  capabilities: Capabilities;
  quirks: Quirks;
  /** What a fresh account publishes. */
  models: readonly string[];
}

/** A server of OpenAI's Chat Completions as a provider. */
export function chatAdapter(server: ChatServer): ProviderAdapter {
  const { kind, baseUrl, needsKey, capabilities, quirks, models } = server;
  return {
    kind,
    dialect: "openai-chat",
    baseUrl,
    needsKey,
    capabilities,
    models,
    credential: (key) => ({ authorization: `Bearer ${key}` }),
    encode: (request, model) => encodeRequest(request, model, quirks, capabilities),
    decoder: (request) => new ChatDecoder(request),
    error: errorOf,
  };
}
