/**
 * What a key can see and reach: its APIs, their stages and versions, their models, and
 * whether they keep prompts. Proves gateway/authorize.ts, gateway/answering/list-models.ts and
 * gateway/record.ts.
 */
import { afterEach, describe, expect, test } from "bun:test";
import type { CatalogModel } from "../../src/domain/catalog/catalog.ts";
import type { AppOptions } from "../support/app.ts";
import {
  ASKED,
  DIALECTS,
  type DialectName,
  FRONTS,
  MODELS,
  ROADS,
  readThrough,
  Scene,
  until,
} from "../support/scene.ts";
import { anthropicMessages, openaiChat } from "../support/upstream.ts";

const open: Scene[] = [];
afterEach(async () => {
  for (const scene of open.splice(0)) await scene.stop();
});
async function start(options: AppOptions = {}): Promise<Scene> {
  const scene = await Scene.start(options);
  open.push(scene);
  return scene;
}

const model = (name: string, ...providers: string[]): CatalogModel => ({
  name,
  targets: providers.slice(0, 1).map((provider) => ({ provider, model: "*", weight: 1 })),
  fallbacks: providers.slice(1).map((provider) => ({ provider, model: "*", weight: 1 })),
});

const PROMPT = "The prompt that nobody else shall see";
const ANSWER = "The answer that nobody else shall see";

describe.each(ROADS)("prompts, $front to $provider, stream: $stream", ({ front, provider, stream }) => {
  const asking = { model: MODELS[provider], stream, messages: [{ role: "user", content: PROMPT }] };
  const dialect = provider === "openai" ? openaiChat : anthropicMessages;
  const saying = { text: ANSWER, toolCalls: [{ id: "toolu_1", name: "f", arguments: '{"q":"the tool that nobody else shall see"}' }] };

  test("stand in no record and no log where the API does not keep them", async () => {
    const scene = await start();
    scene.up.plan(dialect.replies(saying));
    const { record } = await scene.served(front, asking);
    expect(record.captured).toBeNull();
    const kept = JSON.stringify([record, scene.app.logs]);
    expect(kept).not.toContain("nobody else shall see");
  });

  test("stand in the record, and in no log, where it does", async () => {
    const scene = await start({ api: { capture: true } });
    scene.up.plan(dialect.replies(saying));
    const { record, response } = await scene.served(front, asking);
    expect(JSON.stringify(record.captured!.request)).toContain(PROMPT);
    expect(JSON.stringify(record.captured!.answer)).toContain(ANSWER);
    expect(JSON.stringify(record.captured!.answer)).toContain("the tool that nobody else shall see");
    const { captured: _, ...rest } = record;
    expect(JSON.stringify([rest, scene.app.logs, [...response.headers]])).not.toContain("nobody else shall see");
  });

  test("of an answer that broke off are kept as far as it came; of a refused call, nothing", async () => {
    const scene = await start({ api: { capture: true } });
    const whole = dialect.stream({ text: [ANSWER, " and more"] });
    const { promise, resolve } = Promise.withResolvers<void>();
    scene.up.answer([...whole.slice(0, -4), { do: "until", open: promise }, { do: "close" }]);
    await readThrough(await scene.call(front, { ...asking, stream: true }), ANSWER, resolve);
    const record = await scene.record();
    expect(record.outcome).toBe("cut");
    expect(JSON.stringify(record.captured)).toContain(ANSWER);
    expect((await scene.call(front, { ...asking, model: "unknown" })).status).toBe(404);
    expect((await scene.record()).captured).toBeNull();
  });

  test("that a guard withheld are not kept", async () => {
    const scene = await start({
      api: { capture: true },
      guardrails: [{ name: "names", kind: "phrases", phrases: ["nobody else"], action: "deny", direction: "output" }],
    });
    scene.up.plan(dialect.replies({ text: ANSWER }));
    const response = await scene.call(front, { model: MODELS[provider], stream });
    expect(response.status).toBe(422);
    const record = await scene.record();
    expect(record.verdicts).toMatchObject([{ guardrail: "names", action: "deny", count: 1 }]);
    expect(JSON.stringify(record)).not.toContain("nobody else");
  });

  test("are kept as they went on: what a guard has masked is masked in the record too", async () => {
    const scene = await start({
      api: { capture: true },
      guardrails: [{ name: "names", kind: "phrases", phrases: ["nobody else"], action: "mask", direction: "both" }],
    });
    scene.up.plan(dialect.replies({ text: [ANSWER.slice(0, 20), ANSWER.slice(20)] }));
    const { record, text } = await scene.served(front, asking);
    expect(text).not.toContain("nobody");
    expect(JSON.stringify(record)).not.toContain("nobody else");
    expect(record.captured!.answer).toBe("The answer that [names] shall see");
  });
}); // biome-ignore format: rows

