import type { Taking } from "../../domain/plans/account.ts";
import { admit, chargedIn, levelsOf, takeAll } from "../../domain/plans/admit.ts";
import { NOTHING } from "../../domain/plans/amounts.ts";
import { accountOf, chargesOf } from "../../domain/plans/charges.ts";
import { GatewayError } from "../../errors.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { Recount } from "../../ports/ledger.ts";
import type { Demand, Level, Meter, MeterTime, MeterView, Reservation, ScopeDemand, Usage } from "../../ports/meter.ts";
import type { UsageRecord } from "../../ports/records.ts";
import type { Journal } from "../journal.ts";
import { Accounts } from "./accounts.ts";
import { recount } from "./recount.ts";

/** How often the journal is asked again to take what it could not. */
const RETRY_MS = 1_000;

/** So long after its last failure the journal counts as failing, if nobody has tried it since. */
const FAILING_MS = 5_000;

interface OpenHold {
  at: number;
  takings: readonly Taking[];
  /** Scopes of provider accounts that it may be charged for. */
  open: readonly string[];
  /** Its record is on its way to the journal, or waits for it. */
  settling: boolean;
}

/**
 * Counts in memory, remembers in a journal. Everything between the first check and the last
 * addition of `reserve` happens without a wait, so on one thread it is one step: no two
 * calls can both take the last of a limit. What was reserved becomes what was spent in the
 * step in which the ledger has it: until then nothing of it is free.
 */
export class MemoryMeter implements Meter, MeterTime, MeterView {
  readonly #journal: Journal;
  readonly #clock: Clock;
  /** What is counted about each scope, and in use now. */
  readonly accounts: Accounts;
  readonly #holds = new Map<number, OpenHold>();
  /** Records of settled Holds that the journal could not take. Nothing is admitted while it takes nothing, so they are few. */
  readonly #unwritten = new Map<number, UsageRecord>();
  /** Ids of what is being given back: of two that try at one moment, one does. */
  readonly #refunding = new Set<string>();
  #retrying = false;
  #nextRetry = 0;
  /** Ticks of the journal's last failure; undefined since it has last taken something. */
  #failedAt: number | undefined;
  #nextHold: number;
  /** Time of the last step: a wall clock that goes back must not reopen a period, nor may a restart under one. */
  #latest: number;

