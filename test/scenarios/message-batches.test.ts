/**
 * Batches of messages by Anthropic's SDK, at an account that two tenants share. It is the test of
 * src/wire/anthropic-batches/index.ts and of src/providers/anthropic/batches.ts.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import type { JsonObject } from "../../src/kernel/json.ts";
import { post, startApp } from "../support/app.ts";
import { FileScene, refusal } from "../support/file-scene.ts";
import { json, type ReceivedRequest, type Script, text } from "../support/upstream.ts";

let scene: FileScene;
let owner: Anthropic;
let strangers: Anthropic[];
/** As the provider keeps them, whoever asks. */
let kept: Map<string, JsonObject>;
let results = "";
let count = 0;

const client = (apiKey: string, baseURL = scene.app.url) => new Anthropic({ apiKey, baseURL, maxRetries: 0 });

beforeAll(async () => {
  scene = await FileScene.begin();
  owner = client(scene.app.key);
  strangers = scene.app.otherKeys.map((key) => client(key));
});
afterAll(() => scene?.stop());
beforeEach(() => {
  kept = new Map();
  scene.up.plan(answer);
  scene.up.requests = [];
});

function answer(request: ReceivedRequest): Script {
  const [, , , , id, verb] = request.path.split("/");
  if (id === undefined) {
    const made = `msgbatch_${++count}`;
    kept.set(made, { id: made, type: "message_batch", processing_status: "in_progress", results_url: null });
    return json(200, kept.get(made)!);
  }
  const batch = kept.get(id);
  if (batch === undefined) return json(404, { type: "error", error: { type: "not_found_error", message: "none" } });
  if (verb === "results") return text(200, results, { contentType: "application/x-jsonl" });
  if (request.method === "DELETE") return json(200, { id, type: "message_batch_deleted" });
  if (verb === "cancel") batch.processing_status = "canceling";
  return json(200, batch);
}

function end(id: string) {
  const results_url = `https://api.anthropic.com/v1/messages/batches/${id}/results`;
  Object.assign(kept.get(id)!, { processing_status: "ended", results_url });
}

const params = { model: "claude", max_tokens: 10, messages: [{ role: "user" as const, content: "Say hello." }] };
const begin = (by = owner, over: JsonObject = {}) =>
  by.messages.batches.create({ requests: [{ custom_id: "one", params: { ...params, ...over } as typeof params }] });
const message = { id: "m", type: "message", role: "assistant", content: [{ type: "text", text: "The grey falcon" }] };
const line = JSON.stringify({ custom_id: "one", result: { type: "succeeded", message } });

