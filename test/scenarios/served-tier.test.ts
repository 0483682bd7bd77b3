/**
 * The tier that served is the tier that is charged, at every provider that tells it, streamed or not. Proves
 * gateway/metering/closing.ts and tally.ts.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { CatalogModel, Price } from "../../src/domain/catalog/catalog.ts";
import type { JsonObject } from "../../src/kernel/json.ts";
import type { Limit } from "../../src/kernel/limit.ts";
import { type App, post, startApp } from "../support/app.ts";
import { json, sse, startUpstream, type Upstream } from "../support/upstream.ts";

let up: Upstream;
beforeAll(async () => {
  up = await startUpstream();
});
afterAll(() => up?.stop());

const open: App[] = [];
afterEach(async () => {
  for (const app of open.splice(0)) await app.stop();
});

/** 100 tokens read and 10 written: 1,000 nano-dollars as usual. */
const READ = 100;
const WRITTEN = 10;
const each = (rate: number) => ({ inputPerMTokUsd: 5 * rate, outputPerMTokUsd: 50 * rate });
const PRICES: Price[] = [
  { model: "*", ...each(1), tiers: { flex: each(0.5), priority: each(2), fast: each(6), batch: each(0.25) } },
];
const COST = { usual: 1_000_000, flex: 500_000, priority: 2_000_000, fast: 6_000_000 };

const model = (name: string, provider: string): CatalogModel => {
  return { name, targets: [{ provider, model: "gpt-5", weight: 1 }], fallbacks: [] };
};

async function begin(limits?: Limit[]): Promise<App> {
  const account = (name: string, kind: string, path = "/v1") => {
    return { name, kind, baseUrl: `${up.url}${path}`, prices: PRICES };
  };
  const app = await startApp({
    upstream: up.url,
    providers: [account("oai", "openai"), account("gro", "groq"), account("claude", "anthropic", "")],
    models: [model("gpt", "oai"), model("llama", "gro"), model("opus", "claude")],
    ...(limits === undefined ? {} : { limits }),
  });
  open.push(app);
  up.forget();
  return app;
}

const chatUsage = { prompt_tokens: READ, completion_tokens: WRITTEN, total_tokens: READ + WRITTEN };
const tokens = { input_tokens: READ, output_tokens: WRITTEN };
const chatAnswer = (tier: JsonObject) => {
  const message = { role: "assistant", content: "Hi." };
  return { id: "c", object: "chat.completion", created: 1, model: "m", choices: [{ index: 0, message, finish_reason: "stop" }], usage: chatUsage, ...tier };
}; // biome-ignore format: one answer
const response = (tier: JsonObject) => {
  return { id: "resp_1", object: "response", created_at: 1, model: "m", status: "completed", output: [], usage: tokens, ...tier };
}; // biome-ignore format: one answer
const message = (tier: JsonObject) => {
  return { id: "msg_1", type: "message", role: "assistant", model: "m", content: [{ type: "text", text: "Hi." }], stop_reason: "end_turn", stop_sequence: null, usage: { ...tokens, ...tier } };
}; // biome-ignore format: one answer

const HI = [{ role: "user", content: "Hi" }];
const chat = (name: string, over: JsonObject = {}): [string, JsonObject] => [
  "/v1/chat/completions",
  { model: name, messages: HI, max_tokens: WRITTEN, ...over },
];
const respond = (over: JsonObject = {}): [string, JsonObject] => [
  "/v1/responses",
  { model: "gpt", input: "Hi", ...over },
];
const ask = (over: JsonObject = {}): [string, JsonObject] => [
  "/v1/messages",
  { model: "opus", messages: HI, max_tokens: WRITTEN, ...over },
];

describe("a call is charged", () => {
  test.each<[string, [string, JsonObject], JsonObject, keyof typeof COST]>([
    ["as usual, where priority was asked for and not to be had", chat("gpt", { service_tier: "priority" }), chatAnswer({ service_tier: "default" }), "usual"],
    ["as priority, which the account is set to", chat("gpt"), chatAnswer({ service_tier: "priority" }), "priority"],
    ["as priority by its newer name", chat("gpt", { service_tier: "fast" }), chatAnswer({ service_tier: "fast" }), "priority"],
    ["as flex", chat("gpt", { service_tier: "flex" }), chatAnswer({ service_tier: "flex" }), "flex"],
    ["as asked for, where nothing is told", chat("gpt", { service_tier: "flex" }), chatAnswer({}), "flex"],
    ["as asked for, where nobody knows the word", chat("gpt", { service_tier: "flex" }), chatAnswer({ service_tier: "scale" }), "flex"],
    ["as usual by Groq's word", chat("llama", { service_tier: "flex" }), chatAnswer({ service_tier: "on_demand" }), "usual"],
    ["as flex by Groq, which chose it", chat("llama", { service_tier: "auto" }), chatAnswer({ service_tier: "flex" }), "flex"],
    ["as the response says", respond({ service_tier: "priority" }), response({ service_tier: "default" }), "usual"],
    ["as Anthropic says", ask({ service_tier: "auto" }), message({ service_tier: "priority" }), "priority"],
    ["as fast by Anthropic", ask({ speed: "fast" }), message({ service_tier: "standard", speed: "fast" }), "fast"],
    ["as usual where Anthropic was not fast", ask({ speed: "fast" }), message({ service_tier: "standard", speed: "standard" }), "usual"],
    ["as fast where Anthropic does not say", ask({ speed: "fast" }), message({}), "fast"],
  ])("%s", async (_, [path, body], answer, cost) => {
    const app = await begin();
    up.answer(json(200, answer));
    expect((await post(app, { path, body })).status).toBe(200);
    const record = (await app.records()).at(-1)!;
    expect([record.costNanoUsd, record.warnings]).toEqual([COST[cost], []]);
  }); // biome-ignore format: a table

  test("by what a stream says at its end, not by what it was begun as", async () => {
    const app = await begin();
    const told = (type: string, over: JsonObject) => {
      return { event: type, data: { type, response: { ...response({}), usage: null, ...over } } };
    };
    up.answer(
      sse([
        told("response.created", { status: "in_progress", service_tier: "auto" }),
        told("response.completed", { usage: tokens, service_tier: "flex" }),
      ]),
    );
    const [path, body] = respond({ stream: true });
    await (await post(app, { path, body })).text();
    expect((await app.records()).at(-1)!.costNanoUsd).toBe(COST.flex);
  });

  test("above what was held only with a warning", async () => {
    const app = await begin([{ dimension: "usd", window: "day", amount: 1_000_000_000 }]);
    up.answer(
      json(200, { ...chatAnswer({ service_tier: "priority" }), usage: { ...chatUsage, prompt_tokens: 5_000 } }),
    );
    const [path, body] = chat("gpt", { service_tier: "default" });
    expect((await post(app, { path, body })).status).toBe(200);
    const record = (await app.records()).at(-1)!;
    expect(record.costNanoUsd).toBe(5_000 * 10_000 + WRITTEN * 100_000);
    expect(record.warnings).toEqual(["service_tier: served as priority, which cost more than was held"]);
  });
});
