import { Account, type SavedAccount, type Taking } from "../../domain/plans/account.ts";
import { minus, ofRequests } from "../../domain/plans/amounts.ts";
import { missing } from "../../domain/plans/bucket.ts";
import { chargesOf, isProviders } from "../../domain/plans/charges.ts";
import { drawAgain, isOfRates, used } from "../../domain/plans/replayed.ts";
import type { UsageRecord } from "../../ports/records.ts";
import { recordFromText } from "../record-text.ts";
import type { Postgres, Query } from "./connection.ts";
import { holdsIn, type OpenRow } from "./ledger.ts";

/** Entries counted in one step. */
const PAGE = 1_000;

/** All that is not saved, counted from the ledger and the open Holds: as of one moment. */
export interface Recount {
  /** Accounts that the entries since the last saving, or open Holds, concern. All others stand as they were saved. */
  accounts: Map<string, Account>;
  holds: { hold: OpenRow; takings: Taking[] }[];
  /** The meter's time, milliseconds since 1970. */
  at: number;
}

/** What an account knows of rates: those that were asked for, and what others will have to know of. */
export interface Rates extends Pick<SavedAccount, "buckets" | "replayed"> {
  /** Holds that the ledger has charged and that are open for them still: they were not told yet. */
  without?: ReadonlySet<number>;
}

/**
 * The rates of scopes, where it is counted now. @throws where that is away
 * @param charged Holds that the ledger has charged
 */
export type RatesOf = (
  query: Query,
  scopes: readonly string[],
  charged: readonly number[],
) => Promise<Map<string, Rates>>;

interface Row {
  seq: number;
  /** Of its Hold. */
  number: number | null;
  record: UsageRecord;
}

/** When a call was admitted, and which of those of one millisecond it was. */
interface Admission {
  at: number;
  number: number;
}

/** The latest admission of each scope: its calendar is the one that counts. */
class Calendars {
  readonly #latest = new Map<string, Admission>();

  /** Moves the account to the calendar of a call, unless a later one is known. */
  follow(account: Account, zone: string, { at, number }: Admission): void {
    const latest = this.#latest.get(account.scope) ?? { at: account.usedAt, number: -1 };
    if (at < latest.at || (at === latest.at && number < latest.number)) return;
    this.#latest.set(account.scope, { at, number });
    if (account.zone !== zone) account.move(zone, at);
  }
}

/** The sums of the ledger up to an entry, and how they are brought up to date. */
export class LedgerAccounts {
  readonly #postgres: Postgres;
  readonly #now: () => number;

  constructor(postgres: Postgres, now: () => number) {
    this.#postgres = postgres;
    this.#now = now;
  }

  /** What is saved of scopes. A scope that nothing was ever charged to has nothing. */
  async load(scopes: readonly string[]): Promise<Map<string, SavedAccount>> {
    return await loadIn(this.#postgres.query, scopes);
  }

  async recount(): Promise<Recount> {
    return await this.#postgres.transaction(async (query) => {
      await query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY");
      const mark = await markIn(query);
      const accounts = new Map<string, Account>();
      const calendars = new Calendars();
      let at = Math.max(this.#now(), mark.at);
      for (let after = mark.seq; ; ) {
        const rows = await entriesIn(query, after, Number.MAX_SAFE_INTEGER);
        at = Math.max(at, ...rows.map(({ record }) => record.admittedAt ?? 0));
        await countIn(query, accounts, rows, calendars);
        if (rows.length < PAGE) break;
        after = rows.at(-1)!.seq;
      }
      const open = await holdsIn(query, "ORDER BY number", []);
      at = Math.max(at, ...open.map((hold) => hold.at));
      await fetchIn(
        query,
        accounts,
        open.flatMap(({ taken }) => taken),
        at,
      );
      // A call that runs may be the first that was admitted in another calendar. All of them move before any is taken
      // again: that is done as of now, when a day of the old calendar may be over that went on in the new one.
      for (const hold of [...open].sort((a, b) => a.at - b.at || a.number - b.number)) {
        for (const { scope, zone } of hold.taken) calendars.follow(accounts.get(scope)!, zone, hold);
      }
      const holds = open.map((hold) => {
        const takings = hold.taken.map(({ scope, amounts, drawn }) =>
          accounts.get(scope)!.retake(amounts, drawn, hold.at, at),
        );
        return { hold, takings };
      });
      return { accounts, holds, at };
    });
  }

