/**
 * What callers hear of providers and attempts beside the answer, and that listing models leaves a
 * record. Proves gateway/asking/told.ts, gateway/answering/headers.ts, gateway/refuse.ts and gateway/answering/list-models.ts.
 */
import { afterEach, describe, expect, test } from "bun:test";
import type { CatalogModel } from "../../src/domain/catalog/catalog.ts";
import type { AppOptions } from "../support/app.ts";
import { Scene } from "../support/scene.ts";
import { json, openaiChat, sse } from "../support/upstream.ts";

const open: Scene[] = [];
afterEach(async () => {
  for (const scene of open.splice(0)) await scene.stop();
});
async function start(options: AppOptions = {}): Promise<Scene> {
  const scene = await Scene.start(options);
  open.push(scene);
  return scene;
}

const TOLD = {
  "x-request-id": "req_of_provider",
  "x-ratelimit-remaining-requests": "41",
  "set-cookie": "a=b",
  "openai-organization": "org-secret-1",
};
const upstreamHeaders = (response: Response) =>
  Object.fromEntries([...response.headers].filter(([name]) => name.startsWith("x-sallyport-upstream-")));
const WANTED = {
  "x-sallyport-upstream-request-id": "req_of_provider",
  "x-sallyport-upstream-ratelimit-remaining-requests": "41",
};

describe("a provider's id and limits are told to the caller under a prefix", () => {
  test("with a whole answer, in either dialect", async () => {
    const scene = await start();
    scene.up.plan(() => json(200, openaiChat.body({ text: "Hello." }), { headers: TOLD }));
    for (const front of ["openai", "anthropic"] as const) {
      const { response } = await scene.served(front, {});
      expect(upstreamHeaders(response)).toEqual(WANTED);
      expect(response.headers.get("x-request-id")).not.toBe("req_of_provider");
      expect(response.headers.get("x-ratelimit-remaining-requests")).toBeNull();
      expect(response.headers.get("set-cookie")).toBeNull();
    }
  });

  test("with a stream", async () => {
    const scene = await start();
    scene.up.plan(() => sse(openaiChat.frames({ text: "Hello." }), { headers: TOLD }));
    const { response } = await scene.served("openai", { stream: true });
    expect(upstreamHeaders(response)).toEqual(WANTED);
  });

  test("with an error, beside the attempts and what they cost", async () => {
    const scene = await start();
    scene.up.plan(() => json(429, { error: { message: "Slow down." } }, { headers: { ...TOLD, "retry-after": "7" } }));
    const response = await scene.call("openai", {});
    expect([response.status, response.headers.get("retry-after")]).toEqual([429, "7"]);
    expect(upstreamHeaders(response)).toEqual({ ...WANTED, "x-sallyport-upstream-retry-after": "7" });
    expect(response.headers.get("x-sallyport-attempts")).toBe("1");
    expect(response.headers.get("x-sallyport-cost-usd")).toBe("0");
  });

  test("of the target that served, not of one that failed before it", async () => {
    const models: CatalogModel[] = [
      {
        name: "small",
        targets: [{ provider: "up", model: "first", weight: 1 }],
        fallbacks: [{ provider: "up", model: "second", weight: 1 }],
      },
    ];
    const scene = await start({ models });
    scene.up.plan((request) =>
      request.json().model === "first"
        ? json(500, { error: { message: "Broken." } }, { headers: { ...TOLD, "x-request-id": "req_failed" } })
        : json(200, openaiChat.body({ text: "Hello." }), { headers: { "x-request-id": "req_served" } }),
    );
    const { response } = await scene.served("openai", {});
    expect(upstreamHeaders(response)).toEqual({ "x-sallyport-upstream-request-id": "req_served" });
    expect(response.headers.get("x-sallyport-attempts")).toBe("2");
  });
});

describe("an error after dispatch", () => {
  test("tells what it cost: an answer that came and was none is charged", async () => {
    const scene = await start();
    scene.up.plan(() => json(200, { choices: "none" }));
    const response = await scene.call("openai", {});
    const record = await scene.record();
    expect(response.status).toBe(502);
    expect(record.costNanoUsd).toBeGreaterThan(0);
    expect(Number(response.headers.get("x-sallyport-cost-usd"))).toBe(record.costNanoUsd / 1e9);
  });

  test("is told apart from one before it, which has no attempts", async () => {
    const scene = await start();
    const response = await scene.call("openai", { model: "unknown" });
    expect([response.status, response.headers.get("x-sallyport-attempts")]).toEqual([404, null]);
  });
});

describe("listing models", () => {
  const list = (scene: Scene, path: string) =>
    fetch(scene.app.url + path, { headers: { authorization: `Bearer ${scene.app.key}` } });

  test("leaves a record that spends nothing", async () => {
    const scene = await start({ limits: [{ dimension: "requests", window: "day", amount: 1 }] });
    expect((await list(scene, "/v1/models")).status).toBe(200);
    expect(await scene.record()).toMatchObject({
      outcome: "finished",
      status: 200,
      endpoint: "models",
      keyId: scene.app.principal.key.id,
      usageSource: "none",
      costNanoUsd: 0,
      admittedAt: null,
      attempts: [],
    });
    // The one call of the day is still there.
    await scene.served("openai", {});
  });

  test("of an unknown name leaves the record of a refusal, and only that", async () => {
    const scene = await start();
    expect((await list(scene, "/v1/models/unknown")).status).toBe(404);
    expect(await scene.record()).toMatchObject({ outcome: "refused", errorCode: "model_not_found" });
  });
});
