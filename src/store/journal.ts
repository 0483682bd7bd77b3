import type { SavedAccount } from "../domain/plans/account.ts";
import type { RecordPage, RecordQuery, UsageRecord } from "../ports/records.ts";

/** A Hold as the journal keeps it until it is settled. */
export interface JournaledHold {
  hold: number;
  at: number;
  /** What becomes of the record if nobody ever settles the Hold. */
  draft: UsageRecord;
}

/** One record of the ledger. */
export interface LedgerEntry {
  /** Place in the order of commits: 1, 2, 3, … Records of calls without a Hold have one as well. */
  seq: number;
  record: UsageRecord;
}

/**
 * Where Holds and usage records survive the process, and what was last counted of them. Each promise
 * resolves when its entry has been committed; entries of one moment share a commit.
 */
export interface Journal {
  /** The largest number a Hold ever had here; 0 at first. */
  lastHold(): number;
  unsettled(): JournaledHold[];
  /** Also for a Hold that is there already: it has grown, and this takes the place of what was said before. */
  open(hold: JournaledHold): Promise<void>;
  /**
   * The record of a settled Hold; a Hold has at most one.
   * @param committed called in the same step in which the entry becomes part of the ledger
   */
  close(hold: number, record: UsageRecord, committed: (seq: number) => void): Promise<void>;
  /** @param committed as in `close` */
  append(record: UsageRecord, committed?: (seq: number) => void): Promise<void>;
  /** By the record's own id. */
  find(id: string): Promise<UsageRecord | undefined>;
  page(query: RecordQuery): Promise<RecordPage>;
  /** See `Records`. */
  recordOf(id: string): Promise<UsageRecord | undefined>;
  /** Records of calls that were admitted in a time, earliest first, some at a time. */
  admitted(since: number, until: number): AsyncIterable<readonly UsageRecord[]>;
  /** Place of the last entry of the ledger; 0 at first. */
  lastEntry(): number;
  /** The ledger in its order, from the entry after `after` on, to `last` (inclusive) where it is given. */
  entries(after: number, last?: number): Iterable<LedgerEntry>;
  /** What was last saved of an account. */
  account(scope: string): SavedAccount | undefined;
  /** All saved accounts, by scope. */
  accounts(): Iterable<SavedAccount>;
  /** In one commit, at once. @param mark from now on: every account has been saved with all entries up to `seq` */
  saveAccounts(accounts: readonly SavedAccount[], mark?: Mark): void;
  /** What all accounts are known to have counted. */
  mark(): Mark;
}

/** How far the accounts have been saved. */
export interface Mark {
  /** Every account was saved with all entries up to this one. */
  seq: number;
  /** The meter's time then, milliseconds since 1970. It never goes back, whatever the clock does. */
  at: number;
}
