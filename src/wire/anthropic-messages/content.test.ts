import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import type { Part } from "../../spec/message.ts";
import { InvalidRequest } from "../../spec/wire.ts";
import { Fields } from "../read.ts";
import { readContent } from "./content.ts";

function read(block: JsonObject): Part {
  return readContent(new Fields({ content: [block] }, "messages[0]"), "content")[0]!;
}

const CACHE = { cache_control: { type: "ephemeral" } };

describe("a content block becomes a part", () => {
  test.each<[string, JsonObject, JsonObject]>([
    ["text", { type: "text", text: "x" }, { type: "text", text: "x" }],
    ["text with more", { type: "text", text: "x", ...CACHE }, { type: "text", text: "x", extra: CACHE }],
    [
      "an image in bytes",
      { type: "image", source: { type: "base64", media_type: "image/png", data: "AA==" } },
      { type: "image", source: { kind: "base64", mediaType: "image/png", data: "AA==" } },
    ],
    [
      "an image by URL",
      { type: "image", source: { type: "url", url: "https://x.example/i.png" }, ...CACHE },
      { type: "image", source: { kind: "url", url: "https://x.example/i.png" }, extra: CACHE },
    ],
    [
      "an image by file",
      { type: "image", source: { type: "file", file_id: "f", later: 1 } },
      { type: "image", source: { kind: "file", fileId: "f" }, extra: { source: { later: 1 } } },
    ],
    [
      "a PDF",
      {
        type: "document",
        title: "T",
        citations: { enabled: true },
        source: { type: "base64", media_type: "application/pdf", data: "AA==" },
      },
      {
        type: "document",
        name: "T",
        source: { kind: "base64", mediaType: "application/pdf", data: "AA==" },
        extra: { citations: { enabled: true } },
      },
    ],
    [
      "a text document",
      { type: "document", source: { type: "text", media_type: "text/plain", data: "x" } },
      { type: "document", source: { kind: "text", mediaType: "text/plain", text: "x" } },
    ],
    [
      "a thought",
      { type: "thinking", thinking: "hm", signature: "sig" },
      { type: "reasoning", text: "hm", signature: "sig" },
    ],
    ["a sealed thought", { type: "redacted_thinking", data: "xx" }, { type: "reasoning", text: "", redacted: "xx" }],
    [
      "a tool's call",
      { type: "tool_use", id: "t1", name: "f", input: { a: [1] }, caller: { type: "direct" } },
      { type: "tool-call", id: "t1", name: "f", arguments: '{"a":[1]}', extra: { caller: { type: "direct" } } },
    ],
    [
      "a tool's call without input",
      { type: "tool_use", id: "t1", name: "f" },
      { type: "tool-call", id: "t1", name: "f", arguments: "{}" },
    ],
    [
      "a tool's call whose arguments were no object",
      { type: "tool_use", id: "t1", name: "f", input: { _raw_arguments: '{"a":' } },
      { type: "tool-call", id: "t1", name: "f", arguments: '{"a":' },
    ],
    [
      "a tool's result",
      { type: "tool_result", tool_use_id: "t1", content: "42", is_error: false },
      { type: "tool-result", callId: "t1", content: [{ type: "text", text: "42" }], isError: false },
    ],
    [
      "a tool's empty result",
      { type: "tool_result", tool_use_id: "t1" },
      { type: "tool-result", callId: "t1", content: [] },
    ],
    [
      "a tool's result in blocks",
      {
        type: "tool_result",
        tool_use_id: "t1",
        content: [
          { type: "text", text: "x" },
          { type: "tool_reference", tool_name: "f" },
        ],
      },
      {
        type: "tool-result",
        callId: "t1",
        content: [
          { type: "text", text: "x" },
          { type: "opaque", value: { type: "tool_reference", tool_name: "f" } },
        ],
        form: { content: "blocks" },
      },
    ],
  ])("%s", (_, block, part) => {
    expect<unknown>(read(block)).toEqual(part);
  });

  test.each<[string, JsonObject]>([
    ["a server-side tool's call", { type: "server_tool_use", id: "s1", name: "web_search", input: { query: "x" } }],
    ["its result", { type: "web_search_tool_result", tool_use_id: "s1", content: [] }],
    ["a document made of blocks", { type: "document", source: { type: "content", content: "x" } }],
    ["an image from somewhere new", { type: "image", source: { type: "later" } }],
    ["a block of tomorrow", { type: "later", value: { deep: [1] } }],
  ])("%s is kept whole", (_, block) => {
    expect(read(block)).toEqual({ type: "opaque", value: block });
  });

  test("a text is a block of its own", () => {
    expect(readContent(new Fields({ content: "x" }, "m"), "content")).toEqual([{ type: "text", text: "x" }]);
  });
});

describe("a block that is malformed is refused by its path", () => {
  test.each<[string, JsonObject, string]>([
    ["no type", { text: "x" }, "type"],
    ["a text without text", { type: "text" }, "text"],
    ["an image without a source", { type: "image" }, "source"],
    ["an image whose source is a text", { type: "image", source: "x" }, "source"],
    ["bytes without a media type", { type: "image", source: { type: "base64", data: "" } }, "source.media_type"],
    ["bytes without data", { type: "image", source: { type: "base64", media_type: "image/png" } }, "source.data"],
    ["a URL that is a number", { type: "image", source: { type: "url", url: 1 } }, "source.url"],
    ["a thought without text", { type: "thinking", signature: "x" }, "thinking"],
    ["a sealed thought without data", { type: "redacted_thinking" }, "data"],
    ["a tool's call without an id", { type: "tool_use", name: "f", input: {} }, "id"],
    ["a tool's call with an empty name", { type: "tool_use", id: "t", name: "", input: {} }, "name"],
    ["a tool's call whose input is a text", { type: "tool_use", id: "t", name: "f", input: "{}" }, "input"],
    ["a result without its call", { type: "tool_result", content: "x" }, "tool_use_id"],
    ["a result that is a number", { type: "tool_result", tool_use_id: "t", content: 1 }, "content"],
    ["is_error as text", { type: "tool_result", tool_use_id: "t", is_error: "no" }, "is_error"],
    [
      "a result that holds a call",
      { type: "tool_result", tool_use_id: "t", content: [{ type: "tool_use", id: "u", name: "f" }] },
      "content[0].type",
    ],
  ])("%s", (_, block, field) => {
    const attempt = () => read(block);
    expect(attempt).toThrow(InvalidRequest);
    expect(attempt).toThrow(`messages[0].content[0].${field} `);
  });
});
