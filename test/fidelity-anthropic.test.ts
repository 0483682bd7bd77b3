import { describe, expect, test } from "bun:test";
import { isObject, type Json, type JsonObject } from "../src/kernel/json.ts";
import { anthropic } from "../src/providers/anthropic/index.ts";
import { type Frame, MalformedAnswer, UnsupportedFeature } from "../src/spec/adapter.ts";
import type { EventPart } from "../src/spec/event.ts";
import type { ModelRequest } from "../src/spec/request.ts";
import { InvalidRequest } from "../src/spec/wire.ts";
import { anthropicMessages } from "../src/wire/anthropic-messages/index.ts";
import { dice, spoil } from "./support/dice.ts";
import {
  type Exchange,
  faultsOf,
  framesOf,
  loadDigests,
  recordedExchanges,
  recordingsAreHere,
  requireRecordings,
} from "./support/recordings.ts";

/** Recorded traffic of Anthropic's Messages API through both of our sides of it. */

requireRecordings("fidelity of Anthropic's dialect");

const recorded = recordedExchanges(["anthropic.messages", "anthropic.vertex"]);
const answers = recorded.filter(
  (exchange) => exchange.response.status === 200 && (exchange.response.json ?? exchange.response.text),
);
const CONTEXT = { requestId: "call_01abc", created: 1 };
const REQUEST: ModelRequest = {
  dialect: "anthropic-messages",
  model: "claude",
  messages: [],
  stream: true,
  includeUsage: true,
};

/** Parts as they arrive, a batch a frame; a whole answer is one batch. */
function batchesOf(exchange: Exchange): EventPart[][] {
  const decoder = anthropic.decoder(REQUEST);
  const { json, text } = exchange.response;
  if (text === undefined) return [decoder.unary(JSON.stringify(json))];
  return [...framesOf(text).map((frame) => decoder.frame(frame)), decoder.close()];
}

/**
 * Answers that are told otherwise, with the reason. Fix causes, not cases: a new entry
 * needs a reason that would convince a user.
 */
const OTHER_ANSWERS: Readonly<Record<string, string>> = {
  "vercel-ai/anthropic--spliced-message-start--272912#0":
    "A second message begins inside the first one's tool call. What was said before has reached the caller and cannot be taken back.",
};

const here = describe.skipIf(!recordingsAreHere);

here("every recorded answer", () => {
  test("is there", () => {
    expect(answers.length).toBeGreaterThan(400);
  });

  test("is read without a fault, and ends once", () => {
    const faulty = answers.map((exchange) => [exchange.name, faultsOf(batchesOf(exchange).flat())] as const);
    expect(faulty.filter(([, faults]) => faults.length > 0)).toEqual([]);
  });

  test("says the same when it is written again, streamed or whole, in frames or in parts", async () => {
    const { respDigest, diff } = await loadDigests();
    const differences: Record<string, string[]> = {};
    for (const exchange of answers) {
      const want = respDigest({ api: "anthropic.messages", response: exchange.response });
      const batches = batchesOf(exchange);
      const parts = batches.flat();
      const streamed = anthropicMessages.encoder(REQUEST, CONTEXT);
      const inParts = anthropicMessages.encoder(REQUEST, CONTEXT);
      const ways = [
        { text: batches.map((batch) => streamed.frames(batch)).join("") },
        { text: parts.map((part) => inParts.frames([part])).join("") },
        { json: JSON.parse(anthropicMessages.encoder(REQUEST, CONTEXT).unary(parts)) as unknown },
      ];
      for (const way of ways) {
        const got = respDigest({ api: "anthropic.messages", response: { status: 200, ...way } });
        const found = diff(want, got, { reasoning: true });
        if (found.length > 0) differences[exchange.name] = found;
      }
    }
    expect(Object.keys(differences)).toEqual(Object.keys(OTHER_ANSWERS));
  });

  test("keeps every field when it is written again, those without a canonical name included", () => {
    const lost: string[] = [];
    for (const exchange of answers) {
      const batches = batchesOf(exchange);
      const writer = anthropicMessages.encoder(REQUEST, CONTEXT);
      if (exchange.response.json !== undefined) {
        const written = JSON.parse(writer.unary(batches.flat())) as JsonObject;
        if (!holds(written, exchange.response.json)) lost.push(exchange.name);
      } else {
        const written = jsonOf(batches.map((batch) => writer.frames(batch)).join(""));
        const want = jsonOf(exchange.response.text!).filter(saysSomething);
        if (!inOrder(written, want)) lost.push(exchange.name);
      }
    }
    expect(lost).toEqual(Object.keys(OTHER_ANSWERS));
  });

  test("leaves the encoder in the same state when its bytes were relayed", () => {
    for (const exchange of answers) {
      const batches = batchesOf(exchange);
      const written = anthropicMessages.encoder(REQUEST, CONTEXT);
      const relayed = anthropicMessages.encoder(REQUEST, CONTEXT);
      for (const batch of batches.slice(0, -2)) {
        written.frames(batch);
        relayed.relayed(batch);
      }
      const probe: EventPart[] = [
        { type: "block-start", choice: 0, block: 9_999, content: { kind: "text" } },
        { type: "block-end", choice: 0, block: 9_999 },
      ];
      expect(relayed.frames(probe)).toBe(written.frames(probe));
    }
  });
});

