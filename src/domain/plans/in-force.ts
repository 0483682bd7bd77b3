import type { Limit } from "../../kernel/limit.ts";

/** A limit that was granted in place of another, for a time or for good. */
interface Granted {
  scope: string;
  limit: Limit;
  /** Milliseconds since 1970; null is for good. */
  until: number | null;
}

/** The limits of a scope as they hold now: one that was granted stands instead of the one of its dimension and window. */
export function limitsInForce(
  scope: string,
  limits: readonly Limit[],
  granted: readonly Granted[],
  now: number,
): readonly Limit[] {
  if (granted.length === 0) return limits;
  const holding = granted.filter((each) => each.scope === scope && (each.until === null || each.until > now));
  if (holding.length === 0) return limits;
  return limits.map((limit) => holding.findLast((each) => isOfKind(each.limit, limit))?.limit ?? limit);
}

function isOfKind(one: Limit, other: Limit): boolean {
  return one.dimension === other.dimension && one.window === other.window;
}
