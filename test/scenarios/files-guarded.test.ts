/**
 * What stands in files and batches passes the guards and the policy of the API like any prompt and any
 * answer. It is the test of gateway/objects/batch-file.ts, gateway/telling/in-call.ts, gateway/turn.ts, gateway/under-policy.ts,
 * gateway/objects/judged-under.ts, gateway/guarding/readable-file.ts and gateway/telling/told-errors.ts.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import OpenAI, { toFile } from "openai";
import type { Guardrail } from "../../src/domain/catalog/catalog.ts";
import type { JsonObject } from "../../src/kernel/json.ts";
import { type App, type AppOptions, startApp } from "../support/app.ts";
import { FileProvider } from "../support/file-provider.ts";
import { FileScene, refusal } from "../support/file-scene.ts";
import { MemoryObjects } from "../support/memory-objects.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

let up: Upstream;
let provider: FileProvider;
let objects: MemoryObjects;
const apps: App[] = [];

beforeAll(async () => {
  up = await startUpstream();
});
afterAll(() => up?.stop());
beforeEach(() => {
  provider = new FileProvider();
  objects = new MemoryObjects();
  up.plan((request) => provider.answer(request));
  up.requests = [];
});
afterEach(async () => {
  for (const app of apps.splice(0)) await app.stop();
});

async function begin(options: AppOptions): Promise<{ app: App; client: OpenAI }> {
  const app = await startApp({ upstream: up.url, objects, ...options });
  apps.push(app);
  return { app, client: new OpenAI({ apiKey: app.key, baseURL: `${app.url}/v1`, maxRetries: 0 }) };
}

const guard = (action: "mask" | "deny", direction: Guardrail["direction"] = "both"): Guardrail => {
  return { name: "names", kind: "phrases", phrases: ["grey falcon"], action, direction };
};

const line = (customId: string, content: string, over: JsonObject = {}) =>
  JSON.stringify({
    custom_id: customId,
    method: "POST",
    url: "/v1/chat/completions",
    body: { model: "small", messages: [{ role: "user", content }], max_tokens: 10, ...over },
  });
const upload = async (client: OpenAI, lines: string[]) =>
  client.files.create({ file: await toFile(Buffer.from(lines.join("\n")), "calls.jsonl"), purpose: "batch" });
const note = async (client: OpenAI, bytes: Uint8Array | string, type = "text/plain") =>
  client.files.create(
    { file: await toFile(Buffer.from(bytes as string), "note.txt", { type }), purpose: "user_data" },
    { headers: { "x-sallyport-model": "small" } },
  );
const batch = (client: OpenAI, id: string) =>
  client.batches.create({ input_file_id: id, endpoint: "/v1/chat/completions", completion_window: "24h" });
const lastRecord = async (app: App) => (await app.records()).at(-1)!;
const result = (content: string, over: JsonObject = {}) =>
  JSON.stringify({
    custom_id: "a",
    response: {
      status_code: 200,
      body: { choices: [{ message: { content, ...over }, logprobs: { content: ["grey"] } }] },
    },
    error: null,
  });

/** A batch that has ended with these results. */
async function ended(client: OpenAI, output: string) {
  const { id } = await batch(client, (await upload(client, [line("a", "Hi")])).id);
  provider.end(id, output, "");
  return client.batches.retrieve(id);
}

