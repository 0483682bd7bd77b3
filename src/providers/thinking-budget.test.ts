import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../kernel/json.ts";
import type { ModelRequest } from "../spec/request.ts";
import { anthropicMessages } from "../wire/anthropic-messages/index.ts";
import { gemini } from "../wire/gemini/index.ts";
import { openaiChat } from "../wire/openai-chat/index.ts";
import { ADAPTERS } from "./adapters.ts";
import { LONGEST_THOUGHTS, thoughtsUnder } from "./thinking-budget.ts";

describe("the longest thoughts that a model may have", () => {
  test.each([
    ["the budget", "qwen-plus", { enable_thinking: true, thinking_budget: 100_000 }, 100_000],
    ["a small budget too", "qwen3-8b", { thinking_budget: 50 }, 50],
    ["the longest of all without one", "qwen-plus", { enable_thinking: true }, LONGEST_THOUGHTS],
    ["or with one that is none", "qwen-plus", { thinking_budget: "9" }, LONGEST_THOUGHTS],
    ["of those that keep to no budget as well", "deepseek-v3.2", { enable_thinking: true, thinking_budget: 1 }, LONGEST_THOUGHTS], // biome-ignore format: one line
    ["of those that think untold", "qwen3.5-plus", {}, LONGEST_THOUGHTS],
    ["of an open one that thinks untold", "qwen3-32b", {}, LONGEST_THOUGHTS],
    ["none of those that do not", "qwen-plus", {}, 0],
    ["none of those that never do", "qwen2.5-72b-instruct", {}, 0],
    ["none where they are switched off", "qwen3.5-plus", { enable_thinking: false, thinking_budget: 9 }, 0],
    ["but of those that cannot be kept from it", "qwen3-8b-thinking", { enable_thinking: false }, LONGEST_THOUGHTS],
  ] as [string, string, JsonObject, number][])("%s: %s", (_, model, sent, tokens) => {
    expect(thoughtsUnder(sent, model)).toBe(tokens);
  });
});

const hi = [{ role: "user", content: "hi" }];
const chat = (over: JsonObject) => openaiChat.decode({ model: "m", max_tokens: 30, messages: hi, ...over });
const claude = (over: JsonObject) => anthropicMessages.decode({ model: "m", max_tokens: 30, messages: hi, ...over });
const google = (thinkingConfig: JsonObject) =>
  gemini.decode({
    model: "m",
    contents: [{ parts: [{ text: "hi" }] }],
    generationConfig: { maxOutputTokens: 30, thinkingConfig },
  });
const thoughts = (kind: string, request: ModelRequest, model = "qwen-plus") =>
  ADAPTERS.find((adapter) => adapter.kind === kind)!.thoughtsOnTop?.(request, model);

describe.each(["dashscope", "dashscope-native"])("%s holds thoughts on top of the bound", (kind) => {
  test.each([
    ["Messages", () => claude({ max_tokens: 2_000, thinking: { type: "enabled", budget_tokens: 1_500 } }), 1_500],
    ["Messages that switch it off", () => claude({ thinking: { type: "disabled" } }), 0],
    ["Messages that are silent", () => claude({}), 0],
    ["Gemini", () => google({ thinkingBudget: 9_000 }), 9_000],
  ] as [string, () => ModelRequest, number][])("of %s", (_, made, tokens) => {
    expect(thoughts(kind, made())).toBe(tokens);
  });

  test("of a field of another dialect that is not sent nothing is believed", () => {
    const request = { ...claude({}), extra: { enable_thinking: false, thinking_budget: 1 } };
    expect(thoughts(kind, request, "qwen3.5-plus")).toBe(LONGEST_THOUGHTS);
  });
});

test("what a caller of Chat Completions writes is what is sent", () => {
  expect(thoughts("dashscope", chat({ enable_thinking: true, thinking_budget: 100_000 }))).toBe(100_000);
  expect(thoughts("dashscope", chat({ enable_thinking: false }), "qwen3.5-plus")).toBe(0);
  expect(thoughts("dashscope", chat({ chat_template_kwargs: { enable_thinking: false } }), "qwen3.5-plus")).toBe(
    LONGEST_THOUGHTS,
  );
  expect(thoughts("dashscope-native", chat({ reasoning_effort: "low" }))).toBe(4_096);
});

test("no other provider's bound leaves thoughts out", () => {
  const kinds = ADAPTERS.filter(({ thoughtsOnTop }) => thoughtsOnTop !== undefined).map(({ kind }) => kind);
  expect(kinds.sort()).toEqual(["dashscope", "dashscope-native"]);
});
