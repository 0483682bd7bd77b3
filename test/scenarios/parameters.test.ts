/**
 * What an API does with the parameters of its callers, from the caller's words to the bytes that
 * leave. Proves gateway/authorize.ts.
 */
import { afterEach, describe, expect, test } from "bun:test";
import type { ParameterPolicy } from "../../src/domain/catalog/parameters.ts";
import type { JsonObject } from "../../src/kernel/json.ts";
import type { AppOptions } from "../support/app.ts";
import { Scene } from "../support/scene.ts";

const open: Scene[] = [];
afterEach(async () => {
  for (const scene of open.splice(0)) await scene.stop();
});
async function start(parameters: ParameterPolicy, options: AppOptions = {}): Promise<Scene> {
  const scene = await Scene.start({ ...options, api: { ...options.api, parameters } });
  open.push(scene);
  return scene;
}

const sent = (scene: Scene) => scene.up.requests.at(-1)!.json() as JsonObject;
const warnings = (response: Response) => response.headers.get("x-sallyport-warnings");

describe("an API's policy", () => {
  test("lowers what is above its cap, and the caller, the record and the provider all see so", async () => {
    const scene = await start({ caps: { maxOutputTokens: 50, temperature: 0.5 } });
    const { response, record } = await scene.served("openai", { max_tokens: 5_000, temperature: 1 });
    expect(sent(scene)).toMatchObject({ max_tokens: 50, temperature: 0.5 });
    expect(warnings(response)).toMatch(/^max_tokens: .*at most 50.*; temperature: .*at most 0\.5/);
    expect(record.warnings).toHaveLength(2);
  });

  test("does so for every dialect and provider", async () => {
    const scene = await start({ caps: { maxOutputTokens: 50 } });
    await scene.served("anthropic", { max_tokens: 5_000 });
    expect(sent(scene)).toMatchObject({ max_tokens: 50 });
    await scene.served("openai", { model: "claude", max_tokens: 5_000 });
    expect(sent(scene)).toMatchObject({ max_tokens: 50 });
  });

  test("bounds what is reserved: a call that would not fit without its cap is admitted", async () => {
    const limits = [{ dimension: "tokens", window: "day", amount: 2_000 }] as const;
    const loose = await start({}, { limits: [...limits] });
    expect((await loose.call("openai", {})).status).toBe(429);
    const scene = await start({ caps: { maxOutputTokens: 50 } }, { limits: [...limits] });
    await scene.served("openai", {});
    expect(sent(scene).max_tokens).toBe(50);
  });

  test("sets what it pins, and what the caller leaves open", async () => {
    const scene = await start({ pins: { temperature: 0 }, defaults: { seed: 7, topP: 0.5 } });
    const { response } = await scene.served("openai", { temperature: 1, top_p: 0.9 });
    expect(sent(scene)).toMatchObject({ temperature: 0, seed: 7, top_p: 0.9 });
    expect(warnings(response)).toMatch(/^temperature: this API sets it to 0/);
  });

  test.each([
    { front: "openai", over: { logit_bias: { "1": 1 } }, param: "logit_bias" },
    { front: "openai", over: { min_p: 0.1 }, param: "min_p" },
    { front: "anthropic", over: { top_k: 5 }, param: "top_k" },
  ] as const)("refuses what it does not list, naming $param, from $front", async ({ front, over, param }) => {
    const scene = await start({ allow: ["maxOutputTokens", "temperature"] });
    await scene.refused(front, await scene.call(front, over), { code: "parameter_not_allowed", param });
    await scene.served(front, { temperature: 1 });
  });

  test("refuses tools by name, and those that a provider would run", async () => {
    const scene = await start({ tools: { allow: ["get_*", "web_search"], serverSide: false } });
    const tool = (name: string) => ({ type: "function", function: { name, parameters: { type: "object" } } });
    const asked = { tools: [tool("get_weather"), tool("remove")] };
    await scene.refused("openai", await scene.call("openai", asked), {
      code: "parameter_not_allowed",
      param: "tools[1]",
    });
    const search = { tools: [{ type: "web_search_20250305", name: "web_search" }], model: "claude" };
    await scene.fresh();
    await scene.refused("anthropic", await scene.call("anthropic", search), {
      code: "parameter_not_allowed",
      param: "tools[0]",
    });
    await scene.served("openai", { tools: [tool("get_weather")] });
  });
});