describe("The calls of a file", () => {
  test("are masked one by one", async () => {
    const { app, client } = await begin({ guardrails: [guard("mask")] });
    const file = await upload(client, [line("a", "The grey falcon"), line("b", "Nothing")]);
    expect(provider.textOf(file.id)).not.toContain("grey falcon");
    expect(provider.linesOf(file.id).map(({ body }) => (body as JsonObject).messages)).toEqual([
      [{ role: "user", content: "The [names]" }],
      [{ role: "user", content: "Nothing" }],
    ]);
    expect((await lastRecord(app)).verdicts).toMatchObject([
      { direction: "input", action: "mask", count: 1 },
      { direction: "output", action: "allow", count: 0 },
    ]);
  });

  test.each<[string, string[], number]>([
    ["a prompt", [line("a", "Nothing"), "", line("b", "A grey falcon")], 3],
    ["a name", [line("grey falcon", "Nothing")], 1],
    [
      "a tool",
      [line("a", "x", { tools: [{ type: "function", function: { name: "f", description: "grey falcon" } }] })],
      1,
    ],
    ["a field that nobody knows", [line("a", "x", { new_field: { deep: "grey falcon" } })], 1],
  ])("are denied for %s, naming the line", async (_, lines, number) => {
    const { app, client } = await begin({ guardrails: [guard("deny")] });
    const error = await refusal(upload(client, lines));
    expect([error.status, error.code]).toEqual([422, "guardrail_blocked"]);
    expect(error.message).toContain(`Line ${number} of the file`);
    expect(up.requests).toHaveLength(0);
    expect(await lastRecord(app)).toMatchObject({ outcome: "refused", verdicts: [{ action: "deny", count: 1 }] });
  });

  test("are under the API's policy", async () => {
    const parameters = { caps: { maxOutputTokens: 5 }, pins: { temperature: 0 } };
    const { app, client } = await begin({ api: { parameters } });
    const file = await upload(client, [line("a", "x", { max_tokens: null }), line("b", "x", { temperature: 2 })]);
    for (const { body } of provider.linesOf(file.id)) expect(body).toMatchObject({ temperature: 0 });
    await batch(client, file.id);
    expect(await lastRecord(app)).toMatchObject({ outputTokens: 10 });

    const strict = await begin({ api: { parameters: { deny: ["temperature"] } } });
    const error = await refusal(upload(strict.client, [line("a", "x"), line("b", "x", { temperature: 1 })]));
    expect([error.status, error.code, error.param]).toEqual([400, "parameter_not_allowed", "line 2: temperature"]);
  });

  test("are in the record where the API captures", async () => {
    const { app, client } = await begin({ api: { capture: true } });
    await upload(client, [line("a", "Say hello.")]);
    expect(JSON.stringify((await lastRecord(app)).captured)).toContain("Say hello.");
  });

  test("let others have their turn", async () => {
    const { client } = await begin({ guardrails: [guard("mask")] });
    const many = Array.from({ length: 2_000 }, (_, n) => line(`call-${n}`, "The grey falcon"));
    let turns = 0;
    const count = () => {
      turns++;
      timer = setImmediate(count);
    };
    let timer = setImmediate(count);
    const file = await upload(client, many);
    clearImmediate(timer);
    expect(provider.linesOf(file.id)).toHaveLength(2_000);
    expect(turns).toBeGreaterThan(60);
  });
});

