import { minus, NOTHING, plus } from "../../domain/plans/amounts.ts";
import { accountOf, chargesOf } from "../../domain/plans/charges.ts";
import { periodsAt } from "../../domain/plans/period.ts";
import type { Demand, Level, Reservation, ScopeDemand, Usage } from "../../ports/meter.ts";
import type { UsageRecord } from "../../ports/records.ts";
import { type Forgetting, IDLE_MS, IdleCounters } from "../postgres/idle-counters.ts";
import { type Entry, type Ledger, Stale, type Taken } from "../postgres/ledger.ts";
import type { LedgerAccounts, Rates } from "../postgres/ledger-accounts.ts";
import type { CountersOfEpoch, Node } from "../postgres/meter-node.ts";
import { byRule, type Counting, type OpenHold, type Taking } from "../postgres/meter-shared.ts";
import { RedisAway, type Reply } from "./connection.ts";
import type { Question, RedisCounters } from "./counters.ts";
import { bucketsFrom, replayedFrom, rowOf, type StoredAccount, type StoredHold, stored } from "./layout.ts";

/** Holds, accounts and scopes in one step. */
const AT_ONCE = 200;

/**
 * Counts in Redis; the ledger and the open Holds are in PostgreSQL, and they are the truth. A call is
 * admitted when Redis has room and PostgreSQL has its Hold, and charged when PostgreSQL has its record. What
 * Redis was not told is told later, or counted anew.
 */
export class RedisCounting implements Counting, CountersOfEpoch, Forgetting {
  readonly #counters: RedisCounters;
  readonly #ledger: Ledger;
  readonly #accounts: LedgerAccounts;
  readonly #idle: IdleCounters;
  /** Redis is being told of entries of the ledger. */
  readonly #telling = new Set<Promise<void>>();
  /** Entries of the ledger that Redis could not be told of. */
  readonly #untold = new Map<number, Entry>();
  /** Requests that were admitted while Redis was away, by scope. */
  readonly #alone = new Map<string, number>();
  /** Whether there are Holds that Redis does not know. */
  #owes = false;
  #seen = new Set<number>();
  readonly settlesAnyway = true;

  time(): number {
    return this.#counters.time();
  }

  node!: Node;

  constructor(counters: RedisCounters, ledger: Ledger, accounts: LedgerAccounts) {
    this.#counters = counters;
    this.#ledger = ledger;
    this.#accounts = accounts;
    this.#idle = new IdleCounters(accounts, this);
  }

  async reserve(number: number, demand: Demand, draft: UsageRecord): Promise<Taking> {
    const { fence } = this.node;
    let reply: readonly Reply[];
    try {
      if (this.#owes) await this.#pay();
      const { scopes, anyOf } = demand;
      const question = { hold: String(number), node: fence.node, scopes, anyOf };
      reply = await this.#askFully({ op: "reserve", ...question }, fence.epoch);
    } catch (error) {
      if (!(error instanceof RedisAway) || !this.#mayAlone(demand)) throw error;
      const hold = holdOf(number, this.time(), demand, demand.anyOf, false);
      return await this.#open(hold, draft, []);
    }
    const levels = levelsFrom(demand.scopes, reply[3]);
    if (reply[0] === "refused") return { admitted: false, reservation: refusal(demand, levels, reply) };
    const open = (reply[4] as number[]).map((place) => demand.anyOf[place - 1]!);
    return await this.#open(holdOf(number, reply[2] as number, demand, open, true), draft, levels);
  }

  async extend(hold: OpenHold, scopes: readonly ScopeDemand[], draft: UsageRecord): Promise<boolean> {
    const { fence } = this.node;
    const question = { hold: String(hold.number), scopes };
    const [answer] = await this.#askFully({ op: "extend", ...question }, fence.epoch);
    // What was admitted without Redis grows no more; what was settled by rule meanwhile neither.
    if (answer !== "ok") return false;
    const more = new Map(scopes.map((each) => [each.scope, each.amounts]));
    const changed = (by: typeof plus) =>
      hold.taken.map((each) => {
        const amounts = more.get(each.scope);
        return amounts === undefined ? each : { ...each, amounts: by(each.amounts, amounts) };
      });
    hold.taken = changed(plus);
    try {
      await this.#ledger.open({ number: hold.number, at: hold.at, draft, taken: hold.taken }, fence);
    } catch (error) {
      hold.taken = changed(minus);
      await this.#counters.ask({ op: "shrink", ...question }, fence.epoch).catch(() => {});
      throw error;
    }
    return true;
  }

  async settle({ number }: OpenHold, record: UsageRecord): Promise<Entry> {
    const entry = await this.#ledger.close(number, record);
    // The ledger has it, so the answer may end; Redis knows a moment later what the call has left over.
    const telling = this.#tell(number, entry).finally(() => this.#telling.delete(telling));
    this.#telling.add(telling);
    return entry;
  }

  async refund(record: UsageRecord): Promise<boolean> {
    // Whoever counts anew between the two steps reads it in the ledger: told then, it would be given back twice. Who has
    // begun to before does not, so it is not written then: told in the epoch that ends, it would be lost in the next.
    const { fence } = this.node;
    const seq = await this.#ledger.appendOnce(record, fence);
    if (seq === undefined) return false;
    const question = { charges: chargesOf(record), seq, at: record.admittedAt as number };
    // Where nobody knows whether Redis has heard it, all is counted anew.
    await this.#counters.ask({ op: "refund", ...question }, fence.epoch).catch(() => {
      this.#owes = true;
    });
    return true;
  }