  constructor(journal: Journal, clock: Clock) {
    this.#journal = journal;
    this.#clock = clock;
    this.#nextHold = journal.lastHold() + 1;
    this.accounts = new Accounts(journal);
    const { at, seq } = journal.mark();
    this.#latest = at;
    for (const entry of journal.entries(seq)) {
      this.#latest = Math.max(this.#latest, entry.record.admittedAt ?? 0);
      this.accounts.apply(entry);
    }
    for (const left of journal.unsettled()) this.#latest = Math.max(this.#latest, left.at);
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

  async reserve(demand: Demand, draft: UsageRecord): Promise<Reservation> {
    const now = this.#now();
    const admission = admit(demand, ({ scope, zone }) => this.accounts.of(scope, zone, now), now);
    const { chosen } = admission;
    if (!admission.admitted) {
      const { refusedBy, retryAfterMs } = admission;
      return { admitted: false, refusedBy, retryAfterMs, levels: levelsOf(chosen, now) };
    }
    const { open } = admission;
    const hold = this.#nextHold++;
    const moving = chosen.filter(({ account, demand }) => account.zone !== demand.zone);
    const held: OpenHold = { at: now, takings: takeAll(chosen, now), open, settling: false };
    this.#holds.set(hold, held);
    const levels = levelsOf(chosen, now);
    draft.admittedAt = now;
    draft.mayHaveAsked = open.map(accountOf);
    try {
      await this.#journal.open({ hold, at: now, draft });
    } catch (cause) {
      // The fault was ours, so the request is given back too.
      for (const taking of held.takings) taking.account.settle(taking, NOTHING, this.#now());
      this.#holds.delete(hold);
      throw this.#failed(cause);
    }
    this.#failedAt = undefined;
    if (moving.length > 0)
      this.accounts.moved(
        moving.map(({ account }) => account),
        this.#now(),
      );
    return { admitted: true, hold, levels, open };
  }

  async extend(hold: number, scopes: readonly ScopeDemand[], draft: UsageRecord): Promise<boolean> {
    const held = this.#holds.get(hold);
    if (held === undefined || held.settling)
      throw new Error(`broken promise: Hold ${hold} is extended while it is open`);
    const now = this.#now();
    const takingOf = (scope: string) => {
      const taking = held.takings.find(({ account }) => account.scope === scope);
      if (taking === undefined) throw new Error("broken promise: a Hold is extended where it has taken before");
      return taking;
    };
    const growing = scopes.map(({ scope, limits, amounts }) => ({ taking: takingOf(scope), limits, amounts }));
    // It is charged to the day that admitted it, and of a day that is over nobody knows any more what was left.
    if (growing.some(({ taking, limits }) => taking.account.isOver(taking, limits, now))) return false;
    const admission = admit({ scopes, anyOf: [] }, ({ scope }) => takingOf(scope).account, now);
    if (!admission.admitted) return false;
    for (const { taking, amounts } of growing) taking.account.grow(taking, amounts, now);
    draft.admittedAt = held.at;
    draft.mayHaveAsked = held.open.map(accountOf);
    try {
      await this.#journal.open({ hold, at: held.at, draft });
    } catch (cause) {
      if (!held.settling) {
        for (const { taking, amounts } of growing) taking.account.shrink(taking, amounts, this.#now());
      }
      throw this.#failed(cause);
    }
    return true;
  }

  async settle(hold: number, record: UsageRecord): Promise<void> {
    const held = this.#holds.get(hold);
    if (held === undefined || held.settling) throw new Error(`broken promise: Hold ${hold} is settled once`);
    held.settling = true;
    record.admittedAt = held.at;
    try {
      await this.#close(hold, held, record);
    } catch (cause) {
      this.#unwritten.set(hold, record);
      throw this.#failed(cause);
    }
    this.#failedAt = undefined;
  }

  async refund(record: UsageRecord): Promise<boolean> {
    if (this.#refunding.has(record.id)) return false;
    this.#refunding.add(record.id);
    try {
      if ((await this.#journal.find(record.id)) !== undefined) return false;
      await this.#journal.append(record, (seq) => this.accounts.apply({ seq, record }));
    } catch (cause) {
      throw this.#failed(cause);
    } finally {
      this.#refunding.delete(record.id);
    }
    this.#failedAt = undefined;
    return true;
  }

  async levels(scopes: readonly ScopeDemand[]): Promise<Level[]> {
    const now = this.#now();
    return levelsOf(
      chargedIn(scopes, ({ scope, zone }) => this.accounts.of(scope, zone, now)),
      now,
    );
  }

  async usage(scope: string, zone: string): Promise<Usage> {
    const now = this.#now();
    return this.accounts.of(scope, zone, now).usage(now);
  }

  time(): number {
    return this.#now();
  }

  recount(mend: boolean): Promise<Recount> {
    return recount(this.#journal, this.accounts, () => this.#now(), mend);
  }

  /**
   * Tries again to write what the journal could not take; cheap where there is nothing, and
   * no oftener than every second where there is. What is never taken is settled by rule on
   * the next start.
   * @returns how many records were written now, and how many are left.
   */
  async retry(): Promise<{ written: number; left: number }> {
    if (this.#unwritten.size === 0) return { written: 0, left: 0 };
    const waiting = [...this.#unwritten];
    if (this.#retrying || this.#clock.ticks() < this.#nextRetry) {
      return { written: 0, left: waiting.length };
    }
    this.#retrying = true;
    this.#nextRetry = this.#clock.ticks() + RETRY_MS;
    const tries = await Promise.allSettled(
      waiting.map(([hold, record]) => this.#close(hold, this.#holds.get(hold) as OpenHold, record)),
    );
    this.#retrying = false;
    const written = tries.filter(({ status }) => status === "fulfilled").length;
    tries.forEach(({ status }, i) => {
      if (status === "fulfilled") this.#unwritten.delete(waiting[i]![0]);
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
    const now = this.#now();
    const records = left.map(({ at, draft }) => {
      // It held what it had reserved until now, whoever counts it again.
      return { ...draft, admittedAt: at, outcome: "recovered" as const, totalMs: now - at };
    });
    await Promise.all(
      left.map(({ hold }, i) =>
        this.#journal.close(hold, records[i]!, (seq) => this.accounts.apply({ seq, record: records[i]! })),
      ),
    );
    return records;
  }

  /** Saves what was counted, a slice between two calls each, and forgets accounts that nobody uses. */
  async sweep(): Promise<void> {
    await this.accounts.save(() => this.#now());
    this.accounts.forgetIdle(this.#now());
  }

  #close(hold: number, held: OpenHold, record: UsageRecord): Promise<void> {
    return this.#journal.close(hold, record, (seq) => {
      const now = this.#now();
      this.#holds.delete(hold);
      const { takings } = held;
      const settled = takings.map(() => false);
      let next = 0;
      for (const { scope, zone, amounts } of chargesOf(record)) {
        // A record names whom it charges in the order of its demand, but for providers.
        const i =
          takings[next]?.account.scope === scope ? next : takings.findIndex((each) => each.account.scope === scope);
        const taking = i < 0 || settled[i] ? undefined : takings[i];
        if (taking !== undefined) settled[i] = true;
        next = i + 1;
        const account = taking?.account ?? this.accounts.of(scope, zone, now);
        if (taking === undefined) account.charge(amounts, held.at, now, now);
        else account.settle(taking, amounts, now);
        this.accounts.counted(account, seq);
      }
      // Accounts that had room, and were not asked.
      for (let i = 0; i < takings.length; i++) {
        if (!settled[i]) takings[i]!.account.settle(takings[i]!, NOTHING, now);
      }
    });
  }

  #failed(cause: unknown): GatewayError {
    this.#failedAt = this.#clock.ticks();
    return new GatewayError(
      "store_unavailable",
      "The gateway cannot keep its books at the moment, so it admits nothing.",
      { internal: "the journal refused a write", cause, retryAfterMs: 1_000 },
    );
  }

  #now(): number {
    this.#latest = Math.max(this.#latest, this.#clock.now());
    return this.#latest;
  }
}
