import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { gemini } from "../../wire/gemini/index.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { Losses } from "../losses.ts";
import { withoutFixedSampling } from "./fixed-sampling.ts";
import { hasFixedSampling } from "./models.ts";
import { OPENAI_QUIRKS } from "./quirks.ts";
import { encodeRequest } from "./request.ts";
import { encodeResponses } from "./responses/request.ts";

/** What Gemini CLI sends with every call. */
const ITS = { temperature: 0, topP: 0.95 };
const asked = (settings: JsonObject): ModelRequest =>
  gemini.decode(
    { contents: [{ role: "user", parts: [{ text: "hi" }] }], generationConfig: settings },
    { params: { model: "m" }, query: "" },
  );
const NAMES = ["temperature", "top_p", "presence_penalty", "frequency_penalty"];
const sent = (body: JsonObject) => NAMES.filter((name) => name in body);

describe("settings of sampling that the model refuses", () => {
  test.each(["o3", "gpt-5", "gpt-5-mini-2025-08-07"])("are not asked of %s by callers of other dialects", (model) => {
    for (const encode of [encodeRequest, encodeResponses]) {
      const { body, warnings } = encode(asked(ITS), model, OPENAI_QUIRKS);
      expect([sent(body), warnings.map(({ field }) => field)]).toEqual([[], ["temperature", "top_p"]]);
    }
    const penalties = { presencePenalty: 0.5, frequencyPenalty: 0 };
    const { body, warnings } = encodeRequest(asked(penalties), model, OPENAI_QUIRKS);
    expect([sent(body), warnings.map(({ field }) => field)]).toEqual([[], ["presence_penalty"]]);
  });

  test("are asked of a later one unless it shall think, and of models that do not think", () => {
    const thinking = { ...ITS, thinkingConfig: { thinkingLevel: "HIGH" } };
    expect(sent(encodeRequest(asked(thinking), "gpt-5.2", OPENAI_QUIRKS).body)).toEqual([]);
    for (const model of ["gpt-5.2", "gpt-4o"]) {
      const { body, warnings } = encodeRequest(asked(ITS), model, OPENAI_QUIRKS);
      expect([sent(body), warnings]).toEqual([["temperature", "top_p"], []]);
    }
  });

  test("go without a word where they are the usual ones, and stay where the caller knows OpenAI's models", () => {
    const losses = new Losses(false);
    const usual = withoutFixedSampling(asked({ temperature: 1, topP: 1 }), "o3", OPENAI_QUIRKS, losses);
    expect([usual.temperature, usual.topP, losses.warnings]).toEqual([undefined, undefined, []]);
    const messages = [{ role: "user", content: "hi" }];
    const own = openaiChat.decode({ model: "m", messages, temperature: 0.2 });
    expect(encodeRequest(own, "o3", OPENAI_QUIRKS).body.temperature).toBe(0.2);
    expect(encodeResponses(own, "o3", OPENAI_QUIRKS).body.temperature).toBe(0.2);
  });
});

test.each<[string, boolean, boolean]>([
  ["o4-mini", false, true],
  ["codex-mini-latest", false, true],
  ["ft:o4-mini:acme::x", false, true],
  ["gpt-5-pro", false, true],
  ["gpt-5.1", false, false],
  ["gpt-5.1", true, true],
  ["gpt-6-sol", true, true],
  ["gpt-5-chat-latest", true, false],
  ["gpt-4.1", true, false],
])("%s, thinking: %p, takes no other settings: %p", (model, thinks, fixed) => {
  expect(hasFixedSampling(model, thinks)).toBe(fixed);
});
