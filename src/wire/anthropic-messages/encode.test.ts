import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import type { EventPart } from "../../spec/event.ts";
import type { AnswerEncoder } from "../../spec/wire.ts";
import { AnswerState } from "./answer.ts";
import { MessagesEncoder } from "./encode.ts";

function encoder(): AnswerEncoder {
  return new MessagesEncoder(new AnswerState({ requestId: "call_01abc", created: 0 }, "asked-for"));
}

function eventsOf(text: string): JsonObject[] {
  return text
    .split("\n\n")
    .filter((frame) => frame !== "")
    .map((frame) => {
      const [event, data, ...more] = frame.split("\n");
      expect(more).toEqual([]);
      const value = JSON.parse(data!.replace(/^data: /, "")) as JsonObject;
      expect(event).toBe(`event: ${value.type}`);
      return value;
    });
}

/** The events' types, with index and delta where they have one. */
function outline(text: string): string[] {
  return eventsOf(text).map((event) => {
    const place = event.index === undefined ? "" : ` ${event.index}`;
    const said = event.delta as JsonObject | undefined;
    const words = event.type === "content_block_delta" ? ` ${said!.text ?? said!.partial_json ?? said!.thinking}` : "";
    return `${event.type}${place}${words}`;
  });
}

const text = (block: number, words: string, choice = 0): EventPart => ({
  type: "text-delta",
  choice,
  block,
  text: words,
});
const args = (block: number, words: string): EventPart => ({ type: "arguments-delta", choice: 0, block, text: words });
const end = (block: number, choice = 0): EventPart => ({ type: "block-end", choice, block });
const startText = (block: number, choice = 0): EventPart => ({
  type: "block-start",
  choice,
  block,
  content: { kind: "text" },
});
const startTool = (block: number, id: string): EventPart => ({
  type: "block-start",
  choice: 0,
  block,
  content: { kind: "tool-call", id, name: "f" },
});
const finish = (reason: Extract<EventPart, { type: "finish" }>["reason"], raw: string | null = null): EventPart => ({
  type: "finish",
  choice: 0,
  reason,
  raw,
});

