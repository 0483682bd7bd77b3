import type { Amounts } from "../domain/plans/amounts.ts";
import type { PeriodWindow } from "../kernel/limit.ts";
import type { UsageRecord } from "./records.ts";

/** A sum that was counted in one way and stands in the ledger in another. */
export interface Difference {
  scope: string;
  period: PeriodWindow;
  /** `usd` in nano-dollars. */
  of: keyof Amounts;
  counted: number;
  ledger: number;
}

/** What adding up the whole ledger has found. */
export interface Recount {
  /** Entries that were read. */
  entries: number;
  accounts: number;
  /** The first of them, where there are very many. */
  differences: Difference[];
  /** How many there are in all. */
  found: number;
  /** Whether the counters have been set to what the ledger says. */
  mended: boolean;
}

/** The usage records as the books: they are only ever added to, and every counter is a sum of them. */
export interface Ledger {
  /** Records of calls that were admitted from `since` on and before `until` (milliseconds since 1970), earliest first, some at a time. */
  admitted(since: number, until: number): AsyncIterable<readonly UsageRecord[]>;
  /** Adds up everything, compares it with what is counted, and sets that right if asked. Calls go on meanwhile. */
  recount(mend: boolean): Promise<Recount>;
}
