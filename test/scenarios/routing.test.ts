/**
 * What a model's routing settings do to a call on the road: rounds of retries, hedges, budgets,
 * statuses that fall back, prompts that are too long, conversations that stay, accounts that may
 * not serve, and targets that are given up. Proves gateway/asking/attempts.ts, route.ts and health.ts.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { type CatalogModel, type Placement, type Routing, USUAL_ROUTING } from "../../src/domain/catalog/catalog.ts";
import { BREAKER } from "../../src/domain/routing/health.ts";
import { type App, type AppOptions, chat, post, startApp } from "../support/app.ts";
import { openaiChat, type Plan, type Script, startUpstream, type Upstream } from "../support/upstream.ts";

let one: Upstream;
let two: Upstream;
let app: App | undefined;
beforeAll(async () => {
  [one, two] = [await startUpstream(), await startUpstream()];
});
afterAll(async () => {
  await Promise.all([one.stop(), two.stop()]);
});
afterEach(async () => {
  await app?.stop();
  app = undefined;
  one.forget();
  two.forget();
});

/** Answers one after another; the last of them again and again. */
function plays(up: Upstream, ...plans: (Plan | Script)[]): void {
  let at = 0;
  up.plan((request) => {
    const plan = plans[Math.min(at++, plans.length - 1)]!;
    return typeof plan === "function" ? plan(request) : plan;
  });
}

const says = (text: string, usage = { input: 10, output: 5 }) => openaiChat.replies({ text, usage });
const fails = (
  status: number,
  over: { message?: string; code?: string } = {},
  headers: Record<string, string> = {},
): Script => openaiChat.failure(status, over, { headers });

interface Options {
  routing?: Partial<Routing>;
  model?: Partial<CatalogModel>;
  placement?: Placement;
  providers?: [object, object];
  app?: AppOptions;
}

/** A model at provider one, then two, with prices of 1 and 2 dollars a million tokens at each. */
async function start({
  routing = {},
  model = {},
  placement,
  providers = [{}, {}],
  app: over = {},
}: Options = {}): Promise<App> {
  const prices = [{ model: "*", inputPerMTokUsd: 1, outputPerMTokUsd: 2 }];
  app = await startApp({
    ...over,
    upstream: one.url,
    providers: [
      { name: "one", baseUrl: `${one.url}/v1`, prices, ...providers[0] },
      { name: "two", baseUrl: `${two.url}/v1`, prices, ...providers[1] },
    ],
    models: [
      {
        name: "small",
        targets: [{ provider: "one", model: "m1", weight: 1 }],
        fallbacks: [{ provider: "two", model: "m2", weight: 1 }],
        routing: { ...USUAL_ROUTING, ...routing },
        ...model,
      },
    ],
    ...(placement === undefined ? {} : { api: { placement } }),
  });
  return app;
}

const ask = (over: Record<string, unknown> = {}, init: Parameters<typeof post>[1] = {}) =>
  post(app!, { ...init, body: chat(over) });
const attemptsOf = async () => (await app!.records()).at(-1)!.attempts.map(({ provider, error }) => [provider, error]);

describe("rounds of retries", () => {
  test("the targets are asked once more after a pause, and the call is served", async () => {
    await start({ routing: { retries: 1 } });
    plays(one, fails(503), says("now"));
    plays(two, fails(500));
    const response = await ask();
    expect(response.status).toBe(200);
    expect(await attemptsOf()).toEqual([
      ["one", "upstream_error"],
      ["two", "upstream_error"],
      ["one", null],
    ]);
    expect(response.headers.get("x-sallyport-attempts")).toBe("3");
  });

  test("no earlier than the provider has asked for", async () => {
    await start({ routing: { retries: 1 }, model: { fallbacks: [] } });
    plays(one, fails(429, {}, { "retry-after": "1" }), says("now"));
    const began = performance.now();
    expect((await ask()).status).toBe(200);
    expect(performance.now() - began).toBeGreaterThanOrEqual(990);
  });

  test("not where the provider asks for more time than the budget has", async () => {
    await start({ routing: { retries: 3, maxAttemptMs: 2_000 }, model: { fallbacks: [] } });
    plays(one, fails(429, {}, { "retry-after": "30" }));
    const response = await ask();
    expect(response.status).toBe(429);
    expect(response.headers.get("retry-after")).toBe("30");
    expect(one.requests).toHaveLength(1);
  });

  test("and no more often than there are attempts", async () => {
    await start({ routing: { retries: 10, maxAttempts: 3 } });
    plays(one, fails(500));
    plays(two, fails(500));
    expect((await ask()).status).toBe(502);
    expect(one.requests.length + two.requests.length).toBe(3);
  });

  test("the pause ends when the caller leaves, and nobody is asked again", async () => {
    await start({ routing: { retries: 1 }, model: { fallbacks: [] } });
    plays(one, fails(429, {}, { "retry-after": "20" }));
    const leave = new AbortController();
    const call = ask({}, { signal: leave.signal }).catch(() => "left");
    await Bun.sleep(150);
    leave.abort();
    expect(await call).toBe("left");
    for (let i = 0; i < 100 && (await app!.records()).length === 0; i++) await Bun.sleep(20);
    expect((await app!.records()).at(-1)).toMatchObject({ outcome: "cancelled" });
    expect(one.requests).toHaveLength(1);
  });
});

