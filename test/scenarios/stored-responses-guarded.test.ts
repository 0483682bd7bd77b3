/**
 * Responses that lie with a provider, under an API's guards and policy. Proves gateway/objects/allowed-objects.ts and
 * keep-responses.ts.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import type OpenAI from "openai";
import type { Guardrail } from "../../src/domain/catalog/catalog.ts";
import type { JsonObject } from "../../src/kernel/json.ts";
import type { AppOptions } from "../support/app.ts";
import { FileScene, refusal } from "../support/file-scene.ts";
import { MemoryObjects } from "../support/memory-objects.ts";
import { ResponseProvider } from "../support/response-provider.ts";

let objects: MemoryObjects;
let provider: ResponseProvider;
const scenes: FileScene[] = [];
beforeAll(() => {
  provider = new ResponseProvider();
  provider.text = "A grey falcon.";
});
beforeEach(() => {
  objects = new MemoryObjects();
});
afterEach(async () => {
  for (const scene of scenes.splice(0)) await scene.stop();
});
afterAll(() => provider.kept.clear());

/** A gateway before the same provider, with the same memory of whose its responses are. */
async function begin(options: AppOptions = {}): Promise<FileScene> {
  const scene = await FileScene.begin({ objects, ...options });
  scenes.push(scene);
  scene.up.plan((request) => provider.answer(request));
  return scene;
}

const guard = (action: "mask" | "deny"): Guardrail => {
  return { name: "names", kind: "phrases", phrases: ["grey falcon"], action, direction: "both" };
};
const ask = (client: OpenAI, over: Partial<OpenAI.Responses.ResponseCreateParamsNonStreaming> = {}) =>
  client.responses.create({ model: "gpt", input: "Say it.", max_output_tokens: 100, ...over });

test("an answer from before the API had its guards is not gone on from, and is read through them", async () => {
  const { id } = await ask((await begin()).owner);
  const { owner, up } = await begin({ guardrails: [guard("mask")] });
  const error = await refusal(ask(owner, { previous_response_id: id }));
  expect([error.status, error.param]).toEqual([400, "previous_response_id"]);
  expect(up.requests).toHaveLength(0);
  expect((await owner.responses.retrieve(id)).output_text).not.toContain("grey falcon");
  const denied = await begin({ guardrails: [guard("deny")] });
  expect((await refusal(denied.owner.responses.retrieve(id))).status).toBe(422);
});

test("a masked answer is gone on from, and one in the background is masked when it is read", async () => {
  const { owner } = await begin({ guardrails: [guard("mask")] });
  const first = await ask(owner);
  expect(first.output_text).not.toContain("grey falcon");
  expect((await ask(owner, { previous_response_id: first.id })).status).toBe("completed");
  const queued = await ask(owner, { background: true });
  expect([queued.status, queued.output]).toEqual(["queued", []]);
  Object.assign(provider.kept.get(queued.id)!, provider.kept.get(first.id)!, { id: queued.id });
  expect((await owner.responses.retrieve(queued.id)).output_text).not.toContain("grey falcon");
});

test("a stream is read again through the guards, and from its beginning only", async () => {
  const { id } = await ask((await begin()).owner, { background: true });
  const { owner, up } = await begin({ guardrails: [guard("mask")] });
  const events = await Array.fromAsync(await owner.responses.retrieve(id, { stream: true }));
  expect(JSON.stringify(events)).not.toContain("falcon");
  expect(events.at(-1)).toMatchObject({ type: "response.completed", response: { id } });
  up.requests = [];
  const error = await refusal(owner.responses.retrieve(id, { stream: true, starting_after: 3 }));
  expect([error.status, error.code, error.param]).toEqual([400, "parameter_not_allowed", "starting_after"]);
  expect(up.requests).toHaveLength(0);
  const denied = await begin({ guardrails: [guard("deny")] });
  expect((await refusal(denied.owner.responses.retrieve(id, { stream: true }))).status).toBe(422);
});

test("an API that lets nothing be kept has nothing to go on from, and no background", async () => {
  const { owner, up } = await begin({ api: { parameters: { store: false } } });
  const { id } = await ask(owner);
  expect((up.requests[0]!.json() as JsonObject).store).toBe(false);
  up.requests = [];
  expect((await refusal(ask(owner, { previous_response_id: id }))).status).toBe(404);
  const error = await refusal(ask(owner, { background: true }));
  expect([error.status, error.code, error.param]).toEqual([400, "parameter_not_allowed", "background"]);
  expect(up.requests).toHaveLength(0);
});

test("an API that lets pass what lies at the account lets nobody go on from another's", async () => {
  const { owner, up, strangers } = await begin({ api: { storedState: true } });
  const { id } = await ask(owner);
  up.requests = [];
  for (const stranger of strangers) {
    expect((await refusal(ask(stranger, { previous_response_id: id }))).code).toBe("object_not_found");
    for (const written of [`${id} `, `\0${id}`]) {
      const error = await refusal(ask(stranger, { previous_response_id: written }));
      expect([error.status, error.param]).toEqual([400, "previous_response_id"]);
    }
  }
  expect(up.requests).toHaveLength(0);
  // What nobody has got here may be an administrator's.
  await ask(strangers[0]!, { previous_response_id: "resp_none" });
  expect(up.requests).toHaveLength(1);
});

test("a response is asked for at the account where it lies, whichever else has the model", async () => {
  const targets = ["one", "two"].map((name) => ({ provider: name, model: "gpt-2026", weight: 1 }));
  const models = [{ name: "gpt", targets, fallbacks: [] }];
  const { up } = await begin();
  const providers = ["one", "two"].map((name) => ({ name, kind: "openai", baseUrl: `${up.url}/${name}/v1` }));
  const { owner } = await begin({ upstream: up.url, models, providers });
  up.requests = [];
  const made = await Promise.all(Array.from({ length: 8 }, () => ask(owner)));
  const whereMade = up.requests.map(({ path }) => path.split("/")[1]);
  expect(new Set(whereMade).size).toBe(2);
  for (const { id } of made) {
    up.requests = [];
    await ask(owner, { previous_response_id: id });
    await owner.responses.retrieve(id);
    const { own } = await objects.find({ tenantId: "ten_1", applicationId: "app_1" }, [id]);
    expect(up.requests.map(({ path }) => path.split("/")[1])).toEqual([own[0]!.provider, own[0]!.provider]);
  }
});