describe("the stream is Anthropic's event sequence", () => {
  test("a text is told from message_start to message_stop", () => {
    const written = encoder().frames([
      { type: "start", id: "msg_1", model: "m" },
      { type: "usage", usage: { input: 30, cacheRead: 10, cacheWrite: 5, output: 1 } },
      startText(0),
      text(0, "Hel"),
      text(0, "lo"),
      end(0),
      finish("stop"),
      { type: "usage", usage: { output: 9, reasoning: 4 } },
      { type: "end" },
    ]);
    const counts = { input_tokens: 15, cache_creation_input_tokens: 5, cache_read_input_tokens: 10 };
    expect(eventsOf(written)).toEqual([
      {
        type: "message_start",
        message: {
          id: "msg_1",
          type: "message",
          role: "assistant",
          model: "m",
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: { ...counts, output_tokens: 1 },
        },
      },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
      { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hel" } },
      { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "lo" } },
      { type: "content_block_stop", index: 0 },
      {
        type: "message_delta",
        delta: { stop_reason: "end_turn", stop_sequence: null },
        usage: { ...counts, output_tokens: 9, output_tokens_details: { thinking_tokens: 4 } },
      },
      { type: "message_stop" },
    ]);
  });

  test("usage known only at the end is zero first and whole in message_delta", () => {
    const writer = encoder();
    const [first] = eventsOf(writer.frames([{ type: "start" }]));
    expect((first!.message as JsonObject).usage).toMatchObject({ input_tokens: 0, output_tokens: 0 });
    const last = writer.frames([finish("stop"), { type: "usage", usage: { input: 7, output: 3 } }, { type: "end" }]);
    expect(eventsOf(last)[0]).toMatchObject({ type: "message_delta", usage: { input_tokens: 7, output_tokens: 3 } });
  });

  test("the three counts of input add up to what the model read, whatever the provider says of its cache", () => {
    const usage = { input: 2168, cacheRead: 2161, cacheWrite: 2161 };
    const [first] = eventsOf(encoder().frames([{ type: "start" }, { type: "usage", usage }]));
    expect((first!.message as JsonObject).usage).toMatchObject({
      input_tokens: 0,
      cache_creation_input_tokens: 7,
      cache_read_input_tokens: 2161,
    });
  });

  test("an answer without id, model or start gets ours", () => {
    const [first] = eventsOf(encoder().frames([startText(0)]));
    expect(first!.message).toMatchObject({ id: "msg_01abc", model: "asked-for" });
  });

  test("the same parts in one call or in many make the same stream", () => {
    const parts = [startTool(0, "a"), startTool(1, "b"), args(1, "{"), args(0, "{}"), args(1, "}"), end(0), end(1)];
    const all: EventPart[] = [{ type: "start" }, ...parts, finish("tool-calls"), { type: "end" }];
    const writer = encoder();
    expect(all.map((part) => writer.frames([part])).join("")).toBe(encoder().frames(all));
  });

  test("never are two blocks open: later calls wait, the open one streams on", () => {
    const writer = encoder();
    writer.frames([{ type: "start" }]);
    expect(outline(writer.frames([startTool(0, "a"), args(0, '{"x":')]))).toEqual([
      "content_block_start 0",
      'content_block_delta 0 {"x":',
    ]);
    expect(outline(writer.frames([startTool(1, "b"), args(1, '{"y":'), startTool(2, "c"), end(2)]))).toEqual([]);
    expect(outline(writer.frames([args(0, "1}"), args(1, "2}")]))).toEqual(["content_block_delta 0 1}"]);
    expect(outline(writer.frames([end(0)]))).toEqual([
      "content_block_stop 0",
      "content_block_start 1",
      'content_block_delta 1 {"y":',
      "content_block_delta 1 2}",
    ]);
    expect(outline(writer.frames([end(1)]))).toEqual([
      "content_block_stop 1",
      "content_block_start 2",
      "content_block_delta 2 {}",
      "content_block_stop 2",
    ]);
  });

  test("a tool starts with an empty input and has a delta, also without arguments", () => {
    const written = encoder().frames([startTool(0, "a"), args(0, ""), end(0)]);
    expect(eventsOf(written).slice(1)).toEqual([
      { type: "content_block_start", index: 0, content_block: { type: "tool_use", id: "a", name: "f", input: {} } },
      { type: "content_block_delta", index: 0, delta: { type: "input_json_delta", partial_json: "{}" } },
      { type: "content_block_stop", index: 0 },
    ]);
  });

  test("arguments that are no object are held back until they can be put into one", () => {
    const writer = encoder();
    writer.frames([startTool(0, "a")]);
    expect(writer.frames([args(0, " "), args(0, "not "), args(0, "JSON")])).toBe("");
    expect(outline(writer.frames([end(0)]))[0]).toBe('content_block_delta 0 {"_raw_arguments":" not JSON"}');
    writer.frames([startTool(1, "b"), args(1, " ")]);
    expect(outline(writer.frames([args(1, '{"x"')]))).toEqual(['content_block_delta 1  {"x"']);
  });

  test("thoughts, sealed thoughts, refusals and opaque blocks have their form", () => {
    const opaque = { type: "server_tool_use", id: "s", name: "web_search", input: {} };
    const delta = { type: "input_json_delta", partial_json: "{}" };
    const written = encoder().frames([
      { type: "block-start", choice: 0, block: 0, content: { kind: "reasoning" } },
      text(0, "hm"),
      { type: "signature-delta", choice: 0, block: 0, signature: "sig" },
      end(0),
      { type: "block-start", choice: 0, block: 1, content: { kind: "redacted-reasoning", data: "xx" } },
      end(1),
      { type: "block-start", choice: 0, block: 2, content: { kind: "refusal" } },
      text(2, "no"),
      end(2),
      {
        type: "block-start",
        choice: 0,
        block: 3,
        content: { kind: "opaque", dialect: "anthropic-messages", value: opaque },
      },
      { type: "opaque-delta", choice: 0, block: 3, value: delta },
      end(3),
    ]);
    const blocks = eventsOf(written).filter((event) => event.type !== "content_block_stop");
    expect(blocks.slice(1)).toEqual([
      { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "", signature: "" } },
      { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "hm" } },
      { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "sig" } },
      { type: "content_block_start", index: 1, content_block: { type: "redacted_thinking", data: "xx" } },
      { type: "content_block_start", index: 2, content_block: { type: "text", text: "" } },
      { type: "content_block_delta", index: 2, delta: { type: "text_delta", text: "no" } },
      { type: "content_block_start", index: 3, content_block: opaque },
      { type: "content_block_delta", index: 3, delta },
    ]);
  });

  test("what belongs to another dialect or another choice is left out, and leaves no gap", () => {
    const foreign = { kind: "opaque", dialect: "openai-chat", value: { type: "x" } } as const;
    const written = encoder().frames([
      { type: "start" },
      { type: "block-start", choice: 0, block: 0, content: foreign },
      { type: "opaque-delta", choice: 0, block: 0, value: {} },
      end(0),
      startText(0, 1),
      text(0, "second answer", 1),
      end(0, 1),
      { type: "unknown", dialect: "openai-chat", value: { type: "x" } },
      { type: "logprobs", choice: 0, content: [], refusal: null },
      startText(1),
      { type: "citation", choice: 0, block: 1, dialect: "openai-chat", value: {} },
      end(1),
      { type: "finish", choice: 1, reason: "length", raw: null },
      finish("stop"),
      { type: "end" },
    ]);
    expect(outline(written)).toEqual([
      "message_start",
      "content_block_start 0",
      "content_block_stop 0",
      "message_delta",
      "message_stop",
    ]);
    expect(eventsOf(written).at(-2)).toMatchObject({ delta: { stop_reason: "end_turn" } });
  });

  test("citations and unknown events of this dialect go out as they came", () => {
    const citation = { type: "char_location", cited_text: "x" };
    const written = encoder().frames([
      startText(0),
      { type: "citation", choice: 0, block: 0, dialect: "anthropic-messages", value: citation },
      { type: "unknown", dialect: "anthropic-messages", value: { type: "later", a: 1 } },
      { type: "unknown", dialect: "anthropic-messages", value: { type: "evil\n\nevent: x" } },
    ]);
    expect(eventsOf(written).slice(2)).toEqual([
      { type: "content_block_delta", index: 0, delta: { type: "citations_delta", citation } },
      { type: "later", a: 1 },
    ]);
  });

  test("a ping is an event once the message has begun", () => {
    const writer = encoder();
    expect(writer.frames([{ type: "ping" }])).toBe("");
    writer.frames([{ type: "start" }]);
    expect(writer.frames([{ type: "ping" }])).toBe('event: ping\ndata: {"type":"ping"}\n\n');
  });

  test("a block that was never ended is ended before the message is", () => {
    const written = encoder().frames([startTool(0, "a"), startText(1), text(1, "x"), finish("stop"), { type: "end" }]);
    expect(outline(written)).toEqual([
      "message_start",
      "content_block_start 0",
      "content_block_delta 0 {}",
      "content_block_stop 0",
      "content_block_start 1",
      "content_block_delta 1 x",
      "content_block_stop 1",
      "message_delta",
      "message_stop",
    ]);
  });

  test("an error ends the stream, and nothing follows it", () => {
    const writer = encoder();
    writer.frames([{ type: "start" }, startText(0)]);
    const error = { status: 529, message: "Overloaded", type: "overloaded_error" };
    expect(eventsOf(writer.frames([{ type: "error", error }, { type: "end" }]))).toEqual([
      { type: "error", error: { type: "overloaded_error", message: "Overloaded" } },
    ]);
    expect(writer.frames([{ type: "end" }])).toBe("");
  });
});

