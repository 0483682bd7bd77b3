import { MAX_OUTPUT_TOKENS } from "../kernel/bounds.ts";
import type { Json, JsonObject } from "../kernel/json.ts";

/**
 * How long those models think that are asked by `enable_thinking` and `thinking_budget`, and whose
 * `max_tokens` bounds the answer alone. Source: Alibaba's list of models, its guide to deep thinking,
 * and `max_tokens` in its reference. `max_completion_tokens` bounds both, but not of every model.
 */

/** Tokens of the longest thoughts, where no budget is set: 80K of qwen3-vl-plus; others have 32K or 38,912. */
export const LONGEST_THOUGHTS = 81_920;

/** Cannot be kept from thinking. */
const ALWAYS = /thinking|reason|qwq|qvq|-r1/i;

/** Think only when they are told to, or not at all. All others think unless they are told not to. */
const WHEN_TOLD = /^qwen-|^qwen[12]|^qwen3-(?:max|coder|vl-plus|vl-flash|omni-flash)|instruct|^deepseek-v3/i;

/** Keep to a budget. */
const BUDGETED = /^qwen(?:[3-9]|-(?:plus|turbo|flash))/i;

/** The most tokens that a model's thoughts may have, by the fields that are sent to it; 0 where it certainly does not think. */
export function thoughtsUnder({ enable_thinking: told, thinking_budget: given }: JsonObject, model: string): number {
  const always = ALWAYS.test(model);
  if (told === false && !always) return 0;
  const untold = (told ?? null) === null && given === undefined;
  if (untold && !always && WHEN_TOLD.test(model)) return 0;
  const budget = budgetOf(given);
  if (budget === undefined) return LONGEST_THOUGHTS;
  return BUDGETED.test(model) ? budget : Math.max(budget, LONGEST_THOUGHTS);
}

function budgetOf(value: Json | undefined): number | undefined {
  return typeof value === "number" && value > 0 ? Math.min(Math.ceil(value), MAX_OUTPUT_TOKENS) : undefined;
}