describe.each(ASKED)("an API's stage, to $front, stream: $stream", ({ front, stream }) => {
  test("deprecated: it answers, and says since when and until when", async () => {
    const scene = await start({ api: { stage: "deprecated", deprecatedAt: Date.UTC(2026, 0, 2), sunsetAt: Date.UTC(2026, 11, 31, 12) } });
    const { response } = await scene.served(front, { stream });
    expect(response.headers.get("deprecation")).toBe("@1767312000");
    expect(response.headers.get("sunset")).toBe("Thu, 31 Dec 2026 12:00:00 GMT");
  });

  test("deprecated without dates: since now", async () => {
    const scene = await start({ api: { stage: "deprecated" } });
    const { response } = await scene.served(front, { stream });
    expect(response.headers.get("deprecation")).toMatch(/^@\d{10}$/);
    expect(response.headers.get("sunset")).toBeNull();
  });

  test("published: it says nothing of that", async () => {
    const scene = await start({ api: { deprecatedAt: 1, sunsetAt: 2 } });
    const { response } = await scene.served(front, { stream });
    expect([response.headers.get("deprecation"), response.headers.get("sunset")]).toEqual([null, null]);
  });

  test("by its own path, and by the plain one, the record names it", async () => {
    const scene = await start({ api: { slug: "assist", version: "v2-beta" }, principal: { subscriptions: [{ id: "s", api: "assist/v2-beta", plan: "standard", state: "approved" }] } });
    for (const prefix of ["", "/apis/assist/v2-beta"]) {
      const { record } = await scene.served(front, { stream }, { path: prefix + FRONTS[front].path });
      expect(record).toMatchObject({ api: "assist/v2-beta", plan: "standard", subscriptionId: "s" });
    }
  });
}); // biome-ignore format: rows

describe.each(ASKED)("a test key, to $front, stream: $stream", ({ front, stream }) => {
  const testing: AppOptions = {
    principal: { key: { id: "testkey00000", name: "test", mode: "test" } },
    models: [model("demo", "demo"), model("small", "up"), model("mixed", "demo", "up"), model("gone", "demo", "nowhere")],
  };

  test("reaches what test providers serve", async () => {
    const scene = await start(testing);
    expect(scene.app.key).toStartWith("sp_test_");
    const { record, response } = await scene.served(front, { stream, model: "demo" });
    expect(record).toMatchObject({ provider: "demo", costNanoUsd: 0 });
    expect(response.headers.get("x-sallyport-model")).toStartWith("demo/");
    expect(scene.up.requests).toEqual([]);
  });

  test.each(["small", "mixed", "gone"])("does not reach %s, which a real provider may serve: it is unknown", async (name) => {
    const scene = await start(testing);
    await scene.refused(front, await scene.call(front, { stream, model: name }), { code: "model_not_found", param: "model" });
    const live = await start({ models: testing.models! });
    await (await live.call(front, { stream, model: name })).text();
    expect((await live.record()).outcome).toBe("finished");
  });
}); // biome-ignore format: rows

interface Listed {
  ids: string[];
  body: Record<string, unknown>;
}

async function list(scene: Scene, front: DialectName, path = "/v1/models"): Promise<Listed> {
  const headers: Record<string, string> = {
    "x-api-key": scene.app.key,
    ...(front === "anthropic" ? { "anthropic-version": "2023-06-01" } : {}),
  };
  const response = await fetch(scene.app.url + path, { headers });
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json"]);
  const body = (await response.json()) as { data: { id: string }[] };
  return { ids: body.data.map(({ id }) => id), body };
}