describe("a hedge", () => {
  test.each([true, false])(
    "asks the next target when the first is silent, and the first to answer serves; stream: %p",
    async (stream) => {
      await start({ routing: { hedgeAfterMs: 80 } });
      plays(one, [{ do: "silence" }]);
      plays(two, says("from two", { input: 100, output: 10 }));
      const response = await ask({ stream });
      expect(response.status).toBe(200);
      expect(await response.text()).toContain("two");
      const record = (await app!.records()).at(-1)!;
      expect(record).toMatchObject({ outcome: "finished", provider: "two", usageSource: "reported" });
      expect(record.attempts).toMatchObject([
        { provider: "one", error: "superseded" },
        { provider: "two", error: null, costNanoUsd: 120_000 },
      ]);
      // The one that lost is let go of at once, and may charge for the prompt that it has got.
      expect(await one.requests[0]!.closed).toBeDefined();
      expect(record.costNanoUsd).toBe(record.attempts[0]!.costNanoUsd + 120_000);
      expect(record.attempts[0]!.costNanoUsd).toBeGreaterThan(0);
    },
  );

  test("does not happen where the first answers in time", async () => {
    await start({ routing: { hedgeAfterMs: 2_000 } });
    plays(one, says("from one"));
    expect(await (await ask()).text()).toContain("from one");
    expect(two.requests).toHaveLength(0);
  });

  test("goes on at once where the first fails in time", async () => {
    await start({ routing: { hedgeAfterMs: 5_000 } });
    plays(one, fails(500));
    plays(two, says("from two"));
    expect((await ask()).status).toBe(200);
    expect(await attemptsOf()).toEqual([
      ["one", "upstream_error"],
      ["two", null],
    ]);
  });
});

describe("statuses that end a call", () => {
  test.each([400, 401, 403, 404] as const)("%p falls back only where the model says so", async (status) => {
    await start();
    plays(one, fails(status));
    plays(two, says("from two"));
    expect((await ask()).status).not.toBe(200);
    expect(two.requests).toHaveLength(0);
    await app!.stop();
    await start({ routing: { fallbackOn: [status] } });
    expect((await ask()).status).toBe(200);
    expect(two.requests).toHaveLength(1);
  });
});

describe("a prompt that is too long", () => {
  const tooLong = fails(400, {
    code: "context_length_exceeded",
    message: "This model's maximum context length is 8192 tokens.",
  });

  test.each([
    ["a larger model is listed", 8_192, 128_000, 200],
    ["the next is known, and this one is not", undefined, 128_000, 200],
    ["the next is no larger", 8_192, 8_192, 400],
    ["nobody knows how large the next is", 8_192, undefined, 400],
  ])("%s", async (_, here, there, status) => {
    const sized = (contextTokens: number | undefined) => (contextTokens === undefined ? {} : { contextTokens });
    await start({
      model: {
        targets: [{ provider: "one", model: "m1", weight: 1, ...sized(here) }],
        fallbacks: [{ provider: "two", model: "m2", weight: 1, ...sized(there) }],
      },
    });
    plays(one, tooLong);
    plays(two, says("from two"));
    expect((await ask()).status).toBe(status);
  });
});

test("what one target cannot do goes to one that can, and is a 400 where none can", async () => {
  await start({ providers: [{ kind: "deepseek" }, {}] });
  plays(one, says("from one"));
  plays(two, says("from two"));
  const response = await ask({ n: 2 });
  expect(response.status).toBe(200);
  expect(one.requests).toHaveLength(0);
  expect(await attemptsOf()).toEqual([
    ["one", "unsupported_feature"],
    ["two", null],
  ]);
  await app!.stop();
  await start({ providers: [{ kind: "deepseek" }, { kind: "deepseek" }] });
  const refused = await ask({ n: 2 });
  expect(refused.status).toBe(400);
  expect(await refused.json()).toMatchObject({ error: { code: "unsupported_feature", param: "n" } });
});

describe("an API's demands on place and promises", () => {
  const demand = { regions: ["eu"], dataHandling: ["no-training"] };

  test("only accounts that fulfil them are asked, whatever else fails", async () => {
    await start({
      placement: demand,
      providers: [
        { region: "us", dataHandling: ["no-training"] },
        { region: "eu", dataHandling: ["no-training", "zero-retention"] },
      ],
    });
    plays(two, says("from two"), fails(500));
    expect(await (await ask()).text()).toContain("from two");
    expect((await ask()).status).toBe(502);
    expect(one.requests).toHaveLength(0);
  });

  test("where nobody fulfils them the call is refused, and nothing is sent", async () => {
    await start({ placement: demand, providers: [{ region: "eu" }, {}] });
    const response = await ask();
    expect(response.status).toBe(403);
    expect(one.requests.length + two.requests.length).toBe(0);
    expect((await app!.records()).at(-1)).toMatchObject({ costNanoUsd: 0, inputTokens: 0 });
  });
});

