/**
 * What a call costs: by the tenant's list, the account's, or the public one, as of its arrival, each kind
 * of token as what it is. The record says which list said so, in which version.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { Price, TenantPrice } from "../../src/domain/catalog/catalog.ts";
import type { JsonObject } from "../../src/kernel/json.ts";
import type { Limit } from "../../src/kernel/limit.ts";
import { type App, type AppOptions, chat, post, startApp } from "../support/app.ts";
import { json, startUpstream, type Upstream } from "../support/upstream.ts";

let up: Upstream;
beforeAll(async () => {
  up = await startUpstream();
});
afterAll(() => up?.stop());

const open: App[] = [];
afterEach(async () => {
  for (const app of open.splice(0)) await app.stop();
});

const NOON = Date.parse("2026-03-04T12:00:00Z");

async function costOf(usage: JsonObject, options: AppOptions, body: JsonObject = {}) {
  const app = await startApp({
    upstream: up.url,
    clock: { now: () => NOON, ticks: () => performance.now() },
    ...options,
  });
  open.push(app);
  const message = { role: "assistant", content: "Hi." };
  up.forget();
  up.answer(json(200, { id: "c", object: "chat.completion", created: 1, model: "small-2026", choices: [{ index: 0, message, finish_reason: "stop" }], usage })); // biome-ignore format: one answer
  const response = await post(app, { body: chat({ max_tokens: 100, ...body }) });
  const record = (await app.records()).at(-1)!;
  return { response, record, asked: up.requests.length };
}

const row = (over: Partial<Price> = {}): Price => ({
  model: "small-2026",
  inputPerMTokUsd: 1,
  outputPerMTokUsd: 2,
  ...over,
});
const used = { prompt_tokens: 1_000, completion_tokens: 10, total_tokens: 1_010 };

describe("a call is charged by", () => {
  const tenant = (over: Partial<TenantPrice>): TenantPrice[] => [{ ...row(), ...over }];
  const rows: [string, AppOptions, number, RegExp][] = [
    ["the account's list", { prices: [row()] }, 1_020_000, /^provider up [0-9a-f]{12}$/],
    ["the tenant's list, which stands before it", { prices: [row()], tenantPrices: tenant({ inputPerMTokUsd: 3 }) }, 3_020_000, /^tenant acme [0-9a-f]{12}$/],
    ["the account's list where the tenant's is about another account", { prices: [row()], tenantPrices: tenant({ provider: "ant" }) }, 1_020_000, /^provider up /],
    ["a row by the name that callers use", { prices: [row({ model: "small" })] }, 1_020_000, /^provider up /],
    ["the row that has begun last", { prices: [row(), row({ inputPerMTokUsd: 2, from: NOON }), row({ inputPerMTokUsd: 9, from: NOON + 1 })] }, 2_020_000, /^provider up /],
  ]; // biome-ignore format: a table
  test.each(rows)("%s", async (_, options, nano, source) => {
    const { record, response } = await costOf(used, options);
    expect(record).toMatchObject({ costNanoUsd: nano, priceSource: expect.stringMatching(source) });
    expect(response.headers.get("x-sallyport-cost-usd")).toBe(String(nano / 1e9));
  });
});

describe("each kind of token is charged as what it is:", () => {
  const rows: [string, Partial<Price>, JsonObject, number, JsonObject?][] = [
    ["what came from the cache", { cacheReadPerMTokUsd: 0.1 }, { ...used, prompt_tokens_details: { cached_tokens: 900 } }, 100_000 + 90_000 + 20_000],
    ["more from the cache than there was", { cacheReadPerMTokUsd: 0.1 }, { ...used, prompt_tokens_details: { cached_tokens: 9_000 } }, 1_020_000],
    ["reasoning", { reasoningPerMTokUsd: 7 }, { ...used, completion_tokens_details: { reasoning_tokens: 4 } }, 1_000_000 + 12_000 + 28_000],
    ["sound", { audioInputPerMTokUsd: 30, audioOutputPerMTokUsd: 60 }, { ...used, prompt_tokens_details: { audio_tokens: 10 }, completion_tokens_details: { audio_tokens: 5 } }, 990_000 + 300_000 + 10_000 + 300_000],
    ["pictures", { imageInputPerMTokUsd: 30 }, { ...used, prompt_tokens_details: { image_tokens: 10 } }, 990_000 + 300_000 + 20_000],
    ["a long prompt", { above: [{ tokens: 999, inputPerMTokUsd: 2 }] }, used, 2_020_000],
    ["a prompt that is just not long", { above: [{ tokens: 1_000, inputPerMTokUsd: 2 }] }, used, 1_020_000],
    ["another way of being served", { tiers: { flex: { inputPerMTokUsd: 0.5 } } }, used, 520_000, { service_tier: "flex" }],
    ["the usual way, though there is another", { tiers: { priority: { inputPerMTokUsd: 5 } } }, used, 1_020_000],
  ]; // biome-ignore format: a table
  test.each(rows)("%s", async (_, over, usage, nano, body = {}) => {
    const { record } = await costOf(usage, { prices: [row(over)] }, body);
    expect(record.costNanoUsd).toBe(nano);
  });
});

describe("under a budget in money", () => {
  const budget = (usd: number): Limit[] => [{ dimension: "usd", window: "month", amount: Math.round(usd * 1e9) }];

  test("a model without a price is refused before anybody is asked", async () => {
    const { response, asked } = await costOf(used, { prices: [], limits: budget(100) });
    expect(response.status).toBe(403);
    expect(((await response.json()) as { error: { message: string } }).error.message).toContain("has no price");
    expect(asked).toBe(0);
  });
  test("so is one whose price has not begun", async () => {
    const { response } = await costOf(used, { prices: [row({ from: NOON + 1 })], limits: budget(100) });
    expect(response.status).toBe(403);
  });
  test("one that is written to cost nothing is served for nothing", async () => {
    const free = [row({ inputPerMTokUsd: 0, outputPerMTokUsd: 0 })];
    const { response, record } = await costOf(used, { prices: free, limits: budget(0.000000001) });
    expect(response.status).toBe(200);
    expect(record).toMatchObject({ costNanoUsd: 0, priceSource: expect.stringMatching(/^provider up/) });
  });
  test("what may come to apply is held: a dearer way of being served that the account may be set to", async () => {
    const prices = [row({ outputPerMTokUsd: 2, tiers: { priority: { outputPerMTokUsd: 2_000 } } })];
    // 100 tokens of output at the priority rate are 20 cents.
    const refused = await costOf(used, { prices, limits: budget(0.1) });
    expect(refused.response.status).toBe(429);
    const served = await costOf(used, { prices, limits: budget(0.1) }, { service_tier: "default" });
    expect(served.response.status).toBe(200);
  });
});