  /**
   * Brings what is saved up to date; one node at a time does, the others have nothing to do then.
   * @param openHolds Holds that are open where rates are counted, at least those that stay so until they are asked for
   * @returns how many entries were counted.
   */
  async save(ratesOf: RatesOf, openHolds: () => Promise<readonly number[]> = async () => []): Promise<number> {
    const last = await this.lastEntry();
    for (let counted = 0; ; ) {
      const entries = await this.#postgres.transaction((query) => this.#savePage(query, last, ratesOf, openHolds));
      counted += entries;
      if (entries < PAGE) return counted;
    }
  }

  /** Place of an entry with none below it that is still to be committed. */
  async lastEntry(): Promise<number> {
    return await this.#postgres.transaction(async (query) => {
      await query("SET LOCAL lock_timeout = '200ms'");
      // Waits for the writes that run. Places are given out by writes, and these wait until we know.
      await query("LOCK TABLE usage_records IN SHARE MODE");
      const [row] = await query<{ seq: number }>("SELECT coalesce(max(seq), 0) AS seq FROM usage_records");
      return row!.seq;
    });
  }

  /** When the sums were last brought up to date, by the meter's time. */
  async savedAt(): Promise<number> {
    return (await markIn(this.#postgres.query)).at;
  }

  /** All that is saved, and in whose calendar. */
  async scopes(): Promise<{ scope: string; zone: string }[]> {
    return await this.#postgres.query("SELECT scope, state::json ->> 'zone' AS zone FROM accounts");
  }

  /** Saves sums of the whole ledger up to an entry, in place of what is saved; the rates stay. */
  async replace(sums: ReadonlyMap<string, Account>, last: number, now: number): Promise<void> {
    await this.#postgres.transaction(async (query) => {
      await query("SELECT seq FROM meter FOR UPDATE");
      const scopes = [...sums.keys()].sort();
      for (let i = 0; i < scopes.length; i += PAGE) {
        const some = scopes.slice(i, i + PAGE);
        await writeIn(query, some, sums, await loadIn(query, some), last, now);
      }
      await query("UPDATE meter SET seq = $1, at = greatest(at, $2)", [last, now]);
    });
  }

  async #savePage(
    query: Query,
    last: number,
    ratesOf: RatesOf,
    openHolds: () => Promise<readonly number[]>,
  ): Promise<number> {
    const [mark] = await query<Mark>("SELECT seq, at FROM meter FOR UPDATE SKIP LOCKED");
    if (mark === undefined) return 0;
    const rows = await entriesIn(query, mark.seq, last);
    if (rows.length === 0) return 0;
    const at = Math.max(this.#now(), mark.at, ...rows.map(({ record }) => record.admittedAt ?? 0));
    const accounts = new Map<string, Account>();
    await countIn(query, accounts, rows, new Calendars());
    // In order, so that no two nodes wait for each other.
    const scopes = [...accounts.keys()].sort();
    // What was saved before, and was not told since, would be forgotten with the rates that were saved then.
    const charged = [...(await closedIn(query, await openHolds(), mark.seq)), ...rows];
    const rates = await ratesOf(
      query,
      scopes,
      charged.map(({ number }) => number).filter((each) => each !== null),
    );
    for (const row of charged) tell(rates, row);
    await writeIn(query, scopes, accounts, rates, rows.at(-1)!.seq, at);
    await query("UPDATE meter SET seq = $1, at = $2", [rows.at(-1)!.seq, at]);
    return rows.length;
  }
}

/** Takes a call from the rates that do not know of it yet: saved without it, they would never hear of it. */
function tell(rates: Map<string, Rates>, { number, record }: Row): void {
  if (number === null) return;
  const ended = (record.admittedAt as number) + Math.ceil(record.totalMs);
  for (const { scope, amounts } of chargesOf(record)) {
    const known = rates.get(scope);
    if (known?.without?.has(number) !== true) continue;
    // That it is a request they were told when it was admitted; those of providers were not.
    const entry = used(isProviders(scope) ? amounts : minus(amounts, ofRequests(amounts.requests)), ended);
    const buckets = known.buckets.map((bucket) => ({ ...bucket }));
    for (const bucket of buckets) drawAgain(bucket, entry);
    rates.set(scope, { ...known, buckets, replayed: [...(known.replayed ?? []), entry] });
  }
}

