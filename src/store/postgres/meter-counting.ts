import { Account, type SharedAccount, type Taking as Took } from "../../domain/plans/account.ts";
import { admit, levelsOf, takeAll } from "../../domain/plans/admit.ts";
import { NOTHING, plus } from "../../domain/plans/amounts.ts";
import { chargesOf } from "../../domain/plans/charges.ts";
import type { Demand, Level, ScopeDemand, Usage } from "../../ports/meter.ts";
import type { UsageRecord } from "../../ports/records.ts";
import type { Postgres, Query } from "./connection.ts";
import { IdleCounters, IdleRows } from "./idle-counters.ts";
import {
  type Entry,
  type Fence,
  growIn,
  type HoldRow,
  holdColumns,
  type Ledger,
  lockedIn,
  putIn,
  Stale,
  type Taken,
} from "./ledger.ts";
import { type LedgerAccounts, loadIn } from "./ledger-accounts.ts";
import { Batch } from "./ledger-batch.ts";
import { type CountersOfEpoch, IN_POSTGRES, type Node } from "./meter-node.ts";
import { byRule, type Counting, nameOf, type OpenHold, type Taking } from "./meter-shared.ts";

/** Scopes that are known to have a row; then the list begins anew. */
const MOST_KNOWN = 200_000;

/** Holds of dead nodes settled in one step. */
const RECOVERED_AT_ONCE = 200;

/** One step, as it is done within a transaction that several share. */
interface Step {
  /** Scopes that it needs, beside those of its Hold. */
  scopes: readonly { scope: string; zone: string }[];
  /** The Hold that it ends or changes. */
  hold?: number;
  /** What becomes of the Hold's record. */
  record?: UsageRecord;
  run(desk: Desk): unknown;
}

/** The accounts of one transaction, locked, and what is to be written. */
interface Desk {
  now: number;
  /** Holds that are open, by number: as they were, then as they will be. */
  holds: Map<number, HoldRow>;
  entries: Map<number, Entry>;
  /** In the calendar of `zone` from now on. */
  of(scope: string, zone: string): Account;
  at(scope: string): Account;
  changed: Set<Account>;
  opened: Map<number, HoldRow>;
  grown: Map<number, HoldRow>;
}

/** Counts in PostgreSQL: each step is a transaction that holds the rows of its accounts, in the order of their names. */
export class PostgresCounting implements Counting, CountersOfEpoch {
  readonly #postgres: Postgres;
  readonly #ledger: Ledger;
  readonly #accounts: LedgerAccounts;
  readonly #clock: (() => number) | undefined;
  readonly #known = new Set<string>();
  readonly #idle: IdleCounters;
  readonly #steps = new Batch<Step, unknown>((steps) => this.#write(steps));
  readonly settlesAnyway = false;
  /** The store's time less the ticks of this process. */
  #ahead = Date.now() - performance.now();
  node!: Node;
  #seen = new Set<number>();
  /** The latest moment that this node knows of. */
  #latest = 0;

  /** @param clock for tests; PostgreSQL's where it is absent */
  constructor(postgres: Postgres, ledger: Ledger, accounts: LedgerAccounts, clock?: () => number) {
    this.#postgres = postgres;
    this.#ledger = ledger;
    this.#accounts = accounts;
    this.#clock = clock;
    this.#idle = new IdleCounters(accounts, new IdleRows(postgres, clock ?? Date.now));
  }

