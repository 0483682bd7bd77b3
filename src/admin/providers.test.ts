import { describe, expect, test } from "bun:test";
import { adminPlane, NOW } from "../../test/support/admin-plane.ts";
import type { Catalog, CatalogModel, ProviderAccount } from "../domain/catalog/catalog.ts";
import type { Tried } from "../ports/trial.ts";

const account = (name: string, sealedKey: string | null = "sealed"): ProviderAccount => ({
  name,
  kind: "openai-compatible",
  baseUrl: "https://up.example/v1",
  options: {},
  sealedKey,
  allowPrivateNetwork: false,
  prices: [],
});

const model = (name: string, targets: string[], fallbacks: string[] = []): CatalogModel => {
  const rows = (texts: string[]) =>
    texts.map((text) => ({ provider: text.split("/")[0]!, model: text.split("/")[1]!, weight: 1 }));
  return { name, targets: rows(targets), fallbacks: rows(fallbacks) };
};

function catalogOf(models: CatalogModel[]): Catalog {
  const accounts = [account("up"), account("other"), account("local", null), account("idle")];
  return {
    revision: 1,
    providers: new Map(accounts.map((each) => [each.name, each])),
    models: new Map(models.filter(({ name }) => !name.endsWith("*")).map((each) => [each.name, each])),
    patterns: models.filter(({ name }) => name.endsWith("*")),
    apis: new Map(),
    plans: new Map(),
    guardrails: new Map(),
  };
}

const MODELS = [
  model("small", ["up/s-1", "other/s-1"], ["up/s-2"]),
  model("again", ["up/s-1"]),
  model("up/*", ["up/*"]),
  model("large-*", ["up/l-1", "local/l"]),
];

const ANSWERS: Tried = {
  ...{ answeredAs: "conversation", code: null, status: null, message: "" },
  ...{ inputTokens: 9, outputTokens: 2, totalMs: 12.6 },
};
const refusal = (code: Tried["code"], status: number | null = null): Tried => ({
  ...ANSWERS,
  ...{ answeredAs: null, code, status, message: "no", inputTokens: 0, outputTokens: 0 },
});

function planeWith(outcomes: Record<string, Tried> = {}, models = MODELS) {
  const asked: string[] = [];
  const catalog = catalogOf(models);
  const plane = adminPlane({
    directory: { catalog: () => catalog },
    trial: async ({ name }, modelName) => {
      asked.push(`${name}/${modelName}`);
      return outcomes[modelName] ?? ANSWERS;
    },
  });
  const run = (name: string, body: unknown = {}) => plane.call("POST", `/api/v1/providers/${name}/test`, { body });
  return { ...plane, asked, run };
}

test("200: the models that the configuration names as targets are asked once each, and no pattern is", async () => {
  const { run, asked, administration } = planeWith();
  const { status, body } = await run("up");
  expect(status).toBe(200);
  expect(asked.sort()).toEqual(["up/l-1", "up/s-1", "up/s-2"]);
  expect(body).toMatchObject({ provider: "up", kind: "openai-compatible", key: "works", working: true, leftOut: [] });
  expect(body.models[0]).toEqual({
    ...{ model: "s-1", answers: true, as: "conversation", code: null, status: null, message: "" },
    ...{ inputTokens: 9, outputTokens: 2, totalMs: 13 },
  });
  expect(administration.entries[0]).toMatchObject({
    ...{ action: "provider.test", subject: "provider:up", detail: { models: ["s-1", "s-2", "l-1"] } },
  });
});

test("200: models that were named are asked instead, in their order", async () => {
  const { run } = planeWith();
  const { body } = await run("up", { models: ["b", "a", "b"] });
  expect(body.models.map((each: { model: string }) => each.model)).toEqual(["b", "a"]);
});

