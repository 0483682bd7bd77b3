import { createWindow, type WindowCounter } from "../../domain/plans/window.ts";
import { GatewayError } from "../../errors.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { Charge, Demand, Level, Meter, Reservation } from "../../ports/meter.ts";
import type { UsageRecord } from "../../ports/records.ts";
import type { Journal, Spent } from "../journal.ts";

/** How often the journal is asked again to take what it could not. */
const RETRY_MS = 1_000;

/** So long after its last failure the journal counts as failing, if nobody has tried it since. */
const FAILING_MS = 5_000;

/** A demand with the counter that it is about; a limit of concurrency has none. */
interface Counted {
  demand: Demand;
  counter: WindowCounter | null;
}

interface OpenHold {
  at: number;
  counted: readonly Counted[];
  /** Released, and not yet committed: the journal cannot tell of it yet, so whoever seeds a counter must still see it. */
  settling: boolean;
}

/**
 * Counts in memory, remembers in a journal. Everything between the first check and the last
 * addition of `reserve` happens without a wait, so on one thread it is one step: no two
 * calls can both take the last of a limit. A counter is filled from the journal when it is
 * first asked for, so a restart forgets nothing and grants nothing.
 */
export class MemoryMeter implements Meter {
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #windows = new Map<string, WindowCounter>();
  readonly #running = new Map<string, number>();
  readonly #holds = new Map<number, OpenHold>();
  /** Records of settled Holds that the journal could not take. Nothing is admitted while it takes nothing, so they are few. */
  readonly #unwritten = new Map<number, UsageRecord>();
  #retrying = false;
  #nextRetry = 0;
  /** Ticks of the journal's last failure; undefined since it has last taken something. */
  #failedAt: number | undefined;
  #nextHold: number;
  /** Time of the last step: a wall clock that goes back must not reopen a window. */
  #latest = 0;

  constructor(journal: Journal, clock: Clock) {
    this.#journal = journal;
    this.#clock = clock;
    this.#nextHold = journal.lastHold() + 1;
  }

