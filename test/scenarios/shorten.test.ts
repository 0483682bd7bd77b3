/**
 * A call whose worst case does not fit its limits, where some output would: under `shorten: true` its bound is lowered
 * to what fits, and a header says to what; otherwise it is refused. Proves gateway/metering/shortened.ts on the road.
 */
import { afterEach, describe, expect, test } from "bun:test";
import type { JsonObject } from "../../src/kernel/json.ts";
import type { Limit, LimitDimension, LimitWindow } from "../../src/kernel/limit.ts";
import { type AppOptions, startApp } from "../support/app.ts";
import { ASKED, PROVIDERS, Scene } from "../support/scene.ts";
import { startUpstream } from "../support/upstream.ts";

const open: Scene[] = [];
afterEach(async () => {
  for (const scene of open.splice(0)) await scene.stop();
});

async function under(limits: Limit[], over: AppOptions = {}): Promise<Scene> {
  const scene = await Scene.start({ limits, api: { shorten: true }, ...over });
  open.push(scene);
  scene.up.plan(PROVIDERS.openai.replies({ text: "Hi.", usage: { input: 10, output: 5 } }));
  return scene;
}

const limit = (dimension: LimitDimension, window: LimitWindow, amount: number): Limit => {
  return { dimension, window, amount };
};
const sentBound = (scene: Scene): number => {
  const { max_tokens, max_completion_tokens } = scene.up.requests.at(-1)!.json() as JsonObject;
  return Number(max_tokens ?? max_completion_tokens);
};
const told = (response: Response) => response.headers.get("x-sallyport-max-tokens");

describe.each(ASKED)("to $front, stream: $stream", ({ front, stream }) => {
  test.each([
    ["a budget of a day", limit("usd", "day", 2_000_000), 1_000],
    ["tokens of a minute", limit("tokens", "minute", 1_000), 1_000],
    ["output tokens of a month", limit("outputTokens", "month", 500), 500],
    ["tokens in total", limit("tokens", "total", 700), 700],
  ] as const)("a call is shortened to what fits under %s, and says so", async (_, limited, most) => {
    const scene = await under([limited]);
    const { response } = await scene.served(front, { stream, max_tokens: 5_000 });
    const bound = Number(told(response));
    // All that fits, but for the prompt, which is short.
    expect(bound).toBeLessThanOrEqual(most);
    expect(bound).toBeGreaterThan(most - 150);
    expect(sentBound(scene)).toBe(bound);
  });

  test("it could not have been one token longer", async () => {
    const scene = await under([limit("tokens", "day", 1_000)]);
    const { response } = await scene.served(front, { stream, max_tokens: 5_000 });
    const bound = Number(told(response));
    expect(Number(response.headers.get("x-ratelimit-remaining-tokens") ?? 0)).toBe(0);
    const fits = await under([limit("tokens", "day", 1_000)], { api: {} });
    await fits.served(front, { stream, max_tokens: bound });
    const longer = await under([limit("tokens", "day", 1_000)], { api: {} });
    await longer.refused(front, await longer.call(front, { stream, max_tokens: bound + 1 }), {
      code: "insufficient_quota",
    });
  });

  test("a call that fits is not touched", async () => {
    const scene = await under([limit("tokens", "day", 100_000)]);
    const { response } = await scene.served(front, { stream, max_tokens: 5_000 });
    expect([told(response), sentBound(scene)]).toEqual([null, 5_000]);
  });

  test("where nothing worth the name fits it is refused, and so is what no bound helps", async () => {
    const scene = await under([limit("outputTokens", "day", 15)]);
    await scene.refused(front, await scene.call(front, { stream, max_tokens: 5_000 }), { code: "insufficient_quota" });
    const used = await under([limit("requests", "day", 1)]);
    await used.served(front, { stream, max_tokens: 5_000 });
    used.up.forget();
    const refused = await used.call(front, { stream, max_tokens: 5_000 });
    expect(told(refused)).toBeNull();
    await used.refused(front, refused, { code: "insufficient_quota" });
  });

  test("under an API that does not say so nothing is shortened", async () => {
    const scene = await under([limit("usd", "day", 2_000_000)], { api: {} });
    await scene.refused(front, await scene.call(front, { stream, max_tokens: 5_000 }), { code: "insufficient_quota" });
  });
});

