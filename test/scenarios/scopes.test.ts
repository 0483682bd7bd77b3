/**
 * Who is limited: key, application, team, tenant, subscription, model and provider account, each by
 * itself and all at once, through every front. Proves gateway/metering/demand.ts with the meter behind it.
 */
import { afterEach, describe, expect, test } from "bun:test";
import type { OwnLimits } from "../../src/domain/access/principal.ts";
import type { Limit } from "../../src/kernel/limit.ts";
import type { AppOptions } from "../support/app.ts";
import { ASKED, greet, Scene } from "../support/scene.ts";
import { json } from "../support/upstream.ts";

const open: Scene[] = [];
afterEach(async () => {
  for (const scene of open.splice(0)) await scene.stop();
});

async function under(options: AppOptions): Promise<Scene> {
  const scene = await Scene.start(options);
  open.push(scene);
  return scene;
}

const perDay = (amount: number): Limit => ({ dimension: "requests", window: "day", amount });
const none: OwnLimits = { key: [], application: [], team: [], tenant: [] };
const MODEL = { name: "small", targets: [{ provider: "up", model: "small-2026", weight: 1 }], fallbacks: [] };

const SCOPES: [string, (limits: Limit[]) => AppOptions][] = [
  ["key", (key) => ({ principal: { limits: { ...none, key } } })],
  ["application", (application) => ({ principal: { limits: { ...none, application } } })],
  ["team", (team) => ({ principal: { limits: { ...none, team } } })],
  ["tenant", (tenant) => ({ principal: { limits: { ...none, tenant } } })],
  ["plan", (limits) => ({ limits })],
  ["model", (limits) => ({ models: [{ ...MODEL, limits }] })],
];

describe.each(ASKED)("to $front, stream: $stream", ({ front, stream }) => {
  test.each(SCOPES)("a limit of the %s holds, and the refusal says whose it is", async (whose, limited) => {
    const scene = await under(limited([perDay(2)]));
    await scene.served(front, { stream });
    await scene.served(front, { stream });
    scene.up.forget();
    const said = await scene.refused(front, await scene.call(front, { stream }), { code: "insufficient_quota" });
    expect(said.message).toContain(`The ${whose}'s limit of 2 requests per day is used up.`);
  });

  test.each(SCOPES)("200 calls at once against room for ten of the %s: ten pass", async (_whose, limited) => {
    const scene = await under(limited([perDay(10), { dimension: "concurrent", window: null, amount: 10 }]));
    const statuses = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const response = await scene.call(front, { stream });
        await response.text();
        return response.status;
      }),
    );
    expect(statuses.filter((status) => status === 200)).toHaveLength(10);
    expect(statuses.filter((status) => status === 429)).toHaveLength(190);
    expect(scene.up.requests).toHaveLength(10);
  });
});

test("200 calls with long prompts at once against tokens for ten: ten pass, for their tokens are counted", async () => {
  const models = [{ ...MODEL, targets: [{ provider: "up", model: "gpt-4o", weight: 1 }] }];
  // A thousand tokens, and 5,500 bytes; with what is put around them and the answer no more than 1,180.
  const messages = [{ role: "user", content: "some words ".repeat(500) }];
  const scene = await under({ models, limits: [{ dimension: "tokens", window: "day", amount: 11_800 }] });
  const { promise, resolve } = Promise.withResolvers<void>();
  scene.up.plan((request) => [{ do: "until", open: promise }, ...greet(request)]);
  let ended = 0;
  const calls = Array.from({ length: 200 }, async () => {
    const response = await scene.call("openai", { messages, max_tokens: 100 });
    await response.text();
    if (++ended === 190) resolve();
    return response.status;
  });
  const statuses = await Promise.all(calls);
  expect(statuses.filter((status) => status === 200)).toHaveLength(10);
  expect(scene.up.requests).toHaveLength(10);
});

