import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import type { Block, EventPart } from "../../spec/event.ts";
import { AnswerState } from "./answer.ts";
import { messageOf } from "./message.ts";

function message(parts: EventPart[]): JsonObject {
  return messageOf(parts, new AnswerState({ requestId: "call_01abc", created: 0 }, "asked-for"));
}

function block(content: Block, ...parts: EventPart[]): EventPart[] {
  return [{ type: "block-start", choice: 0, block: 0, content }, ...parts, { type: "block-end", choice: 0, block: 0 }];
}

const text = (words: string): EventPart => ({ type: "text-delta", choice: 0, block: 0, text: words });
const args = (words: string): EventPart => ({ type: "arguments-delta", choice: 0, block: 0, text: words });

test("a whole answer is Anthropic's message object", () => {
  const parts: EventPart[] = [
    { type: "start", id: "msg_1", model: "m" },
    { type: "usage", usage: { input: 20, output: 5, cacheRead: 8 } },
    ...block({ kind: "text" }, text("Hello")),
    { type: "finish", choice: 0, reason: "stop", raw: "stop" },
    { type: "end" },
  ];
  expect(message(parts)).toEqual({
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "m",
    content: [{ type: "text", text: "Hello" }],
    stop_reason: "end_turn",
    stop_sequence: null,
    usage: { input_tokens: 12, cache_creation_input_tokens: 0, cache_read_input_tokens: 8, output_tokens: 5 },
  });
});

describe("each kind of block has its form", () => {
  const server = { type: "server_tool_use", id: "s", name: "web_search", input: {} };
  const call: Block = { kind: "tool-call", id: "a", name: "f" };
  const delta = (value: JsonObject): EventPart => ({ type: "opaque-delta", choice: 0, block: 0, value });
  test.each<[string, EventPart[], JsonObject | undefined]>([
    ["a call", block(call, args('{"x":'), args("1}")), { type: "tool_use", id: "a", name: "f", input: { x: 1 } }],
    ["a call without arguments", block(call), { type: "tool_use", id: "a", name: "f", input: {} }],
    [
      "a call that was cut off",
      block(call, args('{"x":')),
      { type: "tool_use", id: "a", name: "f", input: { _raw_arguments: '{"x":' } },
    ],
    [
      "a thought",
      block({ kind: "reasoning" }, text("hm"), { type: "signature-delta", choice: 0, block: 0, signature: "sig" }),
      { type: "thinking", thinking: "hm", signature: "sig" },
    ],
    ["a sealed thought", block({ kind: "redacted-reasoning", data: "x" }), { type: "redacted_thinking", data: "x" }],
    ["a refusal", block({ kind: "refusal" }, text("no")), { type: "text", text: "no" }],
    ["a text that says nothing, as in a stream", block({ kind: "text" }), { type: "text", text: "" }],
    [
      "a text with its sources",
      block({ kind: "text" }, text("x"), {
        type: "citation",
        choice: 0,
        block: 0,
        dialect: "anthropic-messages",
        value: { type: "char_location" },
      }),
      { type: "text", text: "x", citations: [{ type: "char_location" }] },
    ],
    [
      "a server-side tool's call, streamed",
      block(
        { kind: "opaque", dialect: "anthropic-messages", value: server },
        delta({ type: "input_json_delta", partial_json: '{"query":' }),
        delta({ type: "input_json_delta", partial_json: '"x"}' }),
      ),
      { ...server, input: { query: "x" } },
    ],
    [
      "a block of tomorrow, streamed",
      block(
        { kind: "opaque", dialect: "anthropic-messages", value: { type: "later", content: "a" } },
        delta({ type: "later_delta", content: "b" }),
        delta({ type: "later_delta", seal: "z" }),
      ),
      { type: "later", content: "ab", seal: "z" },
    ],
    ["a block of another dialect", block({ kind: "opaque", dialect: "openai-chat", value: { type: "x" } }), undefined],
  ])("%s", (_, parts, expected) => {
    expect<unknown>(message(parts).content).toEqual(expected === undefined ? [] : [expected]);
  });

  test("only the first choice is told", () => {
    const second: EventPart[] = [
      { type: "block-start", choice: 1, block: 0, content: { kind: "text" } },
      { type: "text-delta", choice: 1, block: 0, text: "second" },
      { type: "finish", choice: 1, reason: "length", raw: null },
    ];
    const first = block({ kind: "text" }, text("first"));
    expect(message([...first, ...second])).toMatchObject({
      content: [{ type: "text", text: "first" }],
      stop_reason: "end_turn",
    });
  });
});

test("an answer that failed is an error object", () => {
  const parts: EventPart[] = [{ type: "start" }, { type: "error", error: { status: 429, message: "slow down" } }];
  expect(message(parts)).toEqual({ type: "error", error: { type: "rate_limit_error", message: "slow down" } });
});