here("a stream that was damaged on its way", () => {
  test("is malformed, an error or an answer: never a crash, a block left open or a second end", () => {
    const streams = answers.filter((exchange) => exchange.response.text !== undefined);
    const random = dice(20_261_122);
    let malformed = 0;
    let ends = 0;
    for (let round = 0; round < 3_000; round++) {
      const frames = framesOf(streams[round % streams.length]!.response.text!);
      damage(frames, random);
      const decoder = anthropic.decoder(REQUEST);
      const parts: EventPart[] = [];
      try {
        for (const frame of frames) parts.push(...decoder.frame(frame));
      } catch (thrown) {
        if (!(thrown instanceof MalformedAnswer)) throw thrown;
        malformed++;
        continue;
      }
      parts.push(...decoder.close());
      expect(faultsOf(parts)).toEqual([]);
      if (parts.at(-1)?.type === "end") ends++;
      for (const frame of jsonOf(anthropicMessages.encoder(REQUEST, CONTEXT).frames(parts)))
        expect(frame.type).toBeString();
      expect(JSON.parse(anthropicMessages.encoder(REQUEST, CONTEXT).unary(parts))).toBeObject();
    }
    expect(malformed).toBeGreaterThan(100);
    expect(ends).toBeGreaterThan(100);
  });
});

