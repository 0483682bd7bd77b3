/** Random lives of a meter: what happens to it, step by step, over keys with shared parents and providers of which any may do. */
import fc from "fast-check";
import type { Limit, LimitDimension, LimitWindow } from "../../src/kernel/limit.ts";

export const KEYS = [
  { keyId: "k1", applicationId: "a1", subscriptionId: "s1" },
  { keyId: "k2", applicationId: "a1", subscriptionId: "s1" },
  { keyId: "k3", applicationId: "a2", subscriptionId: "s2" },
] as const;
export const PARENTS = { teamId: "t1", tenantId: "ten1" } as const;
export const MODELS = ["m1", "m2"] as const;
export const PROVIDERS = ["p1", "p2"] as const;
export const ZONES = ["UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Kiritimati"] as const;
export const SCOPES = [
  ...["key:k1", "key:k2", "key:k3", "application:a1", "application:a2", "team:t1", "tenant:ten1"],
  ...["subscription:s1", "subscription:s2", "model:m1", "model:m2", "provider:p1", "provider:p2"],
] as const;
/** Where clocks change within the first week, and a year ends within the next months. */
export const START = Date.UTC(2018, 10, 2, 12);

export interface Wanted {
  key: number;
  model: number;
  providers: number;
  input: number;
  output: number;
  usd: number;
}

export type Step =
  | { do: "reserve"; calls: Wanted[] }
  | { do: "settle"; which: number; how: "less" | "equal" | "more" | "nothing" | "input"; asked: number }
  | { do: "extend"; which: number; input: number; usd: number; again: boolean }
  | { do: "refund"; which: number; part: number }
  | { do: "limits"; scope: number; limits: Limit[] }
  | { do: "zone"; zone: number }
  | { do: "pass"; ms: number }
  | { do: "midnight"; ms: number }
  | { do: "levels"; key: number }
  | { do: "sweep" }
  | { do: "lose" }
  | { do: "restart"; passing: number; calls: Wanted[]; settles: number; turns: number };

const wanted: fc.Arbitrary<Wanted> = fc.record({
  key: fc.nat(KEYS.length - 1),
  model: fc.nat(MODELS.length - 1),
  providers: fc.nat(2),
  input: fc.nat(40),
  output: fc.nat(40),
  usd: fc.nat(100),
});

const limit: fc.Arbitrary<Limit> = fc
  .record({
    dimension: fc.constantFrom<LimitDimension>(
      "requests",
      "tokens",
      "inputTokens",
      "outputTokens",
      "usd",
      "concurrent",
    ),
    window: fc.constantFrom<LimitWindow>("second", "minute", "hour", "day", "day", "week", "month", "total"),
    amount: fc.integer({ min: 1, max: 300 }),
    burst: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
  })
  .map(({ dimension, window, amount, burst }) => {
    if (dimension === "concurrent") return { dimension, window: null, amount: 1 + (amount % 4) };
    const few = dimension === "requests" ? 1 + (amount % 8) : amount;
    const rate = window === "second" || window === "minute" || window === "hour";
    return { dimension, window, amount: few, ...(rate && burst !== undefined ? { burst } : {}) };
  });

const limits = fc.uniqueArray(limit, {
  maxLength: 3,
  selector: ({ dimension, window }) => `${dimension}/${window}`,
});

const HOUR = 3_600_000;
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constant("reserve" as const), calls: fc.array(wanted, { minLength: 1, maxLength: 3 }) }) },
  {
    weight: 7,
    arbitrary: fc.record({
      do: fc.constant("settle" as const),
      which: fc.nat(20),
      how: fc.constantFrom("less" as const, "equal" as const, "more" as const, "nothing" as const, "input" as const),
      asked: fc.nat(3),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("extend" as const), which: fc.nat(20), input: fc.nat(30), usd: fc.nat(50), again: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("refund" as const), which: fc.nat(20), part: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("limits" as const), scope: fc.nat(SCOPES.length - 1), limits }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("zone" as const), zone: fc.nat(ZONES.length - 1) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("pass" as const),
      ms: fc.oneof(fc.nat(3_000), fc.nat(5 * 60_000), fc.nat(20 * HOUR), fc.nat(60 * 24 * HOUR), fc.integer({ min: -50 * HOUR, max: -1 })),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("midnight" as const), ms: fc.integer({ min: -2, max: 1 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("levels" as const), key: fc.nat(KEYS.length - 1) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("sweep" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("lose" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("restart" as const), calls: fc.array(wanted, { maxLength: 2 }), settles: fc.nat(2), turns: fc.nat(3), passing: fc.oneof(fc.constant(0), fc.nat(2 * HOUR), fc.integer({ min: -30 * HOUR, max: 0 })) }),
  },
); // biome-ignore format: rows of steps

export interface Life {
  limits: Limit[][];
  steps: Step[];
}

export const lives: fc.Arbitrary<Life> = fc.record({
  limits: fc.array(limits, { minLength: SCOPES.length, maxLength: SCOPES.length }),
  steps: fc.array(step, { minLength: 5, maxLength: 40 }),
});
