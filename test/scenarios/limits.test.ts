/**
 * What a plan promises: so many requests, tokens, dollars and calls at once, told in headers,
 * refused with the time to wait, and never exceeded, however many come at the same moment.
 * Proves gateway/reserve.ts and gateway/answering/headers.ts with the meter behind them.
 */
import { afterEach, describe, expect, test } from "bun:test";
import { duration } from "../../src/gateway/metering/limit-headers.ts";
import type { Limit } from "../../src/kernel/limit.ts";
import { Vocabularies } from "../../src/store/vocabularies.ts";
import { type AppOptions, startApp } from "../support/app.ts";
import { ASKED, DIALECTS, type DialectName, PROVIDERS, Scene } from "../support/scene.ts";
import { hangUp } from "../support/upstream.ts";

const open: Scene[] = [];
afterEach(async () => {
  for (const scene of open.splice(0)) await scene.stop();
});

/** A wall clock that stands until it is moved; deadlines go on as ever. */
class Wall {
  time: number;
  constructor(iso: string) {
    this.time = Date.parse(iso);
  }
  now = () => this.time;
  ticks = () => performance.now();
  pass(seconds: number) {
    this.time += seconds * 1_000;
  }
}

async function under(
  limits: Limit[],
  over: AppOptions = {},
  at = "2026-03-04T12:00:00Z",
): Promise<{ scene: Scene; clock: Wall }> {
  const clock = new Wall(at);
  const scene = await Scene.start({ limits, clock, ...over });
  open.push(scene);
  return { scene, clock };
}

const requests = (window: Limit["window"], amount: number): Limit => ({ dimension: "requests", window, amount });
const tokens = (window: Limit["window"], amount: number): Limit => ({ dimension: "tokens", window, amount });
const dollars = (window: Limit["window"], usd: number): Limit => ({ dimension: "usd", window, amount: usd * 1e9 });
const atOnce = (amount: number): Limit => ({ dimension: "concurrent", window: null, amount });
const retryAfter = (response: Response) => Number(response.headers.get("retry-after"));
const limitHeaders = (response: Response) =>
  Object.fromEntries([...response.headers].filter(([name]) => /^(?:x-)?ratelimit/.test(name)));

