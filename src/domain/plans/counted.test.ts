import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import type { Part } from "../../spec/message.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { type CountText, countBytes, countedInput } from "./counted.ts";
import { COUNTED_CHARACTERS } from "./text-tokens.ts";
import { type ModelTokenizer, tokenizerOf } from "./tokenizers.ts";

/** Nothing around, and a token for every four characters. */
const plain: ModelTokenizer = {
  cutting: "o200k",
  exact: true,
  image: 1_000,
  around: { call: 0, message: 0, tool: 0, tools: 0, schema: 0 },
};
const quarter: CountText = (text, characters) => {
  const tokens = Math.ceil(Math.min(text.length, characters) / 4);
  return { tokens, bound: 2 * tokens };
};

function request(over: Partial<ModelRequest> = {}): ModelRequest {
  return { dialect: "openai-chat", model: "m", messages: [], stream: false, includeUsage: false, ...over };
}
const saying = (...parts: Part[]) => request({ messages: [{ role: "user", parts }] });
const input = (asked: ModelRequest, model = plain, count = quarter) => countedInput(asked, model, count)?.input;

describe("a part of a prompt counts", () => {
  const data = "A".repeat(8_000);
  const pdf = btoa("<< /Type /Pages /Count 200 >>");
  const base64 = { kind: "base64" as const, mediaType: "a/b", data };
  const rows: [string, Part, number][] = [
    ["a text", { type: "text", text: "x".repeat(400) }, 100],
    ["what was thought, and its seal by its bytes", { type: "reasoning", text: "x".repeat(40), signature: "s".repeat(30), redacted: "r".repeat(7) }, 47],
    ["a call of a tool", { type: "tool-call", id: "c1", name: "find", arguments: '{"a":1}' }, 1 + 1 + 2],
    ["what a tool gave", { type: "tool-result", callId: "c1", content: [{ type: "text", text: "x".repeat(40) }] }, 11],
    ["a picture, however few its bytes are", { type: "image", source: { ...base64, data: "AAAA" } }, 1_000],
    ["a picture elsewhere", { type: "image", source: { kind: "url", url: "https://a/b" } }, 1_000],
    ["sound by its bytes", { type: "audio", format: "wav", data }, 500],
    ["a document by its bytes, and what a page is", { type: "document", source: base64 }, 8_000 + 4_608],
    ["a PDF by its pages also", { type: "document", source: { ...base64, mediaType: "application/pdf", data: pdf } }, pdf.length + 200 * 4_608],
    ["the same under another spelling of its type", { type: "document", source: { ...base64, mediaType: "Application/PDF; x=y", data: pdf } }, pdf.length + 200 * 4_608],
    ["a document elsewhere", { type: "document", source: { kind: "file", fileId: "f" } }, 50_000 + 4_608],
    ["a document of text", { type: "document", source: { kind: "text", mediaType: "text/plain", text: "x".repeat(40) } }, 10 + 4_608],
    ["what only its dialect knows, as JSON", { type: "opaque", value: { a: "x".repeat(32) } }, 10],
    ["a file in that by its bytes, and as a picture", { type: "opaque", value: { data } }, 8_000 + 3 + 1_000],
    ["a reference in that", { type: "opaque", value: { file_id: "f" } }, 4 + 50_000],
  ]; // biome-ignore format: a table
  test.each(rows)("%s", (_, part, tokens) => expect(input(saying(part))).toBe(tokens));
});

test("everything beside the messages counts: tools, the form of the answer, what has no canonical name", () => {
  const asked = request({
    tools: [{ type: "function", name: "f", description: "x".repeat(400) }],
    toolChoice: { type: "tool", name: "f" },
    responseFormat: { type: "json-schema", name: "s", schema: { type: "object" } },
    extra: { prediction: "x".repeat(400) },
  });
  expect(input(asked)).toBeGreaterThanOrEqual(100 + 100 + 20);
  expect(input(asked)).toBeLessThan(280);
});

test("what providers put around it is added: once a call, for each turn, tool and form", () => {
  const around = { call: 1, message: 10, tool: 100, tools: 1_000, schema: 10_000 };
  const messages: ModelRequest["messages"] = [
    { role: "user", parts: [] },
    { role: "assistant", parts: [] },
  ];
  const tools: ModelRequest["tools"] = [
    { type: "function", name: "" },
    { type: "function", name: "" },
    { type: "opaque", value: {} },
  ];
  const none: CountText = () => ({ tokens: 0, bound: 0 });
  const asked = request({ messages, tools, responseFormat: { type: "json" } });
  expect(input(asked, { ...plain, around }, none)).toBe(1 + 20 + 200 + 2_048 + 1_000 + 10_000);
  expect(input(request({ operation: { type: "embed", inputs: [{ text: "a" }, { tokens: [1, 2, 3] }] } }), { ...plain, around }, none)).toBe(1 + 20 + 3); // biome-ignore format: one line
  expect(input(request({ operation: { type: "complete", prompts: ["a", [1, 2]], suffix: "b" } }), { ...plain, around }, none)).toBe(1 + 20 + 2); // biome-ignore format: one line
});

test("another model's tokenizer is bounded, and without any a token is no less than a byte", () => {
  const asked = saying({ type: "text", text: "é".repeat(40) });
  expect(input(asked, { ...plain, exact: false })).toBe(20);
  expect(input(asked, plain, countBytes)).toBe(80);
});

test("so much of a prompt is counted, and the rest is bounded by its bytes", () => {
  const text = "x".repeat(COUNTED_CHARACTERS - 100);
  const asked = saying({ type: "text", text }, { type: "text", text: "é".repeat(300) }, { type: "text", text: "é" });
  expect(input(asked)).toBe((COUNTED_CHARACTERS - 100) / 4 + 25 + 400 + 2);
});

test("sound, pictures and what is to be kept for long are told apart, because they cost otherwise", () => {
  const asked = saying(
    { type: "audio", format: "wav", data: "A".repeat(160) },
    { type: "image", source: { kind: "file", fileId: "f" } },
    { type: "text", text: "x", extra: { cache_control: { type: "ephemeral", ttl: "1h" } } },
  );
  expect(countedInput(asked, plain, quarter)).toMatchObject({ audioInput: 10, imageInput: 1_000, keepsLong: true });
  const usual = saying({ type: "text", text: "x", extra: { cache_control: { type: "ephemeral" } } });
  expect(countedInput(usual, plain, quarter)).toMatchObject({ audioInput: 0, imageInput: 0, keepsLong: false });
});

test("what is deep in a value is looked at once", () => {
  let looked = 0;
  const data = "A".repeat(5_000);
  const counting: CountText = (text) => {
    looked += text.length;
    return { tokens: 0, bound: 0 };
  };
  let value: JsonObject = { data, note: "x" };
  for (let depth = 0; depth < 100; depth++) value = { in: value };
  expect(input(saying({ type: "opaque", value }), plain, counting)).toBe(5_000 + 1_000);
  expect(looked).toBeLessThan(1_000);
});

test("what is relayed is not counted here", () => {
  const operation = { type: "relay" as const, name: "rerank" as const, fields: {}, texts: [] };
  expect(countedInput(request({ operation }), plain, quarter)).toBeUndefined();
});

test("a picture is what its model makes of it at most", () => {
  const images = ["gpt-4o-mini", "gpt-4o", "gpt-4.1-mini", "gpt-5", "claude-sonnet-4-5", "us.anthropic.claude-3", "x"];
  expect(images.map((model) => tokenizerOf(model).image)).toEqual([50_000, 1_600, 4_000, 1_600, 5_000, 5_000, 20_000]);
});
