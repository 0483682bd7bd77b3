import { MAX_REPORTED_TOKENS } from "../../kernel/bounds.ts";
import type { Usage } from "../../spec/usage.ts";

/** Whether a provider's count of tokens can be one: whole, not negative, not absurd. */
export function isCount(told: number | undefined): told is number {
  return told !== undefined && Number.isSafeInteger(told) && told >= 0 && told <= MAX_REPORTED_TOKENS;
}

/** What was used, with what was reported of its parts, as far as it can be true: no part is larger than its whole. */
export function withParts(reported: Partial<Usage>, input: number, output: number): Usage {
  const usage: Usage = { input, output };
  if (reported.tier !== undefined) usage.tier = reported.tier;
  for (const [part, whole] of PARTS) {
    const told = reported[part];
    if (isCount(told) && told <= usage[whole]) usage[part] = told;
  }
  if ((usage.cacheRead ?? 0) + (usage.cacheWrite ?? 0) > input) {
    delete usage.cacheRead;
    delete usage.cacheWrite;
  }
  return usage;
}

const PARTS: readonly [Exclude<keyof Usage, "input" | "output" | "tier">, "input" | "output"][] = [
  ["cacheRead", "input"],
  ["cacheWrite", "input"],
  ["cacheWriteLong", "input"],
  ["audioInput", "input"],
  ["imageInput", "input"],
  ["reasoning", "output"],
  ["audioOutput", "output"],
  ["imageOutput", "output"],
  ["freeInput", "input"],
  ["freeOutput", "output"],
];
