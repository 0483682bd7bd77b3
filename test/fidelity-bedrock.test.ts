import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../src/kernel/json.ts";
import { bedrock } from "../src/providers/bedrock/index.ts";
import { MalformedAnswer, UnsupportedFeature } from "../src/spec/adapter.ts";
import type { EventPart } from "../src/spec/event.ts";
import type { ModelRequest } from "../src/spec/request.ts";
import type { Wire } from "../src/spec/wire.ts";
import { anthropicMessages } from "../src/wire/anthropic-messages/index.ts";
import { FRAMERS } from "../src/wire/framers.ts";
import { ollamaChat } from "../src/wire/ollama/index.ts";
import { openaiChat } from "../src/wire/openai-chat/index.ts";
import { openaiResponses } from "../src/wire/openai-responses/index.ts";
import { dice } from "./support/dice.ts";
import { BEDROCK_REQUESTS_OTHERWISE } from "./support/fidelity-requests.ts";
import {
  type Exchange,
  faultsOf,
  loadDigests,
  parallelRecordings,
  recordedExchanges,
  recordingsAreHere,
  requireRecordings,
} from "./support/recordings.ts";
import { type AwsMessage, encodeAwsMessages } from "./support/upstream/aws-event-stream.ts";

/** Recorded traffic of Bedrock's Converse: what callers of each dialect are told, and what is sent for them. */

requireRecordings("fidelity of Bedrock");
const here = describe.skipIf(!recordingsAreHere);

type Recorded = Omit<Exchange, "response"> & {
  response: Exchange["response"] & { eventstream?: { headers: Record<string, string>; payload: unknown }[] };
};

const recorded = recordedExchanges(["bedrock.converse", "bedrock.invoke"]) as Recorded[];
const answers = recorded.filter(({ api, response }) => api === "bedrock.converse" && response.status === 200);

/** Bytes of a recorded stream, as Bedrock sent them. */
function bytesOf(frames: NonNullable<Recorded["response"]["eventstream"]>): Uint8Array {
  return encodeAwsMessages(
    frames.map(({ headers, payload }): AwsMessage => {
      const inner = payload as { bytes_decoded?: unknown };
      const sent =
        inner?.bytes_decoded === undefined
          ? payload
          : { bytes: Buffer.from(JSON.stringify(inner.bytes_decoded)).toString("base64") };
      return { headers, payload: typeof sent === "string" ? sent : JSON.stringify(sent) };
    }),
  );
}

/** Parts of an answer, a batch a read of the network. */
function batchesOf({ response }: Recorded, request: ModelRequest, random?: () => number): EventPart[][] {
  const decoder = bedrock.decoder(request);
  if (response.eventstream === undefined) return [decoder.unary(JSON.stringify(response.json))];
  const bytes = bytesOf(response.eventstream);
  const framer = FRAMERS[bedrock.framing!].framer();
  const batches: EventPart[][] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = random === undefined ? bytes.length : 1 + Math.floor(random() * 40);
    batches.push(framer.push(bytes.slice(at, at + length)).flatMap((frame) => decoder.frame(frame)));
    at += length;
  }
  batches.push(
    framer.close().flatMap((frame) => decoder.frame(frame)),
    decoder.close(),
  );
  return batches;
}

const requestOf = (dialect: ModelRequest["dialect"], stream: boolean): ModelRequest => ({
  dialect,
  model: "m",
  messages: [],
  stream,
  includeUsage: true,
});

const CONTEXT = { requestId: "call_01abc", created: 1 };
const FRONTS: [Wire, string][] = [
  [openaiChat, "openai.chat"],
  [anthropicMessages, "anthropic.messages"],
  [openaiResponses, "openai.responses"],
  [ollamaChat, "ollama.chat"],
];

/** Ollama has no count of what came from a cache, and no word for an answer that a filter ended. */
const NOT_IN_OLLAMA = /^usage\.cached: |^finish: want "filter" got "stop"$/;