test("a conversation stays with its target, and conversations are spread", async () => {
  const targets = [
    { provider: "one", model: "m", weight: 1 },
    { provider: "two", model: "m", weight: 1 },
  ];
  await start({ routing: { sticky: true }, model: { targets, fallbacks: [] } });
  plays(one, says("one"));
  plays(two, says("two"));
  const served = new Set<string>();
  for (let conversation = 0; conversation < 12; conversation++) {
    const messages = [
      { role: "system", content: `topic ${conversation}` },
      { role: "user", content: "Why?" },
    ];
    const first = (await ask({ messages })).headers.get("x-sallyport-model");
    const longer = [...messages, { role: "assistant", content: "Because." }, { role: "user", content: "And?" }];
    for (let turn = 0; turn < 3; turn++)
      expect((await ask({ messages: longer })).headers.get("x-sallyport-model")).toBe(first);
    served.add(first!);
  }
  expect(served.size).toBe(2);
});

test("the cheapest target is asked first", async () => {
  const targets = [
    { provider: "one", model: "m", weight: 1 },
    { provider: "two", model: "m", weight: 1 },
  ];
  const cheap = { prices: [{ model: "*", inputPerMTokUsd: 0.1, outputPerMTokUsd: 0.2 }] };
  await start({ routing: { strategy: "cheapest" }, model: { targets, fallbacks: [] }, providers: [{}, cheap] });
  plays(two, says("two"));
  for (let i = 0; i < 5; i++) expect((await ask()).headers.get("x-sallyport-model")).toBe("two/m");
});

test("a target that fails again and again is given up, tried by one call after a while, and taken back", async () => {
  let ticks = 1_000;
  await start({ app: { clock: { now: () => Date.now(), ticks: () => ticks } } });
  plays(one, fails(500));
  plays(two, says("from two"));
  for (let i = 0; i < BREAKER.inARow + 5; i++) expect((await ask()).status).toBe(200);
  expect(one.requests).toHaveLength(BREAKER.inARow);
  ticks += BREAKER.openMs;
  await ask();
  await ask();
  expect(one.requests).toHaveLength(BREAKER.inARow + 1);
  plays(one, says("from one"));
  ticks += BREAKER.openMs * 2;
  expect((await ask()).headers.get("x-sallyport-model")).toBe("one/m1");
  expect((await ask()).headers.get("x-sallyport-model")).toBe("one/m1");
});

test("a target whose provider's limit is used up rests as long as it was told, and the others serve", async () => {
  let ticks = 1_000;
  await start({ app: { clock: { now: () => Date.now(), ticks: () => ticks } } });
  plays(one, fails(429, {}, { "retry-after": "7" }), says("from one"));
  plays(two, says("from two"));
  for (let i = 0; i < 4; i++) expect((await ask()).status).toBe(200);
  expect(one.requests).toHaveLength(1);
  ticks += 7_000;
  expect((await ask()).headers.get("x-sallyport-model")).toBe("one/m1");
});

describe("a budget holds for all the targets of a call together", () => {
  // Some eighty tokens at 1 dollar a million and a hundred at 2: below 300,000 nano-dollars a target.
  const limits = (amount: number) => [{ dimension: "usd" as const, window: "day" as const, amount }];
  const unanswered: Script = [{ do: "close" }];

  test("another target is asked where there is room for its worst case too", async () => {
    await start({ app: { limits: limits(2_000_000) } });
    plays(one, unanswered);
    plays(two, says("from two"));
    expect((await ask({ max_tokens: 100 })).status).toBe(200);
  });

  test("and not where there is not: what was spent and reserved never exceeds the budget", async () => {
    await start({ app: { limits: limits(400_000) } });
    plays(one, unanswered);
    plays(two, says("from two", { input: 100, output: 200 }));
    const response = await ask({ max_tokens: 100 });
    expect(response.status).toBe(502);
    expect(two.requests).toHaveLength(0);
    const [record] = await app!.records();
    expect(record).toMatchObject({ errorCode: "upstream_cut" });
    expect(record!.costNanoUsd).toBeLessThanOrEqual(400_000);
  });

  test("a target that never got the question leaves its room to the next", async () => {
    await start({ app: { limits: limits(400_000) } });
    plays(one, fails(503));
    plays(two, says("from two"));
    expect((await ask({ max_tokens: 100 })).status).toBe(200);
  });

  test("no hedge is begun where there is no room for two", async () => {
    await start({ routing: { hedgeAfterMs: 30 }, app: { limits: limits(400_000) } });
    plays(one, [{ do: "wait", ms: 150 }, ...openaiChat.unary({ text: "from one" })]);
    expect(await (await ask({ max_tokens: 100 })).text()).toContain("from one");
    expect(two.requests).toHaveLength(0);
  });
});
