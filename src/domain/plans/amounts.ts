import type { LimitDimension } from "../../kernel/limit.ts";

/** What a call takes, or may take: requests, tokens, nano-dollars. */
export interface Amounts {
  requests: number;
  input: number;
  output: number;
  usd: number;
}

export const NOTHING: Amounts = Object.freeze({ requests: 0, input: 0, output: 0, usd: 0 });

/** So many requests, and nothing else. */
export function ofRequests(requests: number): Amounts {
  return { ...NOTHING, requests };
}

/** How much of a dimension that is; a running call is one of those that run at once. */
export function amountOf(amounts: Amounts, dimension: LimitDimension): number {
  switch (dimension) {
    case "requests":
      return amounts.requests;
    case "inputTokens":
      return amounts.input;
    case "outputTokens":
      return amounts.output;
    case "tokens":
      return amounts.input + amounts.output;
    case "usd":
      return amounts.usd;
    case "concurrent":
      return 1;
  }
}

export function plus(one: Amounts, other: Amounts): Amounts {
  return {
    requests: one.requests + other.requests,
    input: one.input + other.input,
    output: one.output + other.output,
    usd: one.usd + other.usd,
  };
}

export function minus(one: Amounts, other: Amounts): Amounts {
  return {
    requests: one.requests - other.requests,
    input: one.input - other.input,
    output: one.output - other.output,
    usd: one.usd - other.usd,
  };
}
