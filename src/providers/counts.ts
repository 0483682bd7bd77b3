import { MAX_REPORTED_TOKENS } from "../kernel/bounds.ts";
import type { Json } from "../kernel/json.ts";
import type { Usage } from "../spec/usage.ts";

/** A count of tokens, if it can be one: whole, not negative, not absurd. */
export function countOf(value: Json | undefined): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX_REPORTED_TOKENS
    ? value
    : undefined;
}

/** Tells a part of the input or the output, unless it cannot be: one that is larger than its whole, or has none. */
export function tellPart(
  usage: Partial<Usage>,
  name: Exclude<keyof Usage, "tier" | "beside">,
  tokens: number | undefined,
  whole: number | undefined,
): void {
  if (tokens !== undefined && whole !== undefined && tokens <= whole) usage[name] = tokens;
}