describe.each(ASKED)("requests, to $front, stream: $stream", ({ front, stream }) => {
  test("ten a minute: headers count down, the eleventh is told when to come back, and then it is served", async () => {
    const { scene, clock } = await under([requests("minute", 10), requests("day", 1_000)]);
    for (let left = 9; left >= 0; left--) {
      const { response } = await scene.served(front, { stream });
      expect(limitHeaders(response)).toEqual({
        "ratelimit-policy": '"minute";q=10;w=60, "day";q=1000;w=86400',
        // A tenth of the minute for each that is gone.
        ratelimit: `"minute";r=${left};t=${6 * (10 - left)}, "day";r=${990 + left};t=43200`,
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": String(left),
        "x-ratelimit-reset-requests": duration(6_000 * (10 - left)),
      });
    }
    scene.up.forget();
    const refused = await scene.call(front, { stream });
    await scene.refused(front, refused, { code: "rate_limit_exceeded", param: null });
    expect(refused.headers.get("x-ratelimit-remaining-requests")).toBe("0");
    expect(retryAfter(refused)).toBe(6);
    clock.pass(5);
    await scene.refused(front, await scene.call(front, { stream }), { code: "rate_limit_exceeded" });
    clock.pass(1);
    await scene.served(front, { stream });
  });

  test("a rate passes its burst at once, and then evenly: there is no moment at which twice the limit passes", async () => {
    const { scene, clock } = await under([{ ...requests("minute", 4), burst: 2 }]);
    const passed: number[] = [];
    for (let second = 0; second < 180; second += 3) {
      const response = await scene.call(front, { stream });
      await response.text();
      if (response.status === 200) passed.push(second);
      else expect(response.status).toBe(429);
      clock.pass(3);
    }
    for (const from of passed)
      expect(passed.filter((at) => at >= from && at < from + 60).length).toBeLessThanOrEqual(4 + 2);
    expect(passed.length).toBe(2 + 11);
  });

  test.each<[Limit["window"], string, number]>([
    ["day", "2026-03-04T23:59:00Z", 60],
    ["day", "2026-03-04T00:00:00Z", 86_400],
    ["week", "2026-03-08T23:00:00Z", 3_600],
    ["month", "2026-02-28T12:00:00Z", 43_200],
    ["month", "2026-12-31T23:59:58Z", 2],
  ])("a quota of a %s at %s is gone until its end: %i s", async (window, at, wait) => {
    const { scene, clock } = await under([requests(window, 1), requests("minute", 100)], {}, at);
    await scene.served(front, { stream });
    scene.up.forget();
    const refused = await scene.call(front, { stream });
    const said = await scene.refused(front, refused, { code: "insufficient_quota", param: null });
    expect(said.message).toContain(window!);
    expect(retryAfter(refused)).toBe(wait);
    clock.pass(wait - 1);
    await scene.refused(front, await scene.call(front, { stream }), { code: "insufficient_quota" });
    clock.pass(1);
    await scene.served(front, { stream });
  });

  test("all limits or none: what one refuses is not taken from the others", async () => {
    const { scene, clock } = await under([requests("minute", 5), requests("day", 2)]);
    await scene.served(front, { stream });
    await scene.served(front, { stream });
    for (let i = 0; i < 10; i++) {
      const response = await scene.call(front, { stream });
      expect(response.headers.get("ratelimit")).toMatch(/^"minute";r=3;t=24, "day";r=0;/);
      await response.text();
    }
    expect(scene.news()).toHaveLength(10);
    clock.pass(12 * 3_600);
    await scene.served(front, { stream });
  });

  test("whatever came of it, a request that was admitted has been spent; one that was not, has not", async () => {
    const rule = { name: "no", kind: "phrases", phrases: ["forbidden"], action: "deny", direction: "both" } as const;
    const { scene } = await under([requests("day", 4)], { guardrails: [rule] });
    const left = async (over: object, key: string | null = scene.app.key) => {
      const response = await scene.call(front, { stream, ...over }, { key });
      await response.text();
      await scene.quiet();
      return response.headers.get("x-ratelimit-remaining-requests");
    };
    expect(await left({ model: "unknown" })).toBeNull();
    expect(await left({ temperature: -1 })).toBeNull();
    expect(await left({}, null)).toBeNull();
    expect(await left({ messages: [{ role: "user", content: "forbidden" }] })).toBe("3");
    scene.up.answer(PROVIDERS.openai.failure(500));
    expect(await left({})).toBe("2");
    scene.up.answer(hangUp());
    expect(await left({})).toBe("1");
    scene.up.plan(PROVIDERS.openai.replies({ text: "this is forbidden" }));
    expect(await left({})).toBe("0");
    scene.news();
    scene.up.forget();
    await scene.refused(front, await scene.call(front, { stream }), { code: "insufficient_quota" });
  });
});

