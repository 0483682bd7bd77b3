import { expect, test } from "bun:test";
import type { Json } from "../../kernel/json.ts";
import { isReason, reasonOf } from "./finish.ts";
import { readLogprobs } from "./logprobs.ts";
import { thoughtsOf } from "./reasoning.ts";

test.each<[string, Json, string, object[]]>([
  ["plain text alone", undefined as unknown as Json, "hm", [{ text: "hm", signature: "" }]],
  ["neither", [], "", []],
  [
    "the same text twice is told once",
    [{ type: "reasoning.text", text: "hm", index: 0 }],
    "hm",
    [{ text: "hm", signature: "", index: 0 }],
  ],
  [
    "details that hold a signature only",
    [{ type: "reasoning.text", signature: "s", index: 0 }],
    "hm",
    [
      { text: "hm", signature: "", index: 0 },
      { text: "", signature: "s", index: 0 },
    ],
  ],
  [
    "what must come back is kept",
    [{ type: "reasoning.summary", summary: "hm", id: "r", format: "f" }],
    "",
    [{ text: "hm", extra: { type: "reasoning.summary", id: "r", format: "f" } }],
  ],
  [
    "a format that is unknown says nothing",
    [{ type: "reasoning.text", text: "hm", format: "unknown" }],
    "",
    [{ text: "hm", signature: "" }],
  ],
  ["what is no object is passed over", [null, 7, "x"], "", []],
])("thoughts: %s", (_, details, plain, expected) => {
  expect<unknown[]>(thoughtsOf(details, plain)).toMatchObject(expected);
  expect(thoughtsOf(details, plain)).toHaveLength(expected.length);
});

test.each([
  ["stop", "stop"],
  ["eos", "stop"],
  ["length", "length"],
  ["model_length", "length"],
  ["tool_calls", "tool-calls"],
  ["function_call", "tool-calls"],
  ["content_filter", "content-filter"],
  ["function_call_filter: MALFORMED_FUNCTION_CALL", "failed"],
  ["insufficient_system_resource", "failed"],
  ["something_new", "other"],
  ["constructor", "other"],
  ["__proto__", "other"],
])("the reason %s is %s", (raw, reason) => {
  expect(reasonOf(raw)).toBe(reason as "stop");
});

test.each<[Json, boolean]>([
  ["stop", true],
  ["", false],
  ["null", false],
  [null, false],
  [7, false],
])("%j is a reason: %p", (raw, expected) => {
  expect(isReason(raw)).toBe(expected);
});

test("log probabilities in another form say nothing, and broken tokens are passed over", () => {
  expect(readLogprobs(0, { tokens: ["a"], token_logprobs: [-1] })).toBeUndefined();
  expect(readLogprobs(0, { content: null, refusal: null })).toBeUndefined();
  const content: Json = [
    null,
    { token: "a" },
    { token: "b", logprob: -1, bytes: ["x"], top_logprobs: [null, { token: "c", logprob: -2 }] },
  ];
  expect(readLogprobs(1, { content })).toEqual({
    type: "logprobs",
    choice: 1,
    content: [{ token: "b", logprob: -1, bytes: null, top: [{ token: "c", logprob: -2, bytes: null }] }],
    refusal: null,
  });
});
