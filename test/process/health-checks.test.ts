/** Accounts that want it are asked whether they are there, so that no call has to find out. Proves jobs/health-checks.ts in the process. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { JsonObject } from "../../src/kernel/json.ts";
import { chat, post } from "../support/app.ts";
import { configuration, Installation, until } from "../support/process.ts";
import { json, openaiChat, type ReceivedRequest, startUpstream, type Upstream } from "../support/upstream.ts";

let sick: Upstream;
let well: Upstream;
let status = 503;
beforeAll(async () => {
  [sick, well] = [await startUpstream(), await startUpstream()];
  const served = openaiChat.replies({ text: "ok" });
  sick.plan((request) => (request.method === "GET" ? json(status, {}) : served(request)));
  well.plan((request) => (request.method === "GET" ? json(200, {}) : served(request)));
});
afterAll(() => Promise.all([sick.stop(), well.stop()]));

const checks = (up: Upstream): ReceivedRequest[] => up.requests.filter(({ method }) => method === "GET");

test("a target whose check fails is not asked, is asked again when it is well, and never sees the key in a check", async () => {
  const document = configuration({ upstream: sick.url }) as { providers: JsonObject[]; models: JsonObject[] };
  document.providers[0]!.healthCheck = { path: "/models", everyMs: 1_000 };
  document.providers.push({ ...document.providers[0]!, name: "spare", baseUrl: `${well.url}/v1` });
  document.models[0]!.fallbacks = [{ provider: "spare", model: "m" }];
  const installation = new Installation(document as JsonObject);
  try {
    const gateway = await installation.start();
    const target = { url: gateway.url, key: installation.key };
    expect(await until(() => checks(sick).length >= 1)).toBe(true);
    await Bun.sleep(100);
    for (let i = 0; i < 3; i++)
      expect((await post(target, { body: chat() })).headers.get("x-sallyport-model")).toBe("spare/m");
    status = 404;
    const served = async () => (await post(target, { body: chat() })).headers.get("x-sallyport-model");
    let model = await served();
    for (let i = 0; i < 40 && model !== "up/small-2026"; i++) {
      await Bun.sleep(100);
      model = await served();
    }
    expect(model).toBe("up/small-2026");
    for (const check of checks(sick)) {
      expect(check.path).toBe("/v1/models");
      expect(check.header("authorization") ?? null).toBeNull();
    }
  } finally {
    await installation.remove();
  }
});
