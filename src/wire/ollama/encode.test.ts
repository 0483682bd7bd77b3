import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import type { Block, EventPart } from "../../spec/event.ts";
import { errorBody } from "./errors.ts";
import { ollamaChat, ollamaGenerate } from "./index.ts";

/** Streamed and whole, an answer says the same; `answer.ts` ends both. */

const context = { requestId: "call_01abc", created: 1_800_000_000 };
const CHAT = ollamaChat.decode({ model: "m", messages: [{ role: "user", content: "Hi" }] });
const GENERATE = ollamaGenerate.decode({ model: "m", prompt: "Hi" });

const block = (number: number, content: Block, ...said: EventPart[]): EventPart[] => [
  { type: "block-start", choice: 0, block: number, content },
  ...said,
  { type: "block-end", choice: 0, block: number },
];
const text = (number: number, said: string): EventPart => ({
  type: "text-delta",
  choice: 0,
  block: number,
  text: said,
});
const args = (number: number, said: string): EventPart => {
  return { type: "arguments-delta", choice: 0, block: number, text: said };
};
const finish: EventPart = { type: "finish", choice: 0, reason: "stop", raw: "stop" };
const END: EventPart[] = [finish, { type: "usage", usage: { input: 5, output: 7 } }, { type: "end" }];

const linesOf = (stream: string) =>
  stream
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as JsonObject);
const streamed = (parts: EventPart[], request = CHAT) => linesOf(ollamaChat.encoder(request, context).frames(parts));
const whole = (parts: EventPart[], request = CHAT) =>
  JSON.parse(ollamaChat.encoder(request, context).unary(parts)) as JsonObject;

const TIMES = { total_duration: 0, load_duration: 0, prompt_eval_duration: 0, eval_duration: 0 };
const TAIL = { done: true, done_reason: "stop", prompt_eval_count: 5, eval_count: 7, ...TIMES };
const HEAD = { model: "served", created_at: "2027-01-15T08:00:00.000Z" };
const start: EventPart = { type: "start", id: "x", model: "served" };

test("text and thoughts go out as they come, and the last line counts", () => {
  const parts = [
    start,
    ...block(0, { kind: "reasoning" }, text(0, "Hm."), text(0, "Hm!")),
    ...block(1, { kind: "text" }, text(1, "Hello "), text(1, 'you "there"')),
    ...END,
  ];
  expect(streamed(parts)).toEqual([
    { ...HEAD, message: { role: "assistant", content: "", thinking: "Hm." }, done: false },
    { ...HEAD, message: { role: "assistant", content: "", thinking: "Hm!" }, done: false },
    { ...HEAD, message: { role: "assistant", content: "Hello " }, done: false },
    { ...HEAD, message: { role: "assistant", content: 'you "there"' }, done: false },
    { ...HEAD, message: { role: "assistant", content: "" }, ...TAIL },
  ]);
  expect(whole(parts)).toEqual({
    ...HEAD,
    message: { role: "assistant", content: 'Hello you "there"', thinking: "Hm.Hm!" },
    ...TAIL,
  });
});

test("a completion says the same in its own shape", () => {
  const parts = [
    ...block(0, { kind: "reasoning" }, text(0, "Hm.")),
    ...block(1, { kind: "text" }, text(1, "Hello")),
    ...END,
  ];
  const head = { ...HEAD, model: "m" };
  expect(streamed(parts, GENERATE)).toEqual([
    { ...head, response: "", thinking: "Hm.", done: false },
    { ...head, response: "Hello", done: false },
    { ...head, response: "", ...TAIL },
  ]);
  expect(whole(parts, GENERATE)).toEqual({ ...head, response: "Hello", thinking: "Hm.", ...TAIL });
});

test("calls go out whole, also where their fragments came interleaved", () => {
  const call = (number: number): Block => ({ kind: "tool-call", id: `id_${number}`, name: `f${number}` });
  const parts: EventPart[] = [
    { type: "block-start", choice: 0, block: 0, content: call(0) },
    { type: "block-start", choice: 0, block: 1, content: call(1) },
    args(0, '{"a"'),
    args(1, "{}"),
    args(0, ":1}"),
    { type: "block-end", choice: 0, block: 0 },
    { type: "block-end", choice: 0, block: 1 },
    ...block(2, call(2)),
    ...block(3, call(3), args(3, '{"cut')),
    ...END,
  ];
  const calls = [{ a: 1 }, {}, {}, { _raw_arguments: '{"cut' }].map((value, index) => ({
    id: `id_${index}`,
    function: { index, name: `f${index}`, arguments: value },
  }));
  const lines = streamed(parts);
  expect(lines).toHaveLength(5);
  expect(lines.flatMap(({ message }) => (message as JsonObject).tool_calls ?? [])).toEqual(calls as never);
  expect(whole(parts).message).toEqual({ role: "assistant", content: "", tool_calls: calls as never });
});

