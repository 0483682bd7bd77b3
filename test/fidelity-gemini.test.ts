/**
 * Recorded traffic of Gemini's dialect, from the Gemini API and from Vertex, through both of our
 * sides of it; and recorded traffic of every other dialect that has a provider here, told to
 * Gemini's callers (methods A, B, C and F of the recordings' own page).
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { withoutAccountNames } from "../src/gateway/telling/redact.ts";
import { isObject, type Json, type JsonObject } from "../src/kernel/json.ts";
import { anthropic } from "../src/providers/anthropic/index.ts";
import { google } from "../src/providers/google/index.ts";
import { openai } from "../src/providers/openai/index.ts";
import { type Frame, MalformedAnswer, type ProviderAdapter, UnsupportedFeature } from "../src/spec/adapter.ts";
import type { EventPart } from "../src/spec/event.ts";
import type { ModelRequest } from "../src/spec/request.ts";
import { InvalidRequest, type Wire } from "../src/spec/wire.ts";
import { anthropicMessages } from "../src/wire/anthropic-messages/index.ts";
import { FRAMERS } from "../src/wire/framers.ts";
import { gemini, geminiStream } from "../src/wire/gemini/index.ts";
import { openaiChat } from "../src/wire/openai-chat/index.ts";
import { type App, post, startApp } from "./support/app.ts";
import {
  GEMINI_RELAYED_OTHERWISE,
  type Listed,
  REFUSAL_OF_STATUS,
  TOLD_BY_GEMINI,
  TOLD_TO_GEMINI,
} from "./support/fidelity-differences.ts";
import { GEMINI_REQUESTS_OTHERWISE, GEMINI_REQUESTS_REFUSED } from "./support/fidelity-requests.ts";
import {
  type Exchange,
  faultsOf,
  loadDigests,
  parallelRecordings,
  recordedExchanges,
  recordingsAreHere,
  requireRecordings,
} from "./support/recordings.ts";
import { RoadFigures } from "./support/road-figures.ts";
import { type BodyOptions, recorded as played, type Script, startUpstream, type Upstream } from "./support/upstream.ts";

requireRecordings("fidelity of Gemini's dialect");

const here = describe.skipIf(!recordingsAreHere);
const API = "gemini.generateContent";
const CONTEXT = { requestId: "call_01abc", created: 1 };
const recorded = recordedExchanges([API]);
const answers = recorded.filter(isAnswered);

function isAnswered({ response: { status, json, text } }: Exchange): boolean {
  return status === 200 && (text !== undefined || (json !== undefined && json !== null));
}

function requestAs(front: Wire, stream: boolean): ModelRequest {
  return { dialect: front.dialect, model: "m", messages: [], stream, includeUsage: true };
}

/** The answer's parts as they come, an event a batch; undefined where the provider's answer is none. */
function read(exchange: Exchange, provider: ProviderAdapter, request: ModelRequest, chunk = Number.POSITIVE_INFINITY) {
  const decoder = provider.decoder(request);
  const { text, json } = exchange.response;
  try {
    if (text === undefined) return [decoder.unary(JSON.stringify(json))];
    const framer = FRAMERS[provider.framing ?? "sse"].framer();
    const bytes = new TextEncoder().encode(text);
    const frames: Frame[] = [];
    for (let at = 0; at < bytes.length; at += chunk) frames.push(...framer.push(bytes.subarray(at, at + chunk)));
    frames.push(...framer.close());
    const batches = frames.filter(({ data }) => data !== "").map((frame) => decoder.frame(frame));
    return [...batches, decoder.close()];
  } catch (thrown) {
    if (!(thrown instanceof MalformedAnswer)) throw thrown;
    return undefined;
  }
}

/** The same answer as the caller of a front gets it: streamed, and whole. */
function told(front: Wire, batches: readonly EventPart[][]): { text?: string; json?: unknown }[] {
  const streamed = front.encoder(requestAs(front, true), CONTEXT);
  const whole = front.encoder(requestAs(front, false), CONTEXT).unary(batches.flat());
  return [{ text: batches.map((batch) => streamed.frames(batch)).join("") }, { json: JSON.parse(whole) as unknown }];
}

const figures = new RoadFigures();

/** Method A for one front and the recordings of one API. */
async function compare(
  road: string,
  from: { api: string; provider: ProviderAdapter; exchanges: readonly Exchange[] },
  front: Wire,
  frontApi: string,
  listed: readonly Listed[],
): Promise<void> {
  const { respDigest, diff } = await loadDigests();
  for (const exchange of from.exchanges) {
    const want = respDigest({ api: from.api, response: exchange.response });
    const batches = read(exchange, from.provider, requestAs(front, exchange.response.text !== undefined));
    if (batches === undefined) {
      figures.count(road, { exchange, want, found: ["not read"] }, listed);
      continue;
    }
    const failed = batches.flat().some((part) => part.type === "error");
    if (failed) {
      figures.count(road, { exchange, want, found: want.error === null ? ["error"] : [] }, listed);
      continue;
    }
    const found = told(front, batches).flatMap((way) =>
      diff(want, respDigest({ api: frontApi, response: { status: 200, ...way } }), { reasoning: true }),
    );
    figures.count(road, { exchange, want, found }, listed);
  }
}

