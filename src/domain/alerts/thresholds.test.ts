import { expect, test } from "bun:test";
import type { LimitWindow } from "../../kernel/limit.ts";
import { between, hasThresholds, reached, type Threshold } from "./thresholds.ts";

const rows: [number, number, Threshold | 0][] = [
  [100, 0, 0],
  [100, 49, 0],
  [100, 50, 50],
  [100, 79, 50],
  [100, 80, 80],
  [100, 99, 80],
  [100, 100, 100],
  [100, 130, 100],
  [1, 0, 0],
  [1, 1, 100],
  [3, 1, 0],
  [3, 2, 50],
  [Number.MAX_SAFE_INTEGER, 1, 0],
  [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER - 1, 80],
  [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 100],
];

test.each(rows)("of %d, %d used is at threshold %d", (amount, used, expected) => {
  expect(reached({ dimension: "tokens", window: "day", amount }, amount - used)).toBe(expected);
});

test("what is passed at once is each passed", () => {
  expect(between(0, 100)).toEqual([50, 80, 100]);
  expect(between(50, 100)).toEqual([80, 100]);
  expect(between(80, 80)).toEqual([]);
  expect(between(100, 50)).toEqual([]);
});

test("quotas and budgets have thresholds, rates and places have none", () => {
  const windows: (LimitWindow | null)[] = ["second", "minute", "hour", "day", "week", "month", "total", null];
  const having = windows.filter((window) => hasThresholds({ dimension: "requests", window, amount: 1 }));
  expect(having).toEqual(["day", "week", "month", "total"]);
});
