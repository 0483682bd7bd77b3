import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { faultsOf, framesOf } from "../../../test/support/recordings.ts";
import type { JsonObject } from "../../kernel/json.ts";
import { MalformedAnswer } from "../../spec/adapter.ts";
import type { EventPart } from "../../spec/event.ts";
import { DIALECT } from "./content.ts";
import { MessagesDecoder } from "./events.ts";

function fixture(name: string): string {
  return readFileSync(join(import.meta.dir, "fixtures", name), "utf8");
}

function readStream(text: string, structured?: string): EventPart[] {
  const decoder = new MessagesDecoder(structured);
  return [...framesOf(text).flatMap((frame) => decoder.frame(frame)), ...decoder.close()];
}

/** Reads events given as objects; `message_start` is added. */
function readEvents(events: JsonObject[], structured?: string): EventPart[] {
  const start = { type: "message_start", message: { id: "msg_1", model: "m" } };
  const text = [start, ...events].map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("");
  const parts = readStream(text, structured);
  expect(parts[0]).toEqual({ type: "start", id: "msg_1", model: "m" });
  return parts.slice(1);
}

const start = (index: number, content_block: JsonObject): JsonObject => ({
  type: "content_block_start",
  index,
  content_block,
});
const delta = (index: number, value: JsonObject): JsonObject => ({ type: "content_block_delta", index, delta: value });
const stop = (index: number): JsonObject => ({ type: "content_block_stop", index });
const why = (stop_reason: string): JsonObject => ({ type: "message_delta", delta: { stop_reason }, usage: {} });
const END = { type: "message_stop" };
const tool = (id: string, more: JsonObject = {}): JsonObject => ({
  type: "tool_use",
  id,
  name: "f",
  input: {},
  ...more,
});

test("a stream with everything in it is read part by part", () => {
  const block = (number: number) => ({ choice: 0, block: number });
  const search = { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: {} };
  const result = { type: "web_search_tool_result", tool_use_id: "srvtoolu_1", content: [] };
  const cited = { type: "web_search_result_location", url: "https://weather.example/" };
  const usage = { input: 2112, cacheRead: 2000, cacheWrite: 100 };
  const unknown = (value: JsonObject) => ({ type: "unknown", dialect: DIALECT, value });
  const parts = readStream(fixture("turn.sse"));
  expect<unknown[]>(parts).toEqual([
    { type: "start", id: "msg_made_up_1", model: "claude-made-up" },
    { type: "usage", usage: { ...usage, output: 1, tier: "standard" } },
    unknown({ type: "message_start", message: { usage: { service_tier: "standard" } } }),
    { type: "block-start", ...block(0), content: { kind: "reasoning" } },
    { type: "ping" },
    { type: "text-delta", ...block(0), text: "They want the weather." },
    { type: "signature-delta", ...block(0), signature: "c2lnbmVk" },
    { type: "block-end", ...block(0) },
    { type: "block-start", ...block(1), content: { kind: "redacted-reasoning", data: "c2VhbGVk" } },
    { type: "block-end", ...block(1) },
    { type: "block-start", ...block(2), content: { kind: "opaque", dialect: DIALECT, value: search } },
    { type: "opaque-delta", ...block(2), value: { type: "input_json_delta", partial_json: '{"query":"weather"}' } },
    { type: "block-end", ...block(2) },
    { type: "block-start", ...block(3), content: { kind: "opaque", dialect: DIALECT, value: result } },
    { type: "block-end", ...block(3) },
    { type: "block-start", ...block(4), content: { kind: "text" } },
    { type: "text-delta", ...block(4), text: "Grüße, " },
    { type: "text-delta", ...block(4), text: "looking it up 🌧" },
    { type: "citation", ...block(4), dialect: DIALECT, value: cited },
    { type: "block-end", ...block(4) },
    { type: "block-start", ...block(5), content: { kind: "tool-call", id: "toolu_1", name: "weather" } },
    { type: "arguments-delta", ...block(5), text: '{"city": "Köl' },
    { type: "arguments-delta", ...block(5), text: 'n"}' },
    { type: "block-end", ...block(5) },
    unknown({ type: "content_block_start", content_block: { caller: { type: "direct" } } }),
    { type: "block-start", ...block(6), content: { kind: "tool-call", id: "toolu_2", name: "now" } },
    { type: "arguments-delta", ...block(6), text: "{}" },
    { type: "block-end", ...block(6) },
    unknown({ type: "something_new", detail: 1 }),
    { type: "usage", usage: { ...usage, output: 57, reasoning: 20 } },
    { type: "finish", choice: 0, reason: "tool-calls", raw: "tool_use" },
    { type: "end" },
  ]);
  expect(faultsOf(parts)).toEqual([]);
});

