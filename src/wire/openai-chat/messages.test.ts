import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import type { Message } from "../../spec/message.ts";
import { Fields } from "../read.ts";
import { readMessages } from "./messages.ts";
import { sourceOf } from "./source.ts";

const read = (...messages: JsonObject[]): Message[] => readMessages(new Fields({ messages }, ""));
const first = (message: JsonObject): Message => read(message)[0]!;

describe("messages", () => {
  test.each(["system", "developer", "user", "assistant"] as const)("a text of the role %s", (role) => {
    expect(first({ role, content: "x", name: "ada" })).toEqual({
      role,
      name: "ada",
      parts: [{ type: "text", text: "x" }],
    });
  });

  test("what is unknown stays beside what is known", () => {
    expect(first({ role: "user", content: "x", cache_control: { type: "ephemeral" } }).extra).toEqual({
      cache_control: { type: "ephemeral" },
    });
  });

  test("calls keep their arguments as they were written, and none are an empty object", () => {
    const call = (id: string, args: unknown) => ({ id, type: "function", function: { name: "f", arguments: args } });
    const message = first({
      role: "assistant",
      content: null,
      tool_calls: [call("a", '{"x": 1}'), call("b", ""), call("c", "{broken"), call("d", { y: 2 })],
    } as unknown as JsonObject);
    expect(message.parts.map((part) => part.type === "tool-call" && part.arguments)).toEqual([
      '{"x": 1}',
      "{}",
      "{broken",
      '{"y":2}',
    ]);
  });

  test("a call that is no function's stays whole", () => {
    const custom = { id: "c", type: "custom", custom: { name: "sh", input: "ls" } };
    expect(first({ role: "assistant", tool_calls: [custom] }).parts).toEqual([
      { type: "opaque", value: { tool_calls: [custom] } },
    ]);
  });

  test("a tool's result has its call's id and its content", () => {
    expect(first({ role: "tool", tool_call_id: "c", content: [{ type: "text", text: "42" }] })).toEqual({
      role: "tool",
      parts: [{ type: "tool-result", callId: "c", content: [{ type: "text", text: "42" }] }],
      form: { content: "list" },
    });
  });

  test("sound in a tool's result stays whole", () => {
    const audio = { type: "input_audio", input_audio: { data: "AA", format: "wav" } };
    const [result] = first({ role: "tool", tool_call_id: "c", content: [audio] }).parts;
    expect(result).toMatchObject({ content: [{ type: "opaque", value: audio }] });
  });
});

describe("thoughts that clients send back", () => {
  const thoughts = (message: JsonObject) => {
    const { parts, form, extra } = first({ role: "assistant", content: "yes", ...message });
    return { parts: parts.filter((part) => part.type === "reasoning"), form, extra };
  };

  test.each(["reasoning_content", "reasoning"])("as %s", (field) => {
    expect(thoughts({ [field]: "hm" })).toEqual({
      parts: [{ type: "reasoning", text: "hm", form: { field } }],
      form: undefined,
      extra: undefined,
    });
  });

  test("with a signature, and beside it the text once more", () => {
    const detail = { type: "reasoning.text", text: "hm", signature: "s1", format: "anthropic-claude-v1", index: 0 };
    const sealed = { type: "reasoning.encrypted", data: "XX", id: "rs_1", index: 1 };
    expect(thoughts({ reasoning: "hm", reasoning_details: [detail, sealed] })).toEqual({
      parts: [
        {
          type: "reasoning",
          text: "hm",
          signature: "s1",
          form: {
            field: "reasoning_details",
            detail: { type: "reasoning.text", format: "anthropic-claude-v1", index: 0 },
          },
        },
        {
          type: "reasoning",
          text: "",
          redacted: "XX",
          form: { field: "reasoning_details", detail: { type: "reasoning.encrypted", id: "rs_1", index: 1 } },
        },
      ],
      form: { reasoning: ["reasoning"] },
      extra: undefined,
    });
  });

  test("with a signature whose text stands beside it only", () => {
    const { parts } = thoughts({
      reasoning_content: "hm",
      reasoning_details: [{ type: "reasoning.text", signature: "s1" }],
    });
    expect(parts).toHaveLength(1);
    expect(parts[0]).toMatchObject({ text: "hm", signature: "s1" });
  });

  test("an item that lost its data is kept with what it has", () => {
    const { parts } = thoughts({ reasoning_details: [{ type: "reasoning.encrypted", id: "rs_1" }] });
    expect(parts[0]).toMatchObject({ text: "", form: { detail: { type: "reasoning.encrypted", id: "rs_1" } } });
  });

  test.each([[{ reasoning_details: "x" }], [{ reasoning: { a: 1 } }], [{ reasoning_content: 7 }]])(
    "in a shape that nobody knows stay as they came: %j",
    (message) => {
      expect(thoughts(message as JsonObject)).toEqual({ parts: [], form: undefined, extra: message });
    },
  );

  test("only the assistant has thoughts", () => {
    expect(first({ role: "user", content: "x", reasoning: "hm" })).toMatchObject({ extra: { reasoning: "hm" } });
  });
});

