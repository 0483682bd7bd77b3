/**
 * A sweep. After calls of every kind, good and bad, on every road: whose secret stands where?
 * Upstream arrive the headers that the gateway writes and no other; keys and prompts are in
 * no log, no record and no header of an answer; a provider's key goes to that provider only.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mintVirtualKey } from "../../src/domain/access/virtual-key.ts";
import { createLog } from "../../src/http/log.ts";
import type { UsageRecord } from "../../src/ports/records.ts";
import { type App, type AppOptions, startApp, trusted } from "../support/app.ts";
import { type RawAnswer, requestText, sendRaw } from "../support/raw-http.ts";
import { DIALECTS, type DialectName, FRONTS, PROVIDERS, Scene, until } from "../support/scene.ts";
import { hangUp, ReceivedRequest, redirect, startUpstream, text, type Upstream } from "../support/upstream.ts";

const KEYS = { openai: "sk-one-0123456789abcdef0123456789", anthropic: "sk-ant-two-fedcba9876543210fedcba" };
const PROMPT = "prompt-words-7c1f";
const SAID = "answer-words-93ab";

/** All that a provider is sent beside the body: what HTTP needs, and what the two APIs define. */
const ALLOWED: Record<DialectName, readonly string[]> = {
  openai: ["host", "connection", "content-type", "content-length", "accept", "accept-encoding", "user-agent", "authorization"],
  anthropic: ["host", "connection", "content-type", "content-length", "accept", "accept-encoding", "user-agent", "x-api-key", "anthropic-version", "anthropic-beta"],
}; // biome-ignore format: a table

/** Headers of a caller, each with a value of its own, so that it is seen where it comes from. */
const HEADERS = [
  "Cookie", "Cookie2", "Set-Cookie", "Proxy-Authorization", "X-Custom", "X-Api-Secret", "X-Amz-Security-Token", "X-Goog-Api-Client",
  "Referer", "Origin", "User-Agent", "Accept-Language", "Accept-Encoding", "Accept", "From", "Via", "DNT", "Priority", "Range", "If-Match",
  "Traceparent", "Tracestate", "Baggage", "B3", "X-B3-TraceId", "X-Cloud-Trace-Context", "X-Request-Start", "X-Correlation-Id",
  "OpenAI-Organization", "OpenAI-Project", "OpenAI-Beta", "X-Stainless-Lang", "X-Stainless-Helper-Method", "Idempotency-Key",
  "Anthropic-Dangerous-Direct-Browser-Access", "Helicone-Auth", "X-Portkey-Api-Key", "X-LiteLLM-Tags", "HTTP-Referer", "X-Title",
  "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Server", "X-Real-Ip", "X-Client-Ip", "CF-Connecting-IP", "True-Client-IP",
  "X-Original-Method", "X-Sallyport-Cost-Usd", "X-Sallyport-Model", "X-RateLimit-Remaining", "Keep-Alive", "Upgrade-Insecure-Requests",
  "Sec-Fetch-Site", "Sec-CH-UA", "Authorization-Backup", "X_Custom", "X.Odd", "Te", "Trailer",
] as const; // biome-ignore format: a list
const planted = (name: string) => `planted-${name.toLowerCase().replace(/[^a-z0-9]/g, "")}-5e2d`;

/** Names of headers that have no business at a provider of this dialect. */
function strays(request: ReceivedRequest, dialect: DialectName): string[] {
  return request.headerNames.filter((name) => !ALLOWED[dialect].includes(name));
}

interface World {
  app: App;
  scene: Scene;
  ups: Record<DialectName, Upstream>;
}

async function open(over: AppOptions = {}): Promise<World> {
  const ups = { openai: await startUpstream(), anthropic: await startUpstream() };
  const row = (name: string, provider: string, fallback?: string) => ({
    name,
    targets: [{ provider, model: `${name}-inner`, weight: 1 }],
    fallbacks: fallback === undefined ? [] : [{ provider: fallback, model: `${name}-second`, weight: 1 }],
  });
  const app = await startApp({
    upstream: ups.openai.url,
    providers: [
      { name: "one", kind: "openai-compatible", baseUrl: `${ups.openai.url}/v1`, sealedKey: KEYS.openai },
      { name: "two", kind: "anthropic", baseUrl: ups.anthropic.url, sealedKey: KEYS.anthropic },
    ],
    models: [row("openai", "one"), row("anthropic", "two"), row("both", "one", "two")],
    settings: { trustedProxies: [trusted("127.0.0.0/8")], badCredentialsPerMinute: 1_000, deadlines: { firstByteMs: 300, unaryMs: 300, idleMs: 300 } },
    ...over,
  });
  return { app, scene: new Scene(app, ups.openai), ups };
} // biome-ignore format: rows

let world: World;
let answers: RawAnswer[];
let records: UsageRecord[];
const other = mintVirtualKey("live", (count) => crypto.getRandomValues(new Uint8Array(count))).text;

