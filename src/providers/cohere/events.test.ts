import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { MalformedAnswer } from "../../spec/adapter.ts";
import type { EventPart } from "../../spec/event.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { errorOf } from "./errors.ts";
import { readCitation, readLogprobs } from "./grounds.ts";
import { cohere } from "./index.ts";

/** `events.ts`, `grounds.ts` and `errors.ts`: what Cohere says. */

const request = openaiChat.decode({ model: "m", messages: [{ role: "user", content: "Hi" }] });

function streamed(...events: JsonObject[]): EventPart[] {
  const decoder = cohere.decoder(request);
  const frames = [...events.map((event) => JSON.stringify(event)), "[DONE]"];
  return [...frames.flatMap((data) => decoder.frame({ event: "x", data })), ...decoder.close()];
}
const whole = (body: JsonObject) => cohere.decoder(request).unary(JSON.stringify(body));

const START = { type: "message-start", id: "ans_1", delta: { message: { role: "assistant" } } };
const USAGE = {
  billed_units: { input_tokens: 3, output_tokens: 4 },
  tokens: { input_tokens: 500, output_tokens: 40, reasoning_tokens: 9 },
  cached_tokens: 448,
};
const end = (finish_reason: string, more: JsonObject = {}) => ({
  type: "message-end",
  delta: { finish_reason, usage: USAGE, ...more },
});
const content = (type: string, index: number, value: JsonObject) => ({
  type,
  index,
  delta: { message: { content: value } },
});
const call = (type: string, index: number, value: JsonObject) => ({
  type,
  index,
  delta: { message: { tool_calls: value } },
});
const begun = (name: string, args = "") => ({ id: `${name}_x`, type: "function", function: { name, arguments: args } });
const more = (args: string) => ({ function: { arguments: args } });

/** Blocks in order, each with all its text. */
function blocks(parts: readonly EventPart[]): [string, string][] {
  const found = new Map<number, [string, string]>();
  for (const part of parts) {
    if (part.type === "block-start") {
      const { content: block } = part;
      found.set(part.block, [block.kind === "tool-call" ? `${block.kind} ${block.id} ${block.name}` : block.kind, ""]);
    } else if (part.type === "text-delta" || part.type === "arguments-delta") found.get(part.block)![1] += part.text;
  }
  return [...found.values()];
}

const CITATION = { start: 0, end: 5, text: "Hello", sources: [], type: "TEXT_CONTENT" };

test("a streamed answer: thoughts, text, a citation within and one behind its end", () => {
  const cited = (citations: JsonObject) => ({ type: "citation-start", index: 0, delta: { message: { citations } } });
  const parts = streamed(
    START,
    content("content-start", 0, { type: "thinking", thinking: "" }),
    content("content-delta", 0, { thinking: "Hm." }),
    { type: "content-end", index: 0 },
    content("content-start", 1, { type: "text", text: "" }),
    content("content-delta", 1, { text: "Hello" }),
    cited(CITATION),
    { type: "citation-end", index: 0 },
    content("content-delta", 1, { text: "!" }),
    { type: "content-end", index: 1 },
    cited({ ...CITATION, text: "!" }),
    end("COMPLETE"),
  );
  expect(parts[0]).toEqual({ type: "start", id: "ans_1" });
  expect(blocks(parts)).toEqual([
    ["reasoning", "Hm."],
    ["text", "Hello!"],
  ]);
  const citations = parts.flatMap((part) => (part.type === "citation" ? [[part.block, part.value.text!]] : []));
  expect(citations).toEqual([
    [1, "Hello"],
    [1, "!"],
  ]);
  expect(parts.slice(-3)).toEqual([
    // Of 500 and 40 tokens Cohere charges 3 and 4.
    { type: "usage", usage: { input: 500, output: 40, cacheRead: 448, reasoning: 9, freeInput: 497, freeOutput: 36 } },
    { type: "finish", choice: 0, reason: "stop", raw: "COMPLETE" },
    { type: "end" },
  ]);
});

test("a streamed answer with calls: the plan is thought, `null` and nothing are no arguments", () => {
  const plan = (text: string) => ({ type: "tool-plan-delta", delta: { message: { tool_plan: text } } });
  const parts = streamed(
    START,
    plan("I will "),
    plan("look."),
    call("tool-call-start", 0, begun("weather")),
    call("tool-call-delta", 0, more('{"city"')),
    call("tool-call-delta", 0, more(':"Rome"}')),
    { type: "tool-call-end", index: 0 },
    call("tool-call-start", 1, begun("time", "nu")),
    call("tool-call-delta", 1, more("ll")),
    { type: "tool-call-end", index: 1 },
    call("tool-call-start", 2, begun("date")),
    { type: "tool-call-end", index: 2 },
    end("TOOL_CALL"),
  );
  expect(blocks(parts)).toEqual([
    ["reasoning", "I will look."],
    ["tool-call weather_x weather", '{"city":"Rome"}'],
    ["tool-call time_x time", ""],
    ["tool-call date_x date", ""],
  ]);
  expect(parts).toContainEqual({ type: "finish", choice: 0, reason: "tool-calls", raw: "TOOL_CALL" });
});

