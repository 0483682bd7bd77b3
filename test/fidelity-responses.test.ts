import { afterAll, describe, expect, test } from "bun:test";
import { ADAPTERS } from "../src/providers/adapters.ts";
import type { ProviderAdapter } from "../src/spec/adapter.ts";
import type { EventPart } from "../src/spec/event.ts";
import type { ModelRequest } from "../src/spec/request.ts";
import type { Wire } from "../src/spec/wire.ts";
import { anthropicMessages } from "../src/wire/anthropic-messages/index.ts";
import { FRAMERS } from "../src/wire/framers.ts";
import { openaiChat } from "../src/wire/openai-chat/index.ts";
import { openaiResponses } from "../src/wire/openai-responses/index.ts";
import {
  type Listed,
  RESPONSES_ANSWERS_TOLD_OTHERWISE,
  TOLD_OTHERWISE_AS_RESPONSES,
} from "./support/fidelity-differences.ts";
import { RESPONSES_REQUESTS_REFUSED, RESPONSES_ROADS_OTHERWISE } from "./support/fidelity-requests.ts";
import { differencesBeside, type ListedDifference, UNSAID } from "./support/json-differences.ts";
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

/**
 * Recorded traffic and the Responses dialect: every provider's answers told in it (method A),
 * its own recordings read, written anew and told in other dialects, and requests both ways (B).
 */
requireRecordings("fidelity of Responses");

const here = describe.skipIf(!recordingsAreHere);
const context = { requestId: "call_01abc", created: 1_700_000_000 };
const OPENAI = ADAPTERS.find(({ kind }) => kind === "openai")!;

/** Recorded APIs that an adapter here reads, and which one. */
const PROVIDERS: Readonly<Record<string, (exchange: Exchange) => ProviderAdapter>> = {
  "openai.chat": ({ provider }) =>
    ADAPTERS.find(({ kind, dialect }) => kind === provider && dialect === "openai-chat") ?? OPENAI,
  "anthropic.messages": () => ADAPTERS.find(({ kind }) => kind === "anthropic")!,
  "openai.responses": () => asked("openai-responses"),
  "cohere.chat_v2": () => ADAPTERS.find(({ kind }) => kind === "cohere")!,
  "ollama.chat": () => ADAPTERS.find(({ kind }) => kind === "ollama")!,
};

/** OpenAI's adapter as it is for callers of Responses. */
function asked(dialect: ModelRequest["dialect"], model = "gpt-5"): ProviderAdapter {
  const request: ModelRequest = { dialect, model, messages: [], stream: false, includeUsage: true };
  return OPENAI.variant!(request, model, {});
}

function requestFor(front: Wire, exchange: Exchange): ModelRequest {
  const stream = exchange.response.text !== undefined;
  return { dialect: front.dialect, model: "m", messages: [], stream, includeUsage: true };
}

const answered = (api: string) =>
  recordedExchanges([api]).filter(({ request, response: { status, text, json } }) => {
    if (request?.url.endsWith("/input_tokens")) return false;
    return status === 200 && (text !== undefined || (json !== undefined && json !== null));
  });

/** undefined: the provider's answer is none. */
function read(exchange: Exchange, provider: ProviderAdapter, request: ModelRequest): EventPart[][] | undefined {
  const decoder = provider.decoder(request);
  const { text, json } = exchange.response;
  try {
    if (text === undefined) return [decoder.unary(JSON.stringify(json))];
    const framer = FRAMERS[provider.framing ?? "sse"].framer();
    const frames = [...framer.push(new TextEncoder().encode(text)), ...framer.close()];
    return [...frames.map((frame) => decoder.frame(frame)), decoder.close()];
  } catch {
    return undefined;
  }
}

const figures = new RoadFigures();

async function compare(road: string, api: string, front: Wire, frontApi: string, listed: readonly Listed[]) {
  const { respDigest, diff } = await loadDigests();
  for (const exchange of answered(api)) {
    const request = requestFor(front, exchange);
    const want = respDigest(exchange);
    const batches = read(exchange, PROVIDERS[api]!(exchange), request);
    if (batches === undefined) {
      figures.count(road, { exchange, want, found: want.error === null ? ["not read"] : [] }, listed);
      continue;
    }
    const parts = batches.flat();
    const faults = parts.some(({ type }) => type === "error") ? [] : faultsOf(parts);
    const streamed = front.encoder(request, context);
    const ways = [
      { text: batches.map((batch) => streamed.frames(batch)).join("") },
      { json: JSON.parse(front.encoder({ ...request, stream: false }, context).unary(parts)) as unknown },
    ];
    const told = ways.flatMap((way) =>
      diff(want, respDigest({ api: frontApi, response: { status: 200, ...way } }), { reasoning: true }),
    );
    figures.count(road, { exchange, want, found: [...faults, ...told] }, listed);
  }
  expect(figures.of(road).wrong).toEqual([]);
}

