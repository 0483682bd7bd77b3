/**
 * What lies at a provider's account that tenants share: refused in every dialect unless the API allows it.
 * Proves gateway/authorize.ts.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { JsonObject } from "../../src/kernel/json.ts";
import { post } from "../support/app.ts";
import { SdkScene } from "../support/sdk.ts";

let scene: SdkScene;
beforeAll(async () => {
  scene = await SdkScene.begin();
});
afterAll(() => scene.stop());
beforeEach(() => scene.forget());

const HI = [{ role: "user", content: "hi" }];
const FILE = { role: "user", content: [{ type: "file", file: { file_id: "file-1" } }] };
const UPLOAD = { role: "user", content: [{ type: "container_upload", file_id: "file_1" }] };

describe("what another tenant may have put at the account cannot be named", () => {
  const rows: [string, string, JsonObject][] = [
    ["/v1/responses", "conversation", { model: "gpt", input: "x", conversation: "conv_1" }],
    ["/v1/responses", "item_reference", { model: "gpt", input: [{ type: "item_reference", id: "msg_1" }] }],
    [
      "/v1/responses",
      "tools[0].vector_store_ids",
      { model: "gpt", input: "x", tools: [{ type: "file_search", vector_store_ids: ["vs_1"] }] },
    ],
    [
      "/v1/chat/completions",
      "messages[1].audio.id",
      { model: "gpt", messages: [...HI, { role: "assistant", audio: { id: "audio_1" } }, ...HI] },
    ],
    ["/v1/messages", "container", { model: "claude", max_tokens: 9, messages: HI, container: "container_1" }],
    ["/v1/messages", "file_id", { model: "claude", max_tokens: 9, messages: [UPLOAD] }],
    [
      "/v1beta/models/gpt:generateContent",
      "cachedContent",
      { contents: [{ role: "user", parts: [{ text: "x" }] }], cachedContent: "cachedContents/1" },
    ],
  ];
  test.each(rows)("%s: %s", async (path, field, asked) => {
    const response = await post(scene.app, { path, body: asked });
    const told = await response.text();
    expect([response.status, told]).toEqual([400, told]);
    expect(told).toContain(JSON.stringify(field).slice(1, -1));
    expect(told).toContain("storedState: true");
    expect(scene.up.requests).toHaveLength(0);
  });

  test("a response of another's, or nobody's, is none of the caller's", async () => {
    const body = { model: "gpt", input: "x", previous_response_id: "resp_1" };
    const response = await post(scene.app, { path: "/v1/responses", body });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error: { code: "object_not_found", param: "previous_response_id" } });
    expect(scene.up.requests).toHaveLength(0);
  });

  test("a file of another's, or nobody's, is none of the caller's", async () => {
    const response = await post(scene.app, { body: { model: "gpt", messages: [FILE] } });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error: { code: "object_not_found", param: "file_id" } });
    expect(scene.up.requests).toHaveLength(0);
  });
});
