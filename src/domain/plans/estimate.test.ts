import { expect, test } from "bun:test";
import fc from "fast-check";
import type { ModelRequest } from "../../spec/request.ts";
import { countPromptTokens, countTokens, UNBOUNDED_OUTPUT_TOKENS, utf8Length, worstCase } from "./estimate.ts";

function request(over: Partial<ModelRequest> = {}): ModelRequest {
  return { dialect: "openai-chat", model: "m", messages: [], stream: false, includeUsage: false, ...over };
}

test("the length in UTF-8 is that of the encoded text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      expect(utf8Length(text)).toBe(new TextEncoder().encode(text).length);
    }),
  );
});

test("the worst case is at least a token a byte, and more for what the provider fetches itself", () => {
  const image = { type: "image" as const, source: { kind: "url" as const, url: "https://a/b.png" } };
  expect(worstCase(request({ maxOutputTokens: 50, choices: 3 }), 1_000)).toEqual({ input: 1_000, output: 150 });
  expect(worstCase(request({ messages: [{ role: "user", parts: [image] }] }), 100).input).toBeGreaterThan(10_000);
  expect(worstCase(request(), 1).output).toBe(UNBOUNDED_OUTPUT_TOKENS);
});

test("a prompt is counted by all of its texts", () => {
  const messages: ModelRequest["messages"] = [
    { role: "user", parts: [{ type: "text", text: "x".repeat(400) }] },
    { role: "assistant", parts: [{ type: "tool-call", id: "1", name: "f", arguments: "x".repeat(400) }] },
    { role: "tool", parts: [{ type: "tool-result", callId: "1", content: [{ type: "text", text: "x".repeat(400) }] }] },
  ];
  const tokens = countPromptTokens(request({ messages }));
  expect(tokens).toBeGreaterThanOrEqual(300);
  expect(tokens).toBeLessThan(330);
  expect(countTokens(0)).toBe(0);
});

test("counting takes time in proportion to the text: an unbroken run of letters is no worse than words", () => {
  const run = request({ messages: [{ role: "user", parts: [{ type: "text", text: "_".repeat(1_000_000) }] }] });
  const start = performance.now();
  countPromptTokens(run);
  expect(performance.now() - start).toBeLessThan(500);
});
