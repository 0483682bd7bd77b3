import { expect, test } from "bun:test";
import { priceOf, worstPriceOf } from "./price.ts";

const rates = { input: 2.5, output: 10, cacheRead: 0.25, cacheWrite: 3.125, source: "test" };

test("each kind of token is priced as what it is, to the nano-dollar", () => {
  const usage = { input: 1_000, output: 100, cacheRead: 600, cacheWrite: 200, reasoning: 50 };
  // 200 × 2.5 + 600 × 0.25 + 200 × 3.125 + 100 × 10, in thousandths of a micro-dollar.
  expect(priceOf(usage, rates)).toBe(500_000 + 150_000 + 625_000 + 1_000_000);
});

test("cached tokens cost what input costs where the list has no price for them", () => {
  const plain = { input: 2.5, output: 10, source: "test" };
  expect(priceOf({ input: 10, output: 0, cacheRead: 10 }, plain)).toBe(priceOf({ input: 10, output: 0 }, plain));
});

test("the worst price is never below what is charged", () => {
  for (const cacheWrite of [0, 100, 1_000]) {
    expect(worstPriceOf(1_000, 100, rates)).toBeGreaterThanOrEqual(
      priceOf({ input: 1_000, output: 100, cacheWrite }, rates),
    );
  }
});

test("more cached tokens than there was input cannot be, and make nothing cheaper", () => {
  const said = { input: 24, output: 0, cacheRead: 161, cacheWrite: 7 };
  expect(priceOf(said, rates)).toBe(priceOf({ input: 24, output: 0 }, rates));
});