/** One call with every planted header, by hand, because a client library would leave out half of them. */
function call(front: DialectName, over: object, credential = `Authorization: Bearer ${world.app.key}`, path?: string): Promise<RawAnswer> {
  const body = JSON.stringify({ ...FRONTS[front].body({ messages: [{ role: "user", content: PROMPT }] }), ...over });
  const head = ["Host: planted-host-5e2d", credential, "Content-Type: application/json", "X-Forwarded-For: 203.0.113.77", "Forwarded: for=203.0.113.77;by=_planted-forwarded-5e2d"];
  const hop = ["Connection: keep-alive, X-Hop", "X-Hop: planted-hop-5e2d"];
  const more = HEADERS.map((name) => `${name}: ${planted(name)}`);
  return sendRaw(world.app.url, [requestText(`POST ${path ?? FRONTS[front].path} HTTP/1.1`, [...head, ...hop, ...more], body)]);
} // biome-ignore format: rows

/** Everything that can become of a call, on every road. */
beforeAll(async () => {
  world = await open();
  answers = [];
  for (const front of DIALECTS) {
    for (const provider of DIALECTS) {
      const { ups } = world;
      const dialect = PROVIDERS[provider];
      for (const stream of [false, true]) {
        const run = async (over: object = {}) => answers.push(await call(front, { model: provider, stream, ...over }));
        ups[provider].plan(dialect.replies({ text: SAID, toolCalls: [{ id: "toolu_1", name: "f", arguments: `{"q":"${SAID}"}` }] }));
        await run();
        await run({ metadata: { user_id: "someone" }, user: "someone" });
        for (const script of [
          dialect.failure(400, { message: "no such thing" }),
          dialect.failure(401, { message: `bad key ${KEYS[provider]}` }),
          dialect.failure(429, { message: "slow down, org-0123456789" }),
          dialect.failure(500, { message: `it broke with ${KEYS[provider]}` }),
          text(200, `<html>${KEYS[provider]}</html>`, { contentType: "text/html" }),
          redirect(307, `${ups[provider === "openai" ? "anthropic" : "openai"].url}/v1/messages`),
          hangUp(),
          [{ do: "silence" }] as const,
        ]) {
          ups[provider].answer(script);
          await run();
        }
        ups[provider].answer([...dialect.stream({ text: [SAID, "more"] }).slice(0, 4), { do: "close" }]);
        await run();
        await run({ temperature: "hot" });
        await run({ model: "unknown" });
        ups.openai.answer(PROVIDERS.openai.failure(503));
        ups.anthropic.plan(PROVIDERS.anthropic.replies({ text: SAID }));
        await run({ model: "both" });
      }
    }
    answers.push(await call(front, {}, "X-Nothing: a"), await call(front, {}, `X-Api-Key: ${other}`));
    answers.push(await call(front, {}, "Authorization: Basic c2VjcmV0LXVzZXI6c2VjcmV0LXdvcmQ="));
    answers.push(await call(front, {}, `X-Api-Key: ${world.app.key}\r\nApi-Key: ${other}`));
    answers.push(await call(front, {}, undefined, `${FRONTS[front].path}?key=${world.app.key}&q=planted-query-5e2d`));
    answers.push(await call(front, {}, "X-Nothing: a", `/v1/nothing?key=${other}`));
  }
  expect(await until(() => world.app.gateway.openCalls === 0, 3_000)).toBe(true);
  records = world.scene.news();
}); // biome-ignore format: rows
afterAll(async () => {
  await world.app.stop();
  for (const up of Object.values(world.ups)) await up.stop();
});

const everything = () => DIALECTS.map((dialect) => world.ups[dialect].everything()).join("\n");
const arrived = () =>
  DIALECTS.flatMap((dialect) => world.ups[dialect].requests.map((request) => ({ dialect, request })));

test("the run was what it was meant to be: all kinds of ends, and one record of each call", () => {
  expect(answers.length).toBeGreaterThan(100);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 400, 401, 404, 429, 502, 504]));
  expect(records).toHaveLength(answers.length);
  expect(new Set(records.map(({ outcome }) => outcome))).toEqual(new Set(["finished", "refused", "failed", "cut"]));
  expect(records.every(({ address }) => address === "203.0.113.77")).toBe(true);
  expect(arrived().length).toBeGreaterThan(80);
});

