import { describe, expect, test } from "bun:test";
import { BREAKER, TargetHealth } from "./health.ts";
import { type Candidate, type Choosing, order, type Strategy, stickyOrder } from "./order.ts";

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

const as = (strategy: Strategy, now: number, random: () => number): Choosing => {
  return { strategy, conversation: null, stream: true, now, random };
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
  fast.health.answered(0, 20, true);
  slow.health.answered(0, 900, true);
  unpriced.health.answered(0, 100, true);
  const rows: [Strategy, string[]][] = [
    ["listed", ["slow", "unpriced", "fast", "spare"]],
    ["least-latency", ["fast", "unpriced", "slow", "spare"]],
    ["cheapest", ["slow", "fast", "unpriced", "spare"]],
  ];
  test.each(rows)("%s", (strategy, expected) => {
    const spare = candidate("spare", { cost: 0 });
    expect(keys(order([slow, unpriced, fast], [spare], as(strategy, 0, seeded(5))))).toEqual(expected);
  });

  test("a target that nobody has measured is worth a try", () => {
    expect(keys(order([fast, candidate("new")], [], as("least-latency", 0, seeded(5))))[0]).toBe("new");
  });

  test("weights are shares within 2 %, and a target that came back has a smaller one", () => {
    const random = seeded(11);
    const back = broken(0);
    const now = back.opensAt;
    back.began(now);
    back.answered(now, 5, true);
    const counts = { a: 0, b: 0, c: 0 };
    const share = (at: number) => {
      Object.assign(counts, { a: 0, b: 0, c: 0 });
      const targets = [
        candidate("a", { weight: 2 }),
        candidate("b", { weight: 3 }),
        candidate("c", { weight: 5, health: back }),
      ];
      for (let i = 0; i < 20_000; i++) counts[order(targets, [], as("weighted", at, random))[0]!.key as "a"]++;
      return [counts.a, counts.b, counts.c].map((count) => count / 20_000);
    };
    const close = (found: number[], wanted: number[]) =>
      found.forEach((value, i) => void expect(Math.abs(value - wanted[i]!)).toBeLessThan(0.02));
    // A tenth of its half; the rest goes on in the shares of the others.
    close(share(now), [0.2 + 0.45 * 0.4, 0.3 + 0.45 * 0.6, 0.05]);
    close(share(now + BREAKER.slowStartMs), [0.2, 0.3, 0.5]);
  });
});

test("under every strategy a target that has come back is first for a small share of its calls only", () => {
  const random = seeded(3);
  for (const strategy of ["listed", "cheapest", "least-latency"] as const) {
    const back = broken(0);
    const now = back.opensAt;
    back.began(now);
    back.answered(now, 5, true);
    const other = candidate("other", { cost: 9 });
    other.health.answered(now, 900, true);
    const targets = [candidate("back", { health: back, cost: 1 }), other];
    const first = Array.from({ length: 2_000 }, () => order(targets, [], as(strategy, now, random))[0]!.key);
    expect(Math.abs(first.filter((key) => key === "back").length / 2_000 - 0.1)).toBeLessThan(0.03);
  }
});

test("a thousand calls that nobody has an answer to yet are spread over equal targets", () => {
  const random = seeded(9);
  const targets = [candidate("a"), candidate("b")];
  const counts = { a: 0, b: 0 };
  for (let i = 0; i < 1_000; i++) {
    const [first] = order(targets, [], as("least-latency", 0, random));
    first!.health.began(0);
    counts[first!.key as "a"]++;
  }
  expect(Math.abs(counts.a - counts.b)).toBeLessThan(20);
});

describe("targets that are given up", () => {
  test("are left out as long as there are others", () => {
    const targets = [candidate("dead", { health: broken(0) }), candidate("alive")];
    expect(keys(order(targets, [], as("listed", 1, never)))).toEqual(["alive"]);
    expect(keys(order([targets[0]!], [candidate("fallback")], as("listed", 1, never)))).toEqual(["fallback"]);
  });

  test("where all are, the one that opens first is asked, alone", () => {
    const targets = [candidate("later", { health: broken(50) }), candidate("sooner", { health: broken(0) })];
    expect(keys(order(targets, [], as("listed", 60, never)))).toEqual(["sooner"]);
  });

  test("an only target is always asked", () => {
    expect(keys(order([candidate("only", { health: broken(0) })], [], as("listed", 1, never)))).toEqual(["only"]);
  });

  test("nobody is nobody", () => {
    expect(order([], [], as("listed", 0, never))).toEqual([]);
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
