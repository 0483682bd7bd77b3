/**
 * The front of Ollama's dialect over the recordings of every provider that the gateway speaks to,
 * and the providers Ollama, Cohere and DashScope (in its own API) to every front: what is
 * answered means the same (method A of the recordings' own page), what is asked is what the same
 * author asks there (B), like dialects are relayed however the network cuts (C), and refusals
 * keep their words (G).
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { isObject, type JsonObject } from "../src/kernel/json.ts";
import { ADAPTERS } from "../src/providers/adapters.ts";
import type { Frame, ProviderAdapter } from "../src/spec/adapter.ts";
import type { Dialect } from "../src/spec/dialect.ts";
import type { EventPart } from "../src/spec/event.ts";
import type { ModelRequest } from "../src/spec/request.ts";
import type { Wire } from "../src/spec/wire.ts";
import { NdjsonFramer } from "../src/wire/ndjson.ts";
import { ollamaChat } from "../src/wire/ollama/index.ts";
import { FRONTS as CALLERS } from "./conformance/fronts.ts";
import { type App, post, startApp } from "./support/app.ts";
import { type Listed, READ_BY_OTHERS, TOLD_IN_OLLAMA } from "./support/fidelity-differences.ts";
import { ASKED_OTHERWISE } from "./support/fidelity-requests.ts";
import {
  type Digest,
  type Exchange,
  faultsOf,
  framesOf,
  loadDigests,
  parallelRecordings,
  recordedExchanges,
  recordingsAreHere,
  requireRecordings,
} from "./support/recordings.ts";
import { RoadFigures } from "./support/road-figures.ts";
import { recorded, type Script, startUpstream, type Upstream } from "./support/upstream.ts";

requireRecordings("fidelity of Ollama, Cohere and DashScope");

const here = describe.skipIf(!recordingsAreHere);

/** APIs of the recordings, by the dialect in which they are spoken. */
const APIS: Partial<Record<Dialect, string>> = {
  "openai-chat": "openai.chat",
  "anthropic-messages": "anthropic.messages",
  gemini: "gemini.generateContent",
  "cohere-chat": "cohere.chat_v2",
  dashscope: "dashscope.native",
  ollama: "ollama.chat",
};
const apiOf = (dialect: Dialect) => APIS[dialect]!;

const PROVIDERS = Object.keys(APIS).flatMap((dialect) => ADAPTERS.find((each) => each.dialect === dialect) ?? []);
const MINE = PROVIDERS.filter(({ kind }) => ["cohere", "dashscope-native", "ollama"].includes(kind));
const FRONTS = CALLERS.filter(({ dialect }) => APIS[dialect] !== undefined).map((front) => front.wire(true));

const context = { requestId: "call_01abc", created: 1 };

/** Ollama's streams are lines, the others' events. Simple on purpose: it must not share a mistake with a framer. */
function piecesOf({ api, response }: Exchange): Frame[] {
  const text = response.text ?? "";
  if (!api.startsWith("ollama")) return framesOf(text);
  return text.split("\n").flatMap((data) => (data.trim() === "" ? [] : [{ event: "", data }]));
}

function asked(exchange: Exchange, wire: Wire): ModelRequest {
  const stream = exchange.response.text !== undefined;
  return { dialect: wire.dialect, model: "m", messages: [], stream, includeUsage: true };
}

/** undefined: the provider's answer is none. */
function read(exchange: Exchange, provider: ProviderAdapter, request: ModelRequest): EventPart[][] | undefined {
  const decoder = provider.decoder(request);
  try {
    if (exchange.response.text === undefined) return [decoder.unary(JSON.stringify(exchange.response.json))];
    return [...piecesOf(exchange).map((frame) => decoder.frame(frame)), decoder.close()];
  } catch {
    return undefined;
  }
}

/** DashScope's answers, which the recordings' digest does not read, in the form that it reads. */
function readable({ api, response }: Exchange): { api: string; response: Exchange["response"] } {
  if (api !== "dashscope.native") return { api, response };
  const chat = (value: unknown): JsonObject => {
    const { output, usage } = value as { output: JsonObject; usage: JsonObject };
    const counts = { prompt_tokens: usage.input_tokens!, completion_tokens: usage.output_tokens! };
    const details = usage.prompt_tokens_details ?? null;
    const choices = (output.choices as JsonObject[]).map(({ finish_reason, ...choice }) =>
      finish_reason === "null" ? choice : { ...choice, finish_reason: finish_reason! },
    );
    return { choices, usage: { ...counts, prompt_tokens_details: details } };
  };
  const { text, json, ...rest } = response;
  if (text === undefined) return { api: "openai.chat", response: { ...rest, json: chat(json) } };
  const events = framesOf(text).map(({ data }) => `data: ${JSON.stringify(chat(JSON.parse(data)))}\n\n`);
  return { api: "openai.chat", response: { ...rest, text: events.join("") } };
}

