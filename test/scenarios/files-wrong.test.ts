/**
 * Bad uploads, batches and lists: each is told by its line and field, and nobody is asked. It is the test of
 * gateway/objects/batch-calls.ts and of src/wire/openai-files/index.ts.
 */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import type { JsonObject } from "../../src/kernel/json.ts";
import { post } from "../support/app.ts";
import { FileScene, line, refusal } from "../support/file-scene.ts";

let scene: FileScene;
beforeAll(async () => {
  scene = await FileScene.begin();
});
afterAll(() => scene?.stop());
beforeEach(() => scene.forget());

test.each<[string, unknown[], string]>([
  ["no JSON", [line("a"), "{"], "line 2"],
  ["no object", ["[1]"], "line 1"],
  ["no name", [{ ...line("a"), custom_id: undefined }], "line 1: custom_id"],
  ["a name twice", [line("a"), "", line("a")], "line 3: custom_id"],
  ["another method", [{ ...line("a"), method: "GET" }], "line 1: method"],
  ["another endpoint", [{ ...line("a"), url: "/v1/files" }], "line 1: url"],
  ["two endpoints", [line("a"), { ...line("b"), url: "/v1/responses" }], "line 2: url"],
  ["an unknown field", [{ ...line("a"), api_base: "https://x" }], "line 1: api_base"],
  ["no body", [{ ...line("a"), body: "x" }], "line 1: body"],
  ["no model", [{ ...line("a"), body: { messages: [] } }], "line 1: body.model"],
  ["two models", [line("a"), line("b", { model: "small" })], "line 2: body.model"],
  ["a bad field", [line("a"), line("b", { messages: [{ role: "nobody" }] })], "line 2: body.messages[0].role"],
  ["a stream", [line("a", { stream: true })], "line 1: body.stream"],
  ["another tier", [line("a", { service_tier: "priority" })], "line 1: body.service_tier"],
  ["an upstream", [line("a", { api_base: "https://x" })], "line 1: body.api_base"],
  ["a prototype", ['{"custom_id":"a","__proto__":{}}'], "line 1: __proto__"],
  ["nothing", [""], "file"],
  [
    "state of another's",
    [{ ...line("a"), url: "/v1/responses", body: { model: "gpt", input: "x", conversation: "c" } }],
    "line 1: conversation",
  ],
])("%s", async (_, lines, param) => {
  const error = await refusal(scene.upload(lines));
  expect([error.status, error.param]).toEqual([400, param]);
  expect(error.message).toContain(param.startsWith("line") ? `Line ${/\d+/.exec(param)![0]} of the file` : "file");
  expect(scene.up.requests).toHaveLength(0);
});

test("a file of somebody else's in a line", async () => {
  const file = await scene.note();
  scene.up.requests = [];
  const lines = [line("a", { messages: [{ role: "user", content: [{ type: "file", file: { file_id: file.id } }] }] })];
  expect((await refusal(scene.upload(lines, scene.strangers[0]))).status).toBe(404);
  expect(scene.up.requests).toHaveLength(0);
  await scene.upload(lines);
  expect(scene.up.requests).toHaveLength(1);
});

test("a model that the key has not, or whose provider keeps no files", async () => {
  expect((await refusal(scene.upload([line("a", { model: "none" })]))).code).toBe("model_not_found");
  const error = await refusal(scene.upload([line("a", { model: "claude" })]));
  expect([error.status, error.code]).toEqual([400, "unsupported_feature"]);
  expect(scene.up.requests).toHaveLength(0);
});

const form = (fields: Record<string, string>, name = "file") => {
  const data = new FormData();
  for (const [field, value] of Object.entries(fields)) data.append(field, value);
  data.append(name, new File(["x"], "x.txt"));
  return fetch(`${scene.app.url}/v1/files`, {
    method: "POST",
    headers: { authorization: `Bearer ${scene.app.key}` },
    body: data,
  });
};
test.each<[string, Record<string, string>, string]>([
  ["purpose", { model: "gpt" }, "file"],
  ["purpose", { model: "gpt", purpose: "fine-tune" }, "file"],
  ["model", { purpose: "user_data" }, "file"],
  ["file", { purpose: "user_data", model: "gpt" }, "other"],
  ["whatever", { purpose: "user_data", model: "gpt", whatever: "x" }, "file"],
  ["expires_after[seconds]", { purpose: "user_data", model: "gpt", "expires_after[seconds]": "soon" }, "file"],
])("%s of an upload", async (param, fields, name) => {
  const answer = await form(fields, name);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ error: { param } });
  expect(scene.up.requests).toHaveLength(0);
});

test("the model may stand in the form", async () => {
  expect((await form({ purpose: "user_data", model: "gpt", "expires_after[anchor]": "created_at" })).status).toBe(200);
  expect(scene.up.requests[0]!.text()).toContain("expires_after[anchor]");
  expect(scene.up.requests[0]!.text()).not.toContain('name="model"');
});

const good = { input_file_id: "file-1", endpoint: "/v1/chat/completions", completion_window: "24h" };
test.each<[string, JsonObject, number]>([
  ["input_file_id", { ...good, input_file_id: 1 }, 400],
  ["input_file_id", { ...good, input_file_id: "../x" }, 404],
  ["endpoint", { ...good, endpoint: null }, 400],
  ["completion_window", { ...good, completion_window: 24 }, 400],
  ["metadata.a", { ...good, metadata: { a: 1 } }, 400],
  ["output_expires_after.seconds", { ...good, output_expires_after: { anchor: "created_at", seconds: "1" } }, 400],
  ["output_file_id", { ...good, output_file_id: "file-2" }, 400],
])("%s of a batch", async (param, body, status) => {
  const answer = await post(scene.app, { path: "/v1/batches", body });
  expect([answer.status, ((await answer.json()) as JsonObject).error]).toEqual([
    status,
    expect.objectContaining({ param }),
  ]);
  expect(scene.up.requests).toHaveLength(0);
});

test("a file that was not uploaded for a batch", async () => {
  const file = await scene.note();
  scene.up.requests = [];
  const error = await refusal(scene.batch(file.id));
  expect([error.status, error.param]).toEqual([400, "input_file_id"]);
  expect(scene.up.requests).toHaveLength(0);
});

test.each(["limit=0", "limit=x", "order=up", "after=none", "what=1"])("a list with %s", async (query) => {
  const answer = await fetch(`${scene.app.url}/v1/files?${query}`, {
    headers: { authorization: `Bearer ${scene.app.key}` },
  });
  expect([400, 404]).toContain(answer.status);
  expect(((await answer.json()) as { error: JsonObject }).error.param).toBe(query.split("=")[0]!);
});
