import { describe, expect, test } from "bun:test";
import { faultsOf } from "../../../test/support/recordings.ts";
import { told } from "../../../test/support/told.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { EventPart } from "../../spec/event.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { Choice } from "./choice.ts";
import { ChatDecoder } from "./events.ts";

const request: ModelRequest = {
  dialect: "openai-chat",
  model: "small",
  messages: [{ role: "user", parts: [] }],
  stream: true,
  includeUsage: false,
};

/** Reads chunks given as objects, without the part `start`. */
function readChunks(...chunks: (JsonObject | "[DONE]")[]): EventPart[] {
  const decoder = new ChatDecoder(request);
  const parts = chunks.flatMap((chunk) => {
    return decoder.frame({ event: "", data: chunk === "[DONE]" ? chunk : JSON.stringify(chunk) });
  });
  return [...parts, ...decoder.close()].filter((part) => part.type !== "start");
}

const chunk = (delta: JsonObject, more: JsonObject = {}): JsonObject => ({
  id: "c",
  choices: [{ index: 0, delta, ...more }],
});
const why = (finish_reason: Json): JsonObject => chunk({}, { finish_reason });
const at = (block: number, choice = 0) => ({ choice, block });

describe("calls", () => {
  const fn = (name: string, args: Json) => ({ function: { name, arguments: args } });
  const call = (...calls: JsonObject[]) => chunk({ tool_calls: calls });
  test.each<[string, (JsonObject | "[DONE]")[], string[]]>([
    [
      "whole in one delta",
      [call({ index: 0, id: "a", ...fn("f", '{"x":1}') }), why("tool_calls")],
      ['f(a):{"x":1}', "finish tool-calls", "end"],
    ],
    [
      "without index and type, told apart by id",
      [
        call({ id: "a", ...fn("f", "{}") }, { id: "b", ...fn("g", "{}") }),
        call({ id: "a", ...fn("", "!") }),
        why("tool_calls"),
      ],
      ["f(a):{}!", "g(b):{}", "finish tool-calls", "end"],
    ],
    [
      "an empty id and name say nothing",
      [call({ index: 0, id: "a", ...fn("f", "") }), call({ index: 0, id: "", ...fn("", "{}") }), why("tool_calls")],
      ["f(a):{}", "finish tool-calls", "end"],
    ],
    [
      "without any id one is made up",
      [call({ id: "", ...fn("f", "{}") }, { id: "", ...fn("f", "{}") }), why("tool_calls")],
      ["f(call_1_0_0):{}", "f(call_1_0_1):{}", "finish tool-calls", "end"],
    ],
    [
      "fragments without id and index go to the last call",
      [call({ id: "a", ...fn("f", "{") }), call({ function: { arguments: "}" } }), why("tool_calls")],
      ["f(a):{}", "finish tool-calls", "end"],
    ],
    [
      "a new id and name under an old index are a new call",
      [call({ index: 0, id: "a", ...fn("f", "{}") }), call({ index: 0, id: "b", ...fn("g", "{}") }), why("tool_calls")],
      ["f(a):{}", "g(b):{}", "finish tool-calls", "end"],
    ],
    [
      "a new id without a name is the same call",
      [
        call({ index: 0, id: "a", ...fn("f", "{") }),
        call({ index: 0, id: "b", function: { arguments: "}" } }),
        why("stop"),
      ],
      ["f(a):{}", "finish stop", "end"],
    ],
    [
      "a name that comes late",
      [
        call({ index: 0, id: "a", function: { arguments: '{"x"' } }),
        call({ index: 0, ...fn("f", ":1}") }),
        why("tool_calls"),
      ],
      ['f(a):{"x":1}', "finish tool-calls", "end"],
    ],
    [
      "arguments as an object",
      [call({ index: 0, id: "a", ...fn("f", { x: 1 }) }), why("tool_calls")],
      ['f(a):{"x":1}', "finish tool-calls", "end"],
    ],
    [
      "no arguments",
      [call({ index: 0, id: "a", ...fn("f", null) }), why("tool_calls")],
      ["f(a):", "finish tool-calls", "end"],
    ],
    [
      "the form of 2023",
      [
        chunk({ function_call: { name: "f", arguments: "{" } }),
        chunk({ function_call: { arguments: "}" } }),
        why("function_call"),
      ],
      ["f(call_1_0_0):{}", "finish tool-calls", "end"],
    ],
    [
      "an empty one of 2023 beside every answer",
      [chunk({ content: "x", function_call: { name: "", arguments: "" } }), why("stop")],
      ["text:x", "finish stop", "end"],
    ],
    [
      "of another kind, in pieces",
      [
        call({ index: 0, id: "a", type: "custom", custom: { name: "sh", input: "l" } }),
        call({ index: 0, custom: { input: "s" } }),
        why("tool_calls"),
      ],
      [
        '{"tool_calls":[{"index":0,"id":"a","type":"custom","custom":{"name":"sh","input":"l"}}]}:',
        "finish tool-calls",
        "end",
      ],
    ],
    [
      "no reason with a [DONE]",
      [call({ index: 0, id: "a", ...fn("f", "{}") }), "[DONE]"],
      ["f(a):{}", "finish tool-calls", "end"],
    ],
  ])("%s", (_, chunks, expected) => {
    const parts = readChunks(...chunks);
    expect(told(parts)).toEqual(expected);
    expect(faultsOf(parts)).toEqual([]);
  });
});

