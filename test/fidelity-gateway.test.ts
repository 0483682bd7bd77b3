/**
 * Every recorded call of OpenAI's and Anthropic's dialects through the whole gateway: to a
 * caller of the same dialect as it came (method C of the recordings' own page), to a caller
 * of the other one with the same meaning (method A), and the recorded refusals (method G).
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { CatalogModel } from "../src/domain/catalog/catalog.ts";
import { withoutTraces } from "../src/gateway/telling/upstream-error.ts";
import { isObject, type Json, type JsonObject } from "../src/kernel/json.ts";
import { ADAPTERS } from "../src/providers/adapters.ts";
import { type App, type AppOptions, post, startApp } from "./support/app.ts";
import {
  type Difference,
  REFUSAL_OF_STATUS,
  REFUSED_OTHERWISE,
  RELAYED_OTHERWISE,
  TOLD_OTHERWISE,
  WRITTEN_OTHERWISE,
} from "./support/fidelity-differences.ts";
import {
  type Exchange,
  framesOf,
  loadDigests,
  recordedExchanges,
  recordingsAreHere,
  requireRecordings,
} from "./support/recordings.ts";
import { RoadFigures } from "./support/road-figures.ts";
import { type BodyOptions, recorded, type Script, startUpstream, type Upstream } from "./support/upstream.ts";

requireRecordings("fidelity through the gateway");

const here = describe.skipIf(!recordingsAreHere);

type Api = "openai.chat" | "anthropic.messages";
const APIS: readonly Api[] = ["openai.chat", "anthropic.messages"];
const NAMES: Record<Api, string> = { "openai.chat": "openai", "anthropic.messages": "anthropic" };

const exchanges = recordedExchanges(APIS).filter(({ response }) => (response.text ?? response.json) !== undefined);
const answered = exchanges.filter(({ response }) => response.status === 200);

/** The adapter of a recorded provider; one without a row of its own is some lookalike. */
function kindOf({ api, provider }: Exchange): string {
  if (api === "anthropic.messages") return "anthropic";
  if (provider === "azure") return "openai";
  const known = [provider, `${provider}-compatible`];
  return (
    ADAPTERS.find(({ kind, dialect }) => dialect === "openai-chat" && known.includes(kind))?.kind ?? "openai-compatible"
  );
}

const KINDS = [...new Set(exchanges.map(kindOf))];

let up: Upstream;
let app: App;
/** With a guard that finds nothing, but has every answer written anew. */
let guarded: App;
/** What the provider answers to a request for the model of this name. */
const planned = new Map<string, Script>();
beforeAll(async () => {
  up = await startUpstream();
  up.plan((request) => planned.get((request.json() as { model: string }).model)!);
  const options: AppOptions = {
    upstream: up.url,
    providers: KINDS.map((kind) => ({ name: kind, kind, baseUrl: kind === "anthropic" ? up.url : `${up.url}/v1` })),
    models: KINDS.map((kind): CatalogModel => {
      return { name: `${kind}/*`, targets: [{ provider: kind, model: "*", weight: 1 }], fallbacks: [] };
    }),
  };
  const phrases = ["a phrase that no recording holds"];
  app = await startApp(options);
  guarded = await startApp({
    ...options,
    guardrails: [{ name: "never", kind: "phrases", phrases, action: "mask", direction: "output" }],
  });
});
afterAll(async () => {
  await app?.stop();
  await guarded?.stop();
  await up?.stop();
});

/** Calls under way at once. */
const WORKERS = 12;

async function inParallel<T>(items: readonly T[], work: (item: T, index: number) => Promise<void>): Promise<void> {
  const entries = items.entries();
  const worker = async () => {
    for (const [index, item] of entries) await work(item, index);
  };
  await Promise.all(Array.from({ length: WORKERS }, worker));
}

