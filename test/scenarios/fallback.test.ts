/**
 * Another target is asked when one is broken, full, silent or out of reach, and nothing of
 * its answer has been seen; never when the request is at fault, and never after the caller
 * has seen anything. Proves gateway/dispatch.ts and gateway/route.ts.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { ErrorCode } from "../../src/errors.ts";
import { type AppOptions, startApp } from "../support/app.ts";
import { DIALECTS, type DialectName, FRONTS, PROVIDERS, ROADS, Scene } from "../support/scene.ts";
import {
  hangUp,
  hangUpAfterHead,
  json,
  nobody,
  redirect,
  type Script,
  sse,
  startUpstream,
  text,
  type Upstream,
} from "../support/upstream.ts";

let second: Upstream;
beforeAll(async () => {
  second = await startUpstream();
});
afterAll(() => second.stop());
beforeEach(() => second.forget());

const KINDS = { openai: "openai-compatible", anthropic: "anthropic" } as const;
const base = (url: string, dialect: DialectName) => (dialect === "openai" ? `${url}/v1` : url);

/** A model at a first provider, and a fallback at a second, each in a dialect of its own. */
async function open(first: string, dialects: [DialectName, DialectName], over: AppOptions = {}): Promise<Scene> {
  const up = await startUpstream();
  const address = first === "" ? up.url : first;
  const app = await startApp({
    ...over,
    upstream: up.url,
    providers: [
      {
        name: "one",
        kind: KINDS[dialects[0]],
        baseUrl: base(address, dialects[0]),
        prices: [{ model: "*", inputPerMTokUsd: 1, outputPerMTokUsd: 2 }],
      },
      {
        name: "two",
        kind: KINDS[dialects[1]],
        baseUrl: base(second.url, dialects[1]),
        prices: [{ model: "*", inputPerMTokUsd: 10, outputPerMTokUsd: 20 }],
      },
    ],
    models: [
      {
        name: "m",
        targets: [{ provider: "one", model: "first-model", weight: 1 }],
        fallbacks: [{ provider: "two", model: "second-model", weight: 1 }],
      },
    ],
  });
  second.plan(PROVIDERS[dialects[1]].replies({ text: "From the second.", usage: { input: 100, output: 10 } }));
  return new Scene(app, up);
}

interface Row {
  name: string;
  script(provider: DialectName, stream: boolean): Script;
  code: ErrorCode;
  /** What the caller is told where no other target is asked. */
  status?: number;
  /** Whether the first provider may charge for the prompt, which it got and did not refuse. */
  owed?: boolean;
  /** Whether it may have been at work on an answer that was not streamed, which is charged by rule then. */
  writing?: true;
  only?: "stream" | "unary";
}

/** Where another target may do better. */
const elsewhere: Row[] = [
  { name: "hangs up", script: () => hangUp(), owed: true, code: "upstream_cut" },
  { name: "hangs up after the head", script: (_, stream) => hangUpAfterHead("close", stream ? "text/event-stream" : "application/json"), owed: true, code: "upstream_cut" },
  { name: "is silent", script: () => [{ do: "silence" }], owed: true, writing: true, code: "upstream_timeout" },
  ...[429, 500, 502, 503, 504, 529].map((status): Row => ({ name: `answers ${status}`, script: (provider) => PROVIDERS[provider].failure(status), code: status === 429 ? "upstream_rate_limited" : "upstream_error" })),
  { name: "answers with a web page", script: () => text(200, "<html>", { contentType: "text/html" }), owed: true, code: "upstream_malformed" },
  { name: "answers with no JSON", script: () => text(200, "{", { contentType: "application/json" }), owed: true, code: "upstream_malformed" },
  { name: "redirects", script: () => redirect(307, second.url), code: "upstream_malformed" },
  { name: "is overloaded within a 200", script: (provider) => json(200, PROVIDERS[provider].failureBody({ type: "overloaded_error" })), owed: true, code: "upstream_error" },
  { name: "fails in its first event", script: (provider) => sse([{ event: "error", data: PROVIDERS[provider].failureBody({ type: "overloaded_error" }) }]), owed: true, code: "upstream_error", only: "stream" },
  { name: "streams nothing", script: () => sse([": keep-alive\n\n"]), owed: true, code: "upstream_cut", only: "stream" },
  { name: "says only that it began, and breaks", script: (provider) => sse(PROVIDERS[provider].frames({ text: "x" }).slice(0, provider === "openai" ? 0 : 1), { ends: "close" }), owed: true, code: "upstream_cut", only: "stream" },
]; // biome-ignore format: a table