here("every recorded answer of Converse", () => {
  test("is there, and is read without a fault", () => {
    expect(answers.length).toBeGreaterThan(130);
    const faulty = answers.map((exchange) => faultsOf(batchesOf(exchange, requestOf("openai-chat", true)).flat()));
    expect(faulty.flat()).toEqual([]);
  });

  test.each(FRONTS.map(([front, api]) => [api, front] as const))(
    "tells callers of %s the same, streamed and whole, however it is cut",
    async (api, front) => {
      const { respDigest, diff } = await loadDigests();
      const random = dice(42);
      const wrong: Record<string, string[]> = {};
      for (const exchange of answers) {
        const want = respDigest({ api: "bedrock.converse", response: exchange.response });
        for (const chop of [undefined, random]) {
          const request = requestOf(front.dialect, exchange.response.eventstream !== undefined);
          const batches = batchesOf(exchange, request, chop);
          const streamed = front.encoder(request, CONTEXT);
          const ways = [
            { text: batches.map((batch) => streamed.frames(batch)).join("") },
            {
              json: JSON.parse(front.encoder({ ...request, stream: false }, CONTEXT).unary(batches.flat())) as unknown,
            },
          ];
          for (const way of ways) {
            const got = respDigest({ api, response: { status: 200, ...way } });
            const all = diff(want, got, { reasoning: true });
            const found = api === "ollama.chat" ? all.filter((each) => !NOT_IN_OLLAMA.test(each)) : all;
            if (found.length > 0) wrong[exchange.name] = found;
          }
        }
      }
      expect(wrong).toEqual({});
    },
  );
});

here("a stream that was damaged on its way", () => {
  test("is malformed, an error or an answer: never a crash or a second end", () => {
    const random = dice(7);
    const streams = answers.filter(({ response }) => response.eventstream !== undefined);
    let malformed = 0;
    let cut = 0;
    for (let round = 0; round < 1_000; round++) {
      const exchange = structuredClone(streams[round % streams.length]!);
      const frames = exchange.response.eventstream!;
      for (let i = 0; i < 3 && frames.length > 0; i++) {
        const at = Math.floor(random() * frames.length);
        const kind = Math.floor(random() * 4);
        const text = JSON.stringify(frames[at]!.payload);
        if (kind === 0) frames.splice(at, 1);
        else if (kind === 1) frames.splice(Math.floor(random() * frames.length), 0, frames[at]!);
        else if (kind === 2)
          frames[at] = { ...frames[at]!, payload: text.slice(0, Math.floor(random() * text.length)) };
        else frames[at] = { ...frames[at]!, payload: text.replace(/\{[^{}]*\}/, "7") };
      }
      try {
        const parts = batchesOf(exchange, requestOf("openai-chat", true)).flat();
        expect(faultsOf(parts)).toEqual([]);
        if (parts.at(-1)?.type === "error") cut++;
        for (const [front] of FRONTS) front.encoder(requestOf(front.dialect, true), CONTEXT).frames(parts);
      } catch (thrown) {
        if (!(thrown instanceof MalformedAnswer)) throw thrown;
        malformed++;
      }
    }
    expect(malformed).toBeGreaterThan(50);
    expect(cut).toBeGreaterThan(20);
  });
});