const FRONTS = [
  ["gemini", geminiStream, API],
  ["openai", openaiChat, "openai.chat"],
  ["anthropic", anthropicMessages, "anthropic.messages"],
] as const;

here("every recorded answer of Gemini's", () => {
  test("is there", () => {
    expect(answers.length).toBeGreaterThan(600);
  });

  test("is read without a fault, and ends once", () => {
    const faulty = answers.map((exchange) => {
      const batches = read(exchange, google, requestAs(gemini, true));
      return [exchange.name, batches === undefined ? [] : faultsOf(batches.flat())] as const;
    });
    expect(faulty.filter(([, faults]) => faults.length > 0)).toEqual([]);
  });

  test.each(FRONTS)("means the same to a caller of %s", async (name, front, api) => {
    const road = `A ${name} ← gemini`;
    await compare(road, { api: API, provider: google, exchanges: answers }, front, api, TOLD_BY_GEMINI);
    expect(figures.of(road).wrong).toEqual([]);
  });

  test("means the same however the network cuts it", () => {
    const streams = answers.filter(({ response }) => response.text !== undefined);
    for (const [index, exchange] of streams.entries()) {
      const whole = read(exchange, google, requestAs(gemini, true));
      const cut = read(exchange, google, requestAs(gemini, true), 1 + ((index * 7) % 41));
      expect(cut).toEqual(whole);
    }
  });
});

here("an answer of another provider's, told to Gemini's callers", () => {
  const others = [
    ["openai", "openai.chat", openai],
    ["anthropic", "anthropic.messages", anthropic],
  ] as const;
  test.each(others)("means the same if it is %s's", async (name, api, provider) => {
    const road = `A gemini ← ${name}`;
    const exchanges = recordedExchanges([api]).filter(isAnswered);
    await compare(road, { api, provider, exchanges }, geminiStream, API, TOLD_TO_GEMINI[api]);
    expect(figures.of(road).wrong).toEqual([]);
  });
});

here("every recorded request", () => {
  test("goes upstream as it came, but for the spelling of its fields and words", () => {
    const refused: Record<string, string> = {};
    let sent = 0;
    for (const exchange of recorded) {
      const body = exchange.request?.json;
      if (!isObject(body)) continue;
      try {
        const request = gemini.decode(body, { params: { model: "gemini-x" }, query: "" });
        const { body: written, warnings } = google.encode(request, "gemini-x");
        const { model: _path, ...given } = body;
        expect([exchange.name, plain(written)]).toEqual([exchange.name, plain(given)]);
        expect(warnings).toEqual([]);
        sent++;
      } catch (thrown) {
        if (!(thrown instanceof InvalidRequest)) throw thrown;
        refused[exchange.name] = thrown.message;
      }
    }
    expect(Object.keys(refused).sort()).toEqual(Object.keys(GEMINI_REQUESTS_REFUSED).sort());
    expect(sent).toBeGreaterThan(400);
  });
});

const TYPES = ["STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"];

/** What Google reads as the same: spellings of fields and enum words, lists of one, what says nothing. */
function plain(value: Json, inside = ""): Json {
  if (Array.isArray(value)) return value.map((each) => plain(each, inside));
  if (!isObject(value)) {
    if (inside === "type" && typeof value === "number") return TYPES[value - 1]!;
    return typeof value === "string" && inside !== "" && inside !== "tools" ? value.toUpperCase() : value;
  }
  const written: JsonObject = {};
  for (const name of Object.keys(value).sort()) {
    const camel = name.replace(/(?<=[a-z])_([a-z])/g, (_, next: string) => next.toUpperCase());
    const word = camel === "type" || camel === "mode" || camel === "thinkingLevel";
    const each = plain(value[name]!, word || camel === "tools" ? camel : "");
    if (each === null || (inside !== "tools" && isObject(each) && Object.keys(each).length === 0)) continue;
    written[camel] = camel === "parts" && isObject(each) ? [each] : each;
  }
  return written;
}

here("a request in another dialect, sent to Gemini", () => {
  test("asks what the same author asks of Gemini", async () => {
    const { reqDigest } = await loadDigests();
    const fronts: Record<string, Wire> = { "openai.chat": openaiChat, "anthropic.messages": anthropicMessages };
    const differ: Record<string, string[]> = {};
    let compared = 0;
    for (const { scenario, recordings } of parallelRecordings()) {
      const target = recordings.find((exchange) => exchange.api === API && isObject(exchange.request?.json));
      if (target === undefined) continue;
      const want = reqDigest({ api: API, request: { json: target.request!.json } });
      for (const { api, request } of recordings) {
        const front = fronts[api];
        if (front === undefined || !isObject(request?.json)) continue;
        compared++;
        const got = reqDigest({ api: API, request: { json: encoded(front, request.json, target.model) } });
        const fields = ["system", "turns", "tools", "choice", "schema"];
        // Without a word, the choice is the model's.
        for (const digest of [want, got]) digest.choice ??= "auto";
        const other = fields.filter((field) => JSON.stringify(want[field]) !== JSON.stringify(got[field]));
        if (other.length > 0) differ[`${scenario} ← ${api}`] = other;
      }
    }
    expect(compared).toBeGreaterThan(150);
    console.log(`B gemini: ${compared} compared, ${Object.keys(differ).length} differ`);
    expect(Object.keys(differ).sort()).toEqual(Object.keys(GEMINI_REQUESTS_OTHERWISE).sort());
  });
});

