import { describe, expect, test } from "bun:test";
import type { Dialect } from "../../spec/dialect.ts";
import type { EventPart } from "../../spec/event.ts";
import { FRAMERS } from "../../wire/framers.ts";
import { besideMessage, errorFrameOf, withBeside } from "./errors-as-said.ts";

const KEY = "key-of-the-gateway-1";
const redact = (text: string) => text.replaceAll(KEY, "*****");

const failed = (status: number): EventPart[] => [{ type: "error", error: { status, message: "it broke" } }];

/** What a caller is told of this frame of a stream; undefined: it is not the provider's. */
function told(dialect: Dialect, text: string, status = 500): string | undefined {
  const framing = dialect === "ollama" ? "ndjson" : dialect === "gemini" ? "google-sse" : "sse";
  const framer = FRAMERS[framing].framer();
  const frame = [...framer.push(new TextEncoder().encode(text)), ...framer.close()][0]!;
  const original = errorFrameOf(failed(status), frame, dialect, redact);
  return original && new TextDecoder().decode(original.source.subarray(original.start, original.end));
}

const GROQ = `event: error\ndata: {"error":{"message":"no call","code":"tool_use_failed","failed_generation":"<tool>"}}\n\n`;
const OPENROUTER = `data: {"id":"gen-1","error":{"code":502,"message":"busy","metadata":{"provider_name":"One"}},"choices":[]}\n\n`;
const ANTHROPIC = `event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n`;
const GEMINI = `data: {"error": {"code": 503, "status": "UNAVAILABLE", "message": "busy", "details": [{"a": 1}]}}\r\n\r\n`;
const FAILED = `event: response.failed\ndata: {"type":"response.failed","response":{"error":{"code":"server_error","message":"m"}}}\n\n`;

describe("a caller of the provider's dialect gets its frame of an error", () => {
  test.each([
    ["of Groq's, with what the model wrote", "openai-chat", GROQ],
    ["of OpenRouter's, within a chunk", "openai-chat", OPENROUTER],
    ["of Anthropic's", "anthropic-messages", ANTHROPIC],
    ["of Google's, with its details", "gemini", GEMINI],
    ["of OpenAI's Responses", "openai-responses", FAILED],
    ["of Ollama's", "ollama", '{"error":"no memory"}\n'],
  ] as const)("%s, byte for byte", (_, dialect, frame) => {
    expect(told(dialect, frame)).toBe(frame);
  });

  test.each([
    ["openai-chat", `event: error\ndata: {"error":{"message":"bad ${KEY}","extra":["of org-SECRET99"]},"id":"org-untouched1"}\n\n`, `event: error\ndata: {"error":{"message":"bad *****","extra":["of *****"]},"id":"org-untouched1"}\n\n`],
    ["ollama", `{"error":"bad ${KEY}"}\n`, '{"error":"bad *****"}\n'],
    ["openai-chat", `data: {"id":"gen-1","user_id":"user_2abcD1","error":{"message":"m"},"choices":[]}\n\n`, `data: {"id":"gen-1","user_id":"*****","error":{"message":"m"},"choices":[]}\n\n`],
    ["openai-chat", `data: {"account":123456789012,"error":{"message":"m","of":123456789012}}\n\n`, `data: {"account":"*****","error":{"message":"m","of":"*****"}}\n\n`],
    ["openai-chat", `: by ${KEY}\ndata: {"error":{"message":"m"}}\n\n`, `data: {"error":{"message":"m"}}\n\n`],
    ["openai-chat", `data: {"error":{"message":"${KEY}","message":"m"}}\n\n`, `data: {"error":{"message":"m"}}\n\n`],
  ] as const)("%s, without what names or opens the account", (dialect, frame, clean) => {
    expect(told(dialect, frame)).toBe(clean);
  }); // biome-ignore format: one row a line
});

describe("our words tell it instead", () => {
  test.each([401, 402, 403, 407])("where it is about the account: %d", (status) => {
    expect(told("anthropic-messages", ANTHROPIC, status)).toBeUndefined();
  });

  test.each([
    ["what is no JSON", "openai-chat", "data: {nope\n\n"],
    ["a chunk that only ends badly", "openai-chat", 'data: {"choices":[{"finish_reason":"error"}]}\n\n'],
    ["an error that is null", "openai-chat", 'data: {"error":null}\n\n'],
    ["an error of a type that is none", "anthropic-messages", 'data: {"error":{"message":"m"}}\n\n'],
    ["bare JSON between events", "gemini", '{"error": {"code": 499, "message": "cancelled"}}\n\n'],
    ["an event after which clients wait for another", "openai-responses", 'event: error\ndata: {"type":"error","message":"m"}\n\n'],
  ] as const)("where clients would not see one: %s", (_, dialect, frame) => {
    expect(told(dialect, frame)).toBeUndefined();
  }); // biome-ignore format: one row a line
});

describe("beside our words of a refusal", () => {
  const beside = (body: string) => besideMessage(body, "openai-chat", redact);

  test("a caller of its dialect reads what else the provider says, without what names the account", () => {
    const error = { message: "m", type: "t", code: "c", param: null, failed_generation: `<${KEY}>`, innererror: null };
    expect(beside(JSON.stringify({ error }))).toEqual({
      dialect: "openai-chat",
      fields: { failed_generation: "<*****>" },
    });
    const details = [{ "@type": "RetryInfo", retryDelay: "5s" }];
    expect(beside(JSON.stringify([{ error: { code: 429, status: "X", details } }]))?.fields).toEqual({ details });
  });

  test.each(["", "<html>", "[]", "{}", '{"error":"text"}', '{"error":{"message":"m"}}', '{"detail":"m"}'])(
    "there is nothing in %j",
    (body) => {
      expect(beside(body)).toBeUndefined();
    },
  );

  test("what both tell is ours, and lists are both", () => {
    const said = { dialect: "gemini", fields: { message: "theirs", details: [2], metadata: { a: 1 } } };
    expect(withBeside({ error: { message: "ours", details: [1] }, request_id: "r" }, said)).toEqual({
      error: { message: "ours", details: [1, 2], metadata: { a: 1 } },
      request_id: "r",
    });
    expect(withBeside({ error: "text" }, said)).toEqual({ error: "text" });
  });
});
