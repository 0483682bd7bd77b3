import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { ModelRequest } from "../../spec/request.ts";
import type { Usage } from "../../spec/usage.ts";
import { priceOf, type Rates, SERVICE_TIERS, tierOf, tiersOf, worstPriceOf } from "./price.ts";

const rates = { input: 2.5, output: 10, cacheRead: 0.25, cacheWrite: 3.125, source: "test" };

test("each kind of token is priced as what it is, to the nano-dollar", () => {
  const usage = { input: 1_000, output: 100, cacheRead: 600, cacheWrite: 200, reasoning: 50 };
  // 200 × 2.5 + 600 × 0.25 + 200 × 3.125 + 100 × 10, in thousandths of a micro-dollar.
  expect(priceOf(usage, rates)).toBe(500_000 + 150_000 + 625_000 + 1_000_000);
});

describe("a kind with a price of its own costs that, and as its whole where it has none:", () => {
  const rows: [string, Partial<Rates>, Usage, number][] = [
    ["sound that is read", { audioInput: 40 }, { input: 100, output: 0, audioInput: 60 }, 40 * 2_500 + 60 * 40_000],
    ["pictures that are read", { imageInput: 8 }, { input: 100, output: 0, imageInput: 60 }, 40 * 2_500 + 60 * 8_000],
    ["sound that is written", { audioOutput: 80 }, { input: 0, output: 9, audioOutput: 5 }, 4 * 10_000 + 5 * 80_000],
    ["pictures that are written", { imageOutput: 40 }, { input: 0, output: 9, imageOutput: 9 }, 9 * 40_000],
    ["reasoning", { reasoning: 3 }, { input: 0, output: 9, reasoning: 4 }, 5 * 10_000 + 4 * 3_000],
    ["what the cache keeps for long", { cacheWriteLong: 5 }, { input: 9, output: 0, cacheWrite: 9, cacheWriteLong: 4 }, 5 * 3_125 + 4 * 5_000],
    ["what it keeps for long, unpriced", {}, { input: 9, output: 0, cacheWrite: 9, cacheWriteLong: 4 }, 9 * 3_125],
    ["what the provider says it does not charge", {}, { input: 100, output: 10, freeInput: 80, freeOutput: 1 }, 20 * 2_500 + 9 * 10_000],
    ["that, though some of it came from the cache", {}, { input: 100, output: 0, freeInput: 80, cacheRead: 30 }, 20 * 2_500],
    ["sound, unpriced", {}, { input: 10, output: 10, audioInput: 3, audioOutput: 3 }, 25_000 + 100_000],
  ]; // biome-ignore format: a table
  test.each(rows)("%s", (_, more, usage, nano) => expect(priceOf(usage, { ...rates, ...more })).toBe(nano));
});

test("a long prompt is priced by the long list as a whole, from one token above its bound", () => {
  const long: Rates = { ...rates, above: [{ tokens: 200_000, input: 5, output: 15, cacheRead: 0.5 }, { tokens: 500_000, input: 9 }] }; // biome-ignore format: two rows
  expect(priceOf({ input: 200_000, output: 10 }, long)).toBe(200_000 * 2_500 + 10 * 10_000);
  expect(priceOf({ input: 200_001, output: 10, cacheRead: 1 }, long)).toBe(200_000 * 5_000 + 500 + 10 * 15_000);
  expect(priceOf({ input: 500_001, output: 1 }, long)).toBe(500_001 * 9_000 + 10_000);
});

test("another way of being served has its own list, and is as usual where that is silent", () => {
  const tiered: Rates = { ...rates, tiers: { flex: { input: 1.25, output: 5 }, priority: { input: 5 } } };
  expect(priceOf({ input: 10, output: 10 }, tiered, "flex")).toBe(12_500 + 50_000);
  expect(priceOf({ input: 10, output: 10 }, tiered, "priority")).toBe(50_000 + 100_000);
  expect(priceOf({ input: 10, output: 10 }, tiered, "batch")).toBe(25_000 + 100_000);
});

test("parts that are larger than their whole cannot be, and make nothing cheaper", () => {
  const plain = priceOf({ input: 24, output: 0 }, rates);
  expect(priceOf({ input: 24, output: 0, cacheRead: 161 }, rates)).toBe(plain);
  expect(priceOf({ input: 24, output: 0, cacheRead: 20, cacheWrite: 7 }, rates)).toBe(17 * 2_500 + 7 * 3_125);
  // Sound from the cache is told in both.
  const sound: Rates = { ...rates, audioInput: 40 };
  expect(priceOf({ input: 10, output: 0, cacheRead: 8, audioInput: 5 }, sound)).toBe(5 * 2_500 + 5 * 40_000);
});

