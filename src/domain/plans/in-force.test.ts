import { expect, test } from "bun:test";
import type { Limit } from "../../kernel/limit.ts";
import { limitsInForce } from "./in-force.ts";

const perDay = (amount: number): Limit => ({ dimension: "requests", window: "day", amount });
const perMinute = (amount: number, burst?: number): Limit => {
  return { dimension: "requests", window: "minute", amount, ...(burst === undefined ? {} : { burst }) };
};
const NOW = 1_000;

const rows: [string, Limit[], { scope?: string; limit: Limit; until?: number | null }[], Limit[]][] = [
  ["nothing granted leaves the limits as they are", [perDay(10)], [], [perDay(10)]],
  ["what was granted for good stands instead", [perDay(10)], [{ limit: perDay(50) }], [perDay(50)]],
  ["what was granted for a time that runs stands", [perDay(10)], [{ limit: perDay(50), until: NOW + 1 }], [perDay(50)]],
  ["what was granted until now is over", [perDay(10)], [{ limit: perDay(50), until: NOW }], [perDay(10)]],
  ["a limit that has become higher than what was granted counts", [perDay(90)], [{ limit: perDay(50) }], [perDay(90)]],
  ["of several the greatest counts, first", [perDay(10)], [{ limit: perDay(70) }, { limit: perDay(50) }], [perDay(70)]],
  ["of several the greatest counts, last", [perDay(10)], [{ limit: perDay(50) }, { limit: perDay(70) }], [perDay(70)]],
  [
    "when the greatest is over, the one for good counts again",
    [perDay(10)],
    [{ limit: perDay(50) }, { limit: perDay(70), until: NOW - 1 }],
    [perDay(50)],
  ],
  ["another scope's grant is none", [perDay(10)], [{ scope: "key:b", limit: perDay(50) }], [perDay(10)]],
  ["a grant of another window is none", [perDay(10)], [{ limit: { ...perDay(50), window: "week" } }], [perDay(10)]],
  ["a grant of what is not limited limits nothing", [], [{ limit: perDay(50) }], []],
  ["of equal rates the greater burst counts", [perMinute(10, 10)], [{ limit: perMinute(10, 30) }], [perMinute(10, 30)]],
  [
    "the burst of a rate is its amount where none is said",
    [perMinute(10, 30)],
    [{ limit: perMinute(10) }],
    [perMinute(10, 30)],
  ],
];

test.each(rows)("%s", (_case, limits, granted, expected) => {
  const full = granted.map(({ scope = "key:a", limit, until = null }) => ({ scope, limit, until }));
  expect(limitsInForce("key:a", limits, full, NOW)).toEqual(expected);
});

test("where nothing holds, the very list is given back: it is asked for at every call", () => {
  const limits = [perDay(10)];
  expect(limitsInForce("key:a", limits, [], NOW)).toBe(limits);
  expect(limitsInForce("key:a", limits, [{ scope: "key:a", limit: perDay(50), until: NOW }], NOW)).toBe(limits);
});
