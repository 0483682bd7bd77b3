import type { RecordPage, RecordQuery, UsageRecord } from "../ports/records.ts";

/** A Hold as the journal keeps it until it is settled. */
export interface JournaledHold {
  hold: number;
  at: number;
  /** What becomes of the record if nobody ever settles the Hold. */
  draft: UsageRecord;
}

/** What calls under one subscription have spent in one step of time. */
export interface Spent {
  /** Start of the step, or of the period where steps are not told apart. */
  at: number;
  requests: number;
  tokens: number;
  usd: number;
}

/**
 * Where Holds and usage records survive the process. Each promise resolves when its entry
 * has been committed; entries of one moment share a commit.
 */
export interface Journal {
  /** The largest number a Hold ever had here; 0 at first. */
  lastHold(): number;
  unsettled(): JournaledHold[];
  /** Also for a Hold that is there already: it has grown, and this takes the place of what was said before. */
  open(hold: JournaledHold): Promise<void>;
  /** The record of a settled Hold; a Hold has at most one. */
  close(hold: number, record: UsageRecord): Promise<void>;
  append(record: UsageRecord): Promise<void>;
  /** What counts since `since` (inclusive), by steps of `step` milliseconds (Infinity: all in one). */
  spent(subscriptionId: string, since: number, step: number): Spent[];
  page(query: RecordQuery): Promise<RecordPage>;
}

/** Tokens that a record counts against limits. */
export function limitedTokens(record: UsageRecord): number {
  return record.inputTokens + record.outputTokens;
}
