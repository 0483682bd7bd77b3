import { describe, expect, test } from "bun:test";
import { ENDPOINTS, matchEndpoint } from "./endpoints.ts";

describe("a request finds its row", () => {
  const rows: [string, string, boolean, object][] = [
    ["POST", "/v1/chat/completions", false, { endpoint: { name: "chat.completions" }, api: null, params: {} }],
    ["POST", "/apis/chat/v2/v1/messages", false, { endpoint: { name: "messages" }, api: "chat/v2" }],
    ["GET", "/v1/models", false, { endpoint: { wire: { dialect: "openai-chat" } } }],
    ["GET", "/v1/models", true, { endpoint: { wire: { dialect: "anthropic-messages" } } }],
    ["GET", "/v1/models/openai/gpt-x", false, { params: { model: "openai/gpt-x" } }],
    ["GET", "/v1/models/a%2Fb%20c", false, { params: { model: "a/b c" } }],
    ["GET", "/v1/models/%E0%A4%A", false, { problem: "not_found" }],
    ["GET", "/v1/models/{model}", false, { params: { model: "{model}" } }],
    ["GET", "/v1/chat/completions", false, { problem: "method_not_allowed", allow: "POST" }],
    ["POST", "/v1/messages/x", false, { problem: "not_found", wire: { dialect: "anthropic-messages" } }],
    ["POST", "/v1/chat/completions/", false, { problem: "not_found" }],
    ["POST", "//v1/chat/completions", false, { problem: "not_found" }],
    ["POST", "/apis/chat/v1/chat/completions", false, { problem: "not_found" }],
    ["POST", "/openai/v1/chat/completions", false, { endpoint: { name: "chat.completions" } }],
    ["POST", "/api/chat", false, { endpoint: { name: "ollama.chat", wire: { dialect: "ollama" } } }],
    ["POST", "/apis/chat/v2/api/generate", false, { endpoint: { name: "ollama.generate" }, api: "chat/v2" }],
    ["GET", "/api/tags", true, { endpoint: { wire: { dialect: "ollama" } } }],
    ["POST", "/api/pull", false, { problem: "not_found", wire: { dialect: "ollama" } }],
    ["GET", "/v1/files", false, { endpoint: { name: "files.list", kind: "files" } }],
    ["POST", "/v1/files", false, { endpoint: { name: "files.create", kind: "call" } }],
    ["GET", "/v1/files", true, { problem: "not_found", wire: { dialect: "anthropic-messages" } }],
    ["PUT", "/v1/files", false, { problem: "method_not_allowed", allow: "POST, GET" }],
    ["GET", "/v1/files/file-1/content", false, { endpoint: { name: "files.content" }, params: { id: "file-1" } }],
    ["POST", "/v1/files/file-1", false, { problem: "method_not_allowed", allow: "GET, DELETE" }],
    ["DELETE", "/v1/files/file-1/content", false, { problem: "method_not_allowed", allow: "GET" }],
    ["GET", "/v1/files/a%2Fb", false, { endpoint: { name: "files.retrieve" }, params: { id: "a/b" } }],
    ["GET", "/v1/files/a/b", false, { problem: "not_found" }],
    ["DELETE", "/apis/chat/v1/v1/files/file-1", false, { endpoint: { name: "files.delete" }, api: "chat/v1" }],
    ["GET", "/openai/batches/batch_1", false, { endpoint: { name: "batches.retrieve" } }],
    ["CONNECT", "inside.example:443", false, { problem: "not_found", wire: { dialect: "openai-chat" } }],
    ["GET", "/constructor", false, { problem: "not_found", wire: { dialect: "openai-chat" } }],
  ];
  for (const [method, path, anthropic, expected] of rows) {
    test(`${method} ${path}`, () => expect(matchEndpoint(method, path, anthropic)).toMatchObject(expected));
  }
});

test("no two rows share a path and a method, and every path is versioned but Ollama's and Azure's, whose version stands elsewhere", () => {
  expect(new Set(ENDPOINTS.map((row) => `${row.method} ${row.path}`)).size).toBe(ENDPOINTS.length);
  for (const row of ENDPOINTS)
    expect(row.path).toMatch(row.wire.dialect === "ollama" ? /^\/api\// : /^\/(?:v\d+(?:beta)?|openai)\//);
});

test.each(ENDPOINTS.map((row) => [row.method, row.path] as const))("%s %s finds its own row", (method, path) => {
  const found = matchEndpoint(method, path.replace("{id}", "file-1").replace(/\{\w+\}/, "maker/model"), false);
  expect(found).toMatchObject({ endpoint: { path, method } });
});