describe.each(ASKED)("tokens and dollars, to $front, stream: $stream", ({ front, stream }) => {
  const small = { max_tokens: 100 };

  test("tokens are reserved at the worst and given back at the end", async () => {
    const { scene } = await under([tokens("minute", 10_000)]);
    const first = await scene.served(front, { stream, ...small });
    const reserved = 10_000 - Number(first.response.headers.get("x-ratelimit-remaining-tokens"));
    // Two for each word, what providers put around a prompt of one message, and what it may write at most.
    expect(reserved).toBeGreaterThan(100 + 70);
    expect(reserved).toBeLessThan(100 + 90);
    const second = await scene.served(front, { stream, ...small });
    const remaining = Number(second.response.headers.get("x-ratelimit-remaining-tokens"));
    expect(10_000 - remaining - reserved).toBe(first.record.inputTokens + first.record.outputTokens);
    expect(second.response.headers.get("x-ratelimit-limit-tokens")).toBe("10000");
    expect(second.response.headers.get("ratelimit-policy")).toBe('"minute-tokens";q=10000;w=60');
  });

  test("tokens that are used up come back with the minute", async () => {
    const { scene, clock } = await under([tokens("minute", 1_000)]);
    scene.up.plan(PROVIDERS.openai.replies({ text: "x", usage: { input: 500, output: 400 } }));
    await scene.served(front, { stream, ...small });
    scene.up.forget();
    const refused = await scene.call(front, { stream, ...small });
    await scene.refused(front, refused, { code: "rate_limit_exceeded" });
    clock.pass(retryAfter(refused));
    await scene.served(front, { stream, ...small });
  });

  test("a long prompt that fits by its tokens is served, though its bytes would not", async () => {
    const { scene } = await under([tokens("minute", 5_000)]);
    const messages = [{ role: "user", content: "There are some words in it. ".repeat(300) }];
    const { record } = await scene.served(front, { stream, ...small, messages });
    expect(record.outcome).toBe("finished");
    scene.up.forget();
    const run = [{ role: "user", content: "0123456789 ".repeat(700) }];
    await scene.refused(front, await scene.call(front, { stream, ...small, messages: run }), { code: "rate_limit_exceeded" }); // biome-ignore format: one line
  });

  test("what could never fit is refused without a time to wait, and says what to do", async () => {
    for (const limits of [[tokens("minute", 1_000)], [dollars("month", 0.0001)]]) {
      const { scene } = await under(limits);
      const response = await scene.call(front, { stream, max_tokens: 5_000 });
      const code = limits[0]!.dimension === "usd" ? "insufficient_quota" : "rate_limit_exceeded";
      const said = await scene.refused(front, response, { code });
      expect(said.message).toContain("max_tokens");
      expect(response.headers.get("retry-after")).toBeNull();
    }
  });

  test("a budget is charged what was used, to the nano-dollar, and then it is gone until its period ends", async () => {
    const { scene, clock } = await under([dollars("month", 0.01)], {}, "2026-03-31T23:00:00Z");
    scene.up.plan(PROVIDERS.openai.replies({ text: "x", usage: { input: 5_000, output: 2_000 } }));
    const { record, response } = await scene.served(front, { stream, ...small });
    expect(record.costNanoUsd).toBe(9_000_000);
    if (!stream) expect(response.headers.get("x-sallyport-cost-usd")).toBe("0.009");
    expect(response.headers.get("x-ratelimit-limit-requests")).toBeNull();
    await scene.served(front, { stream, ...small });
    scene.up.forget();
    const refused = await scene.call(front, { stream, ...small });
    const said = await scene.refused(front, refused, { code: "insufficient_quota" });
    expect(said.message).toContain("budget of $0.01 per month");
    expect(retryAfter(refused)).toBe(3_600);
    clock.pass(3_600);
    await scene.served(front, { stream, ...small });
  });

  test("a model without a price is not to be had under a budget", async () => {
    const { scene } = await under([dollars("month", 100)], { prices: [] });
    await scene.refused(front, await scene.call(front, { stream }), { code: "not_allowed" });
    const free = await under([requests("day", 5)], { prices: [] });
    const { record } = await free.scene.served(front, { stream });
    expect(record).toMatchObject({ costNanoUsd: 0, priceSource: null });
  });
});

describe.each(ASKED)("calls at once, to $front, stream: $stream", ({ front, stream }) => {
  test("the third of two is refused, and has its place when one ends", async () => {
    const { scene } = await under([atOnce(2)]);
    const { promise, resolve } = Promise.withResolvers<void>();
    scene.up.plan((request) => [{ do: "until", open: promise }, ...PROVIDERS.openai.replies({ text: "Hi." })(request)]);
    const held = [scene.call(front, { stream }), scene.call(front, { stream })];
    await scene.up.request(2);
    const refused = await scene.call(front, { stream });
    expect([refused.status, retryAfter(refused), limitHeaders(refused)]).toEqual([429, 1, {}]);
    expect(await refused.text()).toContain("concurrent calls");
    expect(scene.news().map(({ errorCode }) => errorCode)).toEqual(["rate_limit_exceeded"]);
    resolve();
    for (const response of await Promise.all(held)) await response.text();
    await scene.quiet();
    scene.news();
    await scene.served(front, { stream });
  });
});

