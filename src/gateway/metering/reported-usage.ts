import { MAX_REPORTED_TOKENS } from "../../kernel/bounds.ts";
import type { Rounds, Usage } from "../../spec/usage.ts";

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
  return reported.beside === undefined ? usage : withRounds(usage, reported.beside);
}

/** No rounds beside an answer read or write more; what is told to be more is a mistake. */
const MOST_BESIDE = 10_000_000;

/** With the rounds beside it: they are charged like the others. */
function withRounds(usage: Usage, { input, output, ...parts }: Rounds): Usage {
  if (!isCount(input) || !isCount(output) || input + output > MOST_BESIDE) return usage;
  const rounds = withParts(parts, input, output);
  const sum: Usage = { ...usage, input: usage.input + input, output: usage.output + output };
  for (const part of CACHED) if (rounds[part] !== undefined) sum[part] = (usage[part] ?? 0) + rounds[part];
  return sum;
}

const CACHED = ["cacheRead", "cacheWrite", "cacheWriteLong"] as const;

const PARTS: readonly [Exclude<keyof Usage, "input" | "output" | "tier" | "beside">, "input" | "output"][] = [
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