here("every recorded answer of Claude's by invoke", () => {
  const claude = bedrock.variant!(requestOf("anthropic-messages", true), "anthropic.claude", { claude: "invoke" });

  test("is Anthropic's own, and its events are relayed as server-sent events", async () => {
    const { respDigest, diff } = await loadDigests();
    let compared = 0;
    const wrong: Record<string, string[]> = {};
    for (const exchange of recorded) {
      const { api, response } = exchange;
      if (api !== "bedrock.invoke" || response.status !== 200 || !isMessages(exchange)) continue;
      const decoder = claude.decoder(requestOf("anthropic-messages", true));
      let parts: EventPart[];
      let want: ReturnType<typeof respDigest>;
      if (response.eventstream === undefined) {
        parts = decoder.unary(JSON.stringify(response.json));
        want = respDigest({ api: "anthropic.messages", response });
      } else {
        const frames = FRAMERS[claude.framing!].framer().push(bytesOf(response.eventstream));
        const relayed = frames.map(({ source, start, end }) => new TextDecoder().decode(source.subarray(start, end)));
        want = respDigest({ api: "anthropic.messages", response: { status: 200, text: relayed.join("") } });
        parts = [...frames.flatMap((frame) => decoder.frame(frame)), ...decoder.close()];
      }
      expect(faultsOf(parts)).toEqual([]);
      const json = JSON.parse(openaiChat.encoder(requestOf("openai-chat", false), CONTEXT).unary(parts)) as unknown;
      const found = diff(want, respDigest({ api: "openai.chat", response: { status: 200, json } }), {
        reasoning: true,
      });
      if (found.length > 0) wrong[exchange.name] = found;
      compared++;
    }
    expect(wrong).toEqual({});
    expect(compared).toBeGreaterThan(10);
  });
});

/** Other models by invoke, and Claude's older API of texts, have dialects of their own. */
function isMessages({ response }: Recorded): boolean {
  if (response.eventstream === undefined) return (response.json as JsonObject | undefined)?.type === "message";
  const first = response.eventstream[0]?.payload as { bytes_decoded?: { type?: string } } | undefined;
  return first?.bytes_decoded?.type === "message_start";
}

here("every recorded error", () => {
  test("keeps its message, and has the status that says who is to act", () => {
    const errors = recorded.filter(({ response }) => response.status >= 400);
    expect(errors.length).toBeGreaterThan(15);
    for (const { response } of errors) {
      const header = (name: string) => response.headers[name] ?? null;
      const error = bedrock.error(response.status, JSON.stringify(response.json), header);
      expect(error).toMatchObject({ status: response.status, message: String(response.json?.message) });
      const type = response.headers["x-amzn-errortype"]?.split(":")[0];
      expect(error.type).toBe(type);
    }
  });
});

here("a request in another dialect, sent to Bedrock", () => {
  test("asks what the same author asks of Bedrock", async () => {
    const { reqDigest } = await loadDigests();
    const differ: Record<string, string[]> = {};
    let compared = 0;
    for (const { scenario, recordings } of parallelRecordings()) {
      const wanted = recordings.find((exchange) => exchange.api === "bedrock.converse");
      if (wanted?.request?.json === undefined) continue;
      const model = decodeURIComponent(/\/model\/([^/]+)\//.exec(wanted.request.url)?.[1] ?? "");
      for (const [front, frontApi] of FRONTS) {
        for (const { api, request, provider } of recordings) {
          if (api !== frontApi || request?.json === undefined) continue;
          compared++;
          const want = reqDigest({ api: "bedrock.converse", request: { json: wanted.request.json } });
          let body: JsonObject;
          try {
            body = bedrock.encode(front.decode(request.json), model).body;
          } catch (thrown) {
            if (!(thrown instanceof UnsupportedFeature)) throw thrown;
            body = { refused: thrown.message };
          }
          const got = reqDigest({ api: "bedrock.converse", request: { json: body } });
          const fields = ["system", "turns", "tools", "choice"];
          const other = fields.filter((field) => JSON.stringify(want[field]) !== JSON.stringify(got[field]));
          const refused = body.refused === undefined ? [] : [String(body.refused)];
          if (other.length > 0) differ[`${scenario} from ${provider}`] = [...refused, ...other];
        }
      }
    }
    expect(compared).toBeGreaterThan(60);
    const listed = Object.keys(BEDROCK_REQUESTS_OTHERWISE);
    const unlisted = Object.entries(differ).filter(
      ([name]) => !listed.some((scenario) => name.startsWith(`${scenario} from `)),
    );
    expect(unlisted).toEqual([]);
    expect(
      listed.filter((scenario) => !Object.keys(differ).some((name) => name.startsWith(`${scenario} from `))),
    ).toEqual([]);
  });
});
