import type { Json, JsonObject } from "../../src/kernel/json.ts";

/** Numbers from 0 to 1, the same for the same seed. */
export function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** What has no place anywhere. */
const WRONG: readonly Json[] = [null, true, -1, 1e308, "", "x", [], [null], {}, { type: "x" }];

/** Puts something else in the place of one value, somewhere on the way down. @param more that may be put there */
export function spoil(given: JsonObject | Json[], random: () => number, more: readonly Json[] = []): void {
  const value = given as JsonObject;
  const keys = Object.keys(value);
  if (keys.length === 0) return;
  const key = keys[Math.floor(random() * keys.length)]!;
  const below = value[key]!;
  if (typeof below === "object" && below !== null && random() < 0.8) {
    spoil(below, random, more);
    return;
  }
  const wrong = [...WRONG, ...more];
  value[key] = structuredClone(wrong[Math.floor(random() * wrong.length)]!);
}