  /** Holds that are reserved and not settled. */
  get openHolds(): number {
    let open = 0;
    for (const { settling } of this.#holds.values()) if (!settling) open++;
    return open;
  }

  /** Whether the journal has failed of late, and has taken nothing since. */
  get failing(): boolean {
    return this.#failedAt !== undefined && this.#clock.ticks() - this.#failedAt < FAILING_MS;
  }

  async reserve(demands: readonly Demand[], draft: UsageRecord): Promise<Reservation> {
    const now = this.#now();
    const counted = demands.map((demand) => ({ demand, counter: this.#counter(demand, now) }));
    const refusal = this.#firstRefusal(counted, now);
    if (refusal !== undefined) return { ...refusal, admitted: false, levels: this.#levels(counted, now) };
    const hold = this.#nextHold++;
    for (const each of counted) this.#add(each, now);
    this.#holds.set(hold, { at: now, counted, settling: false });
    const levels = this.#levels(counted, now);
    draft.admittedAt = now;
    try {
      await this.#journal.open({ hold, at: now, draft });
    } catch (cause) {
      // The fault was ours, so the request is given back too.
      this.#release(hold, { requests: -1, tokens: 0, usd: 0 });
      this.#holds.delete(hold);
      this.#failedAt = this.#clock.ticks();
      throw unavailable(cause);
    }
    this.#failedAt = undefined;
    return { admitted: true, hold, levels };
  }

  async extend(hold: number, demands: readonly Demand[], draft: UsageRecord): Promise<boolean> {
    const open = this.#holds.get(hold);
    if (open === undefined || open.settling)
      throw new Error(`broken promise: Hold ${hold} is extended while it is open`);
    const now = this.#now();
    const more = demands
      .filter(({ dimension }) => dimension === "tokens" || dimension === "usd")
      .map((demand) => ({ demand, counter: this.#counter(demand, now) }));
    if (this.#firstRefusal(more, now) !== undefined) return false;
    this.#grow(open, more, now, 1);
    draft.admittedAt = open.at;
    try {
      await this.#journal.open({ hold, at: open.at, draft });
    } catch (cause) {
      if (!open.settling) this.#grow(open, more, this.#now(), -1);
      this.#failedAt = this.#clock.ticks();
      throw unavailable(cause);
    }
    return true;
  }

  /** Adds to what a Hold has taken, as of when it was admitted, or takes that back. */
  #grow(open: OpenHold, more: readonly Counted[], now: number, sign: 1 | -1): void {
    for (const { demand, counter } of more) {
      const own = open.counted.find((each) => each.counter === counter);
      if (own === undefined) throw new Error(`broken promise: a Hold is extended where it has taken before`);
      own.demand = { ...own.demand, amount: own.demand.amount + sign * demand.amount };
      counter?.correct(open.at, now, sign * demand.amount);
    }
  }

  async settle(hold: number, charge: Charge, record: UsageRecord): Promise<void> {
    const open = this.#release(hold, { requests: 0, ...charge });
    if (open === undefined) throw new Error(`broken promise: Hold ${hold} is settled once`);
    record.admittedAt = open.at;
    try {
      await this.#journal.close(hold, record);
    } catch (cause) {
      this.#unwritten.set(hold, record);
      this.#failedAt = this.#clock.ticks();
      throw unavailable(cause);
    }
    this.#holds.delete(hold);
    this.#failedAt = undefined;
  }

  /**
   * Tries again to write what the journal could not take; cheap where there is nothing, and
   * no oftener than every second where there is. What is never taken is settled by rule on
   * the next start.
   * @returns how many records were written now, and how many are left.
   */
  async retry(): Promise<{ written: number; left: number }> {
    const waiting = [...this.#unwritten];
    if (waiting.length === 0 || this.#retrying || this.#clock.ticks() < this.#nextRetry) {
      return { written: 0, left: waiting.length };
    }
    this.#retrying = true;
    this.#nextRetry = this.#clock.ticks() + RETRY_MS;
    const tries = await Promise.allSettled(waiting.map(([hold, record]) => this.#journal.close(hold, record)));
    this.#retrying = false;
    let written = 0;
    tries.forEach(({ status }, i) => {
      if (status === "rejected") return;
      const hold = waiting[i]![0];
      this.#unwritten.delete(hold);
      this.#holds.delete(hold);
      written++;
    });
    this.#failedAt = written > 0 ? undefined : this.#clock.ticks();
    return { written, left: this.#unwritten.size };
  }

  /**
   * Settles by rule what a process that died has left open: the request counts, and what
   * was reserved is charged in full, because the provider may have done all of the work.
   * @returns the records, for whoever tells the operator.
   */
  async recover(): Promise<UsageRecord[]> {
    const left = this.#journal.unsettled();
    const records = left.map(({ at, draft }) => ({ ...draft, admittedAt: at, outcome: "recovered" as const }));
    await Promise.all(left.map(({ hold }, i) => this.#journal.close(hold, records[i]!)));
    return records;
  }

  #now(): number {
    this.#latest = Math.max(this.#latest, this.#clock.now());
    return this.#latest;
  }

  /** The refusal that takes longest to pass, if there is one. */
  #firstRefusal(counted: readonly Counted[], now: number) {
    let worst: { refusedBy: Level; retryAfterMs: number | null } | undefined;
    for (const each of counted) {
      const { demand, counter } = each;
      if (this.#used(each, now) + demand.amount <= demand.limit) continue;
      // A place under a concurrency limit comes free when any call ends: soon, but nobody knows when.
      const wait = counter === null ? 1_000 : counter.waitFor(now, demand.amount, demand.limit);
      const longer =
        worst === undefined || (worst.retryAfterMs !== null && (wait === null || wait > worst.retryAfterMs));
      if (longer) worst = { refusedBy: this.#level(each, now), retryAfterMs: wait };
    }
    return worst;
  }

  #levels(counted: readonly Counted[], now: number): Level[] {
    return counted.map((each) => this.#level(each, now));
  }

  #level(each: Counted, now: number): Level {
    const { demand, counter } = each;
    const remaining = Math.max(0, demand.limit - this.#used(each, now));
    return { demand, remaining, resetMs: counter === null ? 0 : counter.resetIn(now) };
  }

  #used({ demand, counter }: Counted, now: number): number {
    return counter === null ? (this.#running.get(demand.scope) ?? 0) : counter.used(now);
  }

  #add({ demand, counter }: Counted, now: number): void {
    if (counter === null) this.#running.set(demand.scope, (this.#running.get(demand.scope) ?? 0) + demand.amount);
    else counter.add(now, demand.amount);
  }

  /** Turns what was reserved into what was spent; undefined where that has been done. */
  #release(hold: number, charge: Charge & { requests: number }): OpenHold | undefined {
    const open = this.#holds.get(hold);
    if (open === undefined || open.settling) return undefined;
    open.settling = true;
    const now = this.#now();
    for (const { demand, counter } of open.counted) {
      if (counter === null) {
        const left = (this.#running.get(demand.scope) ?? 0) - demand.amount;
        if (left > 0) this.#running.set(demand.scope, left);
        else this.#running.delete(demand.scope);
      } else if (demand.dimension === "requests") {
        if (charge.requests !== 0) counter.correct(open.at, now, charge.requests);
      } else {
        const spent = demand.dimension === "tokens" ? charge.tokens : charge.usd;
        counter.correct(open.at, now, spent - demand.amount);
      }
    }
    return open;
  }

  #counter(demand: Demand, now: number): WindowCounter | null {
    if (demand.window === null) return null;
    const key = `${demand.scope} ${demand.dimension} ${demand.window}`;
    let counter = this.#windows.get(key);
    if (counter === undefined) {
      counter = createWindow(demand.window);
      this.#seed(counter, demand, now);
      this.#windows.set(key, counter);
    }
    return counter;
  }

  /** What the journal has of this window, and what is held open now. */
  #seed(counter: WindowCounter, demand: Demand, now: number): void {
    const subscription = demand.scope.slice(demand.scope.indexOf(":") + 1);
    for (const spent of this.#journal.spent(subscription, counter.since(now), counter.step)) {
      counter.add(Math.min(spent.at, now), amountOf(spent, demand));
    }
    for (const open of this.#holds.values()) {
      const same = open.counted.find(
        ({ demand: other }) => other.scope === demand.scope && other.dimension === demand.dimension,
      );
      if (same !== undefined) counter.add(now, same.demand.amount);
    }
  }
}

function amountOf(spent: Spent, demand: Demand): number {
  if (demand.dimension === "requests") return spent.requests;
  return demand.dimension === "tokens" ? spent.tokens : spent.usd;
}

function unavailable(cause: unknown): GatewayError {
  return new GatewayError(
    "store_unavailable",
    "The gateway cannot keep its books at the moment, so it admits nothing.",
    {
      internal: "the journal refused a write",
      cause,
      retryAfterMs: 1_000,
    },
  );
}