/** What the caller asks. The recorded request where it is of this dialect, or the shortest there is. */
function requestOf(exchange: Exchange, front: Api, name: string): JsonObject {
  const stream = exchange.response.text !== undefined;
  const asked = exchange.api === front ? exchange.request?.json : undefined;
  const least: JsonObject = { max_tokens: 1_000, messages: [{ role: "user", content: "x" }] };
  const { stream_options, ...body } = asked ?? least;
  if (stream) body.stream = true;
  else delete body.stream;
  // Usage is told to who asks for it; here everything that was recorded shall arrive.
  if (stream && front === "openai.chat")
    body.stream_options = { ...(stream_options as JsonObject), include_usage: true };
  return { ...body, model: `${kindOf(exchange)}/${name}` };
}

/** The recorded answer; a type where the recording has none, or one that its body is not. */
function answerOf({ response }: Exchange, options: BodyOptions) {
  const { "content-type": type = "", ...headers } = response.headers ?? {};
  const wanted = response.text === undefined ? "application/json" : "text/event-stream";
  const contentType = type.includes(wanted) ? type : wanted;
  const framing = response.text === undefined ? "length" : "chunked";
  return recorded({ ...response, headers: { ...headers, "content-type": contentType } }, { framing, ...options });
}

interface Got {
  status: number;
  text: string;
}

let calls = 0;

async function through(exchange: Exchange, front: Api, options: BodyOptions = {}, by: App = app): Promise<Got> {
  const name = `recorded-${++calls}`;
  planned.set(name, answerOf(exchange, options));
  const path = front === "openai.chat" ? "/v1/chat/completions" : "/v1/messages";
  let response = await post(by, { path, body: requestOf(exchange, front, name) });
  // A request that the gateway refuses is not what is tried here: its answer is.
  const refused = response.status === 400 || response.status === 404;
  if (refused && exchange.response.status === 200) {
    await response.text();
    const { request: _refused, ...answer } = exchange;
    response = await post(by, { path, body: requestOf(answer, front, name) });
  }
  const text = await response.text();
  planned.delete(name);
  return { status: response.status, text };
}

const figures = new RoadFigures();

/** The gateway's own comment before the end. */
const withoutTrailer = (text: string) => text.replace(/: sallyport \{.*\}\n\n/, "");

/** What of an exchange did not reach a caller of its own dialect as it came. */
function changes({ response }: Exchange, { status, text }: Got): string[] {
  if (status !== 200) return [`status ${status}: ${text.slice(0, 120)}`];
  if (response.text === undefined) {
    return Bun.deepEquals(JSON.parse(text), response.json) ? [] : [`another body: ${text.slice(0, 120)}`];
  }
  const got = withoutTrailer(text);
  if (got === response.text) return [];
  const [was, is] = [framesOf(response.text), framesOf(got)];
  if (Bun.deepEquals(was, is)) return [];
  const at = was.findIndex((frame, index) => !Bun.deepEquals(frame, is[index]));
  return [`${was.length} events, ${is.length} arrived; from ${at} on: ${JSON.stringify(is[at])?.slice(0, 120)}`];
}

/** A recording up to this size is sent byte by byte, every fourth of them; the others are cut at random. */
const BYTEWISE = 6_000;

here.each(APIS)("an answer in the dialect of %s, for a caller of the same", (api) => {
  const own = answered.filter((exchange) => exchange.api === api);

  test("arrives as it came, unknown fields and events included", async () => {
    const { respDigest } = await loadDigests();
    const road = `C ${NAMES[api]} ← ${NAMES[api]}`;
    await inParallel(own, async (exchange) => {
      const found = changes(exchange, await through(exchange, api));
      figures.count(road, { exchange, want: respDigest(exchange), found }, RELAYED_OTHERWISE);
    });
    expect(figures.of(road).wrong).toEqual([]);
  }, 60_000);

  test("arrives as it came however the network cuts it", async () => {
    const { respDigest } = await loadDigests();
    const road = `C ${NAMES[api]} ← ${NAMES[api]}, cut`;
    const streams = own.filter(({ response }) => response.text !== undefined);
    await inParallel(streams, async (exchange, index) => {
      const short = exchange.response.text!.length < BYTEWISE;
      const split = short && index % 4 === 0 ? "bytes" : { seed: index + 1, max: 400 };
      const found = changes(exchange, await through(exchange, api, { split }));
      figures.count(road, { exchange, want: respDigest(exchange), found }, RELAYED_OTHERWISE);
    });
    expect(figures.of(road).wrong).toEqual([]);
  }, 60_000);
});

