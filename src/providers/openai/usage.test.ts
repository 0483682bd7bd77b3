import { describe, expect, test } from "bun:test";
import type { Json } from "../../kernel/json.ts";
import { readUsage } from "./usage.ts";

describe("token counts", () => {
  test.each<[string, Json, unknown]>([
    [
      "OpenAI's",
      {
        prompt_tokens: 10,
        completion_tokens: 5,
        prompt_tokens_details: { cached_tokens: 4 },
        completion_tokens_details: { reasoning_tokens: 2 },
      },
      { input: 10, output: 5, cacheRead: 4, reasoning: 2 },
    ],
    [
      "xAI's, whose reasoning lies beside the completion",
      {
        prompt_tokens: 468,
        completion_tokens: 82,
        total_tokens: 870,
        completion_tokens_details: { reasoning_tokens: 320 },
      },
      { input: 468, output: 402, reasoning: 320 },
    ],
    [
      "DeepSeek's cache",
      { prompt_tokens: 10, completion_tokens: 1, prompt_cache_hit_tokens: 8 },
      { input: 10, output: 1, cacheRead: 8 },
    ],
    [
      "Moonshot's cache",
      { prompt_tokens: 10, completion_tokens: 1, cached_tokens: 8 },
      { input: 10, output: 1, cacheRead: 8 },
    ],
    [
      "Mistral's cache",
      { prompt_tokens: 10, completion_tokens: 1, num_cached_tokens: 8 },
      { input: 10, output: 1, cacheRead: 8 },
    ],
    [
      "a gateway's cache",
      { prompt_tokens: 10, completion_tokens: 1, cache_read_input_tokens: 2, cache_creation_input_tokens: 3 },
      { input: 10, output: 1, cacheRead: 2, cacheWrite: 3 },
    ],
    [
      "OpenRouter's cache",
      { prompt_tokens: 10, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 0, cache_write_tokens: 3 } },
      { input: 10, output: 1, cacheRead: 0, cacheWrite: 3 },
    ],
    [
      "DashScope's cache",
      { prompt_tokens: 10, completion_tokens: 1, prompt_tokens_details: { cache_creation_input_tokens: 3 } },
      { input: 10, output: 1, cacheWrite: 3 },
    ],
    [
      "sound",
      {
        prompt_tokens: 10,
        completion_tokens: 9,
        prompt_tokens_details: { audio_tokens: 7 },
        completion_tokens_details: { audio_tokens: 8 },
      },
      { input: 10, output: 9, audioInput: 7, audioOutput: 8 },
    ],
    ["other names", { input_tokens: 3, output_tokens: 2 }, { input: 3, output: 2 }],
    ["only one of them", { completion_tokens: 2 }, { output: 2 }],
    [
      "more cached than read, as Grok on Azure counts",
      { prompt_tokens: 7, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 163 } },
      { input: 7, output: 1, cacheRead: 163 },
    ],
    [
      "more thought than written",
      { prompt_tokens: 7, completion_tokens: 10, completion_tokens_details: { reasoning_tokens: 11 } },
      { input: 7, output: 10 },
    ],
    [
      "details of null",
      { prompt_tokens: 1, completion_tokens: 1, prompt_tokens_details: null, completion_tokens_details: null },
      { input: 1, output: 1 },
    ],
    ...[-1, 1.5, 1e300, 100_000_001, "7", null, {}, true].map((bad): [string, Json, unknown] => [
      `${JSON.stringify(bad)} tokens`,
      { prompt_tokens: bad, completion_tokens: 2 },
      { output: 2 },
    ]),
    ["nothing", {}, undefined],
    ["null", null, undefined],
    ["a list", [1, 2], undefined],
  ])("%s", (_, given, expected) => {
    expect<unknown>(readUsage(given)).toEqual(expected);
  });
});
