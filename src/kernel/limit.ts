/** What is limited. `tokens` is input and output together; `usd` is counted in nano-dollars. */
export type LimitDimension = "requests" | "tokens" | "inputTokens" | "outputTokens" | "usd" | "concurrent";

/** Rates: a bucket that holds `burst` and fills evenly, the limit's amount in one window. */
export type RateWindow = "second" | "minute" | "hour";

/** Quotas and budgets: fixed periods of the calendar, or for ever. */
export type PeriodWindow = "day" | "week" | "month" | "total";

export type LimitWindow = RateWindow | PeriodWindow;

/** "Of this dimension no more than `amount` a window." `window` is null for concurrency only. */
export interface Limit {
  dimension: LimitDimension;
  window: LimitWindow | null;
  /** Dollars as nano-dollars. A safe integer. */
  amount: number;
  /** For rates only: what the bucket holds when it is full; `amount` where absent. */
  burst?: number;
}

export const RATE_MS: Readonly<Record<RateWindow, number>> = { second: 1_000, minute: 60_000, hour: 3_600_000 };

/** A rate is full again after so long, however large its burst: what was used before is forgotten. */
export const LONGEST_RATE_MS = 24 * RATE_MS.hour;

export function isRate(window: LimitWindow | null): window is RateWindow {
  return window === "second" || window === "minute" || window === "hour";
}