test("what cannot be counted exactly costs more than any limit", () => {
  const dear = { input: 1_000_000, output: 1_000_000, source: "test" };
  expect(priceOf({ input: 1e8, output: 1e8 }, dear)).toBe(Number.MAX_SAFE_INTEGER);
  expect(worstPriceOf({ input: 1e11, output: 1e11 }, dear)).toBe(Number.MAX_SAFE_INTEGER);
});

function asked(over: Partial<ModelRequest>): ModelRequest {
  return { dialect: "openai-chat", model: "m", messages: [], stream: false, includeUsage: false, ...over };
}

test("a call is priced as it asks to be served, and held for what may come of it", () => {
  const rows: [Partial<ModelRequest>, string | undefined, string[]][] = [
    [{}, undefined, ["priority"]],
    [{ serviceTier: "auto" }, undefined, ["priority"]],
    [{ serviceTier: "default" }, undefined, []],
    [{ serviceTier: "flex" }, "flex", ["flex"]],
    [{ serviceTier: "priority" }, "priority", ["priority"]],
    [{ operation: { type: "object", name: "batches.create", fields: {} } }, "batch", ["batch"]],
    [{ operation: { type: "object", name: "files.create", fields: {} } }, undefined, []],
  ];
  for (const [over, tier, tiers] of rows) {
    expect(tierOf(asked(over)) as string | undefined).toBe(tier);
    expect(tiersOf(asked(over)) as readonly string[]).toEqual(tiers);
  }
});

test("what each kind is rounded up by itself is held too", () => {
  const rates: Rates = { input: 0.0005, cacheRead: 0.0005, output: 0, source: "test" };
  expect(priceOf({ input: 2, output: 0, cacheRead: 1 }, rates)).toBe(2);
  expect(worstPriceOf({ input: 2, output: 0 }, rates)).toBe(2);
  expect(worstPriceOf({ input: 2, output: 0 }, { ...rates, input: 0.001, cacheRead: 0.001 })).toBe(2);
});

test("no charge is above what is held, whatever the list says and whatever kinds of tokens there were", () => {
  const rate = fc.double({ min: 0, max: 1_000, noNaN: true });
  const tokens = fc.nat({ max: 50_000 });
  const partial = fc.record(
    {
      cacheRead: rate,
      cacheWrite: rate,
      cacheWriteLong: rate,
      audioInput: rate,
      imageInput: rate,
      audioOutput: rate,
      imageOutput: rate,
      reasoning: rate,
    },
    { requiredKeys: [] },
  );
  const special = fc.tuple(partial, fc.record({ input: rate, output: rate }, { requiredKeys: [] }));
  const list = fc
    .tuple(partial, rate, rate, fc.uniqueArray(tokens, { maxLength: 3 }), special, fc.constantFrom(...SERVICE_TIERS), special)
    .map(([parts, input, output, bounds, [a, b], tier, [c, d]]): Rates => {
      const above = bounds.sort((x, y) => x - y).map((bound) => ({ ...a, ...b, tokens: bound }));
      return { input, output, ...parts, above, tiers: { [tier]: { ...c, ...d } }, source: "test" };
    });
  fc.assert(
    fc.property(
      list,
      fc.record({ input: tokens, output: tokens, cacheRead: tokens, cacheWrite: tokens, cacheWriteLong: tokens, audioInput: tokens, imageInput: tokens, audioOutput: tokens, imageOutput: tokens, reasoning: tokens }),
      fc.constantFrom(undefined, ...SERVICE_TIERS),
      tokens,
      (priced, usage, tier, more) => {
        const most = {
          input: usage.input + more,
          output: usage.output + more,
          // What is held as sound and pictures is no less than there is of them.
          audioInput: Math.min(usage.audioInput, usage.input),
          imageInput: Math.min(usage.imageInput, usage.input),
          keepsLong: true,
          writes: { audio: true, images: true },
        };
        const worst = worstPriceOf(most, priced, tier === undefined ? [] : [tier]);
        expect(priceOf(usage, priced, tier)).toBeLessThanOrEqual(worst);
      },
    ),
  );
}); // biome-ignore format: long records