here("every provider's answers, told to clients of Responses", () => {
  for (const api of Object.keys(PROVIDERS)) {
    test(api, async () => {
      const listed = TOLD_OTHERWISE_AS_RESPONSES[api] ?? [];
      await compare(`A responses ← ${api}`, api, openaiResponses, "openai.responses", listed);
    });
  }
});

here("OpenAI's Responses, told to clients of other dialects", () => {
  for (const [front, api] of [
    [openaiChat, "openai.chat"],
    [anthropicMessages, "anthropic.messages"],
  ] as const) {
    test(api, async () => {
      const listed = RESPONSES_ANSWERS_TOLD_OTHERWISE;
      await compare(`A ${api} ← openai.responses`, "openai.responses", front, api, listed);
    });
  }
});

/** Every way in which what goes upstream may differ from what the caller wrote. */
const LISTED: readonly ListedDifference[] = [
  ...UNSAID,
  { path: /^\.reasoning$/, change: /^\{\} → undefined$/, why: "it says nothing" },
  { path: /\.summary$/, change: /^undefined → \[\]$/, why: "a thought has a summary, if an empty one" },
];

const requested = recordedExchanges(["openai.responses"]).filter(({ request }) => {
  return request?.json !== undefined && request.url.endsWith("/responses");
});

here("a recorded request to Responses", () => {
  test("goes to a provider of Responses as it came", () => {
    const differ: [string, string[]][] = [];
    for (const { name, request } of requested) {
      if (name in RESPONSES_REQUESTS_REFUSED) continue;
      const body = request!.json!;
      const written = asked("openai-responses").encode(openaiResponses.decode(body), String(body.model)).body;
      const found = differencesBeside(LISTED, body, written);
      if (found.length > 0) differ.push([name, found]);
    }
    expect(differ).toEqual([]);
    expect(requested.length).toBeGreaterThan(300);
  });

  test("is refused by name where it cannot be taken", () => {
    for (const [name, { field }] of Object.entries(RESPONSES_REQUESTS_REFUSED)) {
      const exchange = requested.find((each) => each.name === name);
      expect([name, exchange === undefined]).toEqual([name, false]);
      expect(() => openaiResponses.decode(exchange!.request!.json!)).toThrow(field);
    }
  });
});

const FRONTS: Readonly<Record<string, Wire>> = {
  "openai.chat": openaiChat,
  "anthropic.messages": anthropicMessages,
  "openai.responses": openaiResponses,
};

/** A request of one dialect, sent to a provider of another: what it asks beside what the same author asked there. */
async function parallels(from: string, to: string, provider: (exchange: Exchange) => ProviderAdapter) {
  const { reqDigest } = await loadDigests();
  const differ = new Map<string, string[]>();
  let compared = 0;
  for (const { scenario, recordings } of parallelRecordings()) {
    const targets = recordings.filter(({ api, request }) => api === to && request?.json !== undefined);
    const target = targets.find((exchange) => exchange.provider === "openai") ?? targets[0];
    if (target === undefined) continue;
    const wanted = target.request!.json!;
    const want = reqDigest({ api: to, request: { json: wanted } });
    for (const { api, request } of recordings) {
      if (api !== from || request?.json === undefined || want === null) continue;
      compared++;
      let fields: string[];
      try {
        const canonical = FRONTS[from]!.decode(request.json);
        const written = provider(target).encode(canonical, String(wanted.model)).body;
        const got = reqDigest({ api: to, request: { json: written } });
        fields = ["system", "turns", "tools", "choice", "schema"].filter(
          (field) => JSON.stringify(want[field]) !== JSON.stringify(got[field]),
        );
      } catch (thrown) {
        fields = [String(thrown)];
      }
      if (fields.length > 0) differ.set(scenario, fields);
    }
  }
  figures.set(`B ${from} → ${to}`, { identical: compared - differ.size, listed: differ.size, wrong: [] });
  return { compared, differ };
}

here("a request of Responses, sent to a provider of another dialect, and the other way round", () => {
  for (const [from, to, provider] of [
    ["openai.responses", "openai.chat", PROVIDERS["openai.chat"]!],
    ["openai.responses", "anthropic.messages", PROVIDERS["anthropic.messages"]!],
    ["openai.chat", "openai.responses", () => asked("openai-chat", "o3-pro")],
    ["anthropic.messages", "openai.responses", () => asked("anthropic-messages", "o3-pro")],
  ] as const) {
    test(`${from} → ${to}`, async () => {
      const { compared, differ } = await parallels(from, to, provider);
      expect(compared).toBeGreaterThan(20);
      expect([...differ.keys()].sort()).toEqual(Object.keys(RESPONSES_ROADS_OTHERWISE[`${from} → ${to}`]!).sort());
    });
  }
});

afterAll(() => {
  figures.say();
});
