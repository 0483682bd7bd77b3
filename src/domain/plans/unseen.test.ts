import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { answersOf, extraThinkingBudget, outputBound, readsUnseen } from "./unseen.ts";

function request(over: Partial<ModelRequest> = {}): ModelRequest {
  return { dialect: "openai-chat", model: "m", messages: [], stream: false, includeUsage: false, ...over };
}
const tool = (value: JsonObject): Partial<ModelRequest> => ({ tools: [{ type: "opaque", value }] });

describe("a provider reads what cannot be measured here", () => {
  test.each<[string, Partial<ModelRequest>]>([
    ["a conversation that lies there", { dialectBound: ["previous_response_id"] }],
    ["an item that lies there", { dialectBound: ["background", "input[3]"] }],
    ["a cache that lies there", { dialectBound: ["cachedContent"] }],
    ["a search by a field", { extra: { web_search_options: {} } }],
    ["the caller's index", { extra: { data_sources: [{ type: "azure_search" }] } }],
    ["a search by a tool", tool({ type: "web_search_20250305", name: "web_search" })],
    ["a search by a tool of Google's", tool({ googleSearch: {} })],
    ["itself once more, to shorten it", { extra: { context_management: { edits: [{ type: "compact_20260112" }] } } }],
    ["the same at OpenAI", { extra: { context_management: [{ type: "compaction", compact_threshold: 1_000 }] } }],
    ["a tool of a type that nobody knows", tool({ type: "custom_search" })],
  ])("%s", (_, over) => expect(readsUnseen(request(over))).toBe(true));

  test.each<[string, Partial<ModelRequest>]>([
    ["nothing of it", {}],
    [
      "leaving out of earlier results",
      { extra: { context_management: { edits: [{ type: "clear_tool_uses_20250919" }] } } },
    ],
    ["a switch that is off", { extra: { enable_search: false } }],
    ["an answer in pictures", { dialectBound: ["generationConfig.responseModalities"] }],
    ["a tool of the caller's", { tools: [{ type: "function", name: "web_search" }] }],
    ["a shell that the caller runs", tool({ type: "bash_20250124", name: "bash" })],
  ])("but not with %s", (_, over) => expect(readsUnseen(request(over))).toBe(false));
});

test("answers are as many as any name for their number says", () => {
  const of = (extra: JsonObject, choices?: number) =>
    answersOf(request(choices === undefined ? { extra } : { extra, choices }));
  expect(answersOf(request())).toBe(1);
  expect(of({ best_of: 5 }, 2)).toBe(5);
  expect(of({ n: "7" })).toBe(7);
  expect(of({ candidateCount: 3 })).toBe(3);
  expect(of({ n: -4, best_of: null, num_generations: "x" })).toBe(1);
  expect(of({ best_of: 1e300 })).toBe(10_000);
  expect(of({ extra_body: { parameters: { n: 6 } } })).toBe(6);
  expect(of({ groq: { x: { y: { candidate_count: 9 } } } })).toBe(9);
  for (const name of ["n_samples", "num_beams", "BEST_OF", "N", "numBeams", "num_return_sequences", "beam_width"]) {
    expect(of({ [name]: 4 })).toBe(4);
    expect(of({ extra_body: { [name]: "5" } }, 2)).toBe(5);
  }
  const pictures = {
    type: "relay",
    name: "images.generate",
    fields: { prompt: "x", num_images: 6 },
    texts: ["prompt"],
  };
  expect(answersOf(request({ choices: 2, operation: pictures as ModelRequest["operation"] & object }))).toBe(6);
  expect(of({ metadata: { n: 50 }, stop: [{ n: 7 }] })).toBe(1);
});

test("the bound of an answer is the largest that a request says", () => {
  const of = (extra: JsonObject) => outputBound(request({ maxOutputTokens: 10, extra }), 128_000);
  expect(outputBound(request({ maxOutputTokens: 10 }), 128_000)).toBe(10);
  expect(outputBound(request({ extra: { n_predict: 5 } }), 128_000)).toBe(128_000);
  expect(of({ n_predict: 500 })).toBe(500);
  expect(of({ options: { num_predict: -1 } })).toBe(128_000);
  expect(of({ max_new_tokens: 5, options: null })).toBe(10);
  expect(of({ extra_body: { max_completion_tokens: 900 } })).toBe(900);
  expect(of({ generationConfig: { x: { max_output_tokens: "800" } } })).toBe(800);
  expect(of({ generationConfig: { maxOutputTokens: 700 }, inferenceConfig: { maxTokens: 600 } })).toBe(700);
  expect(of({ maxTokens: 600 })).toBe(600);
  for (const name of [
    "MAX_TOKENS",
    "max_tokens_to_sample",
    "min_tokens",
    "Min-New-Tokens",
    "max_gen_len",
    "maxLength",
  ]) {
    expect(of({ [name]: 900 })).toBe(900);
    expect(of({ extra_body: { [name]: "901" } })).toBe(901);
  }
  expect(of({ min_tokens: -1 })).toBe(10);
  expect(of({ MAX_TOKENS: -1 })).toBe(128_000);
  expect(of({ metadata: { max_tokens: 900 } })).toBe(10);
});

test("the budget for thoughts is the largest that a request says where nothing canonical does", () => {
  const of = (extra: JsonObject) => extraThinkingBudget(request({ extra }));
  expect(extraThinkingBudget(request({}))).toBe(0);
  expect(of({ thinking_budget: 500 })).toBe(500);
  expect(of({ thinking_budget: 500, chat_template_kwargs: { thinking_budget: "700" } })).toBe(700);
  expect(of({ extra_body: { chat_template_kwargs: { thinking_token_budget: 600 } } })).toBe(600);
  expect(of({ reasoning_budget: -1, thinking_budget: null, chat_template_kwargs: "x" })).toBe(0);
});

test("fields are read once a request, however many there are and however often they are asked for", () => {
  let reads = 0;
  const extra: JsonObject = { parameters: { n: 3, max_tokens: 70, thinking_budget: 5 } };
  Object.defineProperty(extra, "options", { enumerable: true, get: () => ++reads });
  const asked = request({ maxOutputTokens: 10, extra });
  expect([answersOf(asked), outputBound(asked, 1_000), extraThinkingBudget(asked), answersOf({ ...asked })]).toEqual([
    3, 70, 5, 3,
  ]);
  expect(reads).toBe(1);
});

test("a JSON Schema that a host takes bounds texts of the answer, and not the answer", () => {
  const schema = { type: "object", properties: { name: { type: "string", minLength: 900, maxLength: 50_000 } } };
  for (const extra of [{ guided_json: schema }, { json_schema: schema }, { structured_outputs: { json: schema } }])
    expect(outputBound(request({ maxOutputTokens: 10, extra }), 128_000)).toBe(10);
  expect(outputBound(request({ maxOutputTokens: 10, extra: { options: { maxLength: 50 } } }), 128_000)).toBe(50);
});