/** Where the request is at fault, or our own account, or the gateway. */
const nowhere: Row[] = [
  ...[400, 404, 409, 413, 422].map((status): Row => ({ name: `answers ${status}`, script: (provider) => PROVIDERS[provider].failure(status), code: "upstream_rejected", status })),
  { name: "rejects within a 200", script: (provider) => json(200, PROVIDERS[provider].failureBody({ type: "invalid_request_error" })), code: "upstream_rejected", status: 400 },
]; // biome-ignore format: a table

describe.each(ROADS)("$front, the first target speaks $provider, stream: $stream", ({ front, provider, stream }) => {
  const other: DialectName = provider === "openai" ? "anthropic" : "openai";
  const here = ({ only }: Row) => only === undefined || (only === "stream") === stream;
  const hasty = { settings: { deadlines: { firstByteMs: 900, unaryMs: 900 } } };

  test.each(elsewhere.filter(here))("a target that $name: the next one serves, and both are on record", async ({ name, script, code, owed, writing }) => {
    const scene = await open("", [provider, other], name === "is silent" ? hasty : {});
    scene.up.answer(script(provider, stream));
    const { response, text: said, record } = await scene.served(front, { model: "m", stream });
    expect(said).toContain(stream ? "second." : "From the second.");
    expect(response.headers.get("x-sallyport-model")).toBe("two/second-model");
    expect(response.headers.get("x-sallyport-attempts")).toBe("2");
    expect(record.attempts).toMatchObject([{ provider: "one", model: "first-model", error: code }, { provider: "two", model: "second-model", status: 200, error: null }]);
    const [input, output] = [record.inputTokens - 100, record.outputTokens - 10];
    expect(input > 0).toBe(owed === true);
    if (writing === true && !stream) expect(output).toBeGreaterThan(1);
    else expect(output >= 0 && output <= 1).toBe(true);
    // 1 and 2 dollars a million at the first, 10 and 20 at the second.
    expect(record).toMatchObject({ provider: "two", costNanoUsd: input * 1_000 + output * 2_000 + 1_200_000 });
    expect([scene.up.requests.length, second.requests.length]).toEqual([1, 1]);
    expect(second.requests[0]!.json().model).toBe("second-model");
    await scene.quiet();
    await scene.stop();
    second.forget();
  });

  test("nobody at the first address: the next one serves", async () => {
    const scene = await open(await nobody(), [provider, other]);
    const { record } = await scene.served(front, { model: "m", stream });
    expect(record.attempts).toMatchObject([{ status: null, error: "upstream_unreachable" }, { status: 200 }]);
    await scene.stop();
  });

  test.each(nowhere.filter(here))("a target that $name: nobody else is asked", async ({ script, code, status }) => {
    const scene = await open("", [provider, other]);
    scene.up.answer(script(provider, stream));
    const { record } = await scene.refused(front, await scene.call(front, { model: "m", stream }), { code, ...(status === undefined ? {} : { status }), outcome: "failed", upstream: 1 });
    expect(record!.attempts).toHaveLength(1);
    expect(second.requests).toEqual([]);
    await scene.stop();
  });

  test("when the caller has left, nobody else is asked", async () => {
    const scene = await open("", [provider, other]);
    scene.up.answer([{ do: "silence" }]);
    const leaving = new AbortController();
    const calling = scene.call(front, { model: "m", stream }, { signal: leaving.signal }).catch(() => null);
    await scene.up.request();
    leaving.abort();
    await calling;
    expect(await scene.record()).toMatchObject({ outcome: "cancelled", attempts: [{ provider: "one" }] });
    expect(second.requests).toEqual([]);
    await scene.stop();
  });

  test("when all targets fail, the last one's failure is told, and each is on record", async () => {
    const scene = await open("", [provider, other]);
    scene.up.answer(PROVIDERS[provider].failure(500));
    second.answer(PROVIDERS[other].failure(503, { message: "busy, too" }));
    const said = await scene.refused(front, await scene.call(front, { model: "m", stream }), { code: "upstream_error", status: 503, outcome: "failed", upstream: 1 });
    expect(said.message).toBe("busy, too");
    expect(said.record!.attempts.map(({ provider, status }) => [provider, status])).toEqual([["one", 500], ["two", 503]]);
    await scene.stop();
  });

  if (stream) {
    test("text that came in one read with an error has been seen by nobody: somebody else is asked", async () => {
      const scene = await open("", [provider, other]);
      const frames = PROVIDERS[provider].frames({ text: ["one ", "two "] });
      scene.up.answer(sse([[...frames.slice(0, 4), "data: {nope\n\n"].join("")]));
      const { text: said, record } = await scene.served(front, { model: "m", stream });
      expect(said).not.toContain("one ");
      expect(record.attempts).toMatchObject([{ provider: "one", error: "upstream_malformed" }, { provider: "two", error: null }]);
      await scene.stop();
    });

    test("after the first event nobody else is asked: the stream ends with the error", async () => {
      const scene = await open("", [provider, other]);
      const frames = PROVIDERS[provider].frames({ text: ["one ", "two ", "three "] });
      scene.up.answer(sse(frames.slice(0, 4), { ends: "close", delayMs: 15 }));
      const broken = await scene.brokeOff(front, await scene.call(front, { model: "m", stream }), { code: "upstream_cut" });
      expect(broken.record.attempts).toMatchObject([{ provider: "one", status: 200, error: null }]);
      expect(second.requests).toEqual([]);
      await scene.stop();
    });
  }
}); // biome-ignore format: rows