describe("A file that a model shall read", () => {
  test("is masked where it is a text, and denied where it cannot be written back", async () => {
    const { client } = await begin({ guardrails: [guard("mask")] });
    expect(provider.textOf((await note(client, "A grey falcon.")).id)).toBe("A [names].");
    const wide = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from("A grey falcon.", "utf16le")]);
    up.requests = [];
    expect((await refusal(note(client, wide))).status).toBe(422);
    expect(up.requests).toHaveLength(0);
    const picture = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1, 2, 255]);
    const kept = await note(client, picture, "image/png");
    expect([...provider.files.get(kept.id)!.bytes]).toEqual([...picture]);
  });

  test("is denied by its text and by its name", async () => {
    const { client } = await begin({ guardrails: [guard("deny")] });
    expect((await refusal(note(client, "A grey falcon."))).status).toBe(422);
    const file = await toFile(Buffer.from("x"), "grey falcon.txt");
    const named = client.files.create({ file, purpose: "user_data" }, { headers: { "x-sallyport-model": "small" } });
    expect((await refusal(named)).status).toBe(422);
    expect(up.requests).toHaveLength(0);
  });

  test("must have passed the guards that the API has now", async () => {
    const before = await begin({});
    const [calls, read] = [
      await upload(before.client, [line("a", "A grey falcon")]),
      await note(before.client, "A grey falcon."),
    ];
    const { client } = await begin({ guardrails: [guard("mask")] });
    up.requests = [];
    const begun = await refusal(batch(client, calls.id));
    expect([begun.status, begun.param]).toEqual([400, "input_file_id"]);
    const asked = client.chat.completions.create({
      model: "small",
      messages: [{ role: "user", content: [{ type: "file", file: { file_id: read.id } }] }],
    });
    expect([(await refusal(asked)).status, (await refusal(asked)).param]).toEqual([400, "file_id"]);
    expect(up.requests).toHaveLength(0);
    await batch(client, (await upload(client, [line("a", "A grey falcon")])).id);
  });

  test("is out of reach once the application may not call its API", async () => {
    const before = await begin({});
    const { id } = await note(before.client, "A note.");
    const subscription = { id: "sub_1", api: "chat/v1", plan: "standard", state: "suspended" } as const;
    const { client } = await begin({ principal: { subscriptions: [subscription] } });
    up.requests = [];
    expect((await refusal(client.files.content(id))).code).toBe("object_not_found");
    expect((await client.files.list()).data).toEqual([]);
    expect(up.requests).toHaveLength(0);
    expect((await before.client.files.list()).data).toHaveLength(1);
  });

  test("is not taken where the API lets nothing be kept", async () => {
    const { client } = await begin({ api: { parameters: { store: false } } });
    expect((await refusal(note(client, "x"))).code).toBe("parameter_not_allowed");
    expect(up.requests).toHaveLength(0);
  });
});

test("A batch is charged at the price of batches where there is one", async () => {
  const cheaper = { inputPerMTokUsd: 0.5, outputPerMTokUsd: 1 };
  const price = { model: "*", inputPerMTokUsd: 1, outputPerMTokUsd: 2, tiers: { batch: cheaper } };
  const { app, client } = await begin({ prices: [price] });
  await batch(client, (await upload(client, [line("a", "Hi")])).id);
  const { inputTokens, outputTokens, costNanoUsd } = await lastRecord(app);
  expect(outputTokens).toBe(10);
  expect(costNanoUsd).toBe(inputTokens * 500 + outputTokens * 1_000);
});

test("What lies at an account that is full is refused as such, though another account has room", async () => {
  const limits = [{ dimension: "requests", window: "day", amount: 1 }] as const;
  const { client } = await begin({
    providers: [
      { name: "full", baseUrl: `${up.url}/v1`, limits },
      { name: "free", baseUrl: `${up.url}/v1` },
    ],
    models: [
      {
        name: "small",
        targets: [{ provider: "full", model: "small-2026", weight: 1 }],
        fallbacks: [{ provider: "free", model: "small-2026", weight: 1 }],
      },
    ],
  });
  const { id } = await note(client, "A note.");
  up.requests = [];
  const error = await refusal(client.files.content(id));
  expect([error.status, error.code]).toEqual([503, "overloaded"]);
  expect(up.requests).toHaveLength(0);
  expect((await note(client, "Another.")).id).not.toBe(id);
});

test("An API that lets pass what lies at the account lets nobody name a file of another's", async () => {
  const scene = await FileScene.begin({ api: { storedState: true } });
  try {
    scene.forget();
    const { id } = await scene.note();
    scene.up.requests = [];
    const [stranger] = scene.strangers as [OpenAI];
    const chat = (file_id: string, client: OpenAI) =>
      client.chat.completions.create({
        model: "gpt",
        messages: [{ role: "user", content: [{ type: "file", file: { file_id } }] }],
      });
    const run = (file_id: string, client: OpenAI) => {
      const container = { type: "auto" as const, file_ids: [file_id] };
      return client.responses.create({ model: "gpt", input: "x", tools: [{ type: "code_interpreter", container }] });
    };
    for (const ask of [chat, run]) {
      expect((await refusal(ask(id, stranger)))?.code).toBe("object_not_found");
      for (const written of [` ${id}`, `${id}\0`, `${id.slice(0, 6)}\u200b${id.slice(6)}`, `${id}\n`]) {
        const error = await refusal(ask(written, stranger));
        expect([error?.status, error?.param]).toEqual([400, ask === chat ? "file_id" : "file_ids"]);
      }
      expect(scene.up.requests).toHaveLength(0);
    }
    // What nobody has uploaded here may be an administrator's.
    expect((await chat("file-none", stranger)).choices[0]!.message.content).toBe("Read.");
    expect((await chat(id, scene.owner)).choices[0]!.message.content).toBe("Read.");
  } finally {
    await scene.stop();
  }
});

