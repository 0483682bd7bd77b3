import { describe, expect, test } from "bun:test";
import { briefly } from "./record.ts";

describe("the warnings of a call", () => {
  test("are kept once each, in their order", () => {
    expect(briefly(["seed: left out", "top_k: left out", "seed: left out"])).toEqual([
      "seed: left out",
      "top_k: left out",
    ]);
  });

  test("are at most fifty of 200 characters, and the last one says how many more there were", () => {
    const fifty = Array.from({ length: 50 }, (_, i) => `field_${i}: left out`);
    expect(briefly(fifty)).toEqual(fifty);
    const many = Array.from({ length: 45_000 }, (_, i) => `field_${i}_${"x".repeat(500)}: left out`);
    const kept = briefly(many);
    expect(kept).toHaveLength(50);
    expect(kept.at(-1)).toBe("and 44951 more warnings");
    expect(Math.max(...kept.map((warning) => warning.length))).toBe(200);
  });

  test("are cut to text that can be written as UTF-8", () => {
    const [kept] = briefly([`${"x".repeat(198)}😀y`.padEnd(300, "z")]);
    expect(kept!.isWellFormed()).toBe(true);
  });
});
