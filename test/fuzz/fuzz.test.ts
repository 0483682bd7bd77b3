/**
 * Every decoder, given what is almost right: property tests over small requests and answers of our own. The same over
 * the recordings is in test/real/fuzz.test.ts; its parts are damage.ts, promises.ts and samples.ts. FUZZ_SEED repeats a run.
 */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Json } from "../../src/kernel/json.ts";
import type { Dialect } from "../../src/spec/dialect.ts";
import { FRONTS } from "../conformance/fronts.ts";
import { breaks, broken, damaged, fuzzing, replacedEverywhere, SEED, type Wound, wounds } from "./damage.ts";
import { PROVIDERS, tryAnswer, tryRequest, tryStream } from "./promises.ts";
import { ANSWERS, REQUESTS } from "./samples.ts";

console.log(`fuzzing with seed ${SEED}`);

const ADDRESS = { params: { model: "m" }, query: "" };

describe("a request that was damaged", () => {
  test.each(FRONTS.map((front) => [front.name, front] as const))("is refused by name or taken, by %s", (_, front) => {
    const whole = REQUESTS[front.dialect]!;
    expect(tryRequest(front, whole, ADDRESS, true)).toBe("taken");
    let refused = 0;
    const one = fc.property(wounds, (all) => {
      if (tryRequest(front, damaged(whole, all), ADDRESS, true) === "refused") refused++;
    });
    fc.assert(one, fuzzing(250));
    expect(refused).toBeGreaterThan(20);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

/** What was found once, and must stay mended. */
const FOUND: readonly [what: string, dialect: Dialect, wounds: readonly Wound[]][] = [
  ["a time that no calendar has", "openai-chat", [{ steps: [2], how: "replace", value: 2 ** 53 }]],
  [
    "an id with a toString of its own",
    "anthropic-messages",
    [{ steps: [0], how: "replace", value: { toString: "x" } }],
  ],
  ["a choice twice, with its calls", "openai-chat", [{ steps: [4, 0], how: "repeat", value: null }]],
  ["a choice twice, with its calls", "dashscope", [{ steps: [1, 0, 0], how: "repeat", value: null }]],
];

describe("what was found once", () => {
  test.each(FOUND)("stays mended: %s, of %s", (_, dialect, all) => {
    const sample = ANSWERS[dialect]!;
    const body = JSON.stringify(damaged(sample.whole, all));
    expect(body).not.toBe(JSON.stringify(sample.whole));
    expect(tryAnswer(PROVIDERS.find((adapter) => adapter.dialect === dialect)!, body)).toBe("taken");
  });
});

test("a call of Cohere's that begins twice is two calls, each of them whole", () => {
  const sample = ANSWERS["cohere-chat"]!;
  const begun = sample.events.findIndex((event) => JSON.stringify(event).includes("tool-call-start"));
  const events = damaged(sample.events, [{ steps: [begun], how: "repeat", value: null }]) as Json[];
  const cohere = PROVIDERS.find(({ dialect }) => dialect === "cohere-chat")!;
  expect(events.length).toBe(sample.events.length + 1);
  expect(tryStream(cohere, sample.framed(events), 7)).toBe("taken");
});

const rows = PROVIDERS.map((adapter) => [adapter.dialect, adapter, ANSWERS[adapter.dialect]!] as const);

describe("an answer that was damaged", () => {
  test("is tried for every dialect that a provider speaks", () => {
    expect(rows.filter(([, , sample]) => sample === undefined).map(([dialect]) => dialect)).toEqual([]);
  });

  const unprintable: Json = { toString: 1 };

  test.each(rows)("is never a failure of ours where any place of it cannot be printed, of %s", (_, adapter, sample) => {
    let places = 0;
    for (const { path, damaged: whole } of replacedEverywhere(sample.whole, unprintable)) {
      places++;
      expect(() => tryAnswer(adapter, JSON.stringify(whole)), path).not.toThrow();
    }
    for (const { path, damaged: events } of replacedEverywhere(sample.events, unprintable)) {
      places++;
      expect(() => tryStream(adapter, sample.framed(events as Json[]), 4_096), path).not.toThrow();
    }
    expect(places).toBeGreaterThan(20);
  });

  test.each(rows)("is malformed, an error or an answer: whole, of %s", (_, adapter, sample) => {
    expect(tryAnswer(adapter, JSON.stringify(sample.whole))).toBe("taken");
    const one = fc.property(wounds, (all) => {
      tryAnswer(adapter, JSON.stringify(damaged(sample.whole, all)));
    });
    fc.assert(one, fuzzing(120));
  });

  test.each(rows)("is malformed, an error or an answer: streamed, of %s", (_, adapter, sample) => {
    expect(tryStream(adapter, sample.framed(sample.events), 7)).toBe("taken");
    const one = fc.property(wounds, fc.integer({ min: 1, max: 400 }), (all, size) => {
      const events = damaged(sample.events, all);
      tryStream(adapter, sample.framed(Array.isArray(events) ? events : [events]), size);
    });
    fc.assert(one, fuzzing(120));
  });

  test.each(rows)("is malformed, an error or an answer: broken in its bytes, of %s", (_, adapter, sample) => {
    const bytes = sample.framed(sample.events);
    const one = fc.property(breaks, fc.integer({ min: 1, max: 400 }), (all, size) => {
      tryStream(adapter, broken(bytes, all), size);
    });
    fc.assert(one, fuzzing(120));
  });

  test.each(rows)("is malformed or an error where it is no JSON at all, of %s", (_, adapter) => {
    const one = fc.property(fc.string(), (text) => {
      tryAnswer(adapter, text);
      tryStream(adapter, new TextEncoder().encode(`data: ${text}\n\n`), 5);
    });
    fc.assert(one, fuzzing(60));
  });
});
