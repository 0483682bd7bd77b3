import type { LimitDimension, LimitWindow } from "../domain/catalog/catalog.ts";
import type { UsageRecord } from "./records.ts";

/** "Of this counter's `limit` a window, I may need `amount`." */
export interface Demand {
  /** Whose limit it is: `subscription:sub_…`, later key, team, tenant, provider, model. */
  scope: string;
  dimension: LimitDimension;
  /** null for concurrency. */
  window: LimitWindow | null;
  limit: number;
  /** The worst case: nano-dollars, tokens, or 1. */
  amount: number;
}

/** How a counter stands after a reserve, or stood when it refused. */
export interface Level {
  demand: Demand;
  remaining: number;
  /** Until the counter is as if it had never been used, in milliseconds; 0 for concurrency. */
  resetMs: number;
}

export type Reservation =
  | { admitted: true; hold: number; levels: Level[] }
  | {
      admitted: false;
      refusedBy: Level /** null: never, the demand is larger than the limit. */;
      retryAfterMs: number | null;
      levels: Level[];
    };

/** What was really used. Requests and concurrency need no telling. */
export interface Charge {
  tokens: number;
  /** nano-dollars */
  usd: number;
}

/**
 * Everything that is limited. Spent plus reserved never exceeds a limit, because reserve
 * admits all demands or none in one step, and a Hold is settled exactly once, even when
 * the process died in between.
 */
export interface Meter {
  /**
   * Admits all demands or none. Resolves when the Hold would survive a kill of the process.
   * `draft` is what becomes of the call's record if nobody ever settles it.
   */
  reserve(demands: readonly Demand[], draft: UsageRecord): Promise<Reservation>;
  /**
   * Takes more tokens and money under an open Hold, all of it or nothing, before another target is
   * asked while an earlier one may charge as well. `draft` stands for all that is held then.
   * @returns whether it fits under every limit.
   */
  extend(hold: number, demands: readonly Demand[], draft: UsageRecord): Promise<boolean>;
  /** Turns a Hold into a charge and a usage record, in one commit. Resolves when both would survive a kill. */
  settle(hold: number, charge: Charge, record: UsageRecord): Promise<void>;
}
