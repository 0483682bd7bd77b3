import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { MalformedAnswer } from "../../spec/adapter.ts";
import type { EventPart } from "../../spec/event.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { errorOf } from "./errors.ts";
import { ollama } from "./index.ts";

/** `events.ts` and `errors.ts`: what Ollama says. */

const request = openaiChat.decode({ model: "m", messages: [{ role: "user", content: "Hi" }] });

function streamed(...lines: JsonObject[]): EventPart[] {
  const decoder = ollama.decoder(request);
  return [...lines.flatMap((line) => decoder.frame({ event: "", data: JSON.stringify(line) })), ...decoder.close()];
}
const whole = (body: JsonObject) => ollama.decoder(request).unary(JSON.stringify(body));

const HEAD = { model: "llama3.2", created_at: "2026-11-22T10:00:00.5Z" };
const line = (message: JsonObject, more: JsonObject = {}) => ({ ...HEAD, message, done: false, ...more });
const DONE = { done: true, done_reason: "stop", prompt_eval_count: 5, eval_count: 7 };

const said = (parts: readonly EventPart[], kind: string) => {
  const blocks = new Set(
    parts.flatMap((part) => (part.type === "block-start" && part.content.kind === kind ? [part.block] : [])),
  );
  return parts.map((part) => (part.type === "text-delta" && blocks.has(part.block) ? part.text : "")).join("");
};

test("thoughts, text and the counts of the last line", () => {
  const parts = streamed(
    line({ role: "assistant", content: "", thinking: "Hm" }),
    line({ role: "assistant", content: "", thinking: "." }),
    line({ role: "assistant", content: "Hello" }),
    line({ role: "assistant", content: "!" }, { ...DONE, total_duration: 12 }),
  );
  expect(parts.map(({ type }) => type)).toEqual([
    "start",
    ...(["block-start", "text-delta", "text-delta", "block-end"] as const),
    ...(["block-start", "text-delta", "text-delta", "block-end"] as const),
    ...(["usage", "unknown", "finish", "end"] as const),
  ]);
  expect(parts[0]).toEqual({ type: "start", model: "llama3.2", created: 1_795_341_600 });
  expect([said(parts, "reasoning"), said(parts, "text")]).toEqual(["Hm.", "Hello!"]);
  expect(parts).toContainEqual({ type: "usage", usage: { input: 5, output: 7 } });
  expect(parts).toContainEqual({ type: "unknown", dialect: "ollama", value: { total_duration: 12 } });
  expect(parts).toContainEqual({ type: "finish", choice: 0, reason: "stop", raw: "stop" });
});

const cachedCounts: [unknown, number | undefined][] = [
  [3, 3],
  [0, 0],
  [5, 5],
  [6, undefined],
  [-1, undefined],
  [undefined, undefined],
];
for (const [told, read] of cachedCounts) {
  test(`${told} tokens of 5 from the cache are ${read ?? "not told"}`, () => {
    const more = told === undefined ? {} : { prompt_eval_cached_count: told as number };
    const parts = whole({ ...HEAD, message: { role: "assistant", content: "Hello" }, ...DONE, ...more });
    const usage = { input: 5, output: 7, ...(read === undefined ? {} : { cacheRead: read }) };
    expect(parts.find(({ type }) => type === "usage")).toEqual({ type: "usage", usage });
  });
}

test("a whole answer, of a chat and of a completion", () => {
  const chat = whole({ ...HEAD, message: { role: "assistant", content: "Hello" }, ...DONE });
  const completion = whole({ ...HEAD, response: "Hello", thinking: "Hm.", ...DONE, context: [1] });
  expect(said(chat, "text")).toBe("Hello");
  expect([said(completion, "reasoning"), said(completion, "text")]).toEqual(["Hm.", "Hello"]);
  expect(chat.at(-1)).toEqual({ type: "end" });
});

