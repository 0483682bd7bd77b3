import type { Limit } from "../../kernel/limit.ts";

/** A limit that was granted above another, for a time or for good. */
interface Granted {
  scope: string;
  limit: Limit;
  /** Milliseconds since 1970; null is for good. */
  until: number | null;
}

/**
 * The limits of a scope as they hold now: of each, the greatest that was granted for this time, and
 * never less than the limit itself. What nothing limits is not limited by what was once granted.
 */
export function limitsInForce(
  scope: string,
  limits: readonly Limit[],
  granted: readonly Granted[],
  now: number,
): readonly Limit[] {
  if (granted.length === 0) return limits;
  const holding = granted.filter((each) => each.scope === scope && (each.until === null || each.until > now));
  if (holding.length === 0) return limits;
  return limits.map((limit) => {
    let greatest = limit;
    for (const each of holding) {
      if (isOfKind(each.limit, limit) && isMore(each.limit, greatest)) greatest = each.limit;
    }
    return greatest;
  });
}

/** Whether two limit the same thing in the same window. */
export function isOfKind(one: Limit, other: Limit): boolean {
  return one.dimension === other.dimension && one.window === other.window;
}

/** Whether it allows more: a greater amount, or of equal ones the greater burst. */
export function isMore(one: Limit, other: Limit): boolean {
  if (one.amount !== other.amount) return one.amount > other.amount;
  return burstOf(one) > burstOf(other);
}

/** What passes at once. */
export function burstOf({ amount, burst }: Limit): number {
  return burst ?? amount;
}
