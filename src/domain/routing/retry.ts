/** How often and how long a call may go on asking. Times in milliseconds. */
export interface RetryPolicy {
  /** Targets asked in all, retries included. */
  maxAttempts: number;
  /** Rounds over the targets after the first one. */
  retries: number;
  /** From the first attempt on; nothing is begun later than that. */
  maxMs: number;
}

/** How one target stands in a call. */
export interface Standing {
  /** How often this call has asked it. */
  asked: number;
  /** Asking again would find it as it was: it cannot do this, or has said that the request is at fault. */
  hopeless: boolean;
  /** When it may be asked at the earliest: its provider has said so, or it is given up for now. */
  notBefore: number;
}

/** What a call has spent of its budget. */
export interface Spent {
  attempts: number;
  /** Pauses between rounds. */
  pauses: number;
  elapsedMs: number;
}

export type Step = { do: "ask"; target: number } | { do: "wait"; ms: number } | { do: "end" };

const BASE_MS = 250;
const CAP_MS = 8_000;

/**
 * What a call does next: ask the first target of this round that may be asked now; or else wait for
 * the next round; or end, because the budget is used up or nobody is left who could do better.
 *
 * The wait is anything up to a bound that doubles (full jitter), so that callers who failed together
 * do not come back together, and begins when the first of the targets may be asked again.
 * @param targets in the order in which they are to be asked.
 * @param random from 0 inclusive to 1 exclusive.
 */
export function nextStep(
  targets: readonly Standing[],
  policy: RetryPolicy,
  spent: Spent,
  now: number,
  random: () => number,
): Step {
  if (spent.attempts >= policy.maxAttempts || spent.elapsedMs >= policy.maxMs) return { do: "end" };
  const may = (target: Standing, rounds: number) => !target.hopeless && target.asked <= rounds;
  // The first one was chosen a moment ago, with everything that is known.
  const isDue = (target: Standing) => may(target, spent.pauses) && (spent.attempts === 0 || target.notBefore <= now);
  const due = targets.findIndex(isDue);
  if (due !== -1) return { do: "ask", target: due };
  const later = targets.filter((target) => may(target, policy.retries));
  if (spent.pauses >= policy.retries || later.length === 0) return { do: "end" };
  const earliest = Math.min(...later.map(({ notBefore }) => notBefore));
  const ms = Math.max(0, earliest - now) + random() * Math.min(CAP_MS, BASE_MS * 2 ** spent.pauses);
  return spent.elapsedMs + ms < policy.maxMs ? { do: "wait", ms } : { do: "end" };
}