test("calls come whole, with ids made up where there are none", () => {
  const call = (name: string, more: JsonObject = {}) => ({ function: { name, arguments: { of: name } }, ...more });
  const parts = streamed(
    line({ role: "assistant", content: "", tool_calls: [call("a"), call("b", { id: "given" })] }),
    line({ role: "assistant", content: "", tool_calls: [{ function: { name: "c" } }] }),
    line({ role: "assistant", content: "" }, DONE),
  );
  const blocks = parts.flatMap((part) => (part.type === "block-start" ? [part.content] : []));
  expect(blocks).toEqual([
    { kind: "tool-call", id: "call_1_0", name: "a" },
    { kind: "tool-call", id: "given", name: "b" },
    { kind: "tool-call", id: "call_1_2", name: "c" },
  ]);
  const texts = parts.flatMap((part) => (part.type === "arguments-delta" ? [part.text] : []));
  expect(texts).toEqual(['{"of":"a"}', '{"of":"b"}', "{}"]);
  expect(parts).toContainEqual({ type: "finish", choice: 0, reason: "tool-calls", raw: "stop" });
});

const endings: [unknown, string, string | null][] = [
  ["stop", "stop", "stop"],
  ["length", "length", "length"],
  ["load", "other", "load"],
  [undefined, "stop", null],
];
for (const [word, reason, raw] of endings) {
  test(`the reason ${word} is ${reason}`, () => {
    const { done_reason: _, ...done } = DONE;
    const told = word === undefined ? done : { ...done, done_reason: word as string };
    const parts = whole({ ...HEAD, message: { role: "assistant", content: "" }, ...told });
    expect(parts).toContainEqual({ type: "finish", choice: 0, reason, raw } as EventPart);
  });
}

test("log probabilities and pictures", () => {
  const logprobs = [{ token: "Hi", logprob: -1, bytes: [72, 105], top_logprobs: [{ token: "Hi", logprob: -1 }] }];
  const parts = streamed(
    line({ role: "assistant", content: "Hi" }, { logprobs }),
    line({ role: "assistant", content: "", images: ["AAAA"] }, DONE),
  );
  expect(parts).toContainEqual({
    type: "logprobs",
    choice: 0,
    content: [{ token: "Hi", logprob: -1, bytes: [72, 105], top: [{ token: "Hi", logprob: -1, bytes: null }] }],
    refusal: null,
  });
  expect(parts).toContainEqual({
    type: "block-start",
    choice: 0,
    block: 1,
    content: {
      kind: "opaque",
      dialect: "ollama",
      value: { images: ["AAAA"] },
      picture: { mediaType: "image/png", data: "AAAA" },
    },
  });
});

test("counts that cannot be are left out", () => {
  const parts = whole({ ...HEAD, response: "x", done: true, prompt_eval_count: -1, eval_count: 1e12 });
  expect(parts.some(({ type }) => type === "usage")).toBe(false);
});

describe("what goes wrong", () => {
  test("an error inside a stream ends it", () => {
    const parts = streamed(
      line({ role: "assistant", content: "Hel" }),
      { error: "the runner has died" },
      line({}, DONE),
    );
    expect(parts.at(-1)).toEqual({ type: "error", error: { status: 500, message: "the runner has died" } });
  });

  test("a stream that is not done was cut", () => {
    expect(streamed(line({ role: "assistant", content: "Hel" })).at(-1)).toMatchObject({
      type: "error",
      error: { status: 502, code: "upstream_cut" },
    });
  });

  for (const body of [
    "",
    "{",
    "[]",
    '{"choices":[]}',
    '{"done":false,"message":{"content":"x"}}',
    '{"message":{"tool_calls":[{}]}}',
  ]) {
    test(`is no answer: ${body}`, () => {
      expect(() => ollama.decoder(request).unary(body)).toThrow(MalformedAnswer);
    });
  }

  const header = (name: string) => (name === "retry-after" ? "2" : null);
  const bodies: [string, string][] = [
    ['{"error":"model \'x\' not found"}', "model 'x' not found"],
    ['{"error":{"message":"too many"}}', "too many"],
    ["<html>", "The provider answered 404."],
  ];
  for (const [body, message] of bodies) {
    test(`an error's words: ${body}`, () => {
      expect(errorOf(404, body, header)).toEqual({ status: 404, message, retryAfterMs: 2_000 });
    });
  }
});
