/**
 * Files and batches at an account that two tenants share, by the SDK of OpenAI's: whose an id is, is
 * looked up before anybody is asked. It is the test of gateway/locate.ts and objects/named.ts, gateway/objects/allowed-objects.ts,
 * gateway/objects/keep-objects.ts, gateway/objects/refund.ts, gateway/objects/list-objects.ts, of src/wire/openai-files/index.ts and of
 * src/providers/openai/operations/objects.ts.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import OpenAI, { AzureOpenAI, toFile } from "openai";
import type { JsonObject } from "../../src/kernel/json.ts";
import { startApp } from "../support/app.ts";
import { FileScene, jsonl, line, refusal } from "../support/file-scene.ts";
import { json } from "../support/upstream.ts";

let scene: FileScene;
beforeAll(async () => {
  scene = await FileScene.begin();
});
afterAll(() => scene?.stop());
beforeEach(() => scene.forget());

const ids = async (page: AsyncIterable<{ id: string }>) => {
  const found: string[] = [];
  for await (const { id } of page) found.push(id);
  return found;
};

describe("A file", () => {
  test("is kept, told, fetched, listed and deleted for its owner", async () => {
    const file = await scene.note();
    expect(file).toMatchObject({ object: "file", filename: "note.txt", purpose: "user_data" });
    expect(scene.up.requests[0]).toMatchObject({ method: "POST", path: "/v1/files" });
    expect(scene.up.requests[0]!.text()).not.toContain("x-sallyport-model");
    expect(await scene.lastRecord()).toMatchObject({
      endpoint: "files.create",
      dialect: "openai-files",
      model: "gpt",
      provider: "oai",
      outcome: "finished",
      costNanoUsd: 0,
    });
    expect((await scene.owner.files.retrieve(file.id)).id).toBe(file.id);
    const content = await scene.owner.files.content(file.id);
    expect(await content.text()).toBe("A note.");
    expect(content.headers.get("content-type")).toBe("application/octet-stream");
    expect(await ids(scene.owner.files.list())).toEqual([file.id]);
    expect(await scene.owner.files.delete(file.id)).toMatchObject({ deleted: true });
    expect(scene.up.requests.at(-1)).toMatchObject({ method: "DELETE", path: `/v1/files/${file.id}` });
    expect((await refusal(scene.owner.files.retrieve(file.id))).status).toBe(404);
    expect(await ids(scene.owner.files.list())).toEqual([]);
    expect((await scene.app.records()).slice(-7).map(({ endpoint }) => endpoint)).toEqual([
      ...["files.create", "files.retrieve", "files.content", "files.list", "files.delete"],
      ...["files.retrieve", "files.list"],
    ]);
  });

  test("of another's answers like one that does not exist, and nobody is asked", async () => {
    const file = await scene.note();
    scene.provider.files.set("file-unknown", scene.provider.files.get(file.id)!);
    scene.up.requests = [];
    for (const stranger of scene.strangers) {
      const told: string[] = [];
      for (const id of [file.id, "file-unknown", "file-none", "...", "a/b"]) {
        for (const ask of ["retrieve", "content", "delete"] as const) {
          const error = await refusal(stranger.files[ask](id));
          expect([ask, error.status, error.code]).toEqual([ask, 404, expect.stringMatching(/not_found/)]);
          if (id.startsWith("file-")) told.push(error.message.replace(id, "<id>"));
        }
      }
      expect(new Set(told).size).toBe(1);
      expect(await ids(stranger.files.list())).toEqual([]);
      expect((await refusal(stranger.files.list({ after: file.id }))).status).toBe(404);
    }
    expect(scene.up.requests).toHaveLength(0);
    expect((await scene.owner.files.retrieve(file.id)).id).toBe(file.id);
    expect(scene.up.requests).toHaveLength(1);
  });

  test("is read in a prompt by its owner only, at the account where it lies", async () => {
    const file = await scene.note();
    const chat = (client: OpenAI, id: string) =>
      client.chat.completions.create({
        model: "gpt",
        messages: [{ role: "user", content: [{ type: "file", file: { file_id: id } }] }],
      });
    const respond = (client: OpenAI, id: string) =>
      client.responses.create({
        model: "gpt",
        input: [
          {
            role: "user",
            content: [
              { type: "input_file", file_id: id },
              { type: "input_image", file_id: id, detail: "auto" },
            ],
          },
        ],
      });
    scene.up.requests = [];
    for (const stranger of scene.strangers) {
      for (const ask of [chat, respond]) {
        const [foreign, unknown] = [await refusal(ask(stranger, file.id)), await refusal(ask(stranger, "file-none"))];
        expect([foreign.status, foreign.code]).toEqual([404, "object_not_found"]);
        expect(foreign.message.replace(file.id, "")).toBe(unknown.message.replace("file-none", ""));
      }
    }
    expect(scene.up.requests).toHaveLength(0);
    expect((await chat(scene.owner, file.id)).choices[0]!.message.content).toBe("Read.");
    expect(JSON.stringify(scene.up.requests[0]!.json())).toContain(file.id);
    const elsewhere = await refusal(
      scene.owner.chat.completions.create({
        model: "small",
        messages: [{ role: "user", content: [{ type: "file", file: { file_id: file.id } }] }],
      }),
    );
    expect([elsewhere.status, elsewhere.param]).toEqual([400, "file_id"]);
  });

  test("with an id that another holds at the account is not given out", async () => {
    const { id } = await scene.note();
    scene.up.plan(() => json(200, { id, object: "file", purpose: "user_data" }));
    expect((await refusal(scene.note(scene.strangers[0]))).status).toBe(502);
    expect(await ids(scene.strangers[0]!.files.list())).toEqual([]);
  });

  test("lies at Azure beside the deployments", async () => {
    const { key: apiKey, url: endpoint } = scene.app;
    const azure = new AzureOpenAI({ apiKey, endpoint, apiVersion: "2024-10-21", maxRetries: 0 });
    const file = await toFile(Buffer.from("A note."), "note.txt");
    const kept = await azure.files.create(
      { file, purpose: "user_data" },
      { headers: { "x-sallyport-model": "azure" } },
    );
    expect(scene.up.requests[0]!.path).toBe("/openai/files?api-version=2024-10-21");
    expect(await (await azure.files.content(kept.id)).text()).toBe("A note.");
    expect(scene.up.requests[1]!.path).toBe(`/openai/files/${kept.id}/content?api-version=2024-10-21`);
    expect(await ids(azure.files.list())).toContain(kept.id);
    const calls = await toFile(Buffer.from(jsonl([line("a", { model: "azure" })])), "calls.jsonl");
    const { id } = await azure.files.create({ file: calls, purpose: "batch" });
    expect(scene.provider.linesOf(id)[0]!.body).toMatchObject({ model: "azure-2026" });
    await azure.batches.create({ input_file_id: id, endpoint: "/v1/chat/completions", completion_window: "24h" });
    expect(scene.up.requests.at(-1)!.path).toBe("/openai/batches?api-version=2024-10-21");
  });

  test("an API's path shows what was made by it, and no other's", async () => {
    const file = await scene.note();
    const at = (path: string) =>
      fetch(`${scene.app.url}/apis/${path}`, { headers: { authorization: `Bearer ${scene.app.key}` } }).then(
        (got) => got.status,
      );
    expect(await at(`chat/v1/v1/files/${file.id}`)).toBe(200);
    expect(await at(`other/v1/v1/files/${file.id}`)).toBe(404);
  });
});

describe("A batch", () => {
  test("is sent with the provider's name of the model, charged when it is made, and its results are its owner's", async () => {
    const file = await scene.upload([line("one"), "", line("two", { temperature: 0.5, unknown_field: 1 })]);
    const sent = scene.provider.linesOf(file.id);
    expect(sent.map(({ custom_id }) => custom_id)).toEqual(["one", "two"]);
    expect(sent[1]).toMatchObject({ method: "POST", url: "/v1/chat/completions" });
    expect(sent[1]!.body).toMatchObject({ model: "gpt-2026", temperature: 0.5, unknown_field: 1 });
    expect(await scene.lastRecord()).toMatchObject({ endpoint: "files.create", model: "gpt", costNanoUsd: 0 });

    const batch = await scene.batch(file.id);
    const made = await scene.lastRecord();
    expect(made).toMatchObject({
      endpoint: "batches.create",
      provider: "oai",
      outputTokens: 20,
      usageSource: "reserved",
    });
    expect(made.inputTokens).toBeGreaterThan(100);
    expect(made.costNanoUsd).toBe(made.inputTokens * 1_000 + 20 * 2_000);

    const usage = { input_tokens: 18, output_tokens: 7, total_tokens: 25 };
    const answer = { id: "r", custom_id: "one", response: { status_code: 200, body: { choices: [] } }, error: null };
    const failed = {
      ...answer,
      custom_id: "two",
      response: {
        status_code: 429,
        body: { error: { message: "Full for org-abcdef123 with sk-provider-secret-0123456789" } },
      },
    };
    scene.provider.end(batch.id, jsonl([answer]), jsonl([failed]), { usage });
    const ended = await scene.owner.batches.retrieve(batch.id);
    expect(ended.status).toBe("completed");
    const record = await scene.lastRecord();
    expect(record).toMatchObject({ endpoint: "batches.retrieve", costNanoUsd: 0 });
    expect(record.warnings.join()).toContain("18 input and 7 output tokens");
    const refunds = async () => (await scene.app.records()).filter(({ refundOf }) => refundOf === made.id);
    const [refund, ...others] = await refunds();
    expect(others).toEqual([]);
    expect(refund).toMatchObject({ admittedAt: made.admittedAt, keyId: made.keyId, catalogModel: made.catalogModel });
    expect(made.inputTokens + refund!.inputTokens).toBe(18);
    expect(made.outputTokens + refund!.outputTokens).toBe(7);
    expect(made.costNanoUsd + refund!.costNanoUsd).toBe(18 * 1_000 + 7 * 2_000);
    await scene.owner.batches.retrieve(batch.id);
    expect(await refunds()).toHaveLength(1);
    expect(await (await scene.owner.files.content(ended.output_file_id!)).text()).toBe(jsonl([answer]));
    const errors = await (await scene.owner.files.content(ended.error_file_id!)).text();
    expect(JSON.parse(errors).response.body.error.message).toBe("Full for ***** with *****");
    expect(await ids(scene.owner.batches.list())).toContain(batch.id);
    expect(await ids(scene.owner.files.list({ purpose: "batch_output" }))).toContain(ended.output_file_id!);

    scene.up.requests = [];
    for (const stranger of scene.strangers) {
      for (const ask of ["retrieve", "cancel"] as const) {
        expect((await refusal(stranger.batches[ask](batch.id))).status).toBe(404);
      }
      for (const id of [ended.output_file_id!, ended.error_file_id!]) {
        expect((await refusal(stranger.files.content(id))).status).toBe(404);
      }
      expect((await refusal(scene.batch(file.id, stranger))).status).toBe(404);
      expect(await ids(stranger.batches.list())).toEqual([]);
    }
    expect(scene.up.requests).toHaveLength(0);
  });

  test("is stopped by its owner", async () => {
    const batch = await scene.batch((await scene.upload([line("one")])).id);
    expect((await scene.owner.batches.cancel(batch.id)).status).toBe("cancelling");
    expect(scene.up.requests.at(-1)).toMatchObject({ method: "POST", path: `/v1/batches/${batch.id}/cancel` });
    expect((await scene.owner.batches.list()).data.find(({ id }) => id === batch.id)!.status).toBe("cancelling");
  });

  test("that fails tells why, without the account's names", async () => {
    const batch = await scene.batch((await scene.upload([line("one")])).id);
    const message = "Enqueued token limit reached for gpt in organization org-abcdef123.";
    scene.provider.end(batch.id, "", "", {
      status: "failed",
      errors: { object: "list", data: [{ code: "token_limit", message }] },
    });
    const [error] = (await scene.owner.batches.retrieve(batch.id)).errors!.data!;
    expect(error!.message).toBe("Enqueued token limit reached for gpt in organization *****.");
    const listed = (await scene.owner.batches.list()).data.find(({ id }) => id === batch.id)!;
    expect(JSON.stringify(listed)).not.toContain("org-abcdef123");
  });

  test("is asked for once, whatever the model's routing retries", async () => {
    const file = await scene.upload([line("one")]);
    scene.up.requests = [];
    scene.up.plan(() => json(500, { error: { message: "no" } }));
    expect((await refusal(scene.batch(file.id))).status).toBe(502);
    expect(scene.up.requests).toHaveLength(1);
  });

  test("of embeddings, responses and completions is for those", async () => {
    const rows: [string, JsonObject][] = [
      ["/v1/embeddings", { model: "gpt", input: ["a", "b"] }],
      ["/v1/responses", { model: "gpt", input: "Hi", max_output_tokens: 20 }],
      ["/v1/moderations", { model: "gpt", input: "Hi" }],
    ];
    for (const [url, body] of rows) {
      const file = await scene.upload([{ custom_id: "a", method: "POST", url, body }]);
      expect(scene.provider.linesOf(file.id)[0]).toMatchObject({ url, body: { ...body, model: "gpt-2026" } });
      const wrong = await refusal(scene.batch(file.id));
      expect([wrong.status, wrong.param]).toEqual([400, "endpoint"]);
      await scene.owner.batches.create({
        input_file_id: file.id,
        endpoint: url as "/v1/responses",
        completion_window: "24h",
      });
    }
  });

  test("gives back nothing before it has ended, and all where no call of it was answered", async () => {
    const batch = await scene.batch((await scene.upload([line("one")])).id);
    const made = await scene.lastRecord();
    const refunds = async () => (await scene.app.records()).filter(({ refundOf }) => refundOf === made.id);
    Object.assign(scene.provider.batches.get(batch.id)!, {
      usage: { input_tokens: 5, output_tokens: 1 },
      request_counts: { total: 1, completed: 0, failed: 0 },
    });
    await scene.owner.batches.retrieve(batch.id);
    expect(await refunds()).toEqual([]);
    scene.provider.end(batch.id, "", "", { status: "failed", usage: null });
    await scene.owner.batches.retrieve(batch.id);
    expect(await refunds()).toMatchObject([
      { inputTokens: -made.inputTokens, outputTokens: -made.outputTokens, costNanoUsd: -made.costNanoUsd },
    ]);
  });

  test("that used more than was held gives nothing back, and says so", async () => {
    const batch = await scene.batch((await scene.upload([line("one")])).id);
    const made = await scene.lastRecord();
    scene.provider.end(batch.id, "", "", { usage: { input_tokens: 90_000, output_tokens: 90_000 } });
    await scene.owner.batches.retrieve(batch.id);
    expect((await scene.app.records()).filter(({ refundOf }) => refundOf === made.id)).toEqual([]);
    expect((await scene.lastRecord()).warnings.join()).toContain("cost more than was held");
  });

  test("makes room under a budget again when it has ended", async () => {
    const poor = await startApp({
      upstream: scene.up.url,
      limits: [{ dimension: "usd", window: "day", amount: 1_000_000 }],
    });
    try {
      const client = new OpenAI({ apiKey: poor.key, baseURL: `${poor.url}/v1`, maxRetries: 0 });
      const call = line("one", { model: "small", max_completion_tokens: 300 });
      const [first, second] = [await scene.upload([call], client), await scene.upload([call], client)];
      const batch = await scene.batch(first.id, client);
      expect((await refusal(scene.batch(second.id, client))).status).toBe(429);
      scene.provider.end(batch.id, "", "", { usage: { input_tokens: 10, output_tokens: 2 } });
      await client.batches.retrieve(batch.id);
      await scene.batch(second.id, client);
    } finally {
      await poor.stop();
    }
  });

  test("that the plan has no money for is not begun", async () => {
    const poor = await startApp({
      upstream: scene.up.url,
      limits: [{ dimension: "usd", window: "day", amount: 1_000_000 }],
    });
    try {
      const client = new OpenAI({ apiKey: poor.key, baseURL: `${poor.url}/v1`, maxRetries: 0 });
      const calls = (most: number) => [line("one", { model: "small", max_completion_tokens: most })];
      const [dear, cheap] = [await scene.upload(calls(1_000_000), client), await scene.upload(calls(10), client)];
      scene.up.requests = [];
      expect((await refusal(scene.batch(dear.id, client))).status).toBe(429);
      expect(scene.up.requests).toHaveLength(0);
      await scene.batch(cheap.id, client);
      expect(scene.up.requests).toHaveLength(1);
    } finally {
      await poor.stop();
    }
  });
});
