import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Part } from "../../spec/message.ts";
import type { Operation } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";
import {
  abandonedOutput,
  countPromptTokens,
  countTokens,
  silentOutput,
  UNBOUNDED_OUTPUT_TOKENS,
  utf8Length,
  worstCase,
} from "./estimate.ts";

function request(over: Partial<ModelRequest> = {}): ModelRequest {
  return { dialect: "openai-chat", model: "m", messages: [], stream: false, includeUsage: false, ...over };
}

test("the length in UTF-8 is that of the encoded text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      expect(utf8Length(text)).toBe(new TextEncoder().encode(text).length);
    }),
  );
  // Halves of pairs, which a caller may write into JSON by their numbers.
  const units = fc.array(fc.integer({ min: 0xd700, max: 0xe100 }), { maxLength: 70 });
  fc.assert(
    fc.property(units, (codes) => {
      const text = String.fromCharCode(...codes);
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

test("a budget for thoughts above the bound is held on top of it, whatever it was called; one below is within it", () => {
  const of = (budgetTokens: number) =>
    worstCase(request({ maxOutputTokens: 50, reasoning: { budgetTokens } }), 1).output;
  expect(of(30_000)).toBe(30_050);
  expect(of(50)).toBe(50);
  expect(worstCase(request({ reasoning: { budgetTokens: 30_000 } }), 1).output).toBe(UNBOUNDED_OUTPUT_TOKENS);
});

test("media that a tool gave back are fetched as well", () => {
  const url = { kind: "url" as const, url: "https://a/b" };
  const content = [
    { type: "image" as const, source: url },
    { type: "document" as const, source: url },
    { type: "opaque" as const, value: { fileData: { fileUri: "gs://a/b" } } },
    { type: "opaque" as const, value: { type: "tool_reference", tool_name: "f" } },
  ];
  const messages = [{ role: "tool" as const, parts: [{ type: "tool-result" as const, callId: "1", content }] }];
  expect(worstCase(request({ messages }), 100).input).toBe(100 + 16 + 3 * 50_000);
});

test("a picture of few bytes may be large", () => {
  const source = { kind: "base64" as const, mediaType: "image/png", data: "AAAA" };
  const messages = [{ role: "user" as const, parts: [{ type: "image" as const, source }] }];
  expect(worstCase(request({ messages }), 100).input).toBeGreaterThan(1_000);
});

test("what a provider reads beside the body takes all that fits into the model", () => {
  const bound = request({ dialectBound: ["previous_response_id"] });
  expect(worstCase(bound, 100, { context: 400_000 }).input).toBe(400_000);
  expect(worstCase(bound, 100).input).toBe(2_000_000);
  expect(worstCase(bound, 5_000_000, { context: 400_000 }).input).toBe(5_000_000);
  expect(worstCase(request(), 100, { context: 400_000 }).input).toBe(100);
});

test("an answer without a bound is as long as the model is known to write, and no longer than what it takes", () => {
  const output = (bounds: object, over: Partial<ModelRequest> = {}) => worstCase(request(over), 1, bounds).output;
  expect(output({ answer: 16_384 })).toBe(16_384);
  expect(output({ answer: 16_384, context: 8_000 })).toBe(8_000);
  expect(output({ answer: 200_000 })).toBe(200_000);
  expect(output({ answer: 16_384, thoughts: 1_000 }, { choices: 2 })).toBe(34_768);
  expect(output({ answer: 16_384 }, { maxOutputTokens: 20_000 }), "whoever sets one is taken at it").toBe(20_000);
});

test("an answer that nobody saw is charged at most what is reserved for it", () => {
  const rows: Partial<ModelRequest>[] = [
    {},
    { maxOutputTokens: 9, choices: 3 },
    { operation: { type: "complete", prompts: ["a", "b"], bestOf: 4, echo: true } },
    { operation: { type: "relay", name: "images.generate", fields: {}, texts: [] }, choices: 2 },
    { operation: { type: "relay", name: "rerank", fields: {}, texts: [] } },
    { operation: { type: "embed", inputs: [] } },
  ];
  const charged = rows.map((row) => abandonedOutput(request(row)));
  expect(charged).toEqual([4_096, 27, 8 * 4_096, 40_000, 0, 0]);
  for (const [i, row] of rows.entries()) expect(charged[i]).toBeLessThanOrEqual(worstCase(request(row), 50).output);
});

describe("a prompt is counted by its media too:", () => {
  const base64 = (mediaType: string) => ({ kind: "base64" as const, mediaType, data: "A".repeat(2_000_000) });
  const rows: [what: string, part: Part, tokens: number][] = [
    ["a picture", { type: "image", source: base64("image/png") }, 1_000],
    ["a document", { type: "document", source: base64("application/pdf") }, 93_750],
    ["a document of text", { type: "document", source: base64("text/plain") }, 375_000],
    ["a document elsewhere", { type: "document", source: { kind: "file", fileId: "f" } }, 50_000],
    ["a recording", { type: "audio", format: "mp3", data: "A".repeat(2_000_000) }, 46_875],
    ["sealed thoughts", { type: "reasoning", text: "", redacted: "A".repeat(4_000) }, 1_000],
    ["what only its dialect knows", { type: "opaque", value: { x: "y ".repeat(2_000) } }, 1_000],
    ["a file in that", { type: "opaque", value: { data: "A".repeat(2_000_000) } }, 93_750],
    ["a reference in that", { type: "opaque", value: { fileData: { fileUri: "a" } } }, 50_001],
    ["a link in work that is done", { type: "opaque", value: { url: "a" }, optional: true }, 1],
    [
      "a picture that a tool gave back",
      { type: "tool-result", callId: "1", content: [{ type: "image", source: base64("image/png") }] },
      1_000,
    ],
  ];
  test.each(rows)("%s", (_, part, tokens) => {
    expect(countPromptTokens(request({ messages: [{ role: "user", parts: [part] }] }))).toBe(tokens + 4);
  });

  test("files of a form, and a conversation that lies with the provider", () => {
    const file = (mediaType: string) => ({ field: "f", name: "n", mediaType, bytes: new Uint8Array(32_000) });
    const operation: Operation = { type: "relay", name: "audio.transcribe", fields: {}, texts: [] };
    const tokens = (mediaType: string) =>
      countPromptTokens(request({ operation: { ...operation, files: [file(mediaType)] } }));
    expect([tokens("audio/mpeg"), tokens("image/png"), tokens("text/plain")]).toEqual([1_000, 1_000, 8_000]);
    expect(countPromptTokens(request({ dialectBound: ["conversation"] }))).toBe(50_000);
  });
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

test("a silence is worth a hundred tokens a second after the first, in a streamed conversation", () => {
  const streamed = request({ stream: true });
  expect([0, 999, 1_000, 1_001, 11_000].map((ms) => silentOutput(streamed, ms))).toEqual([0, 0, 0, 1, 1_000]);
  expect(silentOutput(request(), 60_000)).toBe(0);
  const operation: Operation = { type: "embed", inputs: [{ text: "x" }] };
  expect(silentOutput(request({ stream: true, operation }), 60_000)).toBe(0);
});
