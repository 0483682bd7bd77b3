/** How often and how long a call may go on asking. Times in milliseconds. */
export interface RetryPolicy {
  /** Targets asked in all, retries included. */
  maxAttempts: number;
  /** Rounds over the targets after the first one. */
  retries: number;
  /** From the first attempt on; nothing is begun later than that. */
  maxMs: number;
}

/** Where a call stands in its budget. */
export interface Spent {
  attempts: number;
  /** Rounds that have begun, the first included. */
  rounds: number;
  elapsedMs: number;
}

const BASE_MS = 250;
const CAP_MS = 8_000;

/** Whether one more target may be asked now. */
export function mayAsk(policy: RetryPolicy, spent: Spent): boolean {
  return spent.attempts < policy.maxAttempts && spent.elapsedMs < policy.maxMs;
}

/**
 * How long to wait before the targets are asked once more: anything up to a bound that doubles
 * (full jitter), so that callers who failed together do not come back together, and no less than
 * the provider has asked for. Undefined where the budget does not allow another round.
 * @param retryAfterMs the shortest of what the targets said; 0 where none said anything.
 * @param random from 0 inclusive to 1 exclusive.
 */
export function pauseBeforeRetry(
  policy: RetryPolicy,
  spent: Spent,
  retryAfterMs: number,
  random: () => number,
): number | undefined {
  if (spent.rounds > policy.retries || spent.attempts >= policy.maxAttempts) return undefined;
  const bound = Math.min(CAP_MS, BASE_MS * 2 ** (spent.rounds - 1));
  const pause = retryAfterMs + random() * bound;
  return spent.elapsedMs + pause < policy.maxMs ? pause : undefined;
}
