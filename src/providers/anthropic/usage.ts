import { isObject, type Json } from "../../kernel/json.ts";
import type { Rounds, Usage } from "../../spec/usage.ts";
import { countOf } from "../counts.ts";
import { servedTier } from "../served-tier.ts";

/**
 * Anthropic's counts, taken together. `input_tokens` leaves out what the cache gave and
 * took, our `input` does not. `message_delta` counts cumulatively, and repeats the input
 * or not: what it leaves out stays as it was. A count that cannot be true is left out too.
 */
export class UsageReader {
  #input: number | undefined;
  #cacheRead: number | undefined;
  #cacheWrite: number | undefined;

  /** What a `usage` object tells, or undefined where it tells nothing. */
  read(value: Json | undefined): Partial<Usage> | undefined {
    if (!isObject(value)) return undefined;
    const input = countOf(value.input_tokens);
    const read = countOf(value.cache_read_input_tokens);
    const write = countOf(value.cache_creation_input_tokens);
    const output = countOf(value.output_tokens);
    const usage: Partial<Usage> = {};
    if (input !== undefined || read !== undefined || write !== undefined) {
      this.#input = input ?? this.#input;
      this.#cacheRead = read ?? this.#cacheRead;
      this.#cacheWrite = write ?? this.#cacheWrite;
      usage.input = (this.#input ?? 0) + (this.#cacheRead ?? 0) + (this.#cacheWrite ?? 0);
      if (this.#cacheRead !== undefined) usage.cacheRead = this.#cacheRead;
      if (this.#cacheWrite !== undefined) usage.cacheWrite = this.#cacheWrite;
      const made = value.cache_creation;
      const anHour = isObject(made) ? countOf(made.ephemeral_1h_input_tokens) : undefined;
      if (anHour !== undefined && anHour > 0 && anHour <= (this.#cacheWrite ?? 0)) usage.cacheWriteLong = anHour;
    }
    if (output !== undefined) usage.output = output;
    const details = value.output_tokens_details;
    const reasoning = isObject(details) ? countOf(details.thinking_tokens) : undefined;
    if (reasoning !== undefined) usage.reasoning = reasoning;
    const beside = roundsBeside(value.iterations);
    if (beside !== undefined) usage.beside = beside;
    for (const _ in usage) {
      // The speed has its price, whatever the tier (https://platform.claude.com/docs/en/build-with-claude/fast-mode).
      const tier = value.speed === "fast" ? "fast" : servedTier(value.service_tier);
      return tier === undefined ? usage : { ...usage, tier };
    }
    return undefined;
  }
}

/** Rounds that the counts of the whole leave out (https://platform.claude.com/docs/en/build-with-claude/compaction, "Understanding usage"). */
const LEFT_OUT: ReadonlySet<Json | undefined> = new Set(["compaction", "advisor_message"]);

/** @param iterations of a `usage` object: each round with its type and counts of its own */
function roundsBeside(iterations: Json | undefined): Rounds | undefined {
  if (!Array.isArray(iterations)) return undefined;
  let sum: Rounds | undefined;
  for (const round of iterations) {
    if (!isObject(round) || !LEFT_OUT.has(round.type)) continue;
    const { iterations: _, ...counts } = round;
    const {
      input = 0,
      output = 0,
      cacheRead = 0,
      cacheWrite = 0,
      cacheWriteLong = 0,
    } = new UsageReader().read(counts) ?? {};
    sum ??= { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, cacheWriteLong: 0 };
    sum.input += input;
    sum.output += output;
    sum.cacheRead! += cacheRead;
    sum.cacheWrite! += cacheWrite;
    sum.cacheWriteLong! += cacheWriteLong;
  }
  return sum;
}