async function writeIn(
  query: Query,
  scopes: readonly string[],
  accounts: ReadonlyMap<string, Account>,
  rates: ReadonlyMap<string, Rates>,
  upto: number,
  at: number,
): Promise<void> {
  const texts = scopes.map((scope) => {
    const { upto: _, scope: __, buckets, replayed, ...state } = accounts.get(scope)!.save(at);
    // The rates as they are counted now know all that could be read again, and more.
    const live = rates.get(scope) ?? { buckets, replayed };
    const known = live.replayed?.filter((entry) => isOfRates(entry, at)) ?? [];
    return JSON.stringify({
      ...state,
      buckets: live.buckets.filter((bucket) => missing(bucket, at) > 0),
      ...(known.length === 0 ? {} : { replayed: known }),
    });
  });
  await query(
    `INSERT INTO accounts SELECT scope, $3, state FROM unnest($1::text[], $2::text[]) AS new (scope, state)
     ON CONFLICT (scope) DO UPDATE SET upto = excluded.upto, state = excluded.state`,
    [scopes, texts, upto],
  );
}

interface Mark {
  seq: number;
  at: number;
}

async function markIn(query: Query): Promise<Mark> {
  const [row] = await query<Mark>("SELECT seq, at FROM meter");
  return row!;
}

async function entriesIn(query: Query, after: number, last: number): Promise<Row[]> {
  const rows = await query<WrittenRow>(
    `SELECT seq, number, record FROM usage_records WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT ${PAGE}`,
    [after, last],
  );
  return rows.map(readRow);
}

/** The entries of some Holds, up to a place in the ledger. */
async function closedIn(query: Query, numbers: readonly number[], last: number): Promise<Row[]> {
  if (numbers.length === 0) return [];
  const rows = await query<WrittenRow>(
    "SELECT seq, number, record FROM usage_records WHERE number = ANY ($1::bigint[]) AND seq <= $2 ORDER BY seq",
    [numbers, last],
  );
  return rows.map(readRow);
}

interface WrittenRow extends Omit<Row, "record"> {
  record: string;
}

function readRow({ record, ...row }: WrittenRow): Row {
  return { ...row, record: recordFromText(record) };
}

async function countIn(
  query: Query,
  accounts: Map<string, Account>,
  rows: readonly Row[],
  calendars: Calendars,
): Promise<void> {
  const charges = rows.map(({ record }) => chargesOf(record));
  const earliest = rows.reduce(
    (least, { record }) => Math.min(least, record.admittedAt ?? least),
    Number.MAX_SAFE_INTEGER,
  );
  await fetchIn(query, accounts, charges.flat(), earliest);
  rows.forEach(({ seq, number, record }, i) => {
    const at = record.admittedAt as number;
    const ended = at + Math.ceil(record.totalMs);
    for (const { scope, zone, amounts } of charges[i]!) {
      const account = accounts.get(scope)!;
      if (account.upto >= seq) continue;
      account.upto = seq;
      if (record.refundOf !== null) {
        account.spend(amounts, at, Math.max(at, account.usedAt));
        continue;
      }
      calendars.follow(account, zone, { at, number: number ?? -1 });
      account.charge(amounts, at, ended, Math.max(at, account.usedAt), isProviders(scope) ? ended : at);
    }
  });
}

/** Has the accounts of scopes among `accounts`: as they are saved, or new ones. */
async function fetchIn(
  query: Query,
  accounts: Map<string, Account>,
  wanted: readonly { scope: string; zone: string }[],
  at: number,
): Promise<void> {
  const missing = new Map(wanted.filter(({ scope }) => !accounts.has(scope)).map((each) => [each.scope, each.zone]));
  if (missing.size === 0) return;
  const saved = await loadIn(query, [...missing.keys()]);
  for (const [scope, zone] of missing) {
    const known = saved.get(scope);
    accounts.set(scope, known === undefined ? new Account(scope, zone, at) : Account.from(known));
  }
}

export async function loadIn(query: Query, scopes: readonly string[]): Promise<Map<string, SavedAccount>> {
  const rows = await query<{ scope: string; upto: number; state: string }>(
    "SELECT scope, upto, state FROM accounts WHERE scope = ANY ($1::text[])",
    [scopes],
  );
  return new Map(
    rows.map(({ scope, upto, state }) => {
      return [scope, { ...(JSON.parse(state) as Omit<SavedAccount, "scope" | "upto">), scope, upto }];
    }),
  );
}