describe("how a stream ends", () => {
  test("an error in it is the last part, with the status that its type stands for", () => {
    const parts = readStream(fixture("overloaded.sse"));
    expect(parts.slice(-2)).toEqual([
      { type: "block-end", choice: 0, block: 0 },
      { type: "error", error: { status: 529, message: "Overloaded", type: "overloaded_error" } },
    ]);
  });

  test("cut off before its stop reason it is an error, never an end", () => {
    const parts = readEvents([start(0, { type: "text", text: "" }), delta(0, { type: "text_delta", text: "Onc" })]);
    expect(parts.at(-1)).toMatchObject({ type: "error", error: { status: 502 } });
    expect(faultsOf(parts)).toEqual([]);
  });

  test("cut off after its stop reason it is whole", () => {
    expect(readEvents([why("end_turn")]).at(-1)).toEqual({ type: "end" });
  });

  test("nothing at all is an error", () => {
    expect(new MessagesDecoder(undefined).close()).toMatchObject([{ type: "error" }]);
  });

  test("message_stop without a stop reason is a natural end, or a call where there was one", () => {
    expect(readEvents([END])).toEqual([{ type: "finish", choice: 0, reason: "stop", raw: null }, { type: "end" }]);
    expect(readEvents([start(0, tool("a")), stop(0), END]).at(-2)).toMatchObject({ reason: "tool-calls", raw: null });
  });

  test("what comes behind the end is not read", () => {
    expect(readEvents([why("end_turn"), END, END, { type: "ping" }]).at(-1)).toEqual({ type: "end" });
  });

  test("OpenAI's end mark and events without data are passed over", () => {
    const decoder = new MessagesDecoder(undefined);
    expect(decoder.frame({ event: "", data: "[DONE]" })).toEqual([]);
    expect(decoder.frame({ event: "ping", data: "" })).toEqual([]);
  });

  test.each(["", "null", "[1]", '"text"', "{", "<html>"])("a frame that is %j is malformed, or nothing", (data) => {
    const attempt = () => new MessagesDecoder(undefined).frame({ event: "message_start", data });
    if (data === "") expect(attempt()).toEqual([]);
    else expect(attempt).toThrow(MalformedAnswer);
  });

  test.each([
    ["end_turn", "stop"],
    ["stop_sequence", "stop-sequence"],
    ["max_tokens", "length"],
    ["model_context_window_exceeded", "length"],
    ["tool_use", "tool-calls"],
    ["refusal", "refusal"],
    ["pause_turn", "pause"],
    ["tomorrow", "other"],
  ])("%s means %s", (raw, reason) => {
    const finish = readEvents([why(raw), END]).find((part) => part.type === "finish");
    expect<unknown>(finish).toEqual({ type: "finish", choice: 0, reason, raw });
  });

  test("the stop sequence that was met is told", () => {
    const event = { type: "message_delta", delta: { stop_reason: "stop_sequence", stop_sequence: "END" }, usage: {} };
    expect(readEvents([event])).toContainEqual({
      type: "finish",
      choice: 0,
      reason: "stop-sequence",
      raw: "stop_sequence",
      stopSequence: "END",
    });
  });

  test("a stop reason of tomorrow still reaches callers of this dialect", () => {
    const value = { type: "message_delta", delta: { stop_reason: "tomorrow" } };
    expect(readEvents([why("tomorrow")])).toContainEqual({ type: "unknown", dialect: DIALECT, value });
  });
});

