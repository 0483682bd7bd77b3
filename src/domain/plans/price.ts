import { type NanoUsd, priceOfTokens } from "../../kernel/money.ts";
import type { Usage } from "../../spec/usage.ts";

/** What tokens cost, in US dollars per million. */
export interface Rates {
  input: number;
  output: number;
  /** Where absent, cached tokens cost what input costs. */
  cacheRead?: number;
  cacheWrite?: number;
  /** Which list said so, for the record. */
  source: string;
}

/**
 * The price of one answer, each kind of token as what it is, rounded up to a nano-dollar a kind. Cached
 * parts that are larger than their whole cannot be true (some providers tell them), and make nothing cheaper.
 */
export function priceOf(usage: Usage, rates: Rates): NanoUsd {
  const cached = (usage.cacheRead ?? 0) + (usage.cacheWrite ?? 0);
  const believed = cached <= usage.input;
  const read = believed ? (usage.cacheRead ?? 0) : 0;
  const written = believed ? (usage.cacheWrite ?? 0) : 0;
  const fresh = usage.input - read - written;
  return (
    priceOfTokens(fresh, rates.input) +
    priceOfTokens(read, rates.cacheRead ?? rates.input) +
    priceOfTokens(written, rates.cacheWrite ?? rates.input) +
    priceOfTokens(usage.output, rates.output)
  );
}

/** The most that so many tokens can cost: all of the input at the dearest input rate. */
export function worstPriceOf(input: number, output: number, rates: Rates): NanoUsd {
  const dearest = Math.max(rates.input, rates.cacheRead ?? 0, rates.cacheWrite ?? 0);
  return priceOfTokens(input, dearest) + priceOfTokens(output, rates.output);
}
