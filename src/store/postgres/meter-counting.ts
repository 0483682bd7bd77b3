import type { SharedAccount } from "../../domain/plans/account.ts";
import { chargedIn, levelsOf } from "../../domain/plans/admit.ts";
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
  type Ledger,
  lockedIn,
  putIn,
  putOnceIn,
  Stale,
} from "./ledger.ts";
import type { LedgerAccounts } from "./ledger-accounts.ts";
import { Batch } from "./ledger-batch.ts";
import {
  type Desk,
  extendAt,
  giveBack,
  MissingRows,
  openDesk,
  refundAt,
  reserveAt,
  settleAt,
  writeDesk,
} from "./meter-desk.ts";
import { type CountersOfEpoch, IN_POSTGRES, type Node } from "./meter-node.ts";
import { byRule, type Counting, type OpenHold, type Taking } from "./meter-shared.ts";

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
  /** What it gives back of a charge. */
  refund?: UsageRecord;
  run(desk: Desk): unknown;
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

  async refund(record: UsageRecord): Promise<boolean> {
    const step: Step = { scopes: chargesOf(record), refund: record, run: (desk) => refundAt(desk, record) };
    return (await this.#steps.add(step)) as boolean;
  }

  async levels(scopes: readonly ScopeDemand[]): Promise<Level[]> {
    const run = (desk: Desk) =>
      levelsOf(
        chargedIn(scopes, ({ scope }) => desk.at(scope)),
        desk.now,
      );
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

  async told(): Promise<void> {}

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
    const refunds = new Set<UsageRecord>();
    for (const { refund } of steps)
      if (refund !== undefined && (await putOnceIn(query, refund)) !== undefined) refunds.add(refund);
    const entries = new Map(put.map((entry, i) => [closing[i]!.number, entry]));
    const needed = [
      ...steps.flatMap(({ scopes }) => scopes),
      ...[...holds.values()].flatMap(({ taken }) => taken),
      ...put.flatMap(({ record }) => chargesOf(record)),
    ];
    const desk = await openDesk(query, needed, Math.max(this.#latest, this.#clock?.() ?? inside.now));
    this.#latest = desk.now;
    Object.assign(desk, { holds, entries, refunds });
    const results = steps.map((step) => step.run(desk));
    await writeDesk(query, desk, fence, ended);
    return results;
  }
}
