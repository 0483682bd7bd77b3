import { accountOf } from "../../domain/plans/charges.ts";
import { GatewayError } from "../../errors.ts";
import type { Recount } from "../../ports/ledger.ts";
import type { Demand, Level, Meter, MeterTime, MeterView, Reservation, ScopeDemand, Usage } from "../../ports/meter.ts";
import type { UsageRecord } from "../../ports/records.ts";
import { type Entry, Stale, type Taken } from "./ledger.ts";
import { type RecountPorts, recountLedger } from "./ledger-recount.ts";
import type { Node } from "./meter-node.ts";

/** Tries of one step whose epoch ends meanwhile. */
const TRIES = 4;

/** How often what could not be written is tried again. */
const RETRY_MS = 1_000;

/** So long after its last failure the store counts as failing, if nobody has tried it since. */
const FAILING_MS = 5_000;

/** How often this node looks for what dead nodes, or its own broken connections, have left behind. */
const LOOK_MS = 10_000;

/** How often the sums of the ledger are brought up to date: so much of it is read when counters are lost. */
const SAVE_MS = 15_000;

/** A Hold of this node. */
export interface OpenHold {
  number: number;
  at: number;
  /** Scopes of provider accounts that it may be charged for. */
  open: readonly string[];
  taken: readonly Taken[];
  /** Whether it is in the counters; not if they were away when it was admitted. */
  counted: boolean;
}

export type Taking =
  | { admitted: true; reservation: Reservation; hold: OpenHold }
  | { admitted: false; reservation: Reservation };

/** How one kind of store counts. Steps throw Stale where the epoch is over; they are tried again in the next one. */
export interface Counting extends MeterView {
  /** What the store's clock says now, by its last word and the time that has passed here. */
  time(): number;
  /** Whether a Hold can be settled while the counters are away: they are told later. */
  readonly settlesAnyway: boolean;
  reserve(number: number, demand: Demand, draft: UsageRecord): Promise<Taking>;
  extend(hold: OpenHold, scopes: readonly ScopeDemand[], draft: UsageRecord): Promise<boolean>;
  settle(hold: OpenHold, record: UsageRecord): Promise<Entry>;
  /** @returns whether it was given back now */
  refund(record: UsageRecord): Promise<boolean>;
  /** Settles by rule what dead nodes have left open. @returns the records */
  recover(dead: readonly number[]): Promise<UsageRecord[]>;
  /** Gives back what was taken for calls that were never admitted, because a connection broke in between. @param mine Holds of this node that run */
  tidy(mine: ReadonlySet<number>): Promise<void>;
  /** What the counters have to be told still. */
  retry(): Promise<void>;
  /** Resolves when the counters know of every call that was settled before. */
  told(): Promise<void>;
  /** Brings the sums of the ledger up to date, and forgets counters that nobody uses. */
  save(): Promise<void>;
  close(): Promise<void>;
}

/** The meter of one node on a store that several share. */
export class SharedMeter implements Meter, MeterTime, MeterView {
  readonly #counting: Counting;
  readonly #node: Node;
  readonly #books: Pick<RecountPorts, "ledger" | "accounts" | "now">;
  readonly #holds = new Map<number, OpenHold & { settling: boolean }>();
  /** Calls between the first step and the last of `reserve`. */
  readonly #beginning = new Set<number>();
  readonly #unwritten = new Map<number, UsageRecord>();
  readonly #onTrouble: (what: string, cause: unknown) => void;
  #latest = 0;
  #failedAt = Number.NEGATIVE_INFINITY;
  #nextRetry = 0;
  #nextLook = 0;
  #nextSave = SAVE_MS;
  #sweeping = false;
  #retrying = false;
  /** Settled by rule by another node, though this one lived: it was not heard of for too long. */
  recoveredMeanwhile = 0;

  constructor(
    counting: Counting,
    node: Node,
    books: Pick<RecountPorts, "ledger" | "accounts" | "now">,
    onTrouble: (what: string, cause: unknown) => void,
  ) {
    this.#counting = counting;
    this.#node = node;
    this.#books = books;
    this.#onTrouble = onTrouble;
  }

