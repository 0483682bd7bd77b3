import { describe, expect, test } from "bun:test";
import { MAX_REPORTED_TOKENS } from "../kernel/bounds.ts";
import type { Json } from "../kernel/json.ts";
import type { Usage } from "../spec/usage.ts";
import { countOf, tellPart } from "./counts.ts";

describe("a count of tokens", () => {
  test.each([0, 1, MAX_REPORTED_TOKENS])("can be %d", (value) => expect(countOf(value)).toBe(value));

  test.each<[Json | undefined]>([[-1], [0.5], [MAX_REPORTED_TOKENS + 1], ["7"], [null], [undefined], [[7]]])(
    "cannot be %p",
    (value) => expect(countOf(value)).toBeUndefined(),
  );
});

describe("a part", () => {
  const told = (tokens: number | undefined, whole: number | undefined) => {
    const usage: Partial<Usage> = {};
    tellPart(usage, "cacheRead", tokens, whole);
    return usage;
  };

  test.each([0, 7, 10])("is told where it fits its whole of ten: %d", (tokens) => {
    expect(told(tokens, 10)).toEqual({ cacheRead: tokens });
  });

  test("is not where it is larger, missing, or part of nothing", () => {
    expect([told(11, 10), told(undefined, 10), told(7, undefined)]).toEqual([{}, {}, {}]);
  });
});
