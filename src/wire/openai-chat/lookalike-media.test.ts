import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { openaiChat } from "./index.ts";

const WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

const partOf = (item: JsonObject) =>
  openaiChat.decode({ model: "m", messages: [{ role: "user", content: [item] }] }).messages[0]!.parts[0]!;

describe("a document of a lookalike's is one, and keeps its own words", () => {
  const bytes = (mediaType: string, data: string) => ({ kind: "base64", mediaType, data });
  const rows: [item: JsonObject, source: { kind: string }, name?: string][] = [
    [{ type: "document_url", document_url: "data:application/pdf;base64,JVBE" }, bytes("application/pdf", "JVBE")],
    [
      { type: "document_url", document_url: "https://a.example/a.pdf", document_name: "a.pdf" },
      { kind: "url", url: "https://a.example/a.pdf" } as { kind: string },
      "a.pdf",
    ],
    [{ type: "file_url", file_url: { url: "JVBERi0x" } }, bytes("application/pdf", "JVBERi0x")],
    [{ type: "file_url", file_url: { url: "UEsDBAo=" } }, bytes(WORD, "UEsDBAo=")],
    [{ type: "file_url", file_url: { url: "SGVsbG8=" }, file_name: "A.TXT" }, bytes("text/plain", "SGVsbG8="), "A.TXT"],
    [
      { type: "file_url", file_url: { url: "https://a.example/a.pdf" } },
      { kind: "url", url: "https://a.example/a.pdf" } as { kind: string },
    ],
  ];
  for (const [item, source, name] of rows) {
    test(JSON.stringify(item), () => {
      const read = { type: "document", source, form: { item: { value: item, kind: source.kind } } };
      expect<unknown>(partOf(item)).toEqual(name === undefined ? read : { ...read, name });
    });
  }
});

describe("what is not known stays whole", () => {
  test.each<JsonObject>([
    { type: "document_url", document_url: { url: "https://a.example/a.pdf" } },
    { type: "document_url", document_url: "https://a.example/a.pdf", pages: [1] },
    { type: "document_url", document_url: "https://a.example/a.pdf", document_name: 1 },
    { type: "document_url", document_url: "gs://bucket/a.pdf" },
    { type: "document_url" },
    { type: "file_url", file_url: { url: "SGVsbG8=" } },
    { type: "file_url", file_url: { url: "SGVsbG8=" }, file_name: "a.toString" },
    { type: "file_url", file_url: { url: "not base64" }, file_name: "a.txt" },
    { type: "file_url", file_url: { url: "file:///etc/passwd" }, file_name: "passwd.txt" },
    { type: "file_url", file_url: { url: "JVBERi0x", pages: 1 } },
    { type: "file_url", file_url: null },
    { type: "input_audio", input_audio: "https://a.example/a.wav" },
    { type: "input_audio", input_audio: "AAAA" },
    { type: "input_audio", input_audio: "UklGRg", x: 1 },
  ])("%j", (item) => {
    expect<unknown>(partOf(item)).toEqual({ type: "opaque", value: item });
  });
});

test.each([
  ["UklGRg", "wav"],
  ["SUQzBA", "mp3"],
  ["//uQxA", "mp3"],
  ["ZkxhQw", "flac"],
  ["T2dnUw", "ogg"],
])("a bare sound that begins with %s is %s", (data, format) => {
  const item = { type: "input_audio", input_audio: data };
  expect<unknown>(partOf(item)).toEqual({ type: "audio", format, data, form: { bare: true } });
});
