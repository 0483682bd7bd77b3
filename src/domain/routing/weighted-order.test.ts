import { expect, test } from "bun:test";
import { weightedOrder } from "./weighted-order.ts";

/** A small generator with a seed (Park and Miller), so that a failure repeats. */
function seeded(seed: number) {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

test("the first place is drawn within 2 % of the weights, and every row has a place", () => {
  const rows = [
    { name: "a", weight: 1 },
    { name: "b", weight: 3 },
    { name: "c", weight: 6 },
  ];
  const random = seeded(7);
  const first: Record<string, number> = { a: 0, b: 0, c: 0 };
  for (let i = 0; i < 20_000; i++) {
    const order = weightedOrder(rows, random);
    expect(new Set(order).size).toBe(3);
    first[order[0]!.name]! += 1;
  }
  expect(Math.abs(first.a! / 20_000 - 0.1)).toBeLessThan(0.02);
  expect(Math.abs(first.b! / 20_000 - 0.3)).toBeLessThan(0.02);
  expect(Math.abs(first.c! / 20_000 - 0.6)).toBeLessThan(0.02);
});

test("one row, or none, needs no drawing", () => {
  const never = () => {
    throw new Error("drawn");
  };
  expect(weightedOrder([], never)).toEqual([]);
  expect(weightedOrder([{ weight: 1 }], never)).toEqual([{ weight: 1 }]);
});
