/** What a caller is told whom a limit refused: which one, what is left of it, and when to try again. */
import { amountOf } from "../../domain/plans/amounts.ts";
import { GatewayError } from "../../errors.ts";
import { isRate, type Limit, type LimitDimension } from "../../kernel/limit.ts";
import { formatUsd } from "../../kernel/money.ts";
import type { Level, Reservation } from "../../ports/meter.ts";
import type { Worst } from "./worst.ts";

export type Refused = Extract<Reservation, { admitted: false }>;

/**
 * A call that is larger than a limit, but may be shortened, fits when the limit's period begins anew.
 * @param shortest the same call with the shortest answer
 */
export function fitsLater(refused: Refused, shortest: Worst): Refused {
  const { retryAfterMs, refusedBy } = refused;
  const { limit, resetMs } = refusedBy;
  if (retryAfterMs !== null || resetMs === 0 || neededOf(shortest, limit) > limit.amount) return refused;
  return { ...refused, retryAfterMs: resetMs };
}

/**
 * A rate passes by itself; a quota or budget is gone for its period. Callers act on the difference.
 * @param worst what the call could use at most
 */
export function refusal({ refusedBy, retryAfterMs }: Refused, worst: Worst): GatewayError {
  const { limit, scope } = refusedBy;
  // Whose accounts have no room at the moment is no caller's business, and no quota of theirs.
  if (scope.startsWith("provider:")) {
    return new GatewayError("overloaded", "No provider of this model has room for another call at the moment.", {
      internal: `${scope} has reached its ${nameOf(limit)}`,
      retryAfterMs: retryAfterMs ?? 60_000,
    });
  }
  const rate = (limit.window === null || isRate(limit.window)) && limit.dimension !== "usd";
  const details = retryAfterMs === null ? {} : { retryAfterMs };
  const said = say(refusedBy, retryAfterMs, neededOf(worst, limit));
  return new GatewayError(rate ? "rate_limit_exceeded" : "insufficient_quota", said, details);
}

/** What one call takes of a limit at most. */
function neededOf({ input, output, usd }: Worst, { dimension }: Limit): number {
  return amountOf({ requests: 1, input, output, usd }, dimension);
}

const NOUNS = {
  requests: "request",
  tokens: "token",
  inputTokens: "input token",
  outputTokens: "output token",
  concurrent: "concurrent call",
} as const;

function amountText(dimension: LimitDimension, amount: number): string {
  if (dimension === "usd") return `$${formatUsd(amount)}`;
  return `${amount} ${NOUNS[dimension]}${amount === 1 ? "" : "s"}`;
}

/** What makes a call take less of a limit. Who may call, and how many at once, is no matter of the call's size. */
const SMALLER: Partial<Record<LimitDimension, string>> = {
  tokens: "lower max_tokens or the prompt",
  inputTokens: "shorten the prompt",
  outputTokens: "lower max_tokens",
  usd: "lower max_tokens or the prompt",
};

/** `limit of 30 requests per minute`, `budget of $5 per month` */
function nameOf({ dimension, window, amount }: Limit): string {
  const each = window === null ? "" : window === "total" ? " in total" : ` per ${window}`;
  return `${dimension === "usd" ? "budget" : "limit"} of ${amountText(dimension, amount)}${each}`;
}

function say({ limit, scope, remaining }: Level, retryAfterMs: number | null, needed: number): string {
  const { dimension, window, amount } = limit;
  const [kind] = scope.split(":", 1) as [string];
  const whose = `The ${kind === "subscription" ? "plan" : kind}'s ${nameOf(limit)}`;
  if (amount === 0) return `${whose} allows none.`;
  const smaller = SMALLER[dimension];
  const need = `this call could need ${amountText(dimension, needed)}${smaller === undefined ? "" : `; ${smaller}`}`;
  if (needed > amount && retryAfterMs === null) return `${whose} never allows so much: ${need}.`;
  const seconds = retryAfterMs === null || window === null ? null : Math.ceil(retryAfterMs / 1_000);
  if (remaining > 0 && needed > remaining) {
    const later = seconds === null ? "." : `, or try again in ${seconds} s.`;
    return `${whose} has ${amountText(dimension, remaining)} left, and ${need}${later}`;
  }
  return `${whose} is used up.${seconds === null ? "" : ` Try again in ${seconds} s.`}`;
}