describe("why the answer ended", () => {
  const toolCall = [startTool(0, "a"), end(0)];
  const refusal: EventPart[] = [{ type: "block-start", choice: 0, block: 0, content: { kind: "refusal" } }, end(0)];
  test.each<[string, EventPart[], EventPart, string]>([
    ["a natural end", [], finish("stop", "stop"), "end_turn"],
    ["the token limit", [], finish("length", "length"), "max_tokens"],
    [
      "a full context, in Anthropic's word",
      [],
      finish("length", "model_context_window_exceeded"),
      "model_context_window_exceeded",
    ],
    ["a tool call", toolCall, finish("tool-calls", "tool_calls"), "tool_use"],
    ["a forced tool call, where OpenAI says stop", toolCall, finish("stop", "stop"), "tool_use"],
    ["a refusal, where OpenAI says stop", refusal, finish("stop", "stop"), "refusal"],
    ["a refusal", [], finish("refusal"), "refusal"],
    ["a content filter", [], finish("content-filter", "content_filter"), "refusal"],
    ["a pause", [], finish("pause", "pause_turn"), "pause_turn"],
    ["a word that nobody knows", [], finish("other", "eos_token_was_found"), "end_turn"],
    ["a call that cannot be read", [], finish("failed", "MALFORMED_FUNCTION_CALL"), "MALFORMED_FUNCTION_CALL"],
  ])("%s", (_, before, why, expected) => {
    const written = encoder().frames([...before, why, { type: "end" }]);
    expect(eventsOf(written).at(-2)).toMatchObject({ delta: { stop_reason: expected } });
  });

  test("a stop sequence is named", () => {
    const why: EventPart = { type: "finish", choice: 0, reason: "stop-sequence", raw: null, stopSequence: "END" };
    const written = encoder().frames([why, { type: "end" }]);
    expect(eventsOf(written).at(-2)).toMatchObject({ delta: { stop_reason: "stop_sequence", stop_sequence: "END" } });
  });
});