describe("what other makers of this API do", () => {
  const argumentsOf = (parts: EventPart[]) =>
    parts.map((part) => (part.type === "arguments-delta" ? part.text : "")).join("");

  test.each<[string, JsonObject, string]>([
    ["nothing", tool("a"), "{}"],
    ["everything in the start", tool("a", { input: { x: 1 } }), '{"x":1}'],
    ["everything in the start, as text", tool("a", { input: '{"x":1}' }), '{"x":1}'],
    ["no input at all", { type: "tool_use", id: "a", name: "f" }, "{}"],
  ])("a tool without fragments and %s has arguments", (_, block, expected) => {
    expect(argumentsOf(readEvents([start(0, block), stop(0), why("tool_use"), END]))).toBe(expected);
  });

  test("a call without an id gets one, the same each time", () => {
    const ids = [0, 1].map(() => readEvents([start(3, tool(""))])[0]);
    expect(ids[0]).toMatchObject({ content: { id: "toolu_msg_1_3" } });
    expect(ids[1]).toEqual(ids[0]!);
  });

  test("a text without its start is read all the same", () => {
    const parts = readEvents([delta(0, { type: "text_delta", text: "x" }), why("end_turn"), END]);
    expect(parts.slice(0, 2)).toEqual([
      { type: "block-start", choice: 0, block: 0, content: { kind: "text" } },
      { type: "text-delta", choice: 0, block: 0, text: "x" },
    ]);
    expect(faultsOf(parts)).toEqual([]);
  });

  test("an index that is used again is a new block", () => {
    const parts = readEvents([
      start(0, { type: "text", text: "a" }),
      stop(0),
      start(0, { type: "text", text: "b" }),
      start(0, tool("t")),
      why("tool_use"),
      END,
    ]);
    expect(faultsOf(parts)).toEqual([]);
    expect(parts.filter((part) => part.type === "block-start")).toHaveLength(3);
  });

  test("a type that is only in the event's name is read", () => {
    const decoder = new MessagesDecoder(undefined);
    expect(decoder.frame({ event: "message_stop", data: "{}" }).at(-1)).toEqual({ type: "end" });
  });

  test.each<[string, JsonObject]>([
    ["a delta for a block that is not open", delta(7, { type: "input_json_delta", partial_json: "{" })],
    ["a block without a content", { type: "content_block_start", index: 0 }],
    ["a delta without a delta", { type: "content_block_delta", index: 0 }],
    ["a second message_start", { type: "message_start", message: { id: "msg_2" } }],
  ])("%s is handed on as it came", (_, event) => {
    expect(readEvents([event])[0]).toEqual({ type: "unknown", dialect: DIALECT, value: event });
  });

  test("a delta of a kind that its block does not have is handed on as it came", () => {
    const event = delta(0, { type: "later_delta", text: "x" });
    const parts = readEvents([start(0, { type: "text", text: "" }), event]);
    expect(parts[1]).toEqual({ type: "unknown", dialect: DIALECT, value: event });
  });
});

describe("the response tool is turned back into text", () => {
  const call = start(0, { type: "tool_use", id: "t", name: "respond_with_json", input: {} });
  const events = [
    call,
    delta(0, { type: "input_json_delta", partial_json: '{"a":' }),
    delta(0, { type: "input_json_delta", partial_json: "1}" }),
    stop(0),
    why("tool_use"),
    END,
  ];

  test("in a stream, fragment by fragment", () => {
    expect(readEvents(events, "respond_with_json")).toEqual([
      { type: "block-start", choice: 0, block: 0, content: { kind: "text" } },
      { type: "text-delta", choice: 0, block: 0, text: '{"a":' },
      { type: "text-delta", choice: 0, block: 0, text: "1}" },
      { type: "block-end", choice: 0, block: 0 },
      { type: "finish", choice: 0, reason: "stop", raw: "end_turn" },
      { type: "end" },
    ]);
  });

  test("without fragments it is an empty object", () => {
    const parts = readEvents([call, stop(0), why("tool_use"), END], "respond_with_json");
    expect(parts[1]).toEqual({ type: "text-delta", choice: 0, block: 0, text: "{}" });
  });

  test("beside a call of the caller's tool the answer still ends with calls", () => {
    const parts = readEvents(
      [...events.slice(0, 4), start(1, tool("x")), stop(1), why("tool_use"), END],
      "respond_with_json",
    );
    expect(parts.find((part) => part.type === "finish")).toMatchObject({ reason: "tool-calls" });
  });

  test("cut by the token limit, the limit is the reason", () => {
    const parts = readEvents([...events.slice(0, 3), why("max_tokens"), END], "respond_with_json");
    expect(parts.find((part) => part.type === "finish")).toMatchObject({ reason: "length" });
  });
});

test.each(["[", '{"a":'])("an event nested without end by %s is malformed, wherever it is", (open) => {
  const deep = `${open.repeat(60_000)}1${(open === "[" ? "]" : "}").repeat(60_000)}`;
  for (const data of [
    `{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":${deep}}}`,
    `{"type":"later","value":${deep}}`,
  ]) {
    const decoder = new MessagesDecoder(undefined);
    const read = () => [...decoder.frame({ event: "", data }), ...decoder.close()];
    expect(() => JSON.stringify(read())).toThrow(MalformedAnswer);
  }
});
