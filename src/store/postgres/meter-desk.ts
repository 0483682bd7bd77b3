import { Account, type SharedAccount, type Taking as Took } from "../../domain/plans/account.ts";
import { admit, levelsOf, takeAll } from "../../domain/plans/admit.ts";
import { NOTHING, plus } from "../../domain/plans/amounts.ts";
import { accountOf, chargesOf } from "../../domain/plans/charges.ts";
import type { Demand, ScopeDemand } from "../../ports/meter.ts";
import type { UsageRecord } from "../../ports/records.ts";
import type { Query } from "./connection.ts";
import { type Entry, type Fence, growIn, type HoldRow, holdColumns, type Taken } from "./ledger.ts";
import { loadIn } from "./ledger-accounts.ts";
import type { Taking } from "./meter-shared.ts";

/** The accounts of one transaction, locked, and what is to be written. */
export interface Desk {
  now: number;
  /** Holds that are open, by number: as they were, then as they will be. */
  holds: Map<number, HoldRow>;
  entries: Map<number, Entry>;
  /** What is given back that the ledger has not had before. */
  refunds: ReadonlySet<UsageRecord>;
  at(scope: string): Account;
  changed: Set<Account>;
  opened: Map<number, HoldRow>;
  grown: Map<number, HoldRow>;
}

/** A scope's row was made before the transaction, and has been removed since. */
export class MissingRows extends Error {}

/** Locks the rows of scopes, in the order of their names. @throws MissingRows */
export async function openDesk(
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
    refunds: new Set(),
    changed,
    opened: new Map(),
    grown: new Map(),
    at: (scope) => accounts.get(scope)!,
  };
}

/** @param locked numbers of the Holds that were open when it began */
export async function writeDesk(query: Query, desk: Desk, { node }: Fence, locked: ReadonlySet<number>): Promise<void> {
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

export function reserveAt(desk: Desk, number: number, demand: Demand, draft: UsageRecord): Taking {
  const { now } = desk;
  const admission = admit(demand, ({ scope }) => desk.at(scope), now);
  const { chosen } = admission;
  if (!admission.admitted) {
    const { refusedBy, retryAfterMs } = admission;
    return {
      admitted: false,
      reservation: { admitted: false, refusedBy, retryAfterMs, levels: levelsOf(chosen, now) },
    };
  }
  const { open } = admission;
  const taken = takeAll(chosen, now).map(({ account, amounts, turns, drawn }): Taken => {
    desk.changed.add(account);
    return { scope: account.scope, zone: account.zone, amounts, drawn, turns };
  });
  draft.admittedAt = now;
  draft.mayHaveAsked = open.map(accountOf);
  desk.opened.set(number, { number, at: now, draft, taken });
  const levels = levelsOf(chosen, now);
  return {
    admitted: true,
    reservation: { admitted: true, hold: number, levels, open },
    hold: { number, at: now, open, taken, counted: true },
  };
}

export function extendAt(desk: Desk, number: number, scopes: readonly ScopeDemand[], draft: UsageRecord): boolean {
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

export function settleAt(desk: Desk, number: number): Entry {
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

/** @returns false where the ledger had it already */
export function refundAt(desk: Desk, record: UsageRecord): boolean {
  if (!desk.refunds.has(record)) return false;
  for (const { scope, amounts } of chargesOf(record)) {
    const account = desk.at(scope);
    account.spend(amounts, record.admittedAt as number, desk.now);
    desk.changed.add(account);
  }
  return true;
}

export function giveBack(desk: Desk, number: number): void {
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
