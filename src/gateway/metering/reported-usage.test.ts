import { expect, test } from "bun:test";
import { isCount, withParts } from "./reported-usage.ts";

test.each([
  [0, true],
  [1, true],
  [-1, false],
  [0.5, false],
  [Number.NaN, false],
  [1e300, false],
  [undefined, false],
])("%p is a count of tokens: %p", (told, is) => {
  expect(isCount(told)).toBe(is);
});

test("parts are told as far as they can be true of their whole", () => {
  const whole = { input: 10, output: 5 };
  const good = { cacheRead: 6, cacheWrite: 4, reasoning: 5, tier: "flex" as const };
  expect(withParts(good, 10, 5)).toEqual({ ...whole, ...good });
  expect(withParts({ cacheRead: 11, reasoning: 6, audioInput: -1 }, 10, 5)).toEqual(whole);
  // Together larger than the prompt: neither is to be believed.
  expect(withParts({ cacheRead: 6, cacheWrite: 5 }, 10, 5)).toEqual(whole);
});

test("rounds beside the answer are charged with it, as far as they can be true", () => {
  const rounds = { input: 150, output: 20, cacheRead: 50 };
  expect(withParts({ cacheRead: 6, reasoning: 2, beside: rounds }, 10, 5)).toEqual({
    ...{ input: 160, output: 25, cacheRead: 56, reasoning: 2 },
  });
  expect(withParts({ beside: { input: 7, output: 3, cacheWrite: 4, cacheWriteLong: 1 } }, 10, 5)).toEqual({
    ...{ input: 17, output: 8, cacheWrite: 4, cacheWriteLong: 1 },
  });
  for (const beside of [
    { ...rounds, input: -1 },
    { ...rounds, output: 0.5 },
    { ...rounds, input: 1e9 },
  ])
    expect(withParts({ beside }, 10, 5)).toEqual({ input: 10, output: 5 });
});
