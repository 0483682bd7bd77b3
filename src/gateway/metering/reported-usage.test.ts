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