describe.each(DIALECTS)("GET /v1/models in the style of %s", (front) => {
  test("lists what the key may use, in order, in the dialect's own form", async () => {
    const scene = await start();
    const { ids, body } = await list(scene, front);
    expect(ids).toEqual(["claude", "demo", "small"]);
    if (front === "openai") expect(body).toEqual({ object: "list", data: ids.map((id) => ({ id, object: "model", created: 0, owned_by: "sallyport" })) });
    else {
      expect(body).toMatchObject({ has_more: false, first_id: "claude", last_id: "small" });
      expect(body.data).toMatchObject(ids.map((id) => ({ type: "model", id, display_name: id })));
    }
    expect(scene.up.requests).toEqual([]);
    await scene.quiet();
  });

  test.each<[string, AppOptions, string[]]>([
    ["the API's models only", { api: { models: ["small"] } }, ["small"]],
    ["by the API's patterns", { api: { models: ["c*", "sm*"] } }, ["claude", "small"]],
    ["nothing without a subscription", { principal: { subscriptions: [] } }, []],
    ["nothing of a draft", { api: { stage: "draft" } }, []],
    ["nothing of a retired API", { api: { stage: "retired" } }, []],
    ["all of a deprecated one", { api: { stage: "deprecated" } }, ["claude", "demo", "small"]],
    ["to a test key what test providers serve", { principal: { key: { id: "t", name: "t", mode: "test" } } }, ["demo"]],
    ["nothing under a suspended subscription", { principal: { subscriptions: [{ id: "s", api: "chat/v1", plan: "standard", state: "suspended" }] } }, []],
  ])("%s", async (_, options, ids) => {
    const scene = await start(options);
    expect((await list(scene, front)).ids).toEqual(ids);
    expect((await list(scene, front, "/apis/chat/v1/v1/models")).ids).toEqual(ids);
    expect((await list(scene, front, "/apis/other/v1/v1/models")).ids).toEqual([]);
  });

  test("what is listed can be called, and what is not listed cannot", async () => {
    const scene = await start({ api: { models: ["small", "demo"] } });
    const { ids } = await list(scene, front);
    for (const name of ["small", "claude", "demo", "unknown"]) {
      const response = await scene.call(front, { model: name });
      await response.text();
      expect([name, response.status]).toEqual([name, ids.includes(name) ? 200 : 404]);
    }
  });

  test("one of them by its name; one that is not the key's like one that is not there", async () => {
    const scene = await start({ models: [model("small", "up"), model("team/a b", "up"), model("other", "up")], api: { models: ["small", "team/*"] } });
    const headers: Record<string, string> = { "x-api-key": scene.app.key, ...(front === "anthropic" ? { "anthropic-version": "2023-06-01" } : {}) };
    const get = (name: string) => fetch(`${scene.app.url}/v1/models/${name}`, { headers });
    expect(await (await get("small")).json()).toMatchObject({ id: "small" });
    expect(await (await get("team%2Fa%20b")).json()).toMatchObject({ id: "team/a b" });
    expect(scene.news().map(({ outcome, endpoint }) => [outcome, endpoint])).toEqual(Array(2).fill(["finished", "models"]));
    const said: string[] = [];
    for (const name of ["other", "nothing"]) {
      const response = await get(name);
      said.push((await response.clone().text()).replaceAll(name, "X").replace(/call_[0-9a-z]{26}/, "ID"));
      await scene.refused(front, response, { code: "model_not_found", param: "model" });
    }
    expect(said[0]).toBe(said[1]!);
  });

  test("without a key, or with a bad one, nothing is listed", async () => {
    const scene = await start();
    const headers: Record<string, string> = front === "anthropic" ? { "anthropic-version": "2023-06-01" } : {};
    await scene.refused(front, await fetch(`${scene.app.url}/v1/models`, { headers }), { code: "missing_credential" });
    await scene.refused(front, await fetch(`${scene.app.url}/v1/models`, { headers: { ...headers, "x-api-key": "sp_live_x" } }), { code: "invalid_credential" });
  });
}); // biome-ignore format: rows

test("the names behind a model, of accounts and of their models, are in no list", async () => {
  const scene = await start();
  for (const front of DIALECTS) {
    const said = JSON.stringify((await list(scene, front)).body);
    for (const inner of ["small-2026", "claude-2026", "up", "ant", scene.up.url])
      expect(said).not.toContain(`"${inner}"`);
  }
  expect(await until(() => scene.app.gateway.openCalls === 0)).toBe(true);
});