test("a call that is given tokens to think with is not shortened: it would think, and say nothing", async () => {
  const scene = await under([limit("outputTokens", "day", 3_000)]);
  const thinking = { thinking: { type: "enabled", budget_tokens: 2_048 } };
  scene.up.plan(PROVIDERS.anthropic.replies({ text: "Hi.", usage: { input: 10, output: 5 } }));
  const over = { model: "claude", max_tokens: 5_000 };
  await scene.refused("anthropic", await scene.call("anthropic", { ...over, ...thinking }), {
    code: "insufficient_quota",
  });
  const { response } = await scene.served("anthropic", over);
  expect(Number(told(response))).toBe(3_000);
});

test("thoughts that come on top of every bound are left their room", async () => {
  const up = await startUpstream();
  const app = await startApp({
    upstream: up.url,
    limits: [limit("outputTokens", "day", 85_000)],
    api: { shorten: true },
    providers: [{ name: "thinks", kind: "dashscope", baseUrl: `${up.url}/v1` }],
    models: [{ name: "m", targets: [{ provider: "thinks", model: "qwen3-8b", weight: 1 }], fallbacks: [] }],
  });
  const scene = new Scene(app, up);
  open.push(scene);
  up.plan(PROVIDERS.openai.replies({ text: "Hi.", usage: { input: 10, output: 5 } }));
  const { response } = await scene.served("openai", { model: "m", max_tokens: 5_000 });
  expect(Number(told(response))).toBe(85_000 - 81_920);
});

test("what an account of the provider has left shortens a call as well", async () => {
  const up = await startUpstream();
  const app = await startApp({
    upstream: up.url,
    api: { shorten: true },
    providers: [
      { name: "small", kind: "openai", baseUrl: `${up.url}/v1`, limits: [limit("outputTokens", "day", 1_000)] },
    ],
    models: [{ name: "m", targets: [{ provider: "small", model: "gpt-5", weight: 1 }], fallbacks: [] }],
  });
  const scene = new Scene(app, up);
  open.push(scene);
  up.plan(PROVIDERS.openai.replies({ text: "Hi.", usage: { input: 10, output: 5 } }));
  const { response } = await scene.served("openai", { model: "m", max_tokens: 5_000 });
  expect(Number(told(response))).toBe(1_000);
});

test("several choices share what fits", async () => {
  const scene = await under([limit("outputTokens", "day", 1_000)]);
  const { response } = await scene.served("openai", { n: 4, max_tokens: 5_000 });
  expect(Number(told(response))).toBe(250);
});

test("calls at the same moment are shortened to what the others leave, and together never past it", async () => {
  const scene = await under([limit("outputTokens", "day", 1_000)]);
  const { promise, resolve } = Promise.withResolvers<void>();
  const replies = PROVIDERS.openai.replies({ text: "Hi.", usage: { input: 10, output: 5 } });
  scene.up.plan((request) => [{ do: "until", open: promise }, ...replies(request)]);
  const calls = Array.from({ length: 20 }, () => scene.call("openai", { max_tokens: 600 }));
  await scene.up.request(2);
  let refused = 0;
  while (refused < 18) {
    refused += scene.news().length;
    await Bun.sleep(2);
  }
  const bounds = scene.up.requests.map((request) => Number(request.json().max_tokens));
  expect(bounds.sort()).toEqual([400, 600]);
  resolve();
  const statuses = (await Promise.all(calls)).map(({ status }) => status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(2);
  await scene.quiet();
});
