import { describe, expect, test } from "bun:test";
import type { Limit, RateWindow } from "../../kernel/limit.ts";
import { type Bucket, draw, fit, missing, newBucket, remaining, waitFor } from "./bucket.ts";

const NOW = Date.UTC(2026, 4, 4, 12);

function limited(window: RateWindow, amount: number, burst?: number): { limit: Limit; bucket: Bucket } {
  const limit: Limit = { dimension: "requests", window, amount, ...(burst === undefined ? {} : { burst }) };
  return { limit, bucket: fit(newBucket(limit), limit) };
}

test("a new bucket is full: its burst passes at once, and not one more", () => {
  const { limit, bucket } = limited("minute", 60, 5);
  for (let left = 5; left > 0; left--) {
    expect([remaining(bucket, limit, 0, NOW), waitFor(bucket, limit, 1, 0, NOW)]).toEqual([left, 0]);
    draw(bucket, 1, NOW);
  }
  expect([remaining(bucket, limit, 0, NOW), waitFor(bucket, limit, 1, 0, NOW)]).toEqual([0, 1_000]);
});

test.each([
  ["second", 3],
  ["second", 10_000],
  ["minute", 7],
  ["minute", 30],
  ["hour", 7],
  ["hour", 1_001],
] as const)("per %s %i: the time to wait is exact, to the millisecond", (window, amount) => {
  const { limit, bucket } = limited(window, amount);
  draw(bucket, amount, NOW);
  const wait = waitFor(bucket, limit, 1, 0, NOW)!;
  expect(wait).toBeGreaterThan(0);
  expect(waitFor(bucket, limit, 1, 0, NOW + wait)).toBe(0);
  if (wait > 1) expect(waitFor(bucket, limit, 1, 0, NOW + wait - 1)).toBe(1);
});

describe("over a million draws", () => {
  test.each([
    ["second", 7],
    ["second", 3_000],
    ["second", 10_000],
    ["minute", 7],
    ["minute", 700_001],
  ] as const)("of %2$i a %1$s as soon as they can be had, no more and no fewer pass than flow in", (window, amount) => {
    const { limit, bucket } = limited(window, amount);
    const period = { second: 1_000, minute: 60_000, hour: 3_600_000 }[window];
    let now = NOW;
    let passed = 0;
    for (; passed < 1_000_000; passed++) {
      now += waitFor(bucket, limit, 1, 0, now)!;
      draw(bucket, 1, now);
    }
    // What flowed in to this moment, and the burst that was there; the last one may have come up to a millisecond late.
    const most = amount + ((now - NOW) * amount) / period;
    expect(passed).toBeLessThanOrEqual(Math.floor(most + 1e-6));
    expect(passed).toBeGreaterThan(most - amount / period - 1);
  });
});

test("a tenth of a second's tokens at a time, ten million a second: none too many", () => {
  const { limit, bucket } = limited("second", 10_000_000);
  let now = NOW;
  let passed = 0;
  for (let i = 0; i < 100_000; i++) {
    now += waitFor(bucket, limit, 999_983, 0, now)!;
    draw(bucket, 999_983, now);
    passed += 999_983;
  }
  expect(passed).toBeLessThanOrEqual(10_000_000 + (now - NOW) * 10_000);
});

test("more than it ever holds is never there; nothing always is", () => {
  const { limit, bucket } = limited("minute", 100, 20);
  expect(waitFor(bucket, limit, 21, 0, NOW)).toBeNull();
  draw(bucket, 20, NOW);
  expect(waitFor(bucket, limit, 0, 0, NOW)).toBe(0);
});

test("what is held for others is not there, and nobody knows until when", () => {
  const { limit, bucket } = limited("minute", 100);
  expect(remaining(bucket, limit, 60, NOW)).toBe(40);
  expect(waitFor(bucket, limit, 40, 60, NOW)).toBe(0);
  expect(waitFor(bucket, limit, 41, 60, NOW)).toBe(1_000);
});

test("what is given back was never taken", () => {
  const { limit, bucket } = limited("minute", 7);
  draw(bucket, 3, NOW);
  const before = { ...bucket };
  draw(bucket, 2, NOW + 10);
  draw(bucket, -2, NOW + 20);
  expect(missing(bucket, NOW)).toBeCloseTo(missing(before, NOW), 9);
  expect(remaining(bucket, limit, 0, NOW)).toBe(4);
});

test("giving back into a bucket that is full again makes it no fuller", () => {
  const { limit, bucket } = limited("second", 5);
  draw(bucket, 1, NOW);
  draw(bucket, -1, NOW + 60_000);
  expect(remaining(bucket, limit, 0, NOW + 60_000)).toBe(5);
  draw(bucket, 5, NOW + 60_000);
  expect(remaining(bucket, limit, 0, NOW + 60_000)).toBe(0);
});

test("a limit that changes finds as much time missing as before it", () => {
  const { limit, bucket } = limited("minute", 60);
  draw(bucket, 30, NOW);
  expect(remaining(bucket, limit, 0, NOW)).toBe(30);
  const higher: Limit = { ...limit, amount: 600 };
  expect(remaining(fit(bucket, higher), higher, 0, NOW)).toBe(300);
  const lower: Limit = { ...limit, amount: 6 };
  expect(remaining(fit(bucket, lower), lower, 0, NOW)).toBe(3);
  expect(waitFor(bucket, lower, 4, 0, NOW)).toBe(10_000);
});

test("a clock that says an earlier time takes nothing back and gives nothing", () => {
  const { limit, bucket } = limited("minute", 6);
  draw(bucket, 6, NOW);
  draw(bucket, 1, NOW - 600_000);
  expect(waitFor(bucket, limit, 1, 0, NOW)).toBe(20_000);
});

test("a limit that allows nothing for a while leaves a bucket that works when it allows something again", () => {
  const { limit, bucket } = limited("minute", 60);
  const none = { ...limit, amount: 0 };
  fit(bucket, none);
  expect([remaining(bucket, none, 0, NOW), waitFor(bucket, none, 1, 0, NOW)]).toEqual([0, null]);
  // A call that was admitted before ends.
  draw(bucket, 30, NOW);
  expect([remaining(bucket, none, 0, NOW), waitFor(bucket, none, 1, 0, NOW)]).toEqual([0, null]);
  fit(bucket, limit);
  expect([remaining(bucket, limit, 0, NOW), waitFor(bucket, limit, 31, 0, NOW)]).toEqual([30, 1_000]);
  expect(remaining(bucket, limit, 0, NOW + 30_000)).toBe(60);
});

test("a bucket of a limit that never allowed anything is empty", () => {
  const { limit, bucket } = limited("minute", 0);
  expect([remaining(bucket, limit, 0, NOW), waitFor(bucket, limit, 1, 0, NOW)]).toEqual([0, null]);
});