test("a signed or sealed thought is said again with what must come back", () => {
  const parts = [
    ...block(0, { kind: "reasoning" }, text(0, "Hm."), {
      type: "signature-delta",
      choice: 0,
      block: 0,
      signature: "sig",
    }),
    ...block(1, { kind: "redacted-reasoning", data: "sealed" }),
    ...END,
  ];
  const details = [
    { type: "reasoning.text", text: "Hm.", signature: "sig", index: 0 },
    { type: "reasoning.encrypted", data: "sealed", index: 1 },
  ];
  expect(streamed(parts).flatMap(({ message }) => (message as JsonObject).reasoning_details ?? [])).toEqual(details);
  const { message } = whole(parts);
  expect(message as object).toEqual({ role: "assistant", content: "", thinking: "Hm.", reasoning_details: details });
  // And back.
  const again = ollamaChat.decode({ model: "m", messages: [{ role: "user", content: "x" }, message!] });
  expect(again.messages[1]!.parts).toMatchObject([
    { type: "reasoning", text: "Hm.", signature: "sig" },
    { type: "reasoning", text: "", redacted: "sealed" },
  ]);
});

test("log probabilities stand with their text", () => {
  const token = { token: "Hi", logprob: -0.5, bytes: null, top: [] };
  const logprobs: EventPart = { type: "logprobs", choice: 0, content: [token], refusal: null };
  const parts = [...block(0, { kind: "text" }, text(0, "Hi"), logprobs), ...END];
  const told = [{ token: "Hi", logprob: -0.5, bytes: null, top_logprobs: [] }];
  expect(streamed(parts)[0]).toMatchObject({ message: { content: "Hi" }, logprobs: told });
  expect(whole(parts).logprobs).toEqual(told);
});

test("tokens read from a cache stand beside the prompt's, and only where they are known", () => {
  const counted = (cacheRead: number): EventPart => ({ type: "usage", usage: { input: 5, output: 7, cacheRead } });
  const last = (parts: EventPart[]) => streamed([...parts, { type: "end" }]).at(-1)!;
  expect(last([finish, counted(3)])).toMatchObject({ prompt_eval_count: 5, prompt_eval_cached_count: 3 });
  expect(whole([finish, counted(0), { type: "end" }])).toMatchObject({ prompt_eval_cached_count: 0 });
  expect(last([finish])).not.toHaveProperty("prompt_eval_cached_count");
});

describe("what has no place here", () => {
  test("other answers than the first, foreign blocks, pings and unknown events are not told", () => {
    const parts: EventPart[] = [
      { type: "ping" },
      { type: "block-start", choice: 1, block: 0, content: { kind: "text" } },
      { type: "text-delta", choice: 1, block: 0, text: "second" },
      { type: "block-end", choice: 1, block: 0 },
      ...block(5, { kind: "opaque", dialect: "anthropic-messages", value: { type: "server_tool_use" } }),
      { type: "unknown", dialect: "openai-chat", value: {} },
      { type: "finish", choice: 1, reason: "length", raw: "length" },
      ...END,
    ];
    expect(streamed(parts)).toHaveLength(1);
    expect(whole(parts)).toMatchObject({ message: { content: "" }, done_reason: "stop" });
  });

  const reasons: [Extract<EventPart, { type: "finish" }>["reason"], string | null, string][] = [
    ["stop-sequence", "stop", "stop"],
    ["length", "max_tokens", "length"],
    ["tool-calls", "tool_calls", "stop"],
    ["content-filter", "SAFETY", "content_filter"],
    ["refusal", "refusal", "refusal"],
    ["other", "weather", "weather"],
    ["failed", "MALFORMED_FUNCTION_CALL", "MALFORMED_FUNCTION_CALL"],
    ["other", null, "stop"],
  ];
  for (const [reason, raw, word] of reasons) {
    test(`the end ${reason} (${raw}) is ${word}`, () => {
      const parts: EventPart[] = [{ type: "finish", choice: 0, reason, raw }, { type: "end" }];
      expect(streamed(parts)).toMatchObject([{ done_reason: word }]);
    });
  }
});

test("Ollama's own fields and blocks come through where its answer is written anew", () => {
  const parts: EventPart[] = [
    ...block(0, { kind: "opaque", dialect: "ollama", value: { images: ["AAAA"] } }),
    { type: "unknown", dialect: "ollama", value: { total_duration: 12, context: [1, 2] } },
    ...END,
  ];
  expect(streamed(parts)).toMatchObject([
    { message: { content: "", images: ["AAAA"] }, done: false },
    { done: true, total_duration: 12, context: [1, 2] },
  ]);
  expect(whole(parts)).toMatchObject({ message: { content: "", images: ["AAAA"] }, context: [1, 2] });
});

describe("a stream that breaks", () => {
  const failed = { status: 502, code: "upstream_cut", message: "It broke.", param: null, requestId: "r" };

  test("ends in a line with the error, and never in one that is done", () => {
    const encoder = ollamaChat.encoder(CHAT, context);
    const said = encoder.frames([...block(0, { kind: "text" }, text(0, "Hel"))]);
    const rest = encoder.frames([{ type: "error", error: { status: 502, message: "It broke." } }, { type: "end" }]);
    expect(rest).toBe("");
    expect(linesOf(said + encoder.errorFrame(failed))).toEqual([
      expect.objectContaining({ done: false }),
      { error: "It broke." },
    ]);
    expect(errorBody(failed)).toEqual({ error: "It broke." });
  });

  test("is not ended by us where the provider's own bytes went out", () => {
    const encoder = ollamaChat.encoder(CHAT, context);
    encoder.relayed([start, ...block(0, { kind: "text" }, text(0, "Hello")), ...END]);
    expect(encoder.frames([{ type: "end" }])).toBe("");
    expect(encoder.streamType).toBe("application/x-ndjson");
  });
});
