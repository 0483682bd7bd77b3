import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { UnsupportedFeature } from "../../spec/adapter.ts";
import type { Part } from "../../spec/message.ts";
import { BlockWriter, textAlone } from "./blocks.ts";

function write(part: Part, own = false): { block: JsonObject | undefined; warnings: string[] } {
  const warnings: string[] = [];
  const block = new BlockWriter(own, (field) => warnings.push(field)).block(part, "messages[0].content");
  return { block, warnings };
}

const base64 = (mediaType: string, data: string) => ({ kind: "base64", mediaType, data }) as const;

test("a tool's error of nothing, which Anthropic refuses, says that it is one; its own callers say what they say", () => {
  const failed: Part = { type: "tool-result", callId: "a", content: [], isError: true };
  const block = { type: "tool_result", tool_use_id: "a", is_error: true };
  expect(write(failed).block).toEqual({ ...block, content: "The tool failed without a word." });
  expect(write(failed, true).block).toEqual(block);
});

describe("a part becomes a block", () => {
  test.each<[string, Part, JsonObject | undefined]>([
    ["text", { type: "text", text: "x" }, { type: "text", text: "x" }],
    ["text of nothing but white space", { type: "text", text: " \n" }, undefined],
    ["a refusal", { type: "refusal", text: "no" }, { type: "text", text: "no" }],
    [
      "an image in bytes",
      { type: "image", source: base64("image/png", "AA==") },
      { type: "image", source: { type: "base64", media_type: "image/png", data: "AA==" } },
    ],
    [
      "an image with the wrong name that clients give it",
      { type: "image", source: base64("image/jpg", "AA==") },
      { type: "image", source: { type: "base64", media_type: "image/jpeg", data: "AA==" } },
    ],
    [
      "the same in a data URL",
      { type: "image", source: { kind: "url", url: "data:image/JPG;base64,AA==" } },
      { type: "image", source: { type: "base64", media_type: "image/jpeg", data: "AA==" } },
    ],
    [
      "an image in a data URL",
      { type: "image", source: { kind: "url", url: "data:image/png;charset=x;base64,AA==" } },
      { type: "image", source: { type: "base64", media_type: "image/png", data: "AA==" } },
    ],
    [
      "an image by URL, without OpenAI's detail",
      { type: "image", source: { kind: "url", url: "https://x.example/i" }, detail: "low" },
      { type: "image", source: { type: "url", url: "https://x.example/i" } },
    ],
    [
      "a PDF with a name",
      { type: "document", name: "a.pdf", source: base64("application/pdf", "AA==") },
      { type: "document", title: "a.pdf", source: { type: "base64", media_type: "application/pdf", data: "AA==" } },
    ],
    [
      "a text in base64",
      { type: "document", source: base64("text/markdown", btoa("# x")) },
      { type: "document", source: { type: "text", media_type: "text/plain", data: "# x" } },
    ],
    [
      "a signed thought",
      { type: "reasoning", text: "hm", signature: "s" },
      { type: "thinking", thinking: "hm", signature: "s" },
    ],
    ["a sealed thought", { type: "reasoning", text: "", redacted: "x" }, { type: "redacted_thinking", data: "x" }],
    [
      "a call whose id another provider made",
      { type: "tool-call", id: "functions.f:0", name: "f", arguments: "" },
      { type: "tool_use", id: "functions_f_0", name: "f", input: {} },
    ],
    [
      "a call whose arguments are no object",
      { type: "tool-call", id: "a", name: "f", arguments: "[1" },
      { type: "tool_use", id: "a", name: "f", input: { _raw_arguments: "[1" } },
    ],
    [
      "an error of a tool",
      { type: "tool-result", callId: "a", content: [{ type: "text", text: "no" }], isError: true },
      { type: "tool_result", tool_use_id: "a", content: "no", is_error: true },
    ],
    [
      "a result that says nothing",
      { type: "tool-result", callId: "a", content: [] },
      { type: "tool_result", tool_use_id: "a" },
    ],
    [
      "a result with an image",
      {
        type: "tool-result",
        callId: "a",
        content: [{ type: "image", source: { kind: "url", url: "https://x.example/i" } }],
      },
      {
        type: "tool_result",
        tool_use_id: "a",
        content: [{ type: "image", source: { type: "url", url: "https://x.example/i" } }],
      },
    ],
    [
      "a text with a cache mark",
      { type: "text", text: "x", extra: { cache_control: { type: "ephemeral" } } },
      { type: "text", text: "x", cache_control: { type: "ephemeral" } },
    ],
  ])("%s", (_, part, expected) => {
    expect(write(part).block).toEqual(expected);
  });

  test("calls and results keep one id, and different ids stay different", () => {
    const writer = new BlockWriter(false, () => {});
    const ids = ["a:0", "a.0", "a:0"].map(
      (id) => writer.block({ type: "tool-call", id, name: "f", arguments: "" }, "")?.id,
    );
    expect(ids).toEqual(["a_0", "a_0_2", "a_0"]);
    expect(writer.block({ type: "tool-result", callId: "a.0", content: [] }, "")?.tool_use_id).toBe("a_0_2");
  });

  test("a thought without Anthropic's signature is left out with a warning", () => {
    for (const part of [
      { type: "reasoning", text: "hm" },
      { type: "reasoning", text: "hm", signature: "" },
    ] as const) {
      expect(write(part)).toEqual({ block: undefined, warnings: ["messages[0].content"] });
    }
  });

  test("a field of another dialect is left out with a warning", () => {
    expect(write({ type: "text", text: "x", extra: { later: 1 } })).toEqual({
      block: { type: "text", text: "x" },
      warnings: ["later"],
    });
  });

  test.each<[string, Part]>([
    ["audio", { type: "audio", format: "wav", data: "" }],
    ["another provider's file", { type: "image", source: { kind: "file", fileId: "file-1" } }],
    ["a document of another kind", { type: "document", source: base64("application/msword", "AA==") }],
    ["what only another dialect knows", { type: "opaque", value: { type: "x" } }],
  ])("%s is refused", (_, part) => {
    expect(() => write(part)).toThrow(UnsupportedFeature);
  });
});