describe("upstream arrives", () => {
  test("no header but those that the provider's API defines", () => {
    const found = new Set(arrived().flatMap(({ request, dialect }) => strays(request, dialect)));
    expect([...found]).toEqual([]);
  });

  test("no value that the caller put into a header, and no address of the caller's", () => {
    expect(everything()).not.toContain("planted-");
    expect(everything()).not.toContain("203.0.113.77");
  });

  test("no virtual key", () => {
    for (const key of [world.app.key, other]) expect(everything()).not.toContain(key);
    expect(everything()).not.toContain("sp_live_");
  });

  test("each provider's key at that provider, in one header, and nowhere else", () => {
    const [one, two] = [world.ups.openai, world.ups.anthropic];
    expect(one.everything()).not.toContain(KEYS.anthropic);
    expect(two.everything()).not.toContain(KEYS.openai);
    for (const { dialect, request } of arrived()) {
      const name = dialect === "openai" ? "authorization" : "x-api-key";
      expect(request.headerValues(name)).toEqual([dialect === "openai" ? `Bearer ${KEYS.openai}` : KEYS.anthropic]);
      expect(request.rawText().split(KEYS[dialect])).toHaveLength(2);
    }
  });

  test("one host, the provider's own, and one length", () => {
    for (const { dialect, request } of arrived()) {
      expect(request.headerValues("host")).toEqual([new URL(world.ups[dialect].url).host]);
      expect(request.headerValues("content-length")).toHaveLength(1);
      expect(request.headerValues("transfer-encoding")).toEqual([]);
      expect(request.headerValues("accept-encoding")).toEqual(["identity"]);
    }
  });

  test("the caller's prompt, or the sweep would prove nothing", () => {
    for (const { request } of arrived()) expect(request.text()).toContain(PROMPT);
  });
});

describe("nothing of it stands", () => {
  const secrets = () => [
    world.app.key,
    other,
    KEYS.openai,
    KEYS.anthropic,
    "c2VjcmV0LXVzZXI6c2VjcmV0LXdvcmQ=",
    PROMPT,
    SAID,
  ];

  test("in the log", () => {
    const log = JSON.stringify(world.app.logs);
    for (const secret of [...secrets(), "planted-"]) expect(log).not.toContain(secret);
  });

  test("in the records, which keep no prompt here", () => {
    const kept = JSON.stringify(records);
    for (const secret of [...secrets(), "planted-", "html"]) expect(kept).not.toContain(secret);
    expect(records.every(({ captured }) => captured === null)).toBe(true);
  });

  test("in the headers of an answer, nor anything that the caller or the provider had put there", () => {
    // The provider's id of the call is told on purpose, in one place.
    const told = /^x-sallyport-upstream-request-id: req_provider1$/;
    const heads = answers.flatMap(({ headerLines }) => headerLines.filter((line) => !told.test(line))).join("\n");
    for (const secret of [...secrets(), "planted-", "req_provider1", "org-0123456789"])
      expect(heads).not.toContain(secret);
    const names = new Set(heads.split("\n").map((line) => line.slice(0, line.indexOf(":")).toLowerCase()));
    for (const name of ["server", "x-powered-by", "set-cookie", "via", "access-control-allow-origin"])
      expect([...names]).not.toContain(name);
  });

  test("of keys, in the body of an answer; of prompts, in the body of an error", () => {
    for (const { status, text: body } of answers) {
      for (const secret of [world.app.key, other, KEYS.openai, KEYS.anthropic, "planted-"])
        expect(body).not.toContain(secret);
      if (status !== 200) expect(body).not.toContain(PROMPT);
      expect(body).not.toMatch(/\bat \S+ \(|\.ts:\d|node_modules/);
    }
  });
});

describe("the log's own allow-list", () => {
  test("drops what has no place in a line, and lets no value begin a line", () => {
    for (const format of ["json", "pretty"] as const) {
      const lines: string[] = [];
      const log = createLog({ format, level: "debug" }, { now: () => 0, ticks: () => 0 }, (line) => lines.push(line));
      const fields = {
        call: "call_1\n{}",
        authorization: `Bearer ${world.app.key}`,
        body: PROMPT,
        headers: { cookie: "a" },
      };
      log.write("error", "a call failed", fields as never);
      log.flush();
      expect(lines.join("")).toContain("call_1");
      for (const secret of [world.app.key, PROMPT, "cookie"]) expect(lines.join("")).not.toContain(secret);
      expect(lines.join("").trimEnd()).not.toContain("\n");
    }
  });
});

describe("the sweep itself would find a leak", () => {
  test("a stray header", () => {
    const head = "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\nCookie: a=b\r\nX-Custom: 1";
    expect(strays(new ReceivedRequest(0, head, Buffer.from(head)), "openai")).toEqual(["cookie", "x-custom"]);
  });

  test("a value of the caller's, a key, and a prompt, where an API keeps prompts", async () => {
    const keeping = await open({ api: { capture: true } });
    keeping.ups.openai.plan(PROVIDERS.openai.replies({ text: SAID }));
    await keeping.scene.served("openai", {
      model: "openai",
      messages: [{ role: "user", content: `${PROMPT} planted-x` }],
    });
    expect(JSON.stringify((await keeping.app.records())[0])).toContain(PROMPT);
    expect(keeping.ups.openai.everything()).toContain("planted-x");
    expect(keeping.ups.openai.everything()).toContain(KEYS.openai);
    await keeping.app.stop();
    for (const up of Object.values(keeping.ups)) await up.stop();
  });
});
