import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { effortOf } from "./effort.ts";
import { isReasoningModel } from "./models.ts";
import { OPENAI_QUIRKS, type Quirks } from "./quirks.ts";
import { encodeRequest } from "./request.ts";
import { encodeResponses } from "./responses/request.ts";

/** What goes upstream of a call in another dialect. */
const foreign = (request: Partial<ModelRequest>, quirks: Partial<Quirks> = {}, model = "gpt-4o") =>
  encodeRequest(
    {
      dialect: "anthropic-messages",
      model: "small",
      messages: [{ role: "user", parts: [{ type: "text", text: "hi" }] }],
      stream: false,
      includeUsage: true,
      ...request,
    },
    model,
    { ...OPENAI_QUIRKS, ...quirks },
  );

describe("how much to think, asked in another dialect", () => {
  test.each<[string, ModelRequest["reasoning"], Partial<Quirks>, JsonObject]>([
    ["a small budget", { budgetTokens: 4_096 }, {}, { reasoning_effort: "low" }],
    ["a middling budget", { budgetTokens: 10_000 }, {}, { reasoning_effort: "medium" }],
    ["a large budget", { budgetTokens: 31_999 }, {}, { reasoning_effort: "high" }],
    ["a word", { effort: "max" }, {}, { reasoning_effort: "high" }],
    ["as the model likes", { enabled: true }, {}, {}],
    ["off, where that can be said", { enabled: false }, { effortNone: true }, { reasoning_effort: "none" }],
    ["OpenRouter's budget", { budgetTokens: 2_048 }, { reasoning: "object" }, { reasoning: { max_tokens: 2_048 } }],
    ["OpenRouter's word", { effort: "low" }, { reasoning: "object" }, { reasoning: { effort: "low" } }],
    ["OpenRouter's switch", { enabled: false }, { reasoning: "object" }, { reasoning: { enabled: false } }],
    ["DeepSeek's switch", { budgetTokens: 2_048 }, { reasoning: "thinking" }, { thinking: { type: "enabled" } }],
    ["DeepSeek's switch off", { enabled: false }, { reasoning: "thinking" }, { thinking: { type: "disabled" } }],
    [
      "DashScope's",
      { budgetTokens: 2_048 },
      { reasoning: "enable_thinking" },
      { enable_thinking: true, thinking_budget: 2_048 },
    ],
  ])("asks a model to think: %s", (_, reasoning, quirks, expected) => {
    const { body, warnings } = foreign(
      { reasoning: reasoning! },
      { thinks: () => true, maxTokens: "max_tokens", ...quirks },
    );
    const { model, messages, ...rest } = body;
    expect(rest).toEqual(expected);
    expect(warnings).toEqual([]);
  });

  test.each(["none", "minimal", "xhigh"])(
    "asks OpenAI's models for %s in the words of OpenAI's other dialect",
    (effort) => {
      const reasoning = { effort, enabled: effort !== "none" };
      const asked = { dialect: "openai-responses", reasoning } as const;
      const { body, warnings } = foreign(asked, {}, "gpt-5.6-sol");
      expect([body.reasoning_effort, warnings]).toEqual([effort, []]);
      expect(foreign(asked, {}, "gpt-4o").body).not.toHaveProperty("reasoning_effort");
      const lookalike = foreign(asked, { effortWords: false }, "gpt-5.6-sol").body.reasoning_effort;
      expect(lookalike).toBe({ none: undefined, minimal: "minimal", xhigh: "high" }[effort]!);
      const chat = openaiChat.decode({
        model: "m",
        messages: [{ role: "user", content: "hi" }],
        reasoning_effort: effort,
      });
      const responses = encodeResponses(chat, "gpt-5.6-pro", OPENAI_QUIRKS);
      expect([responses.body.reasoning, responses.warnings]).toEqual([{ effort }, []]);
    },
  );

  test("says that thinking cannot be switched off where it cannot", () => {
    expect(foreign({ reasoning: { enabled: false } }, {}, "o3").warnings).toHaveLength(1);
    expect(foreign({ reasoning: { enabled: false } }, {}, "gpt-4o").warnings).toHaveLength(0);
  });
});

test.each([
  [1, "low"],
  [4_097, "medium"],
  [16_385, "high"],
])("a budget of %d tokens is the effort %s", (budget, effort) => {
  expect(effortOf(budget)).toBe(effort);
});

describe("which models think", () => {
  test.each([
    "o1",
    "o3-mini",
    "o4-mini-2025-04-16",
    "gpt-5",
    "gpt-5-nano",
    "gpt-5.2",
    "gpt-6-sol",
    "ft:o4-mini:acme::x",
    "openai/gpt-5",
  ])("%s does", (model) => {
    expect(isReasoningModel(model)).toBe(true);
  });
  test.each([
    "gpt-4o",
    "gpt-4.1",
    "gpt-35-turbo",
    "gpt-3.5-turbo",
    "gpt-5-chat-latest",
    "ft:gpt-4o:acme::x",
    "chatgpt-4o-latest",
    "omni",
  ])("%s does not", (model) => {
    expect(isReasoningModel(model)).toBe(false);
  });
});