describe("for a caller of Anthropic's own dialect nothing changes", () => {
  test.each<[Part, JsonObject]>([
    [
      { type: "text", text: "" },
      { type: "text", text: "" },
    ],
    [
      { type: "text", text: "x", extra: { later: 1 } },
      { type: "text", text: "x", later: 1 },
    ],
    [{ type: "opaque", value: { type: "later" } }, { type: "later" }],
    [
      { type: "image", source: { kind: "file", fileId: "f" }, extra: { source: { later: 1 }, cache_control: null } },
      { type: "image", source: { type: "file", file_id: "f", later: 1 }, cache_control: null },
    ],
    [
      { type: "document", source: { kind: "text", mediaType: "text/plain", text: "x" }, extra: { context: "c" } },
      { type: "document", source: { type: "text", media_type: "text/plain", data: "x" }, context: "c" },
    ],
    [
      { type: "tool-call", id: "toolu_1", name: "f", arguments: "{}" },
      { type: "tool_use", id: "toolu_1", name: "f", input: {} },
    ],
    [
      { type: "tool-result", callId: "a", content: [{ type: "text", text: "x" }], form: { content: "blocks" } },
      { type: "tool_result", tool_use_id: "a", content: [{ type: "text", text: "x" }] },
    ],
  ])("%j", (part, expected) => {
    expect(write(part, true)).toEqual({ block: expected, warnings: [] });
  });
});

test("only a plain text alone is worded as a string", () => {
  expect(textAlone([{ type: "text", text: "x" }])).toBe("x");
  expect(textAlone([{ type: "text", text: "x", cache_control: {} }])).toBeUndefined();
  expect(textAlone([])).toBeUndefined();
});