/** What of an answer's meaning a caller did not get, by the recordings' own digest. */
async function losses(exchange: Exchange, front: Api, got: Got): Promise<Difference> {
  const { respDigest, diff } = await loadDigests();
  const want = respDigest(exchange);
  const { status, text } = got;
  const streamed = exchange.response.text !== undefined && status === 200;
  const response = streamed ? { status, text } : { status, json: JSON.parse(text) as unknown };
  const told = respDigest({ api: front, response });
  const found = diff(want, told, { reasoning: true });
  if ((want.error === null) !== (told.error === null)) found.push(`error: ${JSON.stringify(told.error)}`);
  return { exchange, want, found };
}

here.each(APIS)("an answer in the dialect of %s means the same", (api) => {
  const own = answered.filter((exchange) => exchange.api === api);

  test("for a caller of the other", async () => {
    const front = APIS.find((other) => other !== api)!;
    const road = `A ${NAMES[front]} ← ${NAMES[api]}`;
    await inParallel(own, async (exchange) => {
      figures.count(road, await losses(exchange, front, await through(exchange, front)), TOLD_OTHERWISE[api]);
    });
    expect(figures.of(road).wrong).toEqual([]);
  }, 60_000);

  test("for a caller of the same, written anew because there is a guard", async () => {
    const road = `A ${NAMES[api]} ← ${NAMES[api]}, written anew`;
    await inParallel(own, async (exchange) => {
      const got = await through(exchange, api, {}, guarded);
      figures.count(road, await losses(exchange, api, got), WRITTEN_OTHERWISE[api]);
    });
    expect(figures.of(road).wrong).toEqual([]);
  }, 60_000);
});

here.each(APIS)("a refusal in the dialect of %s", (api) => {
  test("keeps its status and its words, in either dialect", async () => {
    const { respDigest } = await loadDigests();
    const refused = exchanges.filter((exchange) => exchange.api === api && exchange.response.status >= 400);
    for (const front of APIS) {
      const road = `G ${NAMES[front]} ← ${NAMES[api]}`;
      await inParallel(refused, async (exchange) => {
        const { status } = exchange.response;
        const got = await through(exchange, front);
        const wanted = REFUSAL_OF_STATUS[status] ?? { status, quoted: true };
        const told = String((JSON.parse(got.text) as { error: JsonObject }).error.message);
        const found: string[] = [];
        if (got.status !== wanted.status) found.push(`status ${got.status}`);
        const said = messageOf(exchange.response.json ?? exchange.response.text ?? null);
        // Keys are not quoted, not even in part.
        const quoted = told.includes(status === 401 ? withoutTraces(said) : said);
        if (wanted.quoted !== null && wanted.quoted !== quoted) found.push(`message ${told.slice(0, 120)}`);
        figures.count(road, { exchange, want: respDigest(exchange), found }, REFUSED_OTHERWISE);
      });
      expect(figures.of(road).wrong).toEqual([]);
    }
  }, 60_000);
});

/** The words of a recorded refusal, in whichever of the known envelopes. */
function messageOf(body: Json): string {
  if (!isObject(body)) return String(body);
  const { error, message, detail } = body;
  return String(isObject(error) ? error.message : (error ?? message ?? detail)).slice(0, 500);
}

here("in figures", () => {
  test("what is listed stays an exception", () => {
    const { roads, most } = figures.say();
    expect(roads).toBeGreaterThan(7);
    expect(most).toBeLessThan(0.06);
  });
});
