import type { Demand, ScopeDemand } from "../domain/plans/admit.ts";
import type { Level, Usage } from "../domain/plans/standing.ts";
import type { UsageRecord } from "./records.ts";

export type { Demand, ScopeDemand } from "../domain/plans/admit.ts";
export type { Level, Usage } from "../domain/plans/standing.ts";

export type Reservation =
  | {
      admitted: true;
      hold: number;
      levels: Level[];
      /** Scopes of `anyOf` that have room. */
      open: string[];
    }
  | {
      admitted: false;
      refusedBy: Level;
      /** null: never, the demand is larger than the limit, or the limit is for ever. */
      retryAfterMs: number | null;
      levels: Level[];
    };

/**
 * Everything that is limited. Spent plus reserved never exceeds a limit, because reserve
 * admits all scopes or none in one step, and a Hold is settled exactly once, even when
 * the process died in between.
 */
export interface Meter {
  /**
   * Takes from all scopes or from none. Resolves when the Hold would survive a kill of the process.
   * `draft` is what becomes of the call's record if nobody ever settles it; its `admittedAt` and
   * `mayHaveAsked` are written here.
   * @throws GatewayError store_unavailable
   */
  reserve(demand: Demand, draft: UsageRecord): Promise<Reservation>;
  /**
   * Takes more under an open Hold, all of it or nothing, before another target is asked while an
   * earlier one may charge as well. `scopes` are among those that the Hold has taken from; `draft`
   * stands for all that is held then.
   * @returns whether it fits under every limit.
   */
  extend(hold: number, scopes: readonly ScopeDemand[], draft: UsageRecord): Promise<boolean>;
  /**
   * Turns a Hold into a usage record, and what was reserved into what the record says was spent
   * (`chargesOf`), in one commit. Resolves when both would survive a kill.
   */
  settle(hold: number, record: UsageRecord): Promise<void>;
  /**
   * Gives back a part of what the entry of the ledger has charged that `record.refundOf` names, as an entry of its own
   * with amounts below nothing. It counts in the periods in which the other was admitted (`record.admittedAt`), as far
   * as they still run; rates have long forgotten. An id that the ledger has already changes nothing.
   * @returns whether it was given back now
   * @throws GatewayError store_unavailable
   */
  refund(record: UsageRecord): Promise<boolean>;
}

/** By whose clock it counts. */
export interface MeterTime {
  /** The meter's time as far as it is known here, milliseconds since 1970; it never goes back. */
  time(): number;
}

/** What administrators and owners see of it. */
export interface MeterView {
  /** How limits stand now. */
  levels(scopes: readonly ScopeDemand[]): Promise<Level[]>;
  /** What was spent and is reserved in the periods that run now. @param zone the calendar of a scope that has never been used */
  usage(scope: string, zone: string): Promise<Usage>;
}
