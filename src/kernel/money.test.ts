import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatUsd, NANO_PER_USD, priceOfTokens } from "./money.ts";

describe("the price of tokens", () => {
  const rows: [number, number, number][] = [
    [0, 15, 0],
    [1, 1, 1_000],
    [1_000_000, 0.15, 150_000_000],
    [3, 0.1, 300],
    [7, 0.3, 2_100],
    [1, 0.000_1, 1],
    [10, 0.000_15, 2],
    [34_405, 597.561, 20_559_086_205],
    [1, 0.000_000_1, 1],
    [10_000_000, 600, 6_000 * NANO_PER_USD],
  ];
  test.each(rows)("%d tokens at %d USD a million cost %d nano-dollars", (tokens, usdPerMillion, nano) => {
    expect(priceOfTokens(tokens, usdPerMillion)).toBe(nano);
  });

  test("is exact where it is a whole number of nano-dollars, however large", () => {
    const tokens = fc.integer({ min: 0, max: 10_000_000 });
    const milliUsd = fc.integer({ min: 0, max: 600_000 });
    fc.assert(
      fc.property(tokens, milliUsd, (count, milli) => {
        // In whole numbers: a thousandth of a dollar a million tokens is one nano-dollar a token.
        expect(priceOfTokens(count, milli / 1_000)).toBe(count * milli);
      }),
    );
  });
});

describe("dollars as text", () => {
  const rows: [number, string][] = [
    [0, "0"],
    [1, "0.000000001"],
    [1_500, "0.0000015"],
    [NANO_PER_USD, "1"],
    [12_345_678_901, "12.345678901"],
    [100 * NANO_PER_USD, "100"],
    [-1_500_000_000, "-1.5"],
    [Number.MAX_SAFE_INTEGER, "9007199.254740991"],
  ];
  test.each(rows)("%d is %s", (nano, text) => {
    expect(formatUsd(nano)).toBe(text);
  });
});
