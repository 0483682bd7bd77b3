import { expect, test } from "bun:test";
import { didYouMean, nearest } from "./nearest.ts";

const WORDS = ["providers", "models", "plans", "apis", "tenants"];

const rows: [string, string | undefined][] = [
  ["provider", "providers"],
  ["modles", "models"],
  ["PLANS", "plans"],
  ["api", "apis"],
  ["zebra", undefined],
  ["x", undefined],
  ["p".repeat(1000), undefined],
];
for (const [word, expected] of rows) {
  test(`${word.slice(0, 20)} is nearest to ${expected ?? "nothing"}`, () =>
    expect(nearest(word, WORDS)).toBe(expected));
}

test("a suggestion is made only where one is near", () => {
  expect(didYouMean("modles", WORDS)).toBe('; did you mean "models"?');
  expect(didYouMean("zebra", WORDS)).toBe("");
});