describe("after events that went out as bytes", () => {
  test("indexes go on where the provider's ended", () => {
    const writer = encoder();
    writer.relayed([{ type: "start" }]);
    writer.relayed([startText(0), text(0, "x"), end(0), startText(1)]);
    expect(outline(writer.frames([text(1, "masked")]))).toEqual(["content_block_delta 1 masked"]);
  });

  test("a message_delta that went out is not said again", () => {
    const writer = encoder();
    writer.relayed([{ type: "start" }]);
    writer.relayed([{ type: "usage", usage: { output: 1 } }, finish("stop", "end_turn")]);
    expect(outline(writer.frames([{ type: "end" }]))).toEqual(["message_stop"]);
  });
});

test("the rest of Anthropic's fields goes back where it was", () => {
  const unknown = (value: JsonObject): EventPart => ({ type: "unknown", dialect: "anthropic-messages", value });
  const written = encoder().frames([
    { type: "start", id: "msg_1", model: "m" },
    unknown({ type: "message_start", message: { container: { id: "c" }, usage: { service_tier: "standard" } } }),
    unknown({ type: "content_block_start", content_block: { caller: { type: "direct" } } }),
    startTool(0, "a"),
    end(0),
    unknown({
      type: "message_delta",
      context_management: {},
      delta: { stop_details: null },
      usage: { iterations: [] },
    }),
    finish("tool-calls", "tool_use"),
    { type: "end" },
  ]);
  const events = eventsOf(written);
  expect(events[0]!.message).toMatchObject({ container: { id: "c" }, usage: { service_tier: "standard" } });
  expect(events[1]!.content_block).toMatchObject({ type: "tool_use", caller: { type: "direct" } });
  expect(events.at(-2)).toMatchObject({
    context_management: {},
    delta: { stop_reason: "tool_use", stop_details: null },
    usage: { output_tokens: 0, iterations: [] },
  });
});