/** `content.ts` */
describe("parts of a content list", () => {
  const part = (value: JsonObject, role = "user") =>
    first({ role, content: [value, { type: "text", text: "." }] }).parts[0]!;

  test.each<[string, JsonObject, unknown]>([
    [
      "text with a mark for caching",
      { type: "text", text: "x", cache_control: { type: "ephemeral" } },
      { type: "text", text: "x", extra: { cache_control: { type: "ephemeral" } } },
    ],
    [
      "an image by address",
      { type: "image_url", image_url: { url: "https://a.example/i.png", detail: "low", format: "png" } },
      {
        type: "image",
        source: { kind: "url", url: "https://a.example/i.png" },
        detail: "low",
        extra: { image_url: { format: "png" } },
      },
    ],
    [
      "an image as data",
      { type: "image_url", image_url: { url: "data:image/png;base64,iVBO" } },
      { type: "image", source: { kind: "base64", mediaType: "image/png", data: "iVBO" } },
    ],
    [
      "an image as a bare string",
      { type: "image_url", image_url: "https://a.example/i.png" },
      { type: "image", source: { kind: "url", url: "https://a.example/i.png" }, form: { bare: true } },
    ],
    [
      "sound",
      { type: "input_audio", input_audio: { data: "UklG", format: "wav" } },
      { type: "audio", data: "UklG", format: "wav" },
    ],
    [
      "a document as data",
      { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,JVBE" } },
      { type: "document", name: "a.pdf", source: { kind: "base64", mediaType: "application/pdf", data: "JVBE" } },
    ],
    [
      "a document by id",
      { type: "file", file: { file_id: "file-1" } },
      { type: "document", source: { kind: "file", fileId: "file-1" } },
    ],
    [
      "a file of an unknown form",
      { type: "file", file: { file_data: "JVBE" } },
      { type: "opaque", value: { type: "file", file: { file_data: "JVBE" } } },
    ],
    [
      "a sound of Mistral's form",
      { type: "input_audio", input_audio: "UklGRg" },
      { type: "audio", format: "wav", data: "UklGRg", form: { bare: true } },
    ],
    [
      "a file of Mistral's form",
      { type: "file", file_id: "f1" },
      { type: "opaque", value: { type: "file", file_id: "f1" } },
    ],
    ["something new", { type: "hologram", x: 1 }, { type: "opaque", value: { type: "hologram", x: 1 } }],
  ])("%s", (_, given, expected) => {
    expect<unknown>(part(given)).toEqual(expected);
  });

  test("a thought of Mistral's is one when the model had it", () => {
    const thinking = {
      type: "thinking",
      thinking: [
        { type: "text", text: "h" },
        { type: "text", text: "m" },
      ],
    };
    expect(part(thinking, "assistant")).toEqual({ type: "reasoning", text: "hm", form: { field: "content" } });
    expect(part(thinking, "user").type).toBe("opaque");
  });

  test("a refusal is one", () => {
    expect(part({ type: "refusal", refusal: "no" }, "assistant")).toEqual({
      type: "refusal",
      text: "no",
      form: { field: "content" },
    });
  });
});

test.each([
  ["data:image/png;base64,AA==", "base64"],
  ["DATA:image/png;base64,AA==", "base64"],
  ["data:image/png;charset=x;base64,AA==", "url"],
  ["data:image/png;base64;charset=x,AA==", "url"],
  ["data:;base64,AA==", "url"],
  ["data:image/svg+xml,<svg/>", "base64"],
  ["data:,x", "base64"],
  ["https://a.example/data:image/png;base64,AA", "url"],
  ["", "url"],
])("%s is a source of kind %s", (url, kind) => {
  expect(sourceOf(url).kind).toBe(kind as "url");
});

test.each([
  ["data:text/csv;charset=utf-8;base64,YQ==", "text/csv", "a"],
  ["data:text/plain; charset=US-ASCII,a%20b", "text/plain", "a b"],
  ["data:,%e2%82%ac,100%", "text/plain", "€,100%"],
])("%s is its bytes", (url, mediaType, text) => {
  expect(sourceOf(url)).toEqual({ kind: "base64", mediaType, data: Buffer.from(text).toString("base64") });
});
