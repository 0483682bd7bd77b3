import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import type { Part, Role } from "../../spec/message.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { storedStateOf } from "./stored-state.ts";

const request = (over: Partial<ModelRequest>): ModelRequest => ({
  dialect: "openai-responses",
  model: "m",
  messages: [{ role: "user", parts: [{ type: "text", text: "hi" }] }],
  stream: false,
  includeUsage: true,
  ...over,
});
const extra = (value: JsonObject) => request({ extra: value });
const tool = (value: JsonObject) => request({ tools: [{ type: "opaque", value }] });
const part = (value: Part) => request({ messages: [{ role: "user", parts: [value] }] });
const message = (role: Role, extra: JsonObject) => request({ messages: [{ role, parts: [], extra }] });
const opaque = (value: JsonObject) => part({ type: "opaque", value });

describe("what lies at the provider's account is found, and named", () => {
  const rows: [string, ModelRequest][] = [
    ["previous_response_id", extra({ previous_response_id: "resp_1" })],
    ["previousResponseId", extra({ previousResponseId: "resp_1" })],
    ["conversation", extra({ conversation: { id: "conv_1" } })],
    ["prompt", extra({ prompt: { id: "pmpt_1" } })],
    ["container", extra({ container: "container_1" })],
    ["container", extra({ container: { id: "container_1" } })],
    ["container", extra({ container: { skills: [{ type: "custom", skill_id: "skill_1" }] } })],
    ["cachedContent", extra({ cachedContent: "cachedContents/1" })],
    ["data_sources", extra({ data_sources: [{ type: "azure_search" }] })],
    ["tools[0].vector_store_ids", tool({ type: "file_search", vector_store_ids: ["vs_1"] })],
    ["tools[0].container", tool({ type: "code_interpreter", container: "cntr_1" })],
    ["tools[0].container", tool({ type: "code_interpreter", container: { type: "auto", file_ids: ["file-1"] } })],
    ["tools[0].environment.container_id", tool({ type: "shell", environment: { container_id: "cntr_1" } })],
    ["tools[0].fileSearch.fileSearchStoreNames", tool({ fileSearch: { fileSearchStoreNames: ["fileSearchStores/1"] } })],
    [
      "tools[0].retrieval.vertexRagStore.ragResources.ragCorpus",
      tool({ retrieval: { vertexRagStore: { ragResources: [{ ragCorpus: "projects/p/ragCorpora/1" }] } } }),
    ],
    ["tools[0].retrieval.vertexAiSearch.datastore", tool({ retrieval: { vertexAiSearch: { datastore: "projects/p" } } })],
    ["tools[0].retrieval.vertexAiSearch.engine", tool({ retrieval: { vertexAiSearch: { engine: "projects/p/e" } } })],
    ["file_id", part({ type: "image", source: { kind: "file", fileId: "file-1" } })],
    ["file_id", part({ type: "document", source: { kind: "file", fileId: "file-1" } })],
    ["url", part({ type: "image", source: { kind: "url", url: "file:///etc/passwd" } })],
    ["url", part({ type: "document", source: { kind: "url", url: "GS://bucket/a.pdf" } })],
    ["image_url.file_id", part({ type: "image", source: { kind: "url", url: "https://x/a" }, extra: { image_url: { file_id: "f" } } })],
    [
      "file_id",
      part({ type: "tool-result", callId: "c", content: [{ type: "image", source: { kind: "file", fileId: "f" } }] }),
    ],
    ["item_reference", opaque({ type: "item_reference", id: "msg_1" })],
    ["file_id", opaque({ type: "container_upload", file_id: "file_1" })],
    ["output.file_id", opaque({ type: "computer_call_output", output: { type: "computer_screenshot", file_id: "f" } })],
    ["fileData.fileUri", opaque({ fileData: { mimeType: "video/mp4", fileUri: "gs://b/v.mp4" } })],
    ["messages[0].audio.id", message("assistant", { audio: { id: "audio_1" } })],
    ["messages[0].Audio.ID", message("assistant", { Audio: { ID: "audio_1" } })],
    ["messages[0].audio", message("assistant", { audio: "audio_1" })],
    ["messages[0].audio.id", message("user", { audio: { id: "audio_1" } })],
    ["messages[0].attachments.file_id", message("user", { attachments: [{ file_id: "file-1" }] })],
    ["audio.id", opaque({ type: "output_audio", audio: { id: "audio_1" } })],
    [
      "images.file_id",
      request({ operation: { type: "relay", name: "images.edit", fields: { images: [{ file_id: "f" }] }, texts: ["prompt"] } }),
    ],
  ]; // biome-ignore format: a table
  test.each(rows)("%s", (field, asked) => {
    expect(storedStateOf(asked)).toBe(field);
  });

  test("Gemini's files by Gemini's name", () => {
    const parts: Part[] = [{ type: "image", source: { kind: "file", fileId: "files/abc" } }];
    expect(storedStateOf(request({ dialect: "gemini", messages: [{ role: "user", parts }] }))).toBe("fileUri");
  });
});

test("a response of the caller's own may be gone on from, by its own field alone", () => {
  const own = new Set(["resp_1"]);
  expect(storedStateOf(extra({ previous_response_id: "resp_1" }), own)).toBeUndefined();
  for (const other of [
    { previous_response_id: "resp_2" },
    { previous_response_id: ["resp_1"] },
    { previousResponseId: "resp_1" },
    { conversation: "resp_1" },
  ]) {
    expect(storedStateOf(extra(other), own)).toBe(Object.keys(other)[0]!);
  }
});

describe("what only looks so is none of it", () => {
  const rows: [string, ModelRequest][] = [
    ["nothing said", extra({ previous_response_id: "", conversation: null, prompt: null })],
    ["a fresh container", tool({ type: "code_interpreter", container: { type: "auto" } })],
    ["a fresh container with the provider's own skills", extra({ container: { skills: [{ type: "anthropic", skill_id: "pptx" }] } })],
    ["a parameter of a function of the caller's", tool({ type: "namespace", tools: [{ name: "f", parameters: { properties: { file_id: { type: "string" } } } }] })],
    ["a property in a schema under another name", tool({ type: "x", takes: { file_id: { type: "string" } } })],
    ["what the provider ran before", opaque({ type: "file_search_call", results: [{ file_id: "file-1" }] })],
    ["a file that code made before", opaque({ type: "code_execution_tool_result", content: { file_id: "f" } })],
    ["a citation in the model's own text", part({ type: "text", text: "x", extra: { annotations: [{ file_id: "f" }] } })],
    ["the files that an answer was made from", message("assistant", { annotations: [{ file_id: "f" }] })],
    ["a sound that is none", message("assistant", { audio: null })],
    ["what was said in a sound", message("assistant", { audio: { transcript: "x" } })],
    ["a sound of the caller's", opaque({ type: "input_audio", input_audio: "UklGR" })],
    ["an address that everyone may read", opaque({ fileData: { fileUri: "https://example.com/a" } })],
    ["a search engine", extra({ plugins: [{ id: "web", engine: "exa" }] })],
    ["an image by address", part({ type: "image", source: { kind: "url", url: "https://example.com/files/a" } })],
  ]; // biome-ignore format: a table
  test.each(rows)("%s", (_, asked) => {
    expect(storedStateOf(asked)).toBeUndefined();
  });
});