const figures = new RoadFigures();

/**
 * What Ollama's dialect has no place for, or the recordings' digest does not look for there:
 * cached tokens, and other reasons than stop and length (our `done_reason` tells them).
 */
function placed(want: Digest, { dialect }: Wire): Digest {
  if (dialect !== "ollama") return want;
  const told = want.finish === "filter" || want.finish === "other" ? "stop" : want.finish;
  return { ...want, cached: null, finish: told };
}

async function tell(provider: ProviderAdapter, front: Wire, listed: readonly Listed[]): Promise<string> {
  const { respDigest, diff } = await loadDigests();
  const road = `A ${front.dialect} ← ${provider.kind}`;
  const api = apiOf(provider.dialect);
  for (const exchange of recordedExchanges([api])) {
    const { status, text, json } = exchange.response;
    if (status !== 200 || (text === undefined && !isObject(json))) continue;
    const want = placed(respDigest(readable(exchange)), front);
    const request = asked(exchange, front);
    const batches = read(exchange, provider, request);
    if (batches === undefined) {
      figures.count(road, { exchange, want, found: want.error === null ? ["not read"] : [] }, listed);
      continue;
    }
    const parts = batches.flat();
    if (!parts.some((part) => part.type === "error")) {
      expect([exchange.name, ...faultsOf(parts)]).toEqual([exchange.name]);
    }
    const writer = front.encoder(request, context);
    const ways = [
      { text: batches.map((batch) => writer.frames(batch)).join("") },
      { json: JSON.parse(front.encoder({ ...request, stream: false }, context).unary(batches.flat())) as unknown },
    ];
    const found = ways.flatMap((way) =>
      diff(want, respDigest({ api: apiOf(front.dialect), response: { status: 200, ...way } }), { reasoning: true }),
    );
    figures.count(road, { exchange, want, found }, listed);
  }
  return road;
}

here("an answer means the same", () => {
  test.each(PROVIDERS.map((provider) => [provider.kind, provider] as const))(
    "of %s, for a client of Ollama's",
    async (_kind, provider) => {
      const road = await tell(provider, ollamaChat, TOLD_IN_OLLAMA);
      expect(figures.of(road).wrong).toEqual([]);
    },
    30_000,
  );

  const roads = FRONTS.filter(({ dialect }) => dialect !== "ollama").flatMap((front) =>
    MINE.map((provider) => [provider.kind, front.dialect, provider, front] as const),
  );
  test.each(roads)("of %s, for a client of %s", async (_kind, _dialect, provider, front) => {
    const road = await tell(provider, front, READ_BY_OTHERS);
    expect(figures.of(road).wrong).toEqual([]);
  });
});

here("a request in another dialect asks what the same author asks", () => {
  test.each([["cohere.chat_v2", "cohere"]])("of %s", async (api, kind) => {
    const { reqDigest } = await loadDigests();
    const provider = ADAPTERS.find((each) => each.kind === kind)!;
    const differ = new Map<string, unknown>();
    let compared = 0;
    for (const { scenario, recordings } of parallelRecordings()) {
      const wanted = recordings.find((exchange) => exchange.api === api)?.request?.json;
      if (wanted === undefined) continue;
      for (const { api: from, request, name } of recordings) {
        const front = FRONTS.find(({ dialect }) => APIS[dialect] === from);
        // What the address says is another suite's business.
        if (front === undefined || front.dialect === "gemini" || request?.json === undefined) continue;
        compared++;
        const want = reqDigest({ api, request: { json: wanted } });
        const got = reqDigest({ api, request: { json: written(front, provider, request.json, String(wanted.model)) } });
        const fields = ["system", "turns", "tools", "choice", "schema", "stop"];
        const other = fields.filter((field) => JSON.stringify(want[field]) !== JSON.stringify(got[field]));
        if (other.length > 0 && !(scenario in ASKED_OTHERWISE)) {
          differ.set(
            `${scenario} from ${name}`,
            other.map((field) => [field, want[field], got[field]]),
          );
        }
      }
    }
    console.log(
      `B ${kind} ← others: ${compared} compared, ${differ.size} differ, ${Object.keys(ASKED_OTHERWISE).length} listed`,
    );
    expect(compared).toBeGreaterThan(60);
    expect(Object.fromEntries(differ)).toEqual({});
  });
});

