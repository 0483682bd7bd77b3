import { describe, expect, test } from "bun:test";
import { BREAKER, TargetHealth } from "./health.ts";
import { type Candidate, order, type Strategy, stickyOrder } from "./order.ts";

/** A small generator with a seed (Park and Miller), so that a failure repeats. */
function seeded(seed: number) {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

const candidate = (key: string, over: Partial<Candidate> = {}): Candidate => {
  return { key, weight: 1, health: new TargetHealth(), cost: undefined, ...over };
};
const keys = (targets: readonly Candidate[]) => targets.map(({ key }) => key);
const never = () => {
  throw new Error("drawn");
};

function broken(now: number): TargetHealth {
  const health = new TargetHealth();
  for (let i = 0; i < BREAKER.inARow; i++) health.failed(now);
  return health;
}

describe("a strategy chooses who is asked first", () => {
  const fast = candidate("fast", { cost: 9 });
  const slow = candidate("slow", { cost: 3 });
  const unpriced = candidate("unpriced");
  fast.health.answered(0, 20);
  slow.health.answered(0, 900);
  unpriced.health.answered(0, 100);
  const rows: [Strategy, string[]][] = [
    ["listed", ["slow", "unpriced", "fast", "spare"]],
    ["least-latency", ["fast", "unpriced", "slow", "spare"]],
    ["cheapest", ["slow", "fast", "unpriced", "spare"]],
  ];
  test.each(rows)("%s", (strategy, expected) => {
    const spare = candidate("spare", { cost: 0 });
    expect(keys(order([slow, unpriced, fast], [spare], strategy, null, 0, never))).toEqual(expected);
  });

  test("a target that nobody has measured is worth a try", () => {
    expect(keys(order([fast, candidate("new")], [], "least-latency", null, 0, never))[0]).toBe("new");
  });

  test("weights are shares within 2 %, and a target that came back has a smaller one", () => {
    const random = seeded(11);
    const back = broken(0);
    const now = back.opensAt;
    back.began(now);
    back.answered(now, 5);
    const counts = { a: 0, b: 0, c: 0 };
    const share = (at: number) => {
      Object.assign(counts, { a: 0, b: 0, c: 0 });
      const targets = [
        candidate("a", { weight: 2 }),
        candidate("b", { weight: 3 }),
        candidate("c", { weight: 5, health: back }),
      ];
      for (let i = 0; i < 20_000; i++) counts[order(targets, [], "weighted", null, at, random)[0]!.key as "a"]++;
      return [counts.a, counts.b, counts.c].map((count) => count / 20_000);
    };
    const close = (found: number[], wanted: number[]) =>
      found.forEach((value, i) => void expect(Math.abs(value - wanted[i]!)).toBeLessThan(0.02));
    close(share(now), [2 / 5.5, 3 / 5.5, 0.5 / 5.5]);
    close(share(now + BREAKER.slowStartMs), [0.2, 0.3, 0.5]);
  });
});

describe("targets that are given up", () => {
  test("are left out as long as there are others", () => {
    const targets = [candidate("dead", { health: broken(0) }), candidate("alive")];
    expect(keys(order(targets, [], "listed", null, 1, never))).toEqual(["alive"]);
    expect(keys(order([targets[0]!], [candidate("fallback")], "listed", null, 1, never))).toEqual(["fallback"]);
  });

  test("where all are, the one that opens first is asked, alone", () => {
    const targets = [candidate("later", { health: broken(50) }), candidate("sooner", { health: broken(0) })];
    expect(keys(order(targets, [], "listed", null, 60, never))).toEqual(["sooner"]);
  });

  test("an only target is always asked", () => {
    expect(keys(order([candidate("only", { health: broken(0) })], [], "listed", null, 1, never))).toEqual(["only"]);
  });

  test("nobody is nobody", () => {
    expect(order([], [], "listed", null, 0, never)).toEqual([]);
  });
});

describe("stickiness", () => {
  const targets = [candidate("a"), candidate("b", { weight: 2 }), candidate("c", { weight: 3 })];

  test("a conversation always finds its target, and shares follow the weights within 2 %", () => {
    const counts: Record<string, number> = { a: 0, b: 0, c: 0 };
    for (let i = 0; i < 20_000; i++) {
      const first = stickyOrder(targets, `conversation ${i}`)[0]!.key;
      expect(stickyOrder([...targets].reverse(), `conversation ${i}`)[0]!.key).toBe(first);
      counts[first]! += 1;
    }
    expect(Math.abs(counts.a! / 20_000 - 1 / 6)).toBeLessThan(0.02);
    expect(Math.abs(counts.b! / 20_000 - 2 / 6)).toBeLessThan(0.02);
    expect(Math.abs(counts.c! / 20_000 - 3 / 6)).toBeLessThan(0.02);
  });

  test("a target that goes away moves its own conversations only", () => {
    const left = targets.slice(0, 2);
    for (let i = 0; i < 2_000; i++) {
      const before = stickyOrder(targets, `${i}`)[0]!.key;
      if (before !== "c") expect(stickyOrder(left, `${i}`)[0]!.key).toBe(before);
    }
  });
});
