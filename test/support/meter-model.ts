/**
 * The meter as a list: every taking that was ever admitted is kept, and every question is answered by
 * going through all of them. Slow, and plain enough to be believed; test/meter-properties.test.ts
 * compares the real meters with it, step by step.
 */
import { type Amounts, amountOf } from "../../src/domain/plans/amounts.ts";
import { type Period, periodsAt } from "../../src/domain/plans/period.ts";
import {
  isRate,
  type Limit,
  type LimitWindow,
  type PeriodWindow,
  RATE_MS,
  type RateWindow,
} from "../../src/kernel/limit.ts";

export const WINDOWS = ["day", "week", "month", "total"] as const satisfies readonly PeriodWindow[];

/** What one call has of one scope. */
export interface ModelTaking {
  at: number;
  /** What it may spend while it is open, and what it has spent after that. */
  amounts: Amounts;
  open: boolean;
  /** False where it may turn out that nothing was asked here. */
  certain: boolean;
}

/** What left the rates. */
interface Draw {
  at: number;
  dimension: Limit["dimension"];
  amount: number;
  /** Milliseconds in which one unit of it flows into each bucket. */
  worth: ReadonlyMap<string, Range>;
}

/** A rate that was asked. */
interface Asked {
  /** From which draw on it counts: certainly, and at the earliest. */
  from: Range;
  /** What one unit is worth now, in milliseconds. */
  each: Range;
  /** The most that it ever was. */
  dearest: number;
}

/** Sums of fractions may differ by so much. */
const FRACTION_MS = 1e-3;

/** The least and the most that a meter may say: the same, unless a restart has made it forget when exactly things were. */
export interface Range {
  least: number;
  most: number;
}