  async reserve(number: number, demand: Demand, draft: UsageRecord): Promise<Taking> {
    const scopes = [...demand.scopes, ...demand.anyOf];
    return (await this.#steps.add({ scopes, run: (desk) => reserveAt(desk, number, demand, draft) })) as Taking;
  }

  async extend({ number }: OpenHold, scopes: readonly ScopeDemand[], draft: UsageRecord): Promise<boolean> {
    const run = (desk: Desk) => extendAt(desk, number, scopes, draft);
    return (await this.#steps.add({ scopes, hold: number, run })) as boolean;
  }

  settle({ number }: OpenHold, record: UsageRecord): Promise<Entry> {
    return this.#settle(number, record);
  }

  async levels(scopes: readonly ScopeDemand[]): Promise<Level[]> {
    const run = (desk: Desk) => levelsOf(scopes, ({ scope, zone }) => desk.of(scope, zone), desk.now);
    return (await this.#steps.add({ scopes, run })) as Level[];
  }

  async usage(scope: string, zone: string): Promise<Usage> {
    return (await this.#steps.add({ scopes: [{ scope, zone }], run: ({ at, now }) => at(scope).usage(now) })) as Usage;
  }

  async recover(dead: readonly number[]): Promise<UsageRecord[]> {
    const records: UsageRecord[] = [];
    while (dead.length > 0) {
      const left = await this.#ledger.holdsOf(dead, RECOVERED_AT_ONCE);
      const entries = await Promise.all(
        left.map(({ number, at, draft }) => this.#settle(number, byRule(draft, at, this.time()))),
      );
      records.push(...entries.filter(({ fresh }) => fresh).map(({ record }) => record));
      if (left.length < RECOVERED_AT_ONCE) break;
    }
    return records;
  }

  /** A commit of which nobody knows whether it happened leaves a Hold that nobody will settle. */
  async tidy(mine: ReadonlySet<number>): Promise<void> {
    const id = this.node.id;
    if (id === undefined) return;
    const strange = (await this.#ledger.numbersOf(id)).filter((number) => !mine.has(number));
    const left = strange.filter((number) => this.#seen.has(number));
    this.#seen = new Set(strange);
    await Promise.all(
      left.map((number) => this.#steps.add({ scopes: [], hold: number, run: (desk) => giveBack(desk, number) })),
    );
    await this.#ledger.forget(left);
  }

  async retry(): Promise<void> {}

  async save(): Promise<void> {
    await this.#accounts.save(async (query, scopes) => {
      const rows = await query<{ scope: string; state: string }>(
        "SELECT scope, state FROM counters WHERE scope = ANY ($1::text[]) AND state IS NOT NULL",
        [scopes],
      );
      return new Map(rows.map(({ scope, state }) => [scope, JSON.parse(state) as SharedAccount]));
    });
    await this.#idle.sweep();
  }

  async close(): Promise<void> {}

  time(): number {
    return Math.max(this.#latest, this.#clock?.() ?? Math.floor(this.#ahead + performance.now()));
  }

  async place(): Promise<string> {
    return IN_POSTGRES;
  }

  async has(epoch: number): Promise<boolean> {
    const [row] = await this.#postgres.query<{ at: number; now: number }>(
      `SELECT greatest((SELECT at FROM meter), (SELECT max(at) FROM holds),
                       (SELECT max(admitted_at) FROM usage_records)) AS at,
              floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now`,
    );
    this.#latest = Math.max(this.#latest, row!.at);
    this.#ahead = row!.now - performance.now();
    return epoch > 0;
  }

  async count(): Promise<void> {
    const { accounts, holds, at } = await this.#accounts.recount();
    await this.#postgres.transaction(async (query) => {
      await query("TRUNCATE counters");
      const all = [...accounts.values()];
      for (let i = 0; i < all.length; i += 1_000) {
        const some = all.slice(i, i + 1_000);
        await query("INSERT INTO counters SELECT * FROM unnest($1::text[], $2::text[])", [
          some.map(({ scope }) => scope),
          some.map((account) => JSON.stringify(account.share(at))),
        ]);
      }
      const rows = holds.map(({ hold, takings }) => {
        return { ...hold, taken: hold.taken.map((taken, i) => ({ ...taken, turns: takings[i]!.turns, again: true })) };
      });
      await growIn(query, rows);
    });
  }

  async #settle(number: number, record: UsageRecord): Promise<Entry> {
    const step: Step = { scopes: chargesOf(record), hold: number, record, run: (desk) => settleAt(desk, number) };
    return (await this.#steps.add(step)) as Entry;
  }

  async #write(steps: readonly Step[]): Promise<unknown[]> {
    const { fence } = this.node;
    for (let tries = 1; ; tries++) {
      await this.#makeRows(steps);
      try {
        return await this.#postgres.transaction((query) => this.#transact(query, fence, steps));
      } catch (error) {
        if (!(error instanceof MissingRows) || tries === 3) throw error;
        this.#known.clear();
      }
    }
  }

  /** Before the transaction, so that nobody waits for rows that are not there yet. */
  async #makeRows(steps: readonly Step[]): Promise<void> {
    const scopes = steps.flatMap((step) => step.scopes.map(({ scope }) => scope));
    const missing = [...new Set(scopes)].filter((scope) => !this.#known.has(scope)).sort();
    if (missing.length === 0) return;
    await this.#postgres.query(
      "INSERT INTO counters (scope) SELECT * FROM unnest($1::text[]) ON CONFLICT (scope) DO NOTHING",
      [missing],
    );
    if (this.#known.size > MOST_KNOWN) this.#known.clear();
    for (const scope of missing) this.#known.add(scope);
  }

  async #transact(query: Query, fence: Fence, steps: readonly Step[]): Promise<unknown[]> {
    const [inside] = await query<{ now: number }>(
      `SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now
       FROM nodes WHERE id = $1 AND epoch = $2 FOR SHARE`,
      [fence.node, fence.epoch],
    );
    if (inside === undefined) throw new Stale("the node's epoch is over");
    this.#ahead = inside.now - performance.now();
    const locked = await lockedIn(query, new Set(steps.flatMap(({ hold }) => hold ?? [])));
    const holds = new Map<number, HoldRow>(locked.map((row) => [row.number, row]));
    const ended = new Set(holds.keys());
    const closing = steps.flatMap(({ hold, record }) => (hold && record ? [{ number: hold, record }] : []));
    const put = closing.length === 0 ? [] : await putIn(query, closing);
    const entries = new Map(put.map((entry, i) => [closing[i]!.number, entry]));
    const needed = [
      ...steps.flatMap(({ scopes }) => scopes),
      ...[...holds.values()].flatMap(({ taken }) => taken),
      ...put.flatMap(({ record }) => chargesOf(record)),
    ];
    const desk = await openDesk(query, needed, Math.max(this.#latest, this.#clock?.() ?? inside.now));
    this.#latest = desk.now;
    Object.assign(desk, { holds, entries });
    const results = steps.map((step) => step.run(desk));
    await writeDesk(query, desk, fence, ended);
    return results;
  }
}

class MissingRows extends Error {}

async function openDesk(
  query: Query,
  needed: readonly { scope: string; zone: string }[],
  clock: number,
): Promise<Desk> {
  const zones = new Map(needed.map(({ scope, zone }) => [scope, zone]));
  const rows = await query<{ scope: string; state: string | null }>(
    "SELECT scope, state FROM counters WHERE scope = ANY ($1::text[]) ORDER BY scope FOR UPDATE",
    [[...zones.keys()]],
  );
  if (rows.length < zones.size) throw new MissingRows("a scope has no row");
  const shared = rows.flatMap(({ state }) => (state === null ? [] : [JSON.parse(state) as SharedAccount]));
  const blank = rows.filter(({ state }) => state === null).map(({ scope }) => scope);
  const saved = blank.length === 0 ? new Map() : await loadIn(query, blank);
  // No account's time goes back, whatever the clock does.
  const now = Math.max(clock, ...shared.map(({ at }) => at), ...[...saved.values()].map(({ at }) => at));
  const accounts = new Map(shared.map((each) => [each.scope, Account.shared(each)]));
  for (const scope of blank) {
    const known = saved.get(scope);
    accounts.set(scope, known === undefined ? new Account(scope, zones.get(scope)!, now) : Account.from(known));
  }
  const changed = new Set<Account>();
  return {
    now,
    holds: new Map(),
    entries: new Map(),
    changed,
    opened: new Map(),
    grown: new Map(),
    at: (scope) => accounts.get(scope)!,
    of(scope, zone) {
      const account = accounts.get(scope)!;
      if (account.zone !== zone) {
        account.move(zone, now);
        changed.add(account);
      }
      return account;
    },
  };
}

async function writeDesk(query: Query, desk: Desk, { node }: Fence, locked: ReadonlySet<number>): Promise<void> {
  const changed = [...desk.changed];
  if (changed.length > 0) {
    await query(
      `UPDATE counters SET state = new.state FROM unnest($1::text[], $2::text[]) AS new (scope, state)
       WHERE counters.scope = new.scope`,
      [changed.map(({ scope }) => scope), changed.map((account) => JSON.stringify(account.share(desk.now)))],
    );
  }
  if (desk.opened.size > 0) {
    await query(
      `INSERT INTO holds (number, node, at, draft, taken)
       SELECT number, $5::bigint, at, draft, taken
       FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[]) AS new (number, at, draft, taken)`,
      [...holdColumns([...desk.opened.values()]), node],
    );
  }
  const ended = [...locked].filter((number) => !desk.holds.has(number));
  if (ended.length > 0) await query("DELETE FROM holds WHERE number = ANY ($1::bigint[])", [ended]);
  const grown = [...desk.grown.values()].filter(({ number }) => desk.holds.has(number));
  await growIn(query, grown);
}

function reserveAt(desk: Desk, number: number, demand: Demand, draft: UsageRecord): Taking {
  const { now } = desk;
  const accountOf = ({ scope, zone }: ScopeDemand) => desk.of(scope, zone);
  const admission = admit(demand, accountOf, now);
  if (!admission.admitted) {
    return { admitted: false, reservation: { ...admission, levels: levelsOf(demand.scopes, accountOf, now) } };
  }
  const { open } = admission;
  const taken = takeAll(admission.chosen, now).map(({ account, amounts, turns, drawn }): Taken => {
    desk.changed.add(account);
    return { scope: account.scope, zone: account.zone, amounts, drawn, turns };
  });
  draft.admittedAt = now;
  draft.mayHaveAsked = open.map(nameOf);
  desk.opened.set(number, { number, at: now, draft, taken });
  const levels = levelsOf(demand.scopes, accountOf, now);
  return {
    admitted: true,
    reservation: { admitted: true, hold: number, levels, open },
    hold: { number, at: now, open, taken, counted: true },
  };
}

function extendAt(desk: Desk, number: number, scopes: readonly ScopeDemand[], draft: UsageRecord): boolean {
  const hold = desk.holds.get(number);
  // Another node has settled it by rule. What is thrown here would end the steps beside it as well.
  if (hold === undefined) return false;
  const more = new Map(scopes.map((each) => [each.scope, each]));
  // It is charged to the day that admitted it, and of a day that is over nobody knows any more what was left.
  const isOver = (each: Taken) => {
    const account = desk.at(each.scope);
    return account.isOver(tookOf(account, each), more.get(each.scope)?.limits ?? [], desk.now);
  };
  if (hold.taken.some(isOver)) return false;
  if (!admit({ scopes, anyOf: [] }, ({ scope }) => desk.at(scope), desk.now).admitted) return false;
  const taken = hold.taken.map((each) => {
    const further = more.get(each.scope);
    if (further === undefined) return each;
    const account = desk.at(each.scope);
    account.grow(tookOf(account, each), further.amounts, desk.now);
    desk.changed.add(account);
    return { ...each, amounts: plus(each.amounts, further.amounts) };
  });
  const grown = { ...hold, draft, taken };
  desk.holds.set(number, grown);
  desk.grown.set(number, grown);
  return true;
}

function settleAt(desk: Desk, number: number): Entry {
  const entry = desk.entries.get(number)!;
  const hold = desk.holds.get(number);
  // Somebody else has settled it: what it took is given back already.
  if (hold === undefined && !entry.fresh) return entry;
  const left = release(desk, number);
  for (const { scope, amounts } of chargesOf(entry.record)) {
    const taken = left.get(scope);
    left.delete(scope);
    const account = desk.at(scope);
    desk.changed.add(account);
    if (taken !== undefined) account.settle(tookOf(account, taken), amounts, desk.now);
    else account.charge(amounts, entry.record.admittedAt as number, desk.now, desk.now);
  }
  for (const taken of left.values()) settleFree(desk, taken);
  return entry;
}

function giveBack(desk: Desk, number: number): void {
  for (const taken of release(desk, number).values()) settleFree(desk, taken);
}

/** The Hold is over. @returns what it had taken, by scope */
function release({ holds }: Desk, number: number): Map<string, Taken> {
  const { taken = [] } = holds.get(number) ?? {};
  holds.delete(number);
  return new Map(taken.map((each) => [each.scope, each]));
}

function settleFree(desk: Desk, taken: Taken): void {
  const account = desk.at(taken.scope);
  desk.changed.add(account);
  account.settle(tookOf(account, taken), NOTHING, desk.now);
}

function tookOf(account: Account, { amounts, turns, drawn, again = false }: Taken): Took {
  return { account, amounts, turns, drawn, again };
}
