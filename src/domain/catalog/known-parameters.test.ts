import { expect, test } from "bun:test";
import type { ModelRequest } from "../../spec/request.ts";
import { bodyField, isKnownParameter, knownParameters } from "./known-parameters.ts";
import { policed } from "./parameters.ts";

const asked = (over: Partial<ModelRequest>): ModelRequest => ({
  dialect: "openai-chat",
  model: "m",
  messages: [],
  stream: false,
  includeUsage: false,
  ...over,
});
const refusedField = (request: ModelRequest, deny: string[]) => {
  const judged = policed(request, { deny });
  return "refused" in judged ? judged.refused.field : undefined;
};

test("a field that no dialect has is denied, and allowed, by its name in the body", () => {
  const own = asked({ extra: { flux: 1 } });
  expect(refusedField(own, ["body.flux"])).toBe("flux");
  expect(refusedField(own, ["flux"])).toBe("flux");
  expect(refusedField(own, ["body.other"])).toBeUndefined();
  expect("refused" in policed(own, { allow: [bodyField("flux")] })).toBe(false);
  expect("refused" in policed(own, { allow: ["temperature"] })).toBe(true);
  expect(refusedField(asked({ temperature: 1 }), ["body.temperature"])).toBe("temperature");
});

test("what is thought may be kept from a caller of Gemini's by the field that asks for it", () => {
  const shown = asked({ dialect: "gemini", form: { includeThoughts: true }, reasoning: { enabled: true } });
  expect(refusedField(shown, ["generationConfig.thinkingConfig.includeThoughts"])).toBe(
    "generationConfig.thinkingConfig.includeThoughts",
  );
  expect("refused" in policed(shown, { allow: ["reasoning"] })).toBe(false);
});

test("a word is known by its letters, and canonical names come first", () => {
  expect(["temperature", "topP", "top_p", "p", "keep_alive"].map(isKnownParameter)).toEqual(Array(5).fill(true));
  expect(["Temperature", "temprature", "", "body"].map(isKnownParameter)).toEqual(Array(4).fill(false));
  expect([...knownParameters()][0]).toBe("maxOutputTokens");
});