  /** Holds of this node that are reserved and not settled. */
  get openHolds(): number {
    let open = 0;
    for (const { settling } of this.#holds.values()) if (!settling) open++;
    return open;
  }

  get failing(): boolean {
    return performance.now() - this.#failedAt < FAILING_MS;
  }

  async reserve(demand: Demand, draft: UsageRecord): Promise<Reservation> {
    const taking = await this.#inEpoch(async () => {
      const number = await this.#node.number();
      this.#beginning.add(number);
      try {
        const taken = await this.#counting.reserve(number, demand, draft);
        if (taken.admitted) this.#holds.set(number, { ...taken.hold, settling: false });
        return taken;
      } finally {
        this.#beginning.delete(number);
      }
    });
    return taking.reservation;
  }

  async extend(number: number, scopes: readonly ScopeDemand[], draft: UsageRecord): Promise<boolean> {
    const hold = this.#holds.get(number);
    if (hold === undefined || hold.settling) {
      throw new Error(`broken promise: Hold ${number} is extended while it is open`);
    }
    draft.admittedAt = hold.at;
    draft.mayHaveAsked = hold.open.map(accountOf);
    return await this.#inEpoch(() => this.#counting.extend(hold, scopes, draft));
  }

  async settle(number: number, record: UsageRecord): Promise<void> {
    const hold = this.#holds.get(number);
    if (hold === undefined || hold.settling) throw new Error(`broken promise: Hold ${number} is settled once`);
    hold.settling = true;
    record.admittedAt = hold.at;
    try {
      await this.#toClose(hold, record);
    } catch (cause) {
      this.#unwritten.set(number, record);
      throw cause;
    }
  }

  async refund(record: UsageRecord): Promise<boolean> {
    return await this.#inEpoch(() => this.#counting.refund(record));
  }

  async levels(scopes: readonly ScopeDemand[]): Promise<Level[]> {
    return await this.#inEpoch(() => this.#counting.levels(scopes));
  }

  async usage(scope: string, zone: string): Promise<Usage> {
    return await this.#inEpoch(() => this.#counting.usage(scope, zone));
  }

  time(): number {
    this.#latest = Math.max(this.#latest, this.#counting.time());
    return this.#latest;
  }

  /** Adds up the ledger, compares it with the counters, and has all nodes count anew if asked. Calls go on meanwhile. */
  recount(mend: boolean): Promise<Recount> {
    const usage = (scope: string, zone: string) => this.#inEpoch(() => this.#counting.usage(scope, zone));
    return recountLedger({ ...this.#books, usage, recount: () => this.#node.recount() }, mend);
  }

  /** Settles by rule what nodes that are dead have left open: the request counts, and all that was reserved. */
  async recover(): Promise<UsageRecord[]> {
    await this.#node.join(true);
    const dead = await this.#node.dead();
    const records = await this.#counting.recover(dead);
    await this.#node.bury(dead);
    return records;
  }

  /**
   * Tries again to write what the store could not take; an overlapping call does nothing: a store that hangs takes
   * longer than it is between two tries. @returns how many were written, and how many are left
   */
  async retry(): Promise<{ written: number; left: number }> {
    const waiting = [...this.#unwritten];
    if (waiting.length === 0 || this.#retrying || performance.now() < this.#nextRetry) {
      return { written: 0, left: waiting.length };
    }
    this.#retrying = true;
    this.#nextRetry = performance.now() + RETRY_MS;
    const tries = await Promise.allSettled(
      waiting.map(async ([number, record]) => {
        const hold = this.#holds.get(number);
        if (hold !== undefined) await this.#toClose(hold, record);
        this.#unwritten.delete(number);
      }),
    );
    this.#retrying = false;
    return { written: tries.filter(({ status }) => status === "fulfilled").length, left: this.#unwritten.size };
  }

  /** What runs beside the calls: heartbeat, dead nodes, sums. Never throws; an overlapping call does nothing. */
  async sweep(): Promise<UsageRecord[]> {
    if (this.#sweeping) return [];
    this.#sweeping = true;
    let recovered: UsageRecord[] = [];
    try {
      await this.#node.beat();
      await this.#node.join();
      await this.#counting.retry();
      const now = performance.now();
      if (now >= this.#nextLook) {
        this.#nextLook = now + LOOK_MS;
        recovered = await this.recover();
        if (recovered.length > 0) {
          this.#onTrouble(`${recovered.length} Holds of nodes that died have been charged as reserved`, undefined);
        }
        await this.#counting.tidy(new Set([...this.#holds.keys(), ...this.#beginning]));
      }
      if (now >= this.#nextSave) {
        this.#nextSave = now + SAVE_MS;
        await this.save();
      }
    } catch (cause) {
      this.#onTrouble("the shared store could not be looked after; it is tried again", cause);
    } finally {
      this.#sweeping = false;
    }
    return recovered;
  }

  /** Brings the sums of the ledger up to date, as every sweep does now and then. */
  async save(): Promise<void> {
    await this.#counting.save();
  }

  /** Resolves when the counters of all nodes know of every call that was settled here before. */
  async told(): Promise<void> {
    await this.#counting.told();
  }

  /** Ends this node in good order. What it has left open is charged by another one, or at the next start. */
  async close(): Promise<void> {
    await this.#node.end().catch(() => {});
    await this.#counting.close();
  }

  async #toClose(hold: OpenHold, record: UsageRecord): Promise<void> {
    const close = () => this.#close(hold, record);
    await (this.#counting.settlesAnyway ? this.#guarded(close) : this.#inEpoch(close));
  }

  async #close(hold: OpenHold, record: UsageRecord): Promise<void> {
    const entry = await this.#counting.settle(hold, record);
    this.#holds.delete(hold.number);
    if (entry.record.id === record.id && entry.record.outcome === record.outcome) return;
    this.recoveredMeanwhile++;
    this.#onTrouble("a call was charged by rule by another node, because this one was not heard of", undefined);
  }

  /** Does one step, in the next epoch where this one ends in between. */
  #inEpoch<T>(step: () => Promise<T>): Promise<T> {
    return this.#guarded(async () => {
      for (let tries = 1; ; tries++) {
        await this.#node.join();
        const { epoch } = this.#node.fence;
        try {
          return await step();
        } catch (error) {
          if (!(error instanceof Stale)) throw error;
          this.#node.leave(epoch);
          if (tries === TRIES) throw error;
        }
      }
    });
  }

  /** Whatever fails is told as one thing. */
  async #guarded<T>(step: () => Promise<T>): Promise<T> {
    try {
      const value = await step();
      this.#failedAt = Number.NEGATIVE_INFINITY;
      return value;
    } catch (cause) {
      this.#failedAt = performance.now();
      throw new GatewayError(
        "store_unavailable",
        "The gateway cannot keep its books at the moment, so it admits nothing.",
        { internal: "the shared store refused a step of the meter", cause, retryAfterMs: 1_000 },
      );
    }
  }
}

/**
 * What becomes of a Hold whose node is dead. It held what it had reserved until now, whoever counts it again.
 * @param now by the meter's time: whoever counts it again would let rates have it back sooner by a clock that is behind
 */
export function byRule(draft: UsageRecord, at: number, now: number): UsageRecord {
  return { ...draft, admittedAt: at, outcome: "recovered", totalMs: Math.max(0, now - at) };
}