describe("A batch of messages", () => {
  test("is made, told, listed, stopped, read and deleted for its owner", async () => {
    const batch = await begin(owner, { metadata: { user_id: "u" } });
    const [made] = scene.up.requests;
    expect(made).toMatchObject({ method: "POST", path: "/v1/messages/batches" });
    expect(made!.headerValues("anthropic-version")).toEqual(["2023-06-01"]);
    expect(made!.json()).toEqual({
      requests: [{ custom_id: "one", params: { ...params, model: "claude-2026", metadata: { user_id: "u" } } }],
    });
    const record = await scene.lastRecord();
    expect(record).toMatchObject({
      ...{ endpoint: "batches.create", dialect: "anthropic-batches", model: "claude", provider: "ant" },
      ...{ outputTokens: 10, usageSource: "reserved" },
    });
    expect(record.inputTokens).toBeGreaterThan(80);
    expect((await owner.messages.batches.retrieve(batch.id)).processing_status).toBe("in_progress");
    expect((await owner.messages.batches.cancel(batch.id)).processing_status).toBe("canceling");
    end(batch.id);
    results = line;
    const read: unknown[] = [];
    for await (const each of await owner.messages.batches.results(batch.id)) read.push(each);
    expect(read).toEqual([JSON.parse(line)]);
    expect(scene.up.requests.at(-1)!.path).toBe(`/v1/messages/batches/${batch.id}/results`);
    const second = await begin();
    const listed: string[] = [];
    for await (const { id } of owner.messages.batches.list({ limit: 1 })) listed.push(id);
    expect(listed.slice(0, 2)).toEqual([second.id, batch.id]);
    const before = await owner.messages.batches.list({ before_id: batch.id, limit: 5 });
    expect(before.data.map(({ id }) => id)).toEqual([second.id]);
    expect((await owner.messages.batches.delete(batch.id)).type).toBe("message_batch_deleted");
    expect((await refusal(owner.messages.batches.retrieve(batch.id))).status).toBe(404);
  });

  test("of another's answers like one that does not exist, and nobody is asked", async () => {
    const batch = await begin();
    end(batch.id);
    scene.up.requests = [];
    for (const stranger of strangers) {
      for (const ask of ["retrieve", "cancel", "delete", "results"] as const) {
        const [foreign, none] = [
          await refusal(stranger.messages.batches[ask](batch.id)),
          await refusal(stranger.messages.batches[ask]("msgbatch_none")),
        ];
        expect([ask, foreign.status, none.status]).toEqual([ask, 404, 404]);
        expect(foreign.message.replace(batch.id, "")).not.toContain(batch.id);
      }
      const direct = await fetch(`${scene.app.url}/v1/messages/batches/${batch.id}/results`, {
        headers: { "x-api-key": scene.app.otherKeys[strangers.indexOf(stranger)]! },
      });
      expect(direct.status).toBe(404);
      expect((await stranger.messages.batches.list()).data).toEqual([]);
      expect((await refusal(stranger.messages.batches.list({ after_id: batch.id }))).status).toBe(404);
    }
    // Neither dialect shows the other's.
    expect((await refusal(scene.owner.batches.retrieve(batch.id))).status).toBe(404);
    expect(scene.up.requests).toHaveLength(0);
    expect((await owner.messages.batches.retrieve(batch.id)).id).toBe(batch.id);
  });

  test("gives back what its results have not used, once all of them are there", async () => {
    const call = (custom_id: string) => ({ custom_id, params });
    const batch = await owner.messages.batches.create({ requests: ["one", "two", "three"].map(call) });
    const made = await scene.lastRecord();
    const refunds = async () => (await scene.app.records()).filter(({ refundOf }) => refundOf === made.id);
    end(batch.id);
    const usage = { input_tokens: 5, cache_read_input_tokens: 3, cache_creation_input_tokens: 0, output_tokens: 2 };
    const done = (custom_id: string) =>
      JSON.stringify({ custom_id, result: { type: "succeeded", message: { ...message, usage } } });
    const failed = JSON.stringify({ custom_id: "three", result: { type: "expired" } });
    const read = async () => {
      for await (const _ of await owner.messages.batches.results(batch.id));
    };
    for (const incomplete of [
      [done("one"), done("two")],
      [done("one"), line.replace("one", "two"), failed],
    ]) {
      results = incomplete.join("\n");
      await read();
      expect(await refunds()).toEqual([]);
    }
    results = [done("one"), done("two"), failed, ""].join("\n");
    await read();
    await read();
    const [refund, ...others] = await refunds();
    expect(others).toEqual([]);
    expect(refund).toMatchObject({ cacheReadTokens: 6, provider: "ant" });
    expect([made.inputTokens + refund!.inputTokens, made.outputTokens + refund!.outputTokens]).toEqual([16, 4]);
    expect(refund!.costNanoUsd).toBeLessThan(0);
  });

  test("of which no call was answered gives all back when it is asked for", async () => {
    const batch = await begin();
    const made = await scene.lastRecord();
    end(batch.id);
    kept.get(batch.id)!.request_counts = { processing: 0, succeeded: 0, errored: 1, canceled: 0, expired: 0 };
    await owner.messages.batches.retrieve(batch.id);
    expect((await scene.app.records()).filter(({ refundOf }) => refundOf === made.id)).toMatchObject([
      { inputTokens: -made.inputTokens, outputTokens: -10, costNanoUsd: -made.costNanoUsd },
    ]);
  });

  test("tells its errors without the account's names", async () => {
    const batch = await begin();
    end(batch.id);
    const error = { type: "error", error: { type: "api_error", message: "Full: org-abcdef123" } };
    results = JSON.stringify({ custom_id: "one", result: { type: "errored", error } });
    for await (const { result } of await owner.messages.batches.results(batch.id)) {
      expect(JSON.stringify(result)).toContain("Full: *****");
    }
  });

  test("passes the API's guards, call by call and result by result", async () => {
    const rule = { name: "names", kind: "phrases", phrases: ["grey falcon"], direction: "both" } as const;
    const guarded = await startApp({ upstream: scene.up.url, guardrails: [{ ...rule, action: "mask" }] });
    try {
      const by = client(guarded.key, guarded.url);
      const batch = await begin(by, { messages: [{ role: "user", content: "A grey falcon" }] });
      expect(scene.up.requests[0]!.text()).toContain("A [names]");
      end(batch.id);
      results = line;
      for await (const { result } of await by.messages.batches.results(batch.id)) {
        expect(JSON.stringify(result)).toContain("The [names]");
      }
      const error = await refusal(begin(by, { metadata: { user_id: "grey falcon" } }));
      expect([error.status, error.message]).toEqual([422, expect.stringContaining("requests[0]")]);
    } finally {
      await guarded.stop();
    }
  });
});

describe("What is wrong is told by its place and field, and nobody is asked", () => {
  const good = { custom_id: "a", params };
  test.each<[string, unknown]>([
    ["requests is required", {}],
    ["requests must have at least one", { requests: [] }],
    ["requests[0]: must be an object", { requests: [1] }],
    ["requests[0]: custom_id", { requests: [{ params }] }],
    ["requests[1]: custom_id", { requests: [good, good] }],
    ["requests[0]: extra", { requests: [{ ...good, extra: 1 }] }],
    ["requests[0]: params.max_tokens", { requests: [{ ...good, params: { ...params, max_tokens: "x" } }] }],
    ["requests[0]: params.stream", { requests: [{ ...good, params: { ...params, stream: true } }] }],
    ["requests[1]: params.model", { requests: [good, { custom_id: "b", params: { ...params, model: "gpt" } }] }],
    ["another is not a field", { requests: [good], another: 1 }],
  ])("%s", async (told, body) => {
    const response = await post(scene.app, { path: "/v1/messages/batches", body });
    expect([response.status, ((await response.json()) as { error: JsonObject }).error.message]).toEqual([
      400,
      expect.stringContaining(told),
    ]);
    expect(scene.up.requests).toHaveLength(0);
  });

  test("a model whose provider has no batches in this dialect", async () => {
    const error = await refusal(begin(owner, { model: "gpt" }));
    expect([error.status, scene.up.requests.length]).toEqual([400, 0]);
  });
});