describe("text, thoughts and the rest", () => {
  const details = (...reasoning_details: JsonObject[]) => chunk({ content: "", reasoning_details });
  const call = (...tool_calls: JsonObject[]) => chunk({ tool_calls });
  const broken = call({ index: 0, id: "a", function: { name: "f", arguments: '{"x":' } });
  const whole = call({ index: 1, id: "b", function: { name: "g", arguments: "{}" } });
  test.each<[string, (JsonObject | "[DONE]")[], string[]]>([
    [
      "content null, empty or absent is none",
      [chunk({ content: null }), chunk({ content: "" }), chunk({}), why("stop")],
      ["finish stop", "end"],
    ],
    [
      "reasoning_content, then text",
      [
        chunk({ reasoning_content: "h" }),
        chunk({ reasoning_content: "m" }),
        chunk({ reasoning_content: null, content: "x" }),
        why("stop"),
      ],
      ["reasoning:hm", "text:x", "finish stop", "end"],
    ],
    [
      "reasoning in the same delta comes first",
      [chunk({ content: "x", reasoning: "hm" }), why("stop")],
      ["reasoning:hm", "text:x", "finish stop", "end"],
    ],
    [
      "both names, told once",
      [chunk({ reasoning: "hm", reasoning_content: "hm" }), why("stop")],
      ["reasoning:hm", "finish stop", "end"],
    ],
    [
      "a thought again after text",
      [chunk({ reasoning: "a" }), chunk({ content: "x" }), chunk({ reasoning: "b" }), why("stop")],
      ["reasoning:a", "text:x", "reasoning:b", "finish stop", "end"],
    ],
    [
      "details without a plain text",
      [details({ type: "reasoning.text", text: "hm" }), why("stop")],
      ["reasoning:hm", "finish stop", "end"],
    ],
    [
      "a summary",
      [details({ type: "reasoning.summary", summary: "hm" }), why("stop")],
      ["reasoning:hm", "finish stop", "end"],
    ],
    [
      "a new index is a new thought",
      [
        details({ type: "reasoning.text", text: "a", index: 0 }, { type: "reasoning.text", text: "b", index: 1 }),
        why("stop"),
      ],
      ["reasoning:a", "reasoning:b", "finish stop", "end"],
    ],
    [
      "a sealed thought",
      [details({ type: "reasoning.encrypted", data: "XX" }), why("stop")],
      ["sealed XX:", "finish stop", "end"],
    ],
    [
      "plain text beside a sealed thought",
      [chunk({ reasoning: "hm", reasoning_details: [{ type: "reasoning.encrypted", data: "XX" }] }), why("stop")],
      ["reasoning:hm", "sealed XX:", "finish stop", "end"],
    ],
    [
      "Mistral's list",
      [
        chunk({ content: [{ type: "thinking", thinking: [{ type: "text", text: "hm" }] }] }),
        chunk({ content: [{ type: "text", text: "x" }] }),
        why("stop"),
      ],
      ["reasoning:hm", "text:x", "finish stop", "end"],
    ],
    [
      "Mistral's references",
      [chunk({ content: [{ type: "reference", reference_ids: [1] }] }), why("stop")],
      ['{"content":[{"type":"reference","reference_ids":[1]}]}:', "finish stop", "end"],
    ],
    [
      "a refusal",
      [chunk({ content: null, refusal: "no" }), chunk({ refusal: "." }), why("stop")],
      ["refusal:no.", "finish stop", "end"],
    ],
    [
      "Groq's tools of its own are not calls",
      [chunk({ content: "x", executed_tools: [{ type: "search" }] }), why("stop")],
      ["text:x", '{"executed_tools":[{"type":"search"}]}:', "finish stop", "end"],
    ],
    [
      "Perplexity repeats all in message",
      [
        chunk({ content: "a" }, { message: { content: "a" } }),
        chunk({ content: "b" }, { message: { content: "ab" } }),
        why("stop"),
      ],
      ["text:ab", "finish stop", "end"],
    ],
    [
      "a message where deltas should be",
      [{ id: "c", choices: [{ message: { content: "x" }, finish_reason: "stop" }] }],
      ["text:x", "finish stop", "end"],
    ],
    ["no [DONE]", [chunk({ content: "x" }), why("stop")], ["text:x", "finish stop", "end"]],
    ["no reason", [chunk({ content: "x" }), "[DONE]"], ["text:x", "finish stop", "end"]],
    [
      "a reason that is empty",
      [chunk({ content: "x" }, { finish_reason: "" }), "[DONE]"],
      ["text:x", "finish stop", "end"],
    ],
    [
      "a chunk without choices",
      [{ id: "c", object: "chat.completion.chunk" }, chunk({ content: "x" }), why("stop")],
      ["text:x", "finish stop", "end"],
    ],
    [
      "text after the reason",
      [chunk({ content: "x" }), why("stop"), chunk({ content: "y" }), "[DONE]"],
      ["text:x", "text:y", "finish stop", "end"],
    ],
    ["nothing at all", ["[DONE]"], ["error 502 The provider's answer held nothing."]],
    [
      "no reason, and a call that stops in the middle of its arguments",
      [broken, "[DONE]"],
      ['f(a):{"x":', "error 502 The provider's answer ended before it was whole."],
    ],
    [
      "no reason, and an old call that stops in the middle of its arguments",
      [chunk({ function_call: { name: "f", arguments: '{"x":' } }), "[DONE]"],
      ['f(call_1_0_0):{"x":', "error 502 The provider's answer ended before it was whole."],
    ],
    [
      "no reason, and one call of two that stops in the middle of its arguments",
      [broken, whole, "[DONE]"],
      ['f(a):{"x":', "g(b):{}", "error 502 The provider's answer ended before it was whole."],
    ],
    [
      "a reason behind broken arguments, which are the model's",
      [broken, why("length"), "[DONE]"],
      ['f(a):{"x":', "finish length", "end"],
    ],
    [
      "no reason, and calls that are whole or without arguments",
      [
        call({ index: 0, id: "a", function: { name: "f", arguments: '{"x":' } }),
        call({ index: 0, function: { arguments: "1}" } }, { index: 1, id: "b", function: { name: "g" } }),
        "[DONE]",
      ],
      ['f(a):{"x":1}', "g(b):", "finish tool-calls", "end"],
    ],
    ["no end", [chunk({ content: "x" })], ["text:x", "error 502 The provider's answer ended before it was whole."]],
    [
      "one of two choices without an end",
      [why("stop"), { id: "c", choices: [{ index: 1, delta: { content: "x" } }] }],
      ["text:x", "finish stop", "error 502 The provider's answer ended before it was whole."],
    ],
    [
      "an error instead of chunks",
      [{ error: { message: "no", code: "rate_limit_exceeded" } }, "[DONE]"],
      ["error 429 no"],
    ],
    ["an error as text", [{ error: "overloaded" }], ["error 502 overloaded"]],
    [
      "an error as reason",
      [chunk({ content: "x" }), why("error"), "[DONE]"],
      ["text:x", "error 502 The provider reported an error within its answer."],
    ],
  ])("%s", (_, chunks, expected) => {
    expect(told(readChunks(...chunks))).toEqual(expected);
  });

  test("an event that is named error is one", () => {
    const parts = new ChatDecoder(request).frame({ event: "error", data: '{"message":"gone","code":503}' });
    expect(parts).toEqual([{ type: "error", error: { status: 503, message: "gone", code: "503" } }]);
  });

  test("citations belong to the text that they stand beside", () => {
    const annotation = { type: "url_citation", url_citation: { url: "https://a.example/" } };
    const parts = readChunks(chunk({ content: "x", annotations: [annotation] }), why("stop"));
    expect(parts[2]).toEqual({ type: "citation", ...at(0), dialect: "openai-chat", value: annotation });
    const [alone] = readChunks(chunk({ annotations: [annotation] }), why("stop"));
    expect(alone).toMatchObject({ type: "unknown", value: { choices: [{ delta: { annotations: [annotation] } }] } });
  });

  test("sound is a block of its own", () => {
    const parts = readChunks(chunk({ audio: { id: "a" } }), chunk({ audio: { data: "AA" } }), why("stop"));
    expect(parts.slice(0, 3)).toEqual([
      {
        type: "block-start",
        ...at(0),
        content: { kind: "opaque", dialect: "openai-chat", value: { audio: { id: "a" } } },
      },
      { type: "opaque-delta", ...at(0), value: { audio: { data: "AA" } } },
      { type: "block-end", ...at(0) },
    ]);
  });

  test("lists that are repeated in every chunk are told once", () => {
    const cited = { ...chunk({ content: "x" }), citations: ["https://a.example/"] };
    expect(readChunks(cited, cited, why("stop")).filter((part) => part.type === "unknown")).toEqual([
      { type: "unknown", dialect: "openai-chat", value: { citations: ["https://a.example/"] } },
    ]);
  });

  test("the stop sequence that was met is named, if the caller gave it", () => {
    const parts: EventPart[] = [];
    const choice = new Choice(0, "1_0");
    choice.readRest({ finish_reason: "stop", stop_reason: "END" }, ["END"], parts);
    new Choice(1, "1_1").readRest({ finish_reason: "stop", stop_reason: 128_001 }, ["END"], parts);
    expect(parts).toEqual([
      { type: "finish", choice: 0, reason: "stop-sequence", raw: "stop", stopSequence: "END" },
      { type: "finish", choice: 1, reason: "stop", raw: "stop" },
    ]);
  });

  test("choices of one answer are told apart, and one without an index is the first", () => {
    const both = { id: "c", choices: [{ delta: { content: "a" } }, { index: 1, delta: { content: "b" } }] };
    const ends = { id: "c", choices: [0, 1].map((index) => ({ index, delta: {}, finish_reason: "length" })) };
    const parts = readChunks(both, ends);
    expect(parts.filter((part) => part.type === "text-delta").map((part) => [part.choice, part.text])).toEqual([
      [0, "a"],
      [1, "b"],
    ]);
    expect(faultsOf(parts)).toEqual([]);
  });
});
