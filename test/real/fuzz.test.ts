/** Every recorded request and answer, damaged at random: the larger half of test/fuzz. FUZZ_SEED repeats a run. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isObject, type Json, type JsonObject } from "../../src/kernel/json.ts";
import type { Dialect } from "../../src/spec/dialect.ts";
import { addressOf, FRONTS } from "../conformance/fronts.ts";
import { breaks, broken, damaged, fuzzing, SEED, wounds } from "../fuzz/damage.ts";
import { PROVIDERS, tryAnswer, tryRequest, tryStream } from "../fuzz/promises.ts";
import { ANSWERS } from "../fuzz/samples.ts";
import {
  type Exchange,
  framesOf,
  recordedExchanges,
  recordingsAreHere,
  requireRecordings,
} from "../support/recordings.ts";

requireRecordings("fuzzing");
console.log(`fuzzing recordings with seed ${SEED}`);

const here = describe.skipIf(!recordingsAreHere);
const RUNS = 1_500;

const APIS: Partial<Record<Dialect, string>> = {
  "openai-chat": "openai.chat",
  "openai-responses": "openai.responses",
  "anthropic-messages": "anthropic.messages",
  gemini: "gemini.generateContent",
  "bedrock-converse": "bedrock.converse",
  "cohere-chat": "cohere.chat_v2",
  ollama: "ollama.chat",
  dashscope: "dashscope.native",
};

/** Picks one of them for each run. */
const oneOf = <T>(all: readonly T[]) => fc.nat(all.length - 1).map((index) => all[index]!);

here("a recorded request that was damaged", () => {
  test.each(FRONTS.map((front) => [front.name, front] as const))(
    "is refused by name or taken, by %s",
    (_, front) => {
      const asked = recordedExchanges([front.api]).flatMap(({ request }) =>
        isObject(request?.json) ? [{ body: request.json, address: addressOf(request.url) }] : [],
      );
      const counts = { refused: 0, taken: 0 };
      const one = fc.property(oneOf(asked), wounds, ({ body, address }, all) => {
        counts[tryRequest(front, damaged(body, all), address, body.stream === true)]++;
      });
      fc.assert(one, fuzzing(RUNS));
      expect(Math.min(counts.refused, counts.taken)).toBeGreaterThan(RUNS / 50);
    },
    120_000,
  );
});

/** The events of a recorded stream, as the sample of its dialect frames them. */
function eventsOf({ response: { text, eventstream } }: Exchange, dialect: Dialect): Json[] {
  if (eventstream !== undefined) {
    return eventstream.map(({ headers, payload }) => [headers[":event-type"] ?? "", payload as Json]);
  }
  const pieces =
    dialect === "ollama"
      ? text!.split("\n").filter((line) => line.trim() !== "")
      : framesOf(text!).map(({ data }) => data);
  return pieces.map((piece) => {
    try {
      return JSON.parse(piece) as Json;
    } catch {
      return piece;
    }
  });
}

here("a recorded answer that was damaged", () => {
  test.each(PROVIDERS.map((adapter) => [adapter.dialect, adapter] as const))(
    "is malformed, an error or an answer, of %s",
    (dialect, adapter) => {
      const answers = recordedExchanges([APIS[dialect]!]).filter(({ response }) => response.status === 200);
      const bodies = answers.flatMap(({ response }) => (isObject(response.json) ? [response.json] : []));
      const streams = answers
        .filter(({ response }) => (response.text ?? response.eventstream) !== undefined)
        .map((exchange) => eventsOf(exchange, dialect))
        .filter((events) => events.length < 400);
      const { framed } = ANSWERS[dialect]!;
      const whole = fc.property(oneOf<JsonObject>(bodies), wounds, (body, all) => {
        tryAnswer(adapter, JSON.stringify(damaged(body, all)));
      });
      const streamed = fc.property(oneOf(streams), wounds, fc.integer({ min: 1, max: 4_000 }), (events, all, size) => {
        const made = damaged(events, all);
        tryStream(adapter, framed(Array.isArray(made) ? made : [made]), size);
      });
      const cut = fc.property(oneOf(streams), breaks, fc.integer({ min: 1, max: 4_000 }), (events, all, size) => {
        tryStream(adapter, broken(framed(events), all), size);
      });
      fc.assert(whole, fuzzing(RUNS));
      fc.assert(streamed, fuzzing(RUNS / 3));
      fc.assert(cut, fuzzing(RUNS / 3));
    },
    300_000,
  );
});