test("a whole answer says the same", () => {
  const parts = whole({
    id: "ans_1",
    message: {
      role: "assistant",
      tool_plan: "I will look.",
      content: [
        { type: "thinking", thinking: "Hm." },
        { type: "text", text: "Hello" },
      ],
      citations: [CITATION],
      tool_calls: [begun("weather", '{"city":"Rome"}'), { function: { name: "time", arguments: "null" } }],
    },
    finish_reason: "TOOL_CALL",
    usage: { billed_units: { input_tokens: 3, output_tokens: 4 } },
  });
  expect(blocks(parts)).toEqual([
    ["reasoning", "Hm."],
    ["reasoning", "I will look."],
    ["text", "Hello"],
    ["tool-call weather_x weather", '{"city":"Rome"}'],
    ["tool-call call_1_1 time", ""],
  ]);
  expect(parts).toContainEqual({ type: "usage", usage: { input: 3, output: 4 } });
  expect(parts).toContainEqual({
    type: "citation",
    choice: 0,
    block: 2,
    dialect: "cohere-chat",
    value: CITATION,
  });
});

const reasons: [string, string][] = [
  ["COMPLETE", "stop"],
  ["STOP_SEQUENCE", "stop-sequence"],
  ["MAX_TOKENS", "length"],
  ["WEATHER", "other"],
];
for (const [raw, reason] of reasons) {
  test(`the reason ${raw} is ${reason}`, () => {
    const parts = streamed(START, end(raw));
    expect(parts).toContainEqual({ type: "finish", choice: 0, reason, raw } as EventPart);
  });
}

test("the source of a citation tells where it was found, where it knows", () => {
  const document = { id: "1", url: "https://a.example", title: "A" };
  const citation = { ...CITATION, sources: [{ type: "document", document }] };
  expect(readCitation(citation)).toEqual({ ...citation, url: "https://a.example", title: "A" });
  expect(readCitation(CITATION)).toEqual(CITATION);
  expect(readCitation("no")).toBeUndefined();
});

test("log probabilities of several tokens are told as one", () => {
  expect(readLogprobs([{ text: "Hello", token_ids: [1, 2], logprobs: [-0.5, -0.25] }, { text: "x" }, 3])).toEqual([
    { token: "Hello", logprob: -0.75, bytes: null, top: [] },
  ]);
  const body = { message: { content: [] }, finish_reason: "COMPLETE", logprobs: [{ text: "a", logprobs: [-1] }] };
  expect(whole(body).map(({ type }) => type)).toEqual(["start", "logprobs", "finish", "end"]);
});

describe("what goes wrong", () => {
  const failures: [string, JsonObject, object][] = [
    ["ERROR", { error: "the model has failed" }, { status: 500, message: "the model has failed", type: "ERROR" }],
    ["TIMEOUT", {}, { status: 504, type: "TIMEOUT" }],
    ["COMPLETE", { error: "odd" }, { status: 502, message: "odd" }],
  ];
  for (const [reason, told, error] of failures) {
    test(`the end ${reason} ${JSON.stringify(told)} is an error, streamed and whole`, () => {
      const last = streamed(START, end(reason, told)).at(-1);
      expect(last).toMatchObject({ type: "error", error });
      expect(whole({ message: { content: [] }, finish_reason: reason, ...told }).at(-1)).toMatchObject({ error });
    });
  }

  test("an error instead of an answer is told", () => {
    expect(whole({ id: "x", message: "too many tokens" })).toEqual([
      { type: "error", error: { status: 502, message: "too many tokens" } },
    ]);
    expect(streamed(START, { message: "internal error" }).at(-1)).toMatchObject({
      error: { message: "internal error" },
    });
  });

  test("a stream without its end was cut", () => {
    const parts = streamed(START, content("content-start", 0, { type: "text", text: "Hel" }));
    expect(parts.at(-1)).toMatchObject({ type: "error", error: { code: "upstream_cut" } });
  });

  for (const body of ["", "[]", "{}", '{"message":{"tool_calls":[{}]}}']) {
    test(`is no answer: ${body}`, () => {
      expect(() => cohere.decoder(request).unary(body)).toThrow(MalformedAnswer);
    });
  }

  test("arguments of a call that has not begun", () => {
    expect(() => streamed(START, call("tool-call-delta", 3, more("x")))).toThrow(MalformedAnswer);
  });

  const header = (name: string) => (name === "retry-after" ? "2" : null);
  const bodies: [string, string][] = [
    ['{"id":"x","message":"Incorrect key."}', "Incorrect key."],
    ['{"data":"no such model"}', "no such model"],
    ["<html>", "The provider answered 429."],
  ];
  for (const [body, message] of bodies) {
    test(`an error's words: ${body}`, () => {
      expect(errorOf(429, body, header)).toEqual({ status: 429, message, retryAfterMs: 2_000 });
    });
  }
});
