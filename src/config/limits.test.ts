/** What an administrator may say of limits, in limits.ts. */
import { describe, expect, test } from "bun:test";
import { documentSchema } from "./document.ts";
import { limits, limitsOf, rowOf, timeZone } from "./limits.ts";

describe("a limit that cannot be is refused, naming the field:", () => {
  const rows: [string, object][] = [
    ["0.per", { per: "year", requests: 1 }],
    ["0.per", { requests: 1 }],
    ["0.per", { per: "day", concurrent: 1 }],
    ["0.requests", { per: "day", requests: 0 }],
    ["0.requests", { per: "day", requests: -1 }],
    ["0.requests", { per: "day", requests: 1.5 }],
    ["0.requests", { per: "day", requests: "10" }],
    ["0.requests", { per: "day", requests: null }],
    ["0.tokens", { per: "month", tokens: 2 ** 53 }],
    ["0.inputTokens", { per: "month", inputTokens: 1e308 }],
    ["0.outputTokens", { per: "total", outputTokens: Number.NaN }],
    ["0.usd", { per: "month", usd: -5 }],
    ["0.usd", { per: "month", usd: 9_007_200 }],
    ["0.usd", { per: "total", usd: 0.000_000_000_1 }],
    ["0.burst", { per: "day", requests: 5, burst: 5 }],
    ["0.burst", { concurrent: 5, burst: 5 }],
    ["0.burst", { per: "minute", requests: 5, burst: 0 }],
    ["0.burst", { per: "minute", requests: 5, burst: 1.5 }],
    ["0.burst", { per: "minute", usd: 5, burst: -1 }],
    ["0.burst", { per: "hour", requests: 5, burst: 121 }],
    ["0.burst", { per: "second", usd: 0.5, burst: 43_201 }],
    ["0", { per: "day" }],
    ["0", { per: "day", requests: 1, tokens: 1 }],
  ];
  test.each(rows)("%s: %j", (field, row) => {
    expect(limits().safeParse([row]).error?.issues[0]?.path.join(".")).toBe(field);
  });
});

test("what is wrong with a burst is said as of every other field", () => {
  const said = limits().safeParse([{ per: "minute", requests: 5, burst: 0 }]).error?.issues[0]?.message;
  expect(said).toBe("must be at least 1");
});

test("a burst may be what flows in within a day: so long is known after a restart what was used", () => {
  for (const row of [
    { per: "hour", requests: 5, burst: 120 },
    { per: "second", requests: 1, burst: 86_400 },
  ]) {
    expect(limits().safeParse([row]).success).toBe(true);
  }
});

test("two of one kind and window are refused; of one kind in several windows, or several kinds in one, are not", () => {
  const day = { per: "day", requests: 1 };
  expect(limits().safeParse([day, { per: "week", requests: 1 }, { per: "day", tokens: 1 }]).success).toBe(true);
  const { error } = limits().safeParse([day, { per: "hour", requests: 1 }, { per: "day", requests: 9 }]);
  expect(error?.issues[0]).toMatchObject({ path: [2], message: expect.stringContaining("limits[0]") });
});

test("dollars become nano-dollars, those of a burst as well", () => {
  const rows = limits().parse([
    { per: "minute", usd: 0.5, burst: 2 },
    { per: "total", outputTokens: 7 },
    { concurrent: 3 },
  ]);
  expect(limitsOf(rows)).toEqual([
    { dimension: "usd", window: "minute", amount: 500_000_000, burst: 2_000_000_000 },
    { dimension: "outputTokens", window: "total", amount: 7 },
    { dimension: "concurrent", window: null, amount: 3 },
  ]);
});

test("a plan admits without its counters a whole number of calls, or none", () => {
  const plan = (whenStoreAway: object) => ({ version: 1, plans: [{ name: "p", limits: [], whenStoreAway }] });
  const schema = documentSchema(["demo"]);
  expect(schema.parse(plan({ requests: 5 })).plans[0]!.whenStoreAway).toEqual({ requests: 5 });
  for (const [field, away] of [
    ["requests", { requests: 0 }],
    ["requests", { requests: -1 }],
    ["requests", { requests: 1.5 }],
    ["requests", { requests: 1e7 }],
    ["requests", {}],
  ] as const) {
    expect(schema.safeParse(plan(away)).error?.issues[0]?.path.join(".")).toBe(`plans.0.whenStoreAway.${field}`);
  }
});

test.each(["UTC", "Europe/Berlin", "Asia/Kathmandu"])("%s is a time zone", (zone) => {
  expect(timeZone().safeParse(zone).success).toBe(true);
});

test.each(["", "Berlin", "+02:00", "Europe/Atlantis", "UTC\n", "../etc"])("%j is none", (zone) => {
  expect(timeZone().safeParse(zone).error?.issues[0]?.message).toContain("time zone");
});

test("a limit is written as it was read, dollars to the nano-dollar", () => {
  const rows = [
    { per: "day" as const, requests: 100 },
    { per: "minute" as const, requests: 30, burst: 10 },
    { per: "month" as const, usd: 0.000_000_001 },
    { per: "second" as const, usd: 1_234_567.123_456_789, burst: 0.1 },
    { per: "total" as const, usd: 9_007_199.254_740_991 },
    { concurrent: 4 },
  ];
  expect(limitsOf(limits().parse(rows)).map(rowOf)).toEqual(rows);
});
