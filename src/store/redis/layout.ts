import type { SharedAccount } from "../../domain/plans/account.ts";
import type { Amounts } from "../../domain/plans/amounts.ts";
import type { Bucket } from "../../domain/plans/bucket.ts";
import type { ScopeCharge } from "../../domain/plans/charges.ts";
import { periodsAt } from "../../domain/plans/period.ts";
import type { Replayed } from "../../domain/plans/replayed.ts";
import type { LimitDimension, RateWindow } from "../../kernel/limit.ts";
import type { ScopeDemand } from "../../ports/meter.ts";

/**
 * How the script and the node tell each other of accounts, limits and Holds. Everything that is counted is a number in
 * a row, because rows of doubles are what Redis's Lua reads and writes fastest; the first place is 1, as Lua counts.
 */

/** An account's row: beginnings and ends of its day, week and month, and since when what is spent in them counts. */
export const STARTS = 1;
export const ENDS = 4;
export const SINCE = 7;
/** How often day, week, month and total have begun anew. */
export const TURNS = 10;
/** Requests, input tokens, output tokens, nano-dollars of the day; then of the week, the month, and in total. */
export const SPENT = 14;
export const RESERVED = 30;
/** What open Holds have of rates: requests, input, output, nano-dollars. */
export const HELD = 46;
export const RUNNING = 50;
/** Up to which entry of the ledger it has been counted, and when it was last counted. */
export const UPTO = 51;
export const AT = 52;
/** Once it is packed: how many numbers of buckets follow, and how many bytes of what was read again. */
export const BUCKETS = 53;
export const REPLAYED = 54;
export const ACCOUNT_WIDTH = 54;

/** A bucket in a list of them: its kind, milliseconds for one unit, full at, and the rest of a millisecond. */
export const BUCKET_WIDTH = 4;

/** A taking in a Hold: amounts, turns, requests drawn, and 1 where it was taken again. */
export const TAKING_WIDTH = 10;

/** The first four are places in a row of amounts. */
const DIMENSIONS = ["requests", "inputTokens", "outputTokens", "usd", "tokens", "concurrent"] as const;
export const REQUESTS = 1;
export const TOKENS = 5;

/** What has no window, rates, and periods. */
const WINDOWS = [null, "second", "minute", "hour", "day", "week", "month", "total"] as const;
export const DAY = 4;
export const TOTAL = 7;

/** A bucket's kind is `KIND` times its dimension, and its window. */
export const KIND = 10;

/**
 * A question's arguments: the step, the Hold's number, numbers, what is rare as JSON (or nothing), and names. Names are
 * a scope and a zone for each demand, and a scope for each charge.
 */
export const NAMES = 5;
/** Its numbers: the last write that was seen, the node, a place in the ledger, how many scopes, any of, and charges. */
export const SEEN = 1;
export const NODE = 2;
export const SEQ = 3;
export const COUNTS = 4;
/** Then each demand: four amounts, how many limits, and each limit: dimension, window, amount, burst. Then each charge: four amounts. */
export const DEMANDS = 7;
export const LIMIT_WIDTH = 4;

/** Requests, input tokens, output tokens, nano-dollars. */
type Row = readonly [number, number, number, number];

/** An account as the script is told of it. */
export interface StoredAccount {
  zone: string;
  row: readonly number[];
  /** `BUCKET_WIDTH` numbers each. */
  b: readonly number[];
  /** What was read again from the ledger: asked, ended, amounts. */
  y: readonly (readonly number[])[];
}

/** What the script knows of a Hold: who has it, since when, what it took, and of which scopes. */
export type StoredHold = readonly [node: number, at: number, takings: readonly number[], scopes: readonly string[]];

/** What a question says of scopes. */
export interface Asked {
  node?: number;
  seq?: number;
  scopes?: readonly ScopeDemand[];
  anyOf?: readonly ScopeDemand[];
  charges?: readonly ScopeCharge[];
}

/** The numbers and the names of a question. */
export function argumentsOf(
  { node = 0, seq = 0, scopes = [], anyOf = [], charges = [] }: Asked,
  seen: number,
): { numbers: Float64Array; names: string[] } {
  const row = [seen, node, seq, scopes.length, anyOf.length, charges.length];
  const names: string[] = [];
  for (const list of [scopes, anyOf]) {
    for (const { scope, zone, limits, amounts } of list) {
      names.push(scope, zone);
      row.push(...rowOf(amounts), limits.length);
      for (const { dimension, window, amount, burst } of limits)
        row.push(codeOf(dimension), WINDOWS.indexOf(window), amount, burst ?? amount);
    }
  }
  for (const { scope, amounts } of charges) {
    names.push(scope);
    row.push(...rowOf(amounts));
  }
  return { numbers: new Float64Array(row), names };
}

export function rowOf({ requests, input, output, usd }: Amounts): Row {
  return [requests, input, output, usd];
}

function codeOf(dimension: LimitDimension): number {
  return DIMENSIONS.indexOf(dimension) + 1;
}

export function stored(account: SharedAccount): StoredAccount {
  const { day, week, month } = periodsAt(account.zone, account.at);
  const starts = [day.start, week.start, month.start];
  return {
    zone: account.zone,
    row: [
      ...starts,
      ...[day.end, week.end, month.end],
      ...(account.since?.slice(0, 3) ?? starts),
      ...account.turns,
      ...account.spent,
      ...account.reserved,
      ...rowOf(account.held),
      account.running,
      account.upto,
      account.at,
      0,
      0,
    ],
    b: account.buckets.flatMap(({ dimension, window, each, fullAt, rest }) => {
      return [KIND * codeOf(dimension) + WINDOWS.indexOf(window), each, fullAt, rest];
    }),
    y: (account.replayed ?? []).map(({ asked, ended, amounts }) => [asked, ended, ...rowOf(amounts)]),
  };
}

/** Buckets as the script tells them: numbers as texts, because Redis would cut what is behind the point. */
export function bucketsFrom(texts: readonly string[]): Bucket[] {
  const buckets: Bucket[] = [];
  for (let i = 0; i < texts.length; i += BUCKET_WIDTH) {
    const [kind, each, fullAt, rest] = texts.slice(i, i + BUCKET_WIDTH).map(Number) as [number, number, number, number];
    const dimension = DIMENSIONS[Math.floor(kind / KIND) - 1] as Bucket["dimension"];
    buckets.push({ dimension, window: WINDOWS[kind % KIND] as RateWindow, each, fullAt, rest });
  }
  return buckets;
}

export function replayedFrom(texts: readonly string[]): Replayed {
  const numbers = texts.map(Number);
  const [asked, ended, requests, input, output, usd] = numbers as [number, number, number, number, number, number];
  return { asked, ended, amounts: { requests, input, output, usd } };
}
