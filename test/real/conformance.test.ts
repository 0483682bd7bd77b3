/** Every recording through the whole gateway, as `npm run conformance` does it, held to what it has reached. */
import { beforeAll, describe, expect, test } from "bun:test";
import { type Figures, genuineShare, sumOf, wrongOf } from "../conformance/figures.ts";
import { conform, METHODS, type Method } from "../conformance/run.ts";
import { recordingsAreHere, requireRecordings } from "../support/recordings.ts";

requireRecordings("conformance");

/** Of the random chunkings; another every day, said so that a failure can be had again. */
const SEED = Math.floor(Date.now() / 86_400_000);

/** Share of what is genuine that must be identical, by method and front; what is listed is not. */
const REACHED: Partial<Record<Method, Record<string, number>>> = {
  A: { "openai-chat": 0.99, "openai-responses": 0.99, "anthropic-messages": 0.98, gemini: 0.985, ollama: 0.98 },
  cuts: { "openai-chat": 1, "openai-responses": 1, "anthropic-messages": 1, gemini: 1, ollama: 1 },
  F: { "openai-chat": 0.985, "openai-responses": 0.99, "anthropic-messages": 0.99, gemini: 0.99, ollama: 0.99 },
};

describe.skipIf(!recordingsAreHere)("every recording", () => {
  let figures: Figures;
  beforeAll(async () => {
    console.log(`random chunkings of seed ${SEED}`);
    figures = await conform({ seed: SEED, say: (line) => console.log(line) });
  }, 900_000);

  test.each(Object.keys(METHODS) as Method[])("by method %s, differs nowhere without a reason", (method) => {
    expect(wrongOf(figures, method)).toEqual([]);
    expect(figures.of(method).length).toBeGreaterThan(10);
  });

  const rows = Object.entries(REACHED).flatMap(([method, fronts]) =>
    Object.entries(fronts).map(([front, share]) => [method, front, share] as const),
  );
  test.each(rows)("by method %s, told to callers of %s, is identical in %f of the cases", (method, front, share) => {
    expect(genuineShare(sumOf(figures.of(method, front).map(({ figure }) => figure)))).toBeGreaterThanOrEqual(share);
  });
});