describe("two hundred calls at the same moment", () => {
  /** How many of two hundred may pass, and how each of them is answered. */
  const rows: { name: string; limits: Limit[]; passes: number; over?: object }[] = [
    { name: "ten requests a minute", limits: [requests("minute", 10)], passes: 10 },
    { name: "ten requests a day under a thousand a minute", limits: [requests("minute", 1_000), requests("day", 10)], passes: 10 },
    { name: "ten calls at once", limits: [atOnce(10)], passes: 10 },
    { name: "dollars for ten of the worst case", limits: [dollars("day", 0.022)], passes: 10, over: { max_tokens: 1_000 } },
    { name: "tokens for ten of the worst case", limits: [tokens("day", 11_000)], passes: 10, over: { max_tokens: 1_000 } },
  ];

  test.each(rows.flatMap((row) => [false, true].map((stream) => ({ ...row, stream }))))("$name, stream: $stream: exactly $passes reach the provider", async ({ limits, passes, over, stream }) => {
    const { scene } = await under(limits);
    const { promise, resolve } = Promise.withResolvers<void>();
    scene.up.plan((request) => [{ do: "until", open: promise }, ...PROVIDERS.openai.replies({ text: "Hi." })(request)]);
    const front = (i: number): DialectName => DIALECTS[i % 2]!;
    const calls = Array.from({ length: 200 }, (_, i) => scene.call(front(i), { stream, ...over }));
    await scene.up.request(passes);
    // The others are answered while these wait; only then may these go on.
    const answered = calls.map((call) => call.then((response) => response.text().then(() => response.status)));
    const refused = async () => scene.news().length;
    let seen = 0;
    while (seen < 200 - passes) {
      seen += await refused();
      await Bun.sleep(2);
    }
    resolve();
    const statuses = await Promise.all(answered);
    expect(statuses.filter((status) => status === 200)).toHaveLength(passes);
    expect(statuses.filter((status) => status === 429)).toHaveLength(200 - passes);
    expect(scene.up.requests).toHaveLength(passes);
    await scene.quiet();
    expect(scene.news().map(({ outcome }) => outcome)).toEqual(Array(passes).fill("finished"));
  });

  const contents = [
    { prompt: "a short prompt", content: "Wörter aus vielen Bytes und wenigen Token" },
    { prompt: "a long prompt", content: "Wörter aus vielen Bytes und wenigen Token. ".repeat(50) },
  ];
  test.each(contents)("the first calls after a start, with $prompt, are held by their tokens, like all that follow", async ({ content }) => {
    const asked = { max_tokens: 100, messages: [{ role: "user", content }] };
    const narrow = await under([tokens("day", 1)]);
    const refused = await narrow.scene.call("openai", asked);
    const { message } = await narrow.scene.refused("openai", refused, { code: "insufficient_quota" });
    const needed = Number(/could need (\d+) tokens/.exec(message)?.[1]);
    const cold = new Vocabularies((cause) => {
      throw cause;
    });
    const { scene } = await under([tokens("day", 10 * needed)], { tokenizer: cold });
    const { promise, resolve } = Promise.withResolvers<void>();
    scene.up.plan((request) => [{ do: "until", open: promise }, ...PROVIDERS.openai.replies({ text: "Hi." })(request)]);
    const calls = Array.from({ length: 11 }, () => scene.call("openai", asked));
    await scene.up.request(10);
    resolve();
    const statuses = (await Promise.all(calls)).map(({ status }) => status);
    expect(statuses.sort()).toEqual([...Array(10).fill(200), 429]);
  });

  test("without a limit all of them do: the control of the rows above", async () => {
    const { scene } = await under([]);
    const answered = await Promise.all(Array.from({ length: 200 }, () => scene.call("openai", {}).then((response) => response.status)));
    expect(answered).toEqual(Array(200).fill(200));
    expect(scene.up.requests).toHaveLength(200);
  });
}); // biome-ignore format: rows

test("a plan without limits tells none", async () => {
  const { scene } = await under([]);
  const { response } = await scene.served("openai", {});
  expect(limitHeaders(response)).toEqual({});
});

test("limits outlive the process that counted them: what the journal knows, a new meter grants no second time", async () => {
  const { scene, clock } = await under([requests("day", 3), tokens("day", 100_000)]);
  for (let i = 0; i < 3; i++) await scene.served("openai", { max_tokens: 10 });
  const app = await startApp({
    limits: [requests("day", 3)],
    clock,
    journal: scene.app.journal,
    upstream: scene.up.url,
  });
  const again = new Scene(app, scene.up);
  scene.up.forget();
  await again.refused("openai", await again.call("openai", {}), { code: "insufficient_quota" });
  await app.stop();
});
