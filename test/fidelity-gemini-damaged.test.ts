/** Recorded traffic of Gemini's dialect, damaged at random: requests and answers alike. */
import { describe, expect, test } from "bun:test";
import { isObject, type Json, type JsonObject } from "../src/kernel/json.ts";
import { google } from "../src/providers/google/index.ts";
import { openai } from "../src/providers/openai/index.ts";
import { MalformedAnswer, UnsupportedFeature } from "../src/spec/adapter.ts";
import type { EventPart } from "../src/spec/event.ts";
import type { ModelRequest } from "../src/spec/request.ts";
import { InvalidRequest, type Wire } from "../src/spec/wire.ts";
import { gemini, geminiStream } from "../src/wire/gemini/index.ts";
import { openaiChat } from "../src/wire/openai-chat/index.ts";
import { dice, spoil } from "./support/dice.ts";
import { faultsOf, recordedExchanges, recordingsAreHere, requireRecordings } from "./support/recordings.ts";

requireRecordings("damaged recordings of Gemini's dialect");

const here = describe.skipIf(!recordingsAreHere);
const CONTEXT = { requestId: "call_01abc", created: 1 };
const recorded = recordedExchanges(["gemini.generateContent"]);
const answers = recorded.filter(({ response: { status } }) => status === 200);

/** What stands in Gemini's dialect at other places only. */
const GEMINIS: readonly Json[] = [[[]], { functionCall: {} }];

function requestAs({ dialect }: Wire): ModelRequest {
  return { dialect, model: "m", messages: [], stream: true, includeUsage: true };
}

here("what was damaged on its way", () => {
  test("is malformed, an error or an answer: never a crash, a block left open or a second end", () => {
    const random = dice(20_261_122);
    let malformed = 0;
    let ends = 0;
    for (let round = 0; round < 3_000; round++) {
      const { text, json } = answers[round % answers.length]!.response;
      const value = structuredClone(text === undefined ? json : dataOf(text)) as Json;
      if (typeof value !== "object" || value === null) continue;
      spoil(value as JsonObject, random, GEMINIS);
      spoil(value as JsonObject, random, GEMINIS);
      let parts: EventPart[];
      try {
        parts = google.decoder(requestAs(round % 2 === 0 ? geminiStream : openaiChat)).unary(JSON.stringify(value));
      } catch (thrown) {
        if (!(thrown instanceof MalformedAnswer)) throw thrown;
        malformed++;
        continue;
      }
      expect(faultsOf(parts)).toEqual([]);
      if (parts.at(-1)?.type === "end") ends++;
      for (const front of [geminiStream, openaiChat]) {
        const asked = requestAs(front);
        expect(front.encoder(asked, CONTEXT).frames(parts)).toBeString();
        expect(JSON.parse(front.encoder(asked, CONTEXT).unary(parts))).toBeObject();
      }
    }
    expect([malformed > 50, ends > 500]).toEqual([true, true]);
  });

  test("as a request is refused by name, or sent on", () => {
    const bodies = recorded.flatMap(({ request }) => (isObject(request?.json) ? [request.json] : []));
    const random = dice(7);
    let refused = 0;
    for (let round = 0; round < 3_000; round++) {
      const body = structuredClone(bodies[round % bodies.length]!);
      spoil(body, random, GEMINIS);
      try {
        const request = gemini.decode(body, { params: { model: "m" }, query: "" });
        google.encode(request, "gemini-2.5-flash");
        // As another provider's, and as Google's caller of another dialect, would have it translated.
        google.encode({ ...request, dialect: "openai-chat" }, "gemini-3.8-flash");
        openai.encode(request, "gpt-4.1");
      } catch (thrown) {
        if (thrown instanceof InvalidRequest) expect(thrown.field).toBeString();
        else if (!(thrown instanceof UnsupportedFeature)) throw thrown;
        refused++;
      }
    }
    expect(refused).toBeWithin(200, 2_800);
  });
});

/** A stream's events as a list. */
function dataOf(text: string): Json {
  return text.split(/\r?\n/).flatMap((line) => {
    if (!line.startsWith("data:")) return [];
    try {
      return [JSON.parse(line.slice(5)) as Json];
    } catch {
      return [];
    }
  });
}