export class ModelScope {
  readonly takings: ModelTaking[] = [];
  readonly draws: Draw[] = [];
  /** From which taking on each period counts. */
  readonly #since: Record<PeriodWindow, number> = { day: 0, week: 0, month: 0, total: 0 };
  /** When each period began anew, and from which taking on it counted then. */
  readonly #turns: Record<PeriodWindow, { at: number; since: number }[]> = { day: [], week: [], month: [], total: [] };
  #periods: Readonly<Record<PeriodWindow, Period>>;
  #zone: string;
  /** Windows in which another calendar has begun to count, and then a restart has asked when things were. */
  #moved = new Set<PeriodWindow>();
  readonly #blurred = new Set<PeriodWindow>();
  /** Takings that one of two calendars counted when a restart asked; they stay in doubt until the period ends. */
  readonly #doubtful: Record<PeriodWindow, Set<ModelTaking>> = {
    day: new Set(),
    week: new Set(),
    month: new Set(),
    total: new Set(),
  };
  readonly #buckets = new Map<string, Asked>();
  #restarted = false;

  constructor(zone: string, now: number) {
    this.#zone = zone;
    this.#periods = periodsAt(zone, now);
  }

  get zone(): string {
    return this.#zone;
  }

  get running(): number {
    return this.takings.filter(({ open }) => open).length;
  }

  dayEnd(now: number): number {
    this.turn(now);
    return this.#periods.day.end;
  }

  move(zone: string, now: number): void {
    this.turn(now);
    if (zone === this.#zone) return;
    this.#zone = zone;
    this.#periods = periodsAt(zone, now);
    for (const window of WINDOWS) this.#moved.add(window);
  }

  /** Begins the periods anew that are over. */
  turn(now: number): void {
    const periods = periodsAt(this.#zone, Math.max(now, this.#periods.day.start));
    for (const window of WINDOWS) {
      if (periods[window].start <= this.#periods[window].start) continue;
      this.#since[window] = this.takings.length;
      this.#turns[window].push({ at: periods[window].start, since: this.takings.length });
      this.#moved.delete(window);
      this.#blurred.delete(window);
      this.#doubtful[window].clear();
    }
    this.#periods = periods;
  }

  /** A restart at `now`, which may be earlier than the meter had been before. */
  restart(now: number): void {
    for (const window of this.#moved) this.#blurred.add(window);
    this.#restarted = true;
    const periods = periodsAt(this.#zone, now);
    for (const window of WINDOWS) {
      // What only a refused call had begun begins again.
      if (periods[window].start >= this.#periods[window].start) continue;
      const turns = this.#turns[window];
      while (turns.length > 0 && turns.at(-1)!.at > now) turns.pop();
      this.#since[window] = turns.at(-1)?.since ?? 0;
      this.#blurred.add(window);
    }
    if (periods.day.start < this.#periods.day.start) this.#periods = periods;
    this.turn(now);
    for (const window of this.#blurred) {
      for (const [i, taking] of this.takings.entries())
        if (i >= this.#since[window] !== taking.at >= this.#periods[window].start) this.#doubtful[window].add(taking);
    }
  }

  take(amounts: Amounts, certain: boolean, at: number): ModelTaking {
    const taking = { at, amounts, open: true, certain };
    this.takings.push(taking);
    if (certain) this.#draw("requests", amounts.requests, at);
    return taking;
  }

  settle(taking: ModelTaking, amounts: Amounts, at: number): void {
    taking.open = false;
    taking.amounts = amounts;
    if (!taking.certain) this.#draw("requests", amounts.requests, at);
    for (const dimension of ["inputTokens", "outputTokens", "tokens", "usd"] as const)
      this.#draw(dimension, amountOf(amounts, dimension), at);
  }

  /** Whether a taking still counts in the period that runs. */
  counts(taking: ModelTaking, window: LimitWindow, now: number): boolean {
    this.turn(now);
    return isRate(window) || this.takings.indexOf(taking) >= this.#since[window];
  }

  /** Spent and reserved, together. */
  used(window: PeriodWindow, dimension: Limit["dimension"], now: number): Range {
    this.turn(now);
    const sum = (counts: (taking: ModelTaking, i: number) => boolean) =>
      this.takings.filter(counts).reduce((total, { amounts }) => total + amountOf(amounts, dimension), 0);
    const carried = (_: ModelTaking, i: number) => i >= this.#since[window];
    if (!this.#blurred.has(window)) return { least: sum(carried), most: sum(carried) };
    // What is read again may be counted by the calendar that counts now.
    const doubtful = this.#doubtful[window];
    const dated = ({ at }: ModelTaking) => at >= this.#periods[window].start;
    return {
      least: sum((taking, i) => carried(taking, i) && dated(taking) && !doubtful.has(taking)),
      most: sum((taking, i) => carried(taking, i) || dated(taking) || doubtful.has(taking)),
    };
  }

  /** Whether so much fits under a limit: certainly, certainly not, or either after a restart. */
  fits(limit: Limit, amounts: Amounts, now: number): "yes" | "no" | "either" {
    const { window, dimension } = limit;
    if (window === null) return this.running < limit.amount ? "yes" : "no";
    const amount = amountOf(amounts, dimension);
    if (isRate(window)) {
      if (amount === 0) return "yes";
      const { least, most } = this.#missing(limit, now);
      const room = this.#room(limit, amount);
      return most <= room ? "yes" : least > room ? "no" : "either";
    }
    const { least, most } = this.used(window, dimension, now);
    return most + amount <= limit.amount ? "yes" : least + amount > limit.amount ? "no" : "either";
  }

  /**
   * From the first time that a limit is asked on, its bucket counts.
   * @param kept false where the meter may forget again that it was asked, because nothing was taken
   */
  ask({ window, dimension, amount }: Limit, kept: boolean): void {
    if (!isRate(window)) return;
    const name = `${dimension}/${window}`;
    const each = RATE_MS[window] / amount;
    const known = this.#buckets.get(name);
    const here = this.draws.length;
    const from = {
      least: Math.min(known?.from.least ?? here, here),
      most: Math.min(known?.from.most ?? Number.POSITIVE_INFINITY, kept ? here : Number.POSITIVE_INFINITY),
    };
    const before = kept ? undefined : known?.each;
    this.#buckets.set(name, {
      from,
      each: { least: Math.min(each, before?.least ?? each), most: Math.max(each, before?.most ?? each) },
      dearest: Math.max(each, known?.dearest ?? each),
    });
  }

  /** What of a bucket may be missing, in milliseconds, so that so much can still be taken. */
  #room(limit: Limit, amount: number): number {
    const each = RATE_MS[limit.window as RateWindow] / limit.amount;
    // That it is a request was certain from the beginning for who is charged in any case.
    const held = this.takings
      .filter(({ open, certain }) => open && !(certain && limit.dimension === "requests"))
      .reduce((sum, { amounts }) => sum + amountOf(amounts, limit.dimension), 0);
    return ((limit.burst ?? limit.amount) - held - amount) * each + FRACTION_MS;
  }

  /** What is missing of a bucket, in milliseconds: the longest sum of draws that had no time to flow in. */
  #missing({ dimension, window, amount }: Limit, now: number): Range {
    const name = `${dimension}/${window}`;
    const { from, dearest } = this.#buckets.get(name)!;
    const each = RATE_MS[window as RateWindow] / amount;
    const fold = (first: number, late: number, worth: (draw: Draw) => number) => {
      let fullAt = 0;
      for (const draw of this.draws.slice(first))
        if (draw.dimension === dimension) fullAt = Math.max(fullAt, draw.at + late) + draw.amount * worth(draw);
      return Math.max(0, fullAt - now);
    };
    const least = ({ worth }: Draw) => worth.get(name)?.least ?? each;
    const most = ({ worth }: Draw) => worth.get(name)?.most ?? each;
    if (!this.#restarted) return { least: fold(from.most, 0, least), most: fold(from.least, 0, most) };
    // What was read again may be worth what it is now, come up to a second late, and be older than the limit.
    return { least: fold(from.most, 0, (draw) => Math.min(least(draw), each)), most: fold(0, 1_000, () => dearest) };
  }

  #draw(dimension: Limit["dimension"], amount: number, at: number): void {
    if (amount === 0) return;
    const worth = new Map(Array.from(this.#buckets, ([name, { each }]) => [name, each]));
    this.draws.push({ at, dimension, amount, worth });
  }
}