function encoded(front: Wire, body: JsonObject, model: string): JsonObject {
  try {
    return google.encode(front.decode(body), model.replace(/^models\//, "")).body;
  } catch (thrown) {
    if (!(thrown instanceof UnsupportedFeature) && !(thrown instanceof InvalidRequest)) throw thrown;
    return { contents: [{ parts: [{ text: String(thrown) }] }] };
  }
}

/** The same through the whole gateway, where Google's bytes are relayed. */
here("through the gateway", () => {
  let up: Upstream;
  let app: App;
  /** What the provider answers to a request for the model of this name. */
  const planned = new Map<string, Script>();
  let calls = 0;
  beforeAll(async () => {
    up = await startUpstream();
    up.plan(({ path }) => planned.get(/models\/([^:]+):/.exec(path)![1]!)!);
    app = await startApp({
      upstream: up.url,
      providers: [{ name: "google", kind: "google", baseUrl: `${up.url}/v1beta` }],
      models: [{ name: "google/*", targets: [{ provider: "google", model: "*", weight: 1 }], fallbacks: [] }],
    });
  });
  afterAll(async () => {
    await app?.stop();
    await up?.stop();
  });

  async function through(exchange: Exchange, options: BodyOptions = {}, sse = true) {
    const { response } = exchange;
    const name = `recorded-${++calls}`;
    const contentType = response.text === undefined ? "application/json" : "text/event-stream";
    const framing = response.text === undefined ? "length" : "chunked";
    planned.set(name, played({ ...response, headers: { "content-type": contentType } }, { framing, ...options }));
    const stream = response.text !== undefined || Array.isArray(response.json);
    const method = stream ? `streamGenerateContent${sse ? "?alt=sse" : ""}` : "generateContent";
    const body = { contents: [{ parts: [{ text: "x" }] }] };
    const answer = await post(app, { path: `/v1beta/models/google/${name}:${method}`, body });
    const text = await answer.text();
    planned.delete(name);
    return { status: answer.status, text };
  }

  test("an answer arrives as it came, also however the network cuts it", async () => {
    const { respDigest } = await loadDigests();
    for (const [index, exchange] of answers.entries()) {
      const { text, json } = exchange.response;
      // A list is a stream's answer to a client that this gateway never is.
      if (Array.isArray(json)) continue;
      const want = respDigest({ api: API, response: exchange.response });
      const ways: BodyOptions[] = text === undefined ? [{}] : [{}, { split: { seed: index + 1, max: 300 } }];
      for (const way of ways) {
        const got = await through(exchange, way);
        const same =
          text === undefined ? got.status === 200 && Bun.deepEquals(JSON.parse(got.text), json) : got.text === text;
        figures.count(
          "C gemini ← gemini",
          { exchange, want, found: same ? [] : [got.text.slice(0, 200)] },
          GEMINI_RELAYED_OTHERWISE,
        );
      }
    }
    expect(figures.of("C gemini ← gemini").wrong).toEqual([]);
  }, 60_000);

  test("a stream means the same as one JSON array", async () => {
    const { respDigest, diff } = await loadDigests();
    for (const exchange of answers.filter(({ response }) => response.text !== undefined)) {
      const want = respDigest({ api: API, response: exchange.response });
      const got = await through(exchange, {}, false);
      const json = JSON.parse(got.text) as unknown;
      const found = diff(want, respDigest({ api: API, response: { status: got.status, json } }), { reasoning: true });
      figures.count("A gemini ← gemini, array", { exchange, want, found }, TOLD_BY_GEMINI);
    }
    expect(figures.of("A gemini ← gemini, array").wrong).toEqual([]);
  }, 60_000);

  test("a refusal keeps its status and its words", async () => {
    const refusals = recorded.filter(({ response }) => response.status >= 400);
    expect(refusals.length).toBeGreaterThan(20);
    for (const exchange of refusals) {
      const { status, json } = exchange.response;
      const said = (json as { error: { message: string } }).error;
      const wanted = REFUSAL_OF_STATUS[status] ?? { status, quoted: true };
      const got = await through(exchange);
      const { error } = JSON.parse(got.text) as { error: { message: string; status: string } };
      expect([exchange.name, got.status]).toEqual([exchange.name, wanted.status]);
      expect(error.status).toMatch(/^[A-Z_]+$/);
      if (wanted.quoted !== null)
        expect(error.message.includes(withoutAccountNames(said.message).slice(0, 500))).toBe(wanted.quoted);
    }
  });
});

here("in figures", () => {
  test("what is listed stays an exception", () => {
    const { roads, listed } = figures.say();
    expect(roads).toBeGreaterThan(6);
    expect(listed).toBeLessThan(0.06);
  });
});