test("what the last of them refuses is taken from none", async () => {
  // Of limits of one window the headers tell one.
  const nine = (window: Limit["window"]): Limit[] => [{ ...perDay(9), window }];
  const limits = { key: nine("week"), application: nine("month"), team: nine("total"), tenant: [perDay(1)] };
  const scene = await under({ limits: nine("hour"), principal: { limits } });
  await scene.served("openai", {});
  const response = await scene.call("openai", {});
  expect(response.status).toBe(429);
  expect(
    response.headers
      .get("ratelimit")!
      .split(", ")
      .map((each) => each.split(";t=")[0]),
  ).toEqual(['"key-week";r=8', '"application-month";r=8', '"team-total";r=8', '"tenant-day";r=0', '"hour";r=8']);
});

test("callers of one tenant share its limit, each has that of its key alone", async () => {
  const shared = { ...none, tenant: [perDay(3)], key: [perDay(2)] };
  const other = { key: { id: "other", name: "other", mode: "live" as const }, limits: shared };
  const scene = await under({ principal: { limits: shared }, others: [other] });
  const ask = async (key: string) => {
    const response = await scene.call("openai", {}, { key });
    await response.text();
    return response.status;
  };
  const [second] = scene.app.otherKeys as [string];
  expect(await ask(scene.app.key)).toBe(200);
  expect(await ask(second)).toBe(200);
  expect(await ask(second)).toBe(200);
  expect(await ask(second)).toBe(429);
  expect(await ask(scene.app.key)).toBe(429);
});

describe("an account that has reached its limit", () => {
  test("is not asked: others serve, and the caller hears nothing of it", async () => {
    const scene = await under({});
    const base = `${scene.up.url}/v1`;
    const second = await under({
      upstream: scene.up.url,
      providers: [
        { name: "one", baseUrl: base, limits: [perDay(1)] },
        { name: "two", baseUrl: base, limits: [perDay(2)] },
      ],
      models: [
        {
          name: "small",
          targets: [{ provider: "one", model: "m1", weight: 1 }],
          fallbacks: [{ provider: "two", model: "m2", weight: 1 }],
        },
      ],
    });
    const by = async () => (await second.served("openai", {})).response;
    const first = await by();
    expect(first.headers.get("x-sallyport-model")).toBe("one/m1");
    expect([...first.headers.keys()].filter((name) => name.includes("ratelimit"))).toEqual([]);
    expect((await by()).headers.get("x-sallyport-model")).toBe("two/m2");
    expect((await by()).headers.get("x-sallyport-model")).toBe("two/m2");
    scene.up.forget();
    const refused = await second.call("openai", {});
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    const said = await second.refused("openai", refused, { code: "overloaded" });
    expect(said.message).not.toMatch(/one|two|provider:/);
    expect(scene.up.requests).toEqual([]);
  });

  test("is charged what was asked there, and not what another answered", async () => {
    const scene = await under({});
    const base = `${scene.up.url}/v1`;
    const budget = (amount: number): Limit => ({ dimension: "usd", window: "day", amount });
    const second = await under({
      upstream: scene.up.url,
      providers: [
        { name: "one", baseUrl: base, limits: [budget(1e9)] },
        { name: "two", baseUrl: base, limits: [budget(1e9)] },
      ],
      models: [
        {
          name: "small",
          targets: [{ provider: "one", model: "m1", weight: 1 }],
          fallbacks: [{ provider: "two", model: "m2", weight: 1 }],
        },
      ],
    });
    const down = json(503, { error: { message: "down" } });
    scene.up.plan((request) => (request.text().includes("m1") ? down : greet(request)));
    const { record } = await second.served("openai", { max_tokens: 50 });
    const spent = async (of: string) => (await second.app.meter.usage(`provider:${of}`, "UTC")).periods.day.spent;
    expect(record.attempts.map(({ provider }) => provider)).toEqual(["one", "two"]);
    expect(await spent("two")).toMatchObject({ requests: 1, usd: record.attempts[1]!.costNanoUsd });
    expect(await spent("one")).toMatchObject({ requests: 1, usd: record.attempts[0]!.costNanoUsd });
    expect((await spent("two")).usd).toBeGreaterThan(0);
  });
});
