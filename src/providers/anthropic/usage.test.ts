import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import type { Usage } from "../../spec/usage.ts";
import { UsageReader } from "./usage.ts";

describe("usage", () => {
  test.each<[string, JsonObject[], Partial<Usage> | undefined]>([
    [
      "input takes in what the cache gave and took",
      [{ input_tokens: 3, cache_read_input_tokens: 20, cache_creation_input_tokens: 100, output_tokens: 1 }],
      { input: 123, cacheRead: 20, cacheWrite: 100, output: 1 },
    ],
    [
      "what a later report leaves out stays",
      [{ input_tokens: 3, cache_read_input_tokens: 20 }, { output_tokens: 9 }],
      { output: 9 },
    ],
    [
      "a later input counts with the cache of before",
      [
        { input_tokens: 3, cache_read_input_tokens: 20 },
        { input_tokens: 5, output_tokens: 9 },
      ],
      { input: 25, cacheRead: 20, output: 9 },
    ],
    [
      "thinking is part of the output",
      [{ output_tokens: 9, output_tokens_details: { thinking_tokens: 4 } }],
      { output: 9, reasoning: 4 },
    ],
    [
      "rounds that shortened the conversation, or asked for advice, stand beside it; those that wrote it do not",
      [
        {
          ...{ input_tokens: 9, output_tokens: 5 },
          iterations: [
            { type: "message", input_tokens: 9, output_tokens: 5 },
            { type: "compaction", input_tokens: 100, cache_read_input_tokens: 50, output_tokens: 20 },
            { type: "advisor_message", model: "claude-opus-4-7", input_tokens: 7, output_tokens: 3 },
          ],
        },
      ],
      {
        ...{ input: 9, output: 5 },
        beside: { input: 157, output: 23, cacheRead: 50, cacheWrite: 0, cacheWriteLong: 0 },
      },
    ],
    ["null is nothing", [{ input_tokens: 1, cache_read_input_tokens: null }], { input: 1 }],
    ["a negative count is dropped", [{ input_tokens: -5, output_tokens: 2 }], { output: 2 }],
    ["an absurd count is dropped", [{ input_tokens: 1e15, output_tokens: 2 }], { output: 2 }],
    ["a fraction is dropped", [{ input_tokens: 1.5, output_tokens: 2 }], { output: 2 }],
    ["a text is dropped", [{ input_tokens: "7", output_tokens: 2 }], { output: 2 }],
    ["nothing told is nothing", [{ service_tier: "standard" }], undefined],
  ])("%s", (_, reports, expected) => {
    const reader = new UsageReader();
    expect(reports.map((report) => reader.read(report)).at(-1)).toEqual(expected);
  });

  test("what is no object is no usage", () => {
    for (const value of [undefined, null, 7, "x", []]) expect(new UsageReader().read(value)).toBeUndefined();
  });
});