  async levels(scopes: readonly ScopeDemand[]): Promise<Level[]> {
    // Of a scope that has no limit there is nothing to say.
    const limited = scopes.filter(({ limits }) => limits.length > 0);
    await this.told();
    return levelsFrom(limited, (await this.#counters.ask({ op: "look", scopes: limited }))[3]);
  }

  async usage(scope: string, zone: string): Promise<Usage> {
    await this.told();
    const reply = await this.#counters.ask({ op: "usage", scopes: [{ scope, zone, limits: [], amounts: NOTHING }] });
    return usageFrom(scope, reply[3] as string[]);
  }

  async recover(dead: readonly number[]): Promise<UsageRecord[]> {
    const records: UsageRecord[] = [];
    while (dead.length > 0) {
      const left = await this.#ledger.holdsOf(dead, AT_ONCE);
      await Promise.all(
        left.map(async ({ number, at, draft }) => {
          const entry = await this.#ledger.close(number, byRule(draft, at, this.time()));
          await this.#tell(number, entry);
          if (entry.fresh) records.push(entry.record);
        }),
      );
      if (left.length < AT_ONCE) break;
    }
    // What died between its two steps has no row: it was never admitted, or is in the ledger already. A node that
    // another one has declared dead since may have rows still, and one that has joined since is known by now.
    const held = await this.#holds();
    const known = await this.node.known();
    const left = held.filter(({ node }) => dead.includes(node) || !known.has(node));
    await this.#resolve(left.map(({ number }) => number));
    return records;
  }

  async tidy(mine: ReadonlySet<number>): Promise<void> {
    const { id } = this.node;
    if (id === undefined) return;
    const rows = await this.#ledger.numbersOf(id);
    const held = (await this.#holds()).filter(({ node }) => node === id).map(({ number }) => number);
    const strange = [...new Set([...rows, ...held])].filter((number) => !mine.has(number) && !this.#untold.has(number));
    // Twice in a row: a call that is between two steps now is not meant.
    const left = strange.filter((number) => this.#seen.has(number));
    this.#seen = new Set(strange);
    if (left.length === 0) return;
    await this.#ledger.forget(left);
    await this.#resolve(left);
  }

  async retry(): Promise<void> {
    if (this.#owes) {
      await this.place();
      this.node.leave(this.node.fence.epoch);
      await this.node.join(true);
    }
    for (const [number, entry] of [...this.#untold]) await this.#tell(number, entry);
  }

  async save(): Promise<void> {
    const open = async () => (await this.#holds()).map(({ number }) => number);
    await this.#accounts.save(async (_, scopes, charged) => {
      const rates = new Map<string, Rates>();
      for (let i = 0; i < scopes.length; i += AT_ONCE) {
        const some = scopes.slice(i, i + AT_ONCE);
        const asked = some.map((scope) => ({ scope, zone: "UTC", limits: [], amounts: NOTHING }));
        const reply = await this.#counters.ask({ op: "rates", scopes: asked, numbers: charged });
        const without = new Set((reply[4] as string[]).map(Number));
        for (const [scope, buckets, replayed] of reply[3] as RatesRow[]) {
          rates.set(scope, { buckets: bucketsFrom(buckets), replayed: replayed.map(replayedFrom), without });
        }
      }
      return rates;
    }, open);
    await this.#idle.sweep();
  }

  /** See `Forgetting`. */
  async forgetSome(after: string | undefined, before: number): Promise<string | undefined> {
    const reply = await this.#counters.ask({ op: "forget", cursor: after ?? "0", before, idle: IDLE_MS });
    return reply[3] === "0" ? undefined : (reply[3] as string);
  }

  async told(): Promise<void> {
    await Promise.all(this.#telling);
  }

  async close(): Promise<void> {
    await this.told();
    this.#counters.connection.close();
  }

  place(): Promise<string> {
    return this.#counters.connection.connect();
  }

  async has(epoch: number): Promise<boolean> {
    if (this.#owes || !(await this.#counters.has(epoch))) return false;
    this.#counters.enter(epoch, await this.place());
    return true;
  }

  async count(epoch: number): Promise<void> {
    const runId = await this.place();
    const { accounts, holds, at } = await this.#accounts.recount();
    const all = [...accounts];
    for (let i = 0; i < all.length; i += AT_ONCE) {
      const some = all.slice(i, i + AT_ONCE).map(([scope, account]) => [scope, stored(account.share(at))] as const);
      await this.#counters.fill(epoch, Object.fromEntries<StoredAccount>(some), {});
    }
    for (let i = 0; i < holds.length; i += AT_ONCE) {
      const some = holds.slice(i, i + AT_ONCE).map(({ hold, takings }) => {
        const taken = hold.taken.flatMap(({ amounts, drawn }, j) => [
          ...rowOf(amounts),
          ...takings[j]!.turns,
          drawn,
          1,
        ]);
        const scopes = hold.taken.map(({ scope }) => scope);
        return [String(hold.number), [hold.node, hold.at, taken, scopes]] as const;
      });
      await this.#counters.fill(epoch, {}, Object.fromEntries<StoredHold>(some));
    }
    await this.#counters.begin(epoch, { accounts: all.length, holds: holds.length }, at);
    this.#counters.enter(epoch, runId);
    this.#owes = false;
    this.#alone.clear();
  }

  /** Asks for more room; again, if what has ended here before was not yet all told and there was none. */
  async #askFully(question: Question, epoch: number): Promise<readonly Reply[]> {
    const telling = [...this.#telling];
    const reply = await this.#counters.ask(question, epoch);
    if (reply[0] !== "refused" || telling.length === 0) return reply;
    await Promise.all(telling);
    return await this.#counters.ask(question, epoch);
  }

  /** The second step of `reserve`. What it cannot do is given back. */
  async #open(hold: OpenHold, draft: UsageRecord, levels: Level[]): Promise<Taking> {
    const { number, at, open, taken, counted } = hold;
    draft.admittedAt = at;
    draft.mayHaveAsked = open.map(accountOf);
    try {
      await this.#ledger.open({ number, at, draft, taken }, this.node.fence);
    } catch (error) {
      if (counted) await this.#counters.ask(giveBack(number)).catch(() => {});
      throw error;
    }
    return { admitted: true, reservation: { admitted: true, hold: number, levels, open: [...open] }, hold };
  }

  /** Whether this node may admit it without the counters. Counts it, if so. */
  #mayAlone({ scopes, anyOf, whenStoreAway }: Demand): boolean {
    if (whenStoreAway === undefined) return false;
    if ([...scopes, ...anyOf].some(({ limits }) => limits.some(({ dimension }) => dimension === "usd"))) return false;
    const before = this.#alone.get(whenStoreAway.scope) ?? 0;
    if (before >= whenStoreAway.requests) return false;
    this.#alone.set(whenStoreAway.scope, before + 1);
    this.#owes = true;
    return true;
  }

  /** Redis is there again, and does not know what was admitted without it: everybody counts anew. */
  async #pay(): Promise<void> {
    await this.place();
    throw new Stale("Redis has not been told of some Holds");
  }

  async #tell(number: number, { record, seq }: Entry): Promise<void> {
    try {
      await this.#counters.ask({ op: "settle", hold: String(number), charges: chargesOf(record), seq });
      this.#untold.delete(number);
    } catch {
      // The ledger has it; until Redis knows, all that was reserved counts there.
      this.#untold.set(number, { seq, record, fresh: false });
    }
  }

  async #resolve(numbers: readonly number[]): Promise<void> {
    if (numbers.length === 0) return;
    const entries = await this.#ledger.closed(numbers);
    for (const number of numbers) {
      const entry = entries.get(number);
      if (entry === undefined) await this.#counters.ask(giveBack(number));
      else await this.#tell(number, entry);
    }
  }

  /** All Holds that Redis knows. */
  async #holds(): Promise<{ number: number; node: number }[]> {
    const found: { number: number; node: number }[] = [];
    let cursor = "0";
    do {
      const reply = await this.#counters.ask({ op: "holds", cursor });
      cursor = reply[3] as string;
      for (const [number, node] of reply[4] as string[][]) found.push({ number: Number(number), node: Number(node) });
    } while (cursor !== "0");
    return found;
  }
}

function giveBack(number: number) {
  return { op: "settle", hold: String(number), charges: [], seq: 0 } as const;
}

function holdOf(number: number, at: number, demand: Demand, open: readonly ScopeDemand[], counted: boolean): OpenHold {
  const taken =
    (certain: boolean) =>
    (each: ScopeDemand): Taken => {
      const { scope, zone, amounts } = each;
      return { scope, zone, amounts, drawn: certain ? amounts.requests : 0, turns: [] };
    };
  return {
    number,
    at,
    open: open.map(({ scope }) => scope),
    taken: [...demand.scopes.map(taken(true)), ...open.map(taken(false))],
    counted,
  };
}

function levelsFrom(scopes: readonly ScopeDemand[], reply: Reply | undefined): Level[] {
  const row = reply as (string | number)[];
  let next = 0;
  return scopes.flatMap(({ scope, limits }) =>
    limits.map((limit) => {
      return { scope, limit, remaining: Number(row[next++]), resetMs: Number(row[next++]) };
    }),
  );
}

function refusal(demand: Demand, levels: Level[], reply: readonly Reply[]): Reservation {
  const [, , , , kind, place, which, wait, remaining, resetMs] = reply;
  const { scope, limits } = (kind === "s" ? demand.scopes : demand.anyOf)[(place as number) - 1]!;
  const limit = limits[(which as number) - 1]!;
  return {
    admitted: false,
    refusedBy: { scope, limit, remaining: Number(remaining), resetMs: Number(resetMs) },
    retryAfterMs: Number(wait) === -1 ? null : Number(wait),
    levels,
  };
}

function usageFrom(scope: string, row: readonly string[]): Usage {
  const [zone, ...texts] = row as [string, ...string[]];
  const numbers = texts.map(Number);
  const period = (i: number) => {
    const amounts = (from: number) => {
      const [requests, input, output, usd] = numbers.slice(from + 4 * i, from + 4 * i + 4) as number[];
      return { requests: requests!, input: input!, output: output!, usd: usd! };
    };
    const { total } = periodsAt("UTC", 0);
    const edges =
      i === 3
        ? { ...total, since: total.start }
        : { start: numbers[1 + 2 * i]!, end: numbers[2 + 2 * i]!, since: numbers[39 + i]! };
    return { ...edges, spent: amounts(7), reserved: amounts(23) };
  };
  const periods = { day: period(0), week: period(1), month: period(2), total: period(3) };
  return { scope, zone, running: numbers[0]!, periods };
}

/** A scope, its buckets, and what other rates will have to know of. */
type RatesRow = readonly [string, readonly string[], readonly (readonly string[])[]];