function written(front: Wire, provider: ProviderAdapter, body: JsonObject, model: string): JsonObject {
  try {
    return provider.encode(front.decode(body), model).body;
  } catch (thrown) {
    return { messages: [{ role: "user", content: String(thrown) }] };
  }
}

here("Ollama to Ollama, through the gateway", () => {
  let up: Upstream;
  let app: App;
  let script: Script;
  beforeAll(async () => {
    up = await startUpstream();
    up.plan(() => script);
    app = await startApp({
      upstream: up.url,
      providers: [{ name: "ollama", kind: "ollama", baseUrl: up.url }],
      models: [{ name: "m", targets: [{ provider: "ollama", model: "llama3.2", weight: 1 }], fallbacks: [] }],
    });
  });
  afterAll(async () => {
    await app?.stop();
    await up?.stop();
  });

  const exchanges = recordedExchanges(["ollama.chat", "ollama.generate"]).filter(
    ({ response }) => (response.text ?? response.json) !== undefined,
  );

  async function through({ api, request, response }: Exchange, split?: { seed: number; max: number } | "bytes") {
    const stream = response.text !== undefined;
    const contentType = stream ? "application/x-ndjson" : "application/json; charset=utf-8";
    script = recorded(
      { ...response, headers: { "content-type": contentType } },
      { framing: stream ? "chunked" : "length", ...(split === undefined ? {} : { split }) },
    );
    const least = api === "ollama.chat" ? { messages: [{ role: "user", content: "x" }] } : { prompt: "x" };
    const path = api === "ollama.chat" || /"message"/.test(response.text ?? "") ? "/api/chat" : "/api/generate";
    const body = { ...least, ...request?.json, model: "m", stream };
    const answer = await post(app, { path, body });
    return { status: answer.status, text: await answer.text() };
  }

  /** An OpenAI answer, and a completion, that were filed among the chats. */
  const misfiled = ({ response }: Exchange) => isObject(response.json) && response.json.object === "chat.completion";

  test("an answer arrives as it came, however the network cuts it", async () => {
    let arrived = 0;
    for (const [index, exchange] of exchanges.entries()) {
      const { status, text, json } = exchange.response;
      if (status !== 200 || misfiled(exchange)) continue;
      for (const split of [undefined, { seed: index + 1, max: 60 }, ...(index % 4 === 0 ? ["bytes" as const] : [])]) {
        const got = await through(exchange, split);
        const whole = text === undefined ? JSON.parse(got.text) : got.text.trimEnd();
        expect([exchange.name, got.status, whole]).toEqual([exchange.name, 200, text?.trimEnd() ?? json]);
        arrived++;
      }
    }
    console.log(`C ollama ← ollama: ${arrived} identical`);
    expect(arrived).toBeGreaterThan(40);
  }, 30_000);

  test("a refusal keeps its status and its words", async () => {
    const refused = exchanges.filter(({ response }) => response.status >= 400);
    expect(refused.length).toBeGreaterThan(0);
    for (const exchange of refused) {
      const got = await through(exchange);
      expect([got.status, JSON.parse(got.text)]).toEqual([exchange.response.status, exchange.response.json!]);
    }
  });

  test("a stream that is cut ends in an error and is never done", async () => {
    const stream = exchanges.find(({ response }) => (response.text?.split("\n").length ?? 0) > 5)!;
    const text = stream.response.text!.split("\n").slice(0, 4).join("\n");
    const got = await through({ ...stream, response: { ...stream.response, text } });
    const lines = got.text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as JsonObject);
    expect(lines.at(-1)).toHaveProperty("error");
    expect(lines.some(({ done }) => done === true)).toBe(false);
  });
});

here("recorded lines", () => {
  test("are cut the same however the network brings them", () => {
    for (const { response, name } of recordedExchanges(["ollama.chat", "ollama.generate"])) {
      if (response.text === undefined) continue;
      const bytes = new TextEncoder().encode(response.text);
      const cut = (sizes: number) => {
        const framer = new NdjsonFramer();
        const frames = [];
        for (let at = 0; at < bytes.length; at += sizes) frames.push(...framer.push(bytes.slice(at, at + sizes)));
        return [...frames, ...framer.close()].map(({ data }) => data);
      };
      const whole = cut(bytes.length);
      for (const size of [1, 7, 64]) expect([name, cut(size)]).toEqual([name, whole]);
    }
  });
});

here("in figures", () => {
  test("what is listed stays an exception", () => {
    const { roads, listed } = figures.say();
    expect(roads).toBeGreaterThan(8);
    expect(listed).toBeLessThan(0.06);
  });
});