/** Drops, repeats, swaps and breaks a few frames. */
function damage(frames: Frame[], random: () => number): void {
  const pick = () => Math.floor(random() * frames.length);
  for (let i = 0; i < 3; i++) {
    const at = pick();
    const frame = frames[at]!;
    const kind = Math.floor(random() * 6);
    if (kind === 0) frames.splice(at, 1);
    else if (kind === 1) frames.splice(pick(), 0, frame);
    else if (kind === 2) frames[at] = { ...frame, data: frame.data.slice(0, Math.floor(random() * frame.data.length)) };
    else if (kind === 3) frames[at] = { ...frame, data: frame.data.replace(/\d+/, "-1e400") };
    else if (kind === 4) frames[at] = { ...frame, data: frame.data.replace(/"[^"]*"(?=[,}])/, "[null]") };
    else frames[at] = { ...frame, data: frame.data.replace(/\{[^{}]*\}/, "7") };
    if (frames.length === 0) frames.push({ event: "", data: "" });
  }
}

/** Requests that are not taken, with the reason. */
const REFUSED_REQUESTS: Readonly<Record<string, string>> = {
  "ddtrace/anthropic--anthropic_completion_error--8bd512#0": "Its messages are texts. Anthropic answered 400 as well.",
};

here("every recorded request", () => {
  test("goes upstream as it came, but for null and `stream: false`, which mean absent", () => {
    const refused: string[] = [];
    let sent = 0;
    for (const { name, api, model, request } of recorded) {
      if (request?.json === undefined) continue;
      // Vertex has the model's name in the path.
      const body: JsonObject = api === "anthropic.vertex" ? { ...request.json, model } : request.json;
      try {
        const { body: written, warnings } = anthropic.encode(anthropicMessages.decode(body), String(body.model));
        expect(withoutAbsent(written)).toEqual(withoutAbsent(body));
        expect(warnings).toEqual([]);
        sent++;
      } catch (thrown) {
        if (!(thrown instanceof InvalidRequest)) throw thrown;
        refused.push(name);
      }
    }
    expect(refused).toEqual(Object.keys(REFUSED_REQUESTS));
    expect(sent).toBeGreaterThan(300);
  });
});

here("a request with a wrong value somewhere in it", () => {
  test("is refused by name, or sent on: never a crash", () => {
    const bodies = recorded.flatMap(({ request }) => (Array.isArray(request?.json?.messages) ? [request.json] : []));
    const random = dice(7);
    let refused = 0;
    let sent = 0;
    for (let round = 0; round < 3_000; round++) {
      const body = structuredClone(bodies[round % bodies.length]!);
      spoil(body, random);
      try {
        const request = anthropicMessages.decode(body);
        anthropic.encode(request, "claude");
        // As another provider's caller would have it translated.
        anthropic.encode({ ...request, dialect: "openai-chat" }, "claude-sonnet-4-5");
        sent++;
      } catch (thrown) {
        if (thrown instanceof InvalidRequest) expect(thrown.field).toBeString();
        else if (!(thrown instanceof UnsupportedFeature)) throw thrown;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(200);
    expect(sent).toBeGreaterThan(200);
  });
});

here("every recorded error", () => {
  test("keeps its status, type and message", () => {
    const errors = recorded.filter((exchange) => exchange.response.status >= 400);
    expect(errors.length).toBeGreaterThan(10);
    for (const { response } of errors) {
      const { error } = response.json as { error: JsonObject };
      expect(anthropic.error(response.status, JSON.stringify(response.json), () => null)).toMatchObject({
        status: response.status,
        type: String(error.type),
        message: String(error.message),
      });
    }
  });
});

function jsonOf(text: string): JsonObject[] {
  return framesOf(text).flatMap((frame) => {
    const value = frame.data === "" || frame.data === "{}" ? null : (JSON.parse(frame.data) as Json);
    return isObject(value) ? [value] : [];
  });
}

/** Pings and empty deltas are not told again. */
function saysSomething(event: JsonObject): boolean {
  if (event.type === "ping") return false;
  return !isObject(event.delta) || event.type !== "content_block_delta" || !Object.values(event.delta).includes("");
}

function inOrder(written: readonly JsonObject[], want: readonly JsonObject[]): boolean {
  let next = 0;
  for (const event of written) if (next < want.length && holds(event, want[next]!)) next++;
  return next === want.length;
}

/** Whether `got` has all that `want` has. Usage may grow: input is told again at the end. */
function holds(got: Json | undefined, want: Json): boolean {
  if (Array.isArray(want))
    return Array.isArray(got) && got.length === want.length && want.every((each, i) => holds(got[i], each));
  if (!isObject(want)) return got === want || (want === null && got === undefined);
  return isObject(got) && Object.keys(want).every((name) => holds(got[name], want[name]!));
}

function withoutAbsent(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutAbsent);
  if (!isObject(value)) return value;
  const kept: JsonObject = {};
  for (const name in value) {
    const each = value[name]!;
    if (each !== null && !(name === "stream" && each === false)) kept[name] = withoutAbsent(each);
  }
  return kept;
}
