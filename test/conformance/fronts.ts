import type { JsonObject } from "../../src/kernel/json.ts";
import type { Dialect } from "../../src/spec/dialect.ts";
import type { RequestAddress, Wire } from "../../src/spec/wire.ts";
import { anthropicMessages } from "../../src/wire/anthropic-messages/index.ts";
import { gemini, geminiStream } from "../../src/wire/gemini/index.ts";
import { ollamaChat } from "../../src/wire/ollama/index.ts";
import { openaiChat } from "../../src/wire/openai-chat/index.ts";
import { openaiResponses } from "../../src/wire/openai-responses/index.ts";

/** A caller's dialect, as the recordings' judges know it. */
export interface Front {
  name: string;
  dialect: Dialect;
  /** What the recordings call its API. */
  api: string;
  wire(stream: boolean): Wire;
  /** Path and query of a call. */
  path(model: string, stream: boolean): string;
  /** A request that says this much; `asked` is a recorded one of this dialect, or null for the shortest there is. */
  body(asked: JsonObject | null, model: string, stream: boolean): JsonObject;
}

const TURN = { role: "user", content: "x" };

/** Without the model's name, which the gateway's catalog gives. */
function without(body: JsonObject, ...names: string[]): JsonObject {
  return Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name)));
}

export const FRONTS: readonly Front[] = [
  {
    name: "openai-chat",
    dialect: "openai-chat",
    api: "openai.chat",
    wire: () => openaiChat,
    path: () => "/v1/chat/completions",
    body(asked, model, stream) {
      const rest = without(asked ?? { messages: [TURN] }, "stream", "stream_options");
      // Usage is told to who asks for it; here everything that was recorded shall arrive.
      const options = { ...((asked?.stream_options as JsonObject | undefined) ?? {}), include_usage: true };
      return { ...rest, model, ...(stream ? { stream, stream_options: options } : {}) };
    },
  },
  {
    name: "openai-responses",
    dialect: "openai-responses",
    api: "openai.responses",
    wire: () => openaiResponses,
    path: () => "/v1/responses",
    body: (asked, model, stream) => ({ ...(asked ?? { input: "x" }), model, stream }),
  },
  {
    name: "anthropic-messages",
    dialect: "anthropic-messages",
    api: "anthropic.messages",
    wire: () => anthropicMessages,
    path: () => "/v1/messages",
    body: (asked, model, stream) => ({ max_tokens: 1_000, ...(asked ?? { messages: [TURN] }), model, stream }),
  },
  {
    name: "gemini",
    dialect: "gemini",
    api: "gemini.generateContent",
    wire: (stream) => (stream ? geminiStream : gemini),
    path: (model, stream) => `/v1beta/models/${model}:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
    body: (asked) => without(asked ?? { contents: [{ role: "user", parts: [{ text: "x" }] }] }, "model"),
  },
  {
    name: "ollama",
    dialect: "ollama",
    api: "ollama.chat",
    wire: () => ollamaChat,
    path: () => "/api/chat",
    body: (asked, model, stream) => ({ ...(asked ?? { messages: [TURN] }), model, stream }),
  },
];

/** Where a recorded request of this front's stood, for dialects that say the model there. */
export function addressOf(url: string): RequestAddress {
  const model = /models\/([^:?]+)/.exec(url)?.[1] ?? "m";
  return { params: { model: decodeURIComponent(model) }, query: url.split("?")[1] ?? "" };
}
