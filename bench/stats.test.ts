import { expect, test } from "bun:test";
import { latency, median, percentile } from "./stats.ts";

test("a percentile is a sample, by the nearest rank", () => {
  const sorted = Array.from({ length: 200 }, (_, i) => i + 1);
  expect([0, 0.5, 0.99, 1].map((share) => percentile(sorted, share))).toEqual([1, 100, 198, 200]);
  expect(percentile([], 0.5)).toBeNaN();
});

test("a median ignores rounds without a figure", () => {
  expect(median([3, Number.NaN, 1, 2])).toBe(2);
  expect(median([4, 1])).toBe(2.5);
  expect(median([])).toBeNaN();
});

test("latencies need not arrive in order", () => {
  expect(latency([9, 10, 1])).toEqual({ p50: 9, p99: 10, max: 10 });
});