describe("what is said of the key", () => {
  const rows: [string, Record<string, Tried>, string][] = [
    ["one model answers, another is refused", { "s-2": refusal("upstream_refused", 403) }, "works"],
    ["all are refused for the account", { ...each(refusal("upstream_refused", 401)) }, "refused"],
    ["all are at a limit of the account's", { ...each(refusal("upstream_rate_limited", 429)) }, "works"],
    ["nobody is there", { ...each(refusal("upstream_unreachable")) }, "unknown"],
    ["all models are unknown there", { ...each(refusal("upstream_rejected", 404)) }, "unknown"],
  ];
  for (const [what, outcomes, key] of rows) {
    test(`${what}: ${key}`, async () => {
      const { body } = await planeWith(outcomes).run("up");
      expect(body).toMatchObject({ key, working: false });
    });
  }

  test("the account has none: none", async () => {
    expect((await planeWith().run("local")).body).toMatchObject({ key: "none", working: true });
  });

  function each(tried: Tried) {
    return { "s-1": tried, "s-2": tried, "l-1": tried };
  }
});

test("200: it works where some models of the configuration refuse the question, not where one that was named does", async () => {
  const { run } = planeWith({ "s-2": refusal("upstream_rejected", 404), "l-1": refusal("unsupported_feature") });
  expect((await run("up")).body).toMatchObject({ key: "works", working: true });
  expect((await run("up", { models: ["s-1", "s-2"] })).body).toMatchObject({ key: "works", working: false });
  const broken = planeWith({ "s-2": refusal("upstream_error", 500) });
  expect((await broken.run("up")).body).toMatchObject({ key: "works", working: false });
});

test("200: at most 20 models are asked, and the others are named", async () => {
  const many = Array.from({ length: 23 }, (_, at) => model(`m${at}`, [`up/m${at}`]));
  const { run, asked } = planeWith({}, many);
  const { body } = await run("up");
  expect(asked).toHaveLength(20);
  expect(body.leftOut).toEqual(["m20", "m21", "m22"]);
});

test("200: what comes too late is not asked, and named", async () => {
  let begun = 0;
  const all = Promise.withResolvers<void>();
  const catalog = catalogOf(Array.from({ length: 9 }, (_, at) => model(`m${at}`, [`up/m${at}`])));
  const plane = adminPlane({
    directory: { catalog: () => catalog },
    trial: async () => {
      if (++begun === 4) {
        plane.clock.wall = NOW + 8_000;
        all.resolve();
      }
      await all.promise;
      return ANSWERS;
    },
  });
  const { body } = await plane.call("POST", "/api/v1/providers/up/test", { body: {} });
  expect(body.models).toHaveLength(4);
  expect(body.leftOut).toEqual(["m4", "m5", "m6", "m7", "m8"]);
});

test("404: no such account, and those that there are; 400: no model to ask, or none that could be one", async () => {
  const { run, asked, administration } = planeWith();
  const unknown = await run("nobody");
  expect(unknown.status).toBe(404);
  expect(unknown.body.detail).toBe("There is no such provider account; there are up, other, local, idle.");
  expect((await run("idle")).body.errors[0]).toMatchObject({
    field: "models",
    message: expect.stringContaining("idle"),
  });
  const bad: [unknown, string][] = [
    [{ models: [] }, "models"],
    [{ models: [""] }, "models[0]"],
    [{ models: ["a\nb"] }, "models[0]"],
    [{ models: "a" }, "models"],
    [{ models: Array.from({ length: 21 }, (_, at) => `m${at}`) }, "models"],
    [{ baseUrl: "http://elsewhere" }, "baseUrl"],
  ];
  for (const [body, field] of bad) {
    const answer = await run("up", body);
    expect(answer.status).toBe(400);
    expect(answer.body.errors[0].field).toBe(field);
  }
  expect(asked).toEqual([]);
  expect(administration.entries).toEqual([]);
});

test("500: nobody is asked when the audit entry cannot be written", async () => {
  const { run, asked, administration } = planeWith();
  administration.broken = new Error("disk full");
  expect((await run("up")).status).toBe(500);
  expect(asked).toEqual([]);
});