test("weighted targets share the calls, and a fallback gets none of them", async () => {
  const one = await startUpstream();
  one.plan(PROVIDERS.openai.replies({ text: "one" }));
  second.plan(PROVIDERS.openai.replies({ text: "two" }));
  const account = (name: string, url: string) => ({ name, kind: "openai-compatible", baseUrl: `${url}/v1` });
  const app = await startApp({
    upstream: one.url,
    providers: [account("one", one.url), account("two", second.url), account("never", await nobody())],
    models: [
      { name: "m", targets: [{ provider: "one", model: "a", weight: 3 }, { provider: "two", model: "b", weight: 1 }], fallbacks: [{ provider: "never", model: "c", weight: 1 }] },
    ],
  }); // biome-ignore format: rows
  const scene = new Scene(app, one);
  for (let i = 0; i < 200; i++) await scene.served("openai", { model: "m" });
  const [most, least] = [one.requests.length, second.requests.length];
  expect(most + least).toBe(200);
  // 150 expected, with a standard deviation of 6; five of them are one run in a million.
  expect(Math.abs(most - 150)).toBeLessThan(31);
  await scene.stop();
});

test.each(DIALECTS)(
  "what one provider is sent, its key and its model's name, the next one is not (%s)",
  async (front) => {
    const scene = await open("", ["openai", "anthropic"]);
    scene.up.answer(PROVIDERS.openai.failure(503));
    await scene.served(front, { model: "m", ...(FRONTS[front].name === "openai" ? { seed: 7 } : { top_k: 7 }) });
    expect(second.everything()).not.toContain("first-model");
    expect(scene.up.everything()).not.toContain("second-model");
    expect(second.requests[0]!.headerNames).not.toContain("authorization");
    expect(scene.up.requests[0]!.headerNames).not.toContain("x-api-key");
    await scene.stop();
  },
);
