import type { AccountOption, AccountOptions, ProviderAdapter } from "../../spec/adapter.ts";
import type { Capabilities } from "../../spec/capability.ts";
import type { Dialect } from "../../spec/dialect.ts";
import { errorOf } from "./errors.ts";
import { ChatDecoder } from "./events.ts";
import type { Quirks } from "./quirks.ts";
import { encodeRequest, thinkingFields } from "./request.ts";
import { responsesAdapter } from "./responses/adapter.ts";

/** What sets one server of OpenAI's dialect apart. */
export interface ChatServer {
  kind: string;
  /** Null where every account has its own. */
  baseUrl: string | null;
  needsKey: boolean;
  capabilities: Capabilities;
  quirks: Quirks;
  /** Which models are asked by Responses. Absent: none, and callers of Responses are served by Chat Completions. */
  responses?: AskedByResponses;
  /** What it does beside conversations. */
  operations?: NonNullable<ProviderAdapter["operations"]>;
  /** What a fresh account publishes. */
  models: readonly string[];
}

/**
 * Models that are asked by Responses. `own`: whichever a caller of that dialect asks for, so that the answer is
 * relayed, where the account does not say by which API. `only`, `never`: those that have no other API, or not this one.
 */
export interface AskedByResponses {
  own: (model: string) => boolean;
  only?: (model: string) => boolean;
  never?: (model: string) => boolean;
}

/** By which API an account is asked, whoever calls. */
export const API_OPTION: AccountOption = {
  description:
    "The API in which every model that has it is asked, whoever calls: `chat` (Chat Completions) or `responses`. Absent: [it depends](howto/dialects.md#responses).",
  required: false,
  pattern: /chat|responses/,
};

export function isAskedByResponses(
  asked: AskedByResponses,
  dialect: Dialect,
  model: string,
  { api }: AccountOptions,
): boolean {
  if (asked.only?.(model)) return true;
  if (asked.never?.(model) || api === "chat") return false;
  return api === "responses" || (dialect === "openai-responses" && asked.own(model));
}

/** A server of OpenAI's Chat Completions as a provider, and of its Responses where it speaks them. */
export function chatAdapter(server: ChatServer): ProviderAdapter {
  const { kind, baseUrl, needsKey, capabilities, quirks, models, responses, operations = {} } = server;
  const { thoughtsOnTop, maxOutput, thoughtsWritten, echoes, sourcesLast } = quirks;
  const habits = { details: thoughtsWritten === "reasoning_details", echoes, sourcesLast };
  const chat: ProviderAdapter = {
    kind,
    dialect: "openai-chat",
    baseUrl,
    needsKey,
    capabilities,
    models,
    operations,
    credential: (key) => ({ authorization: `Bearer ${key}` }),
    encode: (request, model) => encodeRequest(request, model, quirks),
    decoder: (request) => new ChatDecoder(request, habits),
    error: errorOf,
    ...(maxOutput && { longestAnswer: maxOutput }),
    ...(thoughtsOnTop && {
      thoughtsOnTop: (request, model) => thoughtsOnTop(thinkingFields(request, model, quirks), model),
    }),
  };
  // Callers of this dialect who write an address know a server of which nothing is known here.
  const asWritten = { ...chat, capabilities: { ...capabilities, documentUrl: true } };
  const mayWrite = quirks.media === "any" && capabilities.documents && !capabilities.documentUrl;
  if (responses === undefined && !mayWrite) return chat;
  const other = responses && responsesAdapter(chat, quirks);
  return {
    ...chat,
    ...(other && { options: { api: API_OPTION } }),
    variant({ dialect }, model, options) {
      if (other && isAskedByResponses(responses, dialect, model, options)) return other;
      return mayWrite && dialect === "openai-chat" ? asWritten : chat;
    },
  };
}