describe("What a batch gives", () => {
  test("comes as it came where no guard reads answers", async () => {
    const { client } = await begin({ guardrails: [guard("mask", "input")] });
    const output = `${result("The grey falcon")}\n\n${result("x")}`;
    const { output_file_id: id } = await ended(client, output);
    expect(await (await client.files.content(id!)).text()).toBe(output);
  });

  test("is masked line by line, and loses its log probabilities", async () => {
    const { app, client } = await begin({ guardrails: [guard("mask", "output")] });
    const call = { tool_calls: [{ function: { name: "f", arguments: '{"bird":"gr\\u0065y falcon"}' } }] };
    const { output_file_id: id } = await ended(client, `${result("The grey falcon")}\n${result("", call)}`);
    const lines = (await (await client.files.content(id!)).text()).trim().split("\n");
    const said = lines.map((each) => JSON.parse(each).response.body.choices[0]);
    expect(said[0]).toEqual({ message: { content: "The [names]" }, logprobs: null });
    expect(JSON.parse(said[1].message.tool_calls[0].function.arguments)).toEqual({ bird: "[names]" });
    expect((await lastRecord(app)).verdicts).toMatchObject([{ direction: "output", action: "mask", count: 2 }]);
  });

  test("is denied whole, in results and in lists", async () => {
    const { client } = await begin({ guardrails: [guard("deny", "output")] });
    const { id, output_file_id: output } = await ended(client, `${result("fine")}\n${result("The grey falcon")}`);
    expect((await refusal(client.files.content(output!))).status).toBe(422);
    Object.assign(provider.batches.get(id)!, { metadata: { bird: "grey falcon" } });
    expect((await refusal(client.batches.retrieve(id))).status).toBe(422);
    expect((await refusal(client.batches.list())).status).toBe(422);
  });

  test("is masked in lists", async () => {
    const { client } = await begin({ guardrails: [guard("mask", "output")] });
    const { id } = await ended(client, result("x"));
    Object.assign(provider.batches.get(id)!, { metadata: { bird: "grey falcon" } });
    expect((await client.batches.retrieve(id)).metadata).toEqual({ bird: "[names]" });
    expect((await client.batches.list()).data[0]!.metadata).toEqual({ bird: "[names]" });
  });

  test.each<[string, Uint8Array]>([
    ["no UTF-8", new Uint8Array([0xff, 0xfe, 0x41])],
    ["bytes", new Uint8Array([0x41, 0, 0x42])],
  ])("that is %s is not let out where a guard would have to read it", async (_, bytes) => {
    const { client } = await begin({ guardrails: [guard("mask", "output")] });
    const { output_file_id: id } = await ended(client, "x");
    provider.files.get(id!)!.bytes = bytes;
    const error = await refusal(client.files.content(id!));
    expect([error.status, error.code]).toEqual([422, "guardrail_blocked"]);
  });

  test("that is a plain text is masked as one", async () => {
    const { client } = await begin({ guardrails: [guard("mask", "output")] });
    const { output_file_id: id } = await ended(client, "The grey falcon\nflies.");
    expect(await (await client.files.content(id!)).text()).toBe("The [names]\nflies.");
  });

  test("is no prompt: no guard has read it as one", async () => {
    const { client } = await begin({});
    const { output_file_id: id } = await ended(client, result("x"));
    const asked = client.chat.completions.create({
      model: "small",
      messages: [{ role: "user", content: [{ type: "file", file: { file_id: id! } }] }],
    });
    expect([(await refusal(asked)).status, (await refusal(asked)).param]).toEqual([400, "file_id"]);
  });
});
