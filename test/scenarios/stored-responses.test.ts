/**
 * Responses that lie at an account which two tenants share: each goes on from its own, reads, stops and deletes
 * them, by OpenAI's official client, and nobody from another's. Proves gateway/objects/keep-responses.ts, locate.ts,
 * wire/openai-responses/stored.ts and providers/openai/responses/background.ts.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type OpenAI from "openai";
import type { JsonObject } from "../../src/kernel/json.ts";
import type { ProviderObject } from "../../src/ports/provider-objects.ts";
import { type App, post } from "../support/app.ts";
import { FileScene, refusal } from "../support/file-scene.ts";
import { MemoryObjects } from "../support/memory-objects.ts";
import { ResponseProvider } from "../support/response-provider.ts";
import * as responses from "../support/upstream/openai-responses.ts";
import { json, sse } from "../support/upstream.ts";

class Spied extends MemoryObjects {
  remembered: ProviderObject[] = [];
  failing = false;
  override async remember(...[owner, object]: Parameters<MemoryObjects["remember"]>): Promise<boolean> {
    if (this.failing) throw new Error("away");
    this.remembered.push(object);
    return super.remember(owner, object);
  }
}

const objects = new Spied();
let scene: FileScene;
let app: App;
let owner: OpenAI;
let provider: ResponseProvider;
beforeAll(async () => {
  scene = await FileScene.begin({ objects });
  ({ app, owner } = scene);
  provider = new ResponseProvider();
});
afterAll(() => scene.stop());
beforeEach(() => {
  scene.up.plan((request) => provider.answer(request));
  scene.up.requests = [];
  objects.remembered = [];
});

const ask = (client: OpenAI, over: Partial<OpenAI.Responses.ResponseCreateParamsNonStreaming> = {}) =>
  client.responses.create({ model: "gpt", input: "Say hello.", max_output_tokens: 100, ...over });
const asked = () => scene.up.requests.map(({ method, path }) => `${method} ${path}`);

describe("what one's own application has got", () => {
  test.each([false, true])("is gone on from, streamed or not (stream: %j)", async (stream) => {
    const first = stream
      ? await owner.responses.stream({ model: "gpt", input: "Say hello." }).finalResponse()
      : await ask(owner);
    expect(objects.remembered).toMatchObject([{ id: first.id, kind: "response", provider: "oai", model: "gpt" }]);
    const second = await ask(owner, { previous_response_id: first.id });
    expect(second.output_text).toBe("Hello.");
    expect((scene.up.requests.at(-1)!.json() as JsonObject).previous_response_id).toBe(first.id);
  });

  test("is read, listed, stopped and deleted, at no cost", async () => {
    const { id } = await ask(owner);
    expect((await owner.responses.retrieve(id)).output_text).toBe("Hello.");
    expect((await owner.responses.inputItems.list(id, { limit: 5, order: "asc" })).data).toHaveLength(1);
    expect((await owner.responses.cancel(id)).status).toBe("cancelled");
    await owner.responses.delete(id);
    expect(asked().slice(1)).toEqual([
      `GET /v1/responses/${id}`,
      `GET /v1/responses/${id}/input_items?limit=5&order=asc`,
      `POST /v1/responses/${id}/cancel`,
      `DELETE /v1/responses/${id}`,
    ]);
    expect((await scene.lastRecord()).costNanoUsd).toBe(0);
    scene.up.requests = [];
    expect((await refusal(owner.responses.retrieve(id))).status).toBe(404);
    expect((await refusal(ask(owner, { previous_response_id: id }))).status).toBe(404);
    expect(asked()).toEqual([]);
  });

  test("is told in words that its reader asked for", async () => {
    const { id } = await ask(owner);
    await owner.responses.retrieve(id, { include: ["message.output_text.logprobs"] });
    expect(decodeURIComponent(asked().at(-1)!)).toBe(`GET /v1/responses/${id}?include[]=message.output_text.logprobs`);
  });

  test.each(["/openai/v1", "/openai"])("is read by Azure's clients under %s", async (base) => {
    const { id } = await ask(owner);
    const headers = { "api-key": app.key };
    const answer = await fetch(`${app.url}${base}/responses/${id}?api-version=preview`, { headers });
    expect(await answer.json()).toMatchObject({ id, status: "completed" });
  });
});

describe("another's, and nobody's", () => {
  test("answer alike, and nobody is asked", async () => {
    const { id } = await ask(owner);
    scene.up.requests = [];
    const told: string[] = [];
    for (const client of scene.strangers) {
      for (const named of [id, "resp_none"]) {
        const tries = [
          () => ask(client, { previous_response_id: named }),
          () => client.responses.retrieve(named),
          () => client.responses.cancel(named),
          () => client.responses.delete(named),
          () => client.responses.inputItems.list(named),
        ];
        for (const tried of tries) {
          const error = await refusal(tried());
          expect([error.status, error.code]).toEqual([404, "object_not_found"]);
          told.push(error.message.replace(named, "…"));
        }
      }
    }
    expect(new Set(told).size).toBe(2);
    expect(asked()).toEqual([]);
    expect(provider.kept.has(id)).toBe(true);
  });

  test("names the field", async () => {
    const error = await refusal(ask(owner, { previous_response_id: "resp_none" }));
    expect([error.status, error.param]).toEqual([404, "previous_response_id"]);
  });

  test("are a file's where a file's id is given, and no step in a path", async () => {
    for (const id of ["../files", "resp_1%2F..", "a b"]) {
      expect((await refusal(owner.responses.retrieve(id))).status).toBe(404);
    }
    expect(asked()).toEqual([]);
  });
});

describe("a model whose providers keep nothing", () => {
  test.each(["small", "claude"])("%s refuses by the field's name, whoever's the id is", async (model) => {
    const { id } = await ask(owner);
    scene.up.requests = [];
    for (const named of [id, "resp_none"]) {
      const error = await refusal(ask(owner, { model, previous_response_id: named }));
      expect([error.status, error.param]).toEqual([400, "previous_response_id"]);
    }
    const error = await refusal(ask(owner, { model, background: true }));
    expect([error.status, error.param]).toEqual([400, "background"]);
    expect(asked()).toEqual([]);
  });
});

test("nothing is remembered of what is not kept", async () => {
  await ask(owner, { store: false });
  await owner.responses.stream({ model: "gpt", input: "x", store: false }).finalResponse();
  await owner.chat.completions.create({ model: "gpt", messages: [{ role: "user", content: "x" }] });
  await ask(owner, { model: "small" });
  expect(objects.remembered).toEqual([]);
});

test("what could not be remembered is told all the same, with a warning", async () => {
  objects.failing = true;
  const body = { model: "gpt", input: "x", max_output_tokens: 100 };
  const response = await post(app, { path: "/v1/responses", body });
  objects.failing = false;
  expect(response.status).toBe(200);
  expect(response.headers.get("x-sallyport-warnings")).toContain("store: nobody can go on from this response");
});

test("an id that another has already is not taken from them", async () => {
  const { id } = await ask(owner);
  scene.up.plan(() => json(200, { ...responses.body({ text: "Hello." }), id }));
  const [stranger] = scene.strangers;
  expect((await ask(stranger!)).id).toBe(id);
  expect((await refusal(stranger!.responses.retrieve(id))).status).toBe(404);
  expect((await owner.responses.retrieve(id)).id).toBe(id);
});

describe("in the background", () => {
  test("an answer is charged whole when it begins, and fetched for nothing when it is there", async () => {
    const queued = await ask(owner, { background: true });
    expect(queued.status).toBe("queued");
    const record = await scene.lastRecord();
    expect([record.usageSource, record.outputTokens]).toEqual(["reserved", 100]);
    expect(record.costNanoUsd).toBeGreaterThan(0);
    Object.assign(provider.kept.get(queued.id)!, responses.body({ text: "Done." }), { id: queued.id });
    expect((await owner.responses.retrieve(queued.id)).output_text).toBe("Done.");
    expect((await scene.lastRecord()).costNanoUsd).toBe(0);
  });

  test("an answer must be kept", async () => {
    const error = await refusal(ask(owner, { background: true, store: false }));
    expect([error.status, error.param]).toEqual([400, "background"]);
    expect(asked()).toEqual([]);
  });
});

describe("a response that was streamed in the background", () => {
  const streamed = () => owner.responses.create({ model: "gpt", input: "Say hello.", background: true, stream: true });
  const typesOf = async (events: AsyncIterable<{ type: string }>) =>
    (await Array.fromAsync(events)).map(({ type }) => type);

  test("is read as a stream again, from its beginning or after an event, at no cost", async () => {
    const first = await Array.fromAsync(await streamed());
    const { id } = (first[0] as { response: { id: string } }).response;
    scene.up.requests = [];
    const again = await Array.fromAsync(await owner.responses.retrieve(id, { stream: true }));
    expect(again).toEqual(first);
    const rest = await Array.fromAsync(await owner.responses.retrieve(id, { stream: true, starting_after: 3 }));
    expect(rest).toEqual(first.slice(4));
    expect(asked()).toEqual([
      `GET /v1/responses/${id}?stream=true`,
      `GET /v1/responses/${id}?stream=true&starting_after=3`,
    ]);
    expect(await scene.lastRecord()).toMatchObject({
      costNanoUsd: 0,
      inputTokens: 0,
      outputTokens: 0,
      outcome: "finished",
    });
  });

  test("is another's to nobody", async () => {
    const { id } = ((await Array.fromAsync(await streamed()))[0] as { response: { id: string } }).response;
    scene.up.requests = [];
    for (const client of scene.strangers) {
      expect((await refusal(client.responses.retrieve(id, { stream: true }))).status).toBe(404);
    }
    expect(asked()).toEqual([]);
  });

  test("and is not there any more is an error, not a stream", async () => {
    const { id } = ((await Array.fromAsync(await streamed()))[0] as { response: { id: string } }).response;
    provider.kept.delete(id);
    expect((await refusal(owner.responses.retrieve(id, { stream: true }))).status).toBe(404);
  });

  test("and failed is told as it is kept, without the account's name, not as a call that failed", async () => {
    const { id } = ((await Array.fromAsync(await streamed()))[0] as { response: { id: string } }).response;
    const [created] = responses.events({ text: "" });
    const error = { code: "rate_limit_exceeded", message: "Rate limit reached in organization org-SECRET99." };
    const response = { ...(created!.response as JsonObject), status: "failed", error };
    const events = [created!, { type: "response.failed", sequence_number: 1, response }];
    scene.up.requests = [];
    scene.up.plan(() => sse(events.map((data) => ({ event: String(data.type), data }))));
    const told = await Array.fromAsync(await owner.responses.retrieve(id, { stream: true }));
    expect(told.map(({ type }) => type)).toEqual(["response.created", "response.failed"]);
    const message = "Rate limit reached in organization *****.";
    expect(told[1]).toMatchObject({ response: { status: "failed", error: { code: "rate_limit_exceeded", message } } });
    expect(asked()).toHaveLength(1);
  });

  test("ends in an error where the stream breaks", async () => {
    const { id } = ((await Array.fromAsync(await streamed()))[0] as { response: { id: string } }).response;
    const frames = responses.events({ text: "Hello." }).slice(0, 5);
    scene.up.plan(() => sse(frames.map((data) => ({ event: String(data.type), data }))));
    const types = await typesOf(await owner.responses.retrieve(id, { stream: true })).catch((thrown) => String(thrown));
    expect(types).toContain("ended before it was whole");
  });
});

test.each([
  ["stream", "stream=1"],
  ["starting_after", "starting_after=1"],
  ["starting_after", "stream=true&starting_after=x"],
  ["include_obfuscation", "include_obfuscation=2"],
  ["include", "include=a%20b"],
  ["x", "x=1"],
])("%s is refused where a response is read", async (param, query) => {
  const { id } = await ask(owner);
  scene.up.requests = [];
  const answer = await fetch(`${app.url}/v1/responses/${id}?${query}`, {
    headers: { authorization: `Bearer ${app.key}` },
  });
  expect([answer.status, await answer.json()]).toMatchObject([400, { error: { param } }]);
  expect(asked()).toEqual([]);
});

test.each(["limit=0", "limit=x", "order=up", "after=a%20b", "limit=1&limit=2"])("items with %s", async (query) => {
  const { id } = await ask(owner);
  const answer = await fetch(`${app.url}/v1/responses/${id}/input_items?${query}`, {
    headers: { authorization: `Bearer ${app.key}` },
  });
  expect(answer.status).toBe(400);
  expect(((await answer.json()) as { error: JsonObject }).error.param).toBe(query.split("=")[0]!);
});
