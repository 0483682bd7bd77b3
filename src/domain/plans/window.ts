import { DAY, HOUR, MINUTE, SECOND } from "../../kernel/clock.ts";

/** The windows in which things are counted; the catalog's own type fits. */
export type WindowName = "second" | "minute" | "hour" | "day" | "week" | "month";

/** What a counter over time can be asked. All times are milliseconds since 1970, and must not go back. */
export interface WindowCounter {
  /** What counts at `now`. */
  used(now: number): number;
  add(now: number, amount: number): void;
  /** Changes what was added at `at` by `amount` (mostly negative); nothing where that has left the window. */
  correct(at: number, now: number, amount: number): void;
  /** Milliseconds until `amount` more fits under `limit`; null when it never will. */
  waitFor(now: number, amount: number, limit: number): number | null;
  /** Milliseconds until nothing counts any more. */
  resetIn(now: number): number;
  /** From when on entries count at `now`. */
  since(now: number): number;
  /** How finely it distinguishes times, in milliseconds. */
  readonly step: number;
}

const SLIDING: Partial<Record<WindowName, number>> = { second: SECOND, minute: MINUTE, hour: HOUR };
const SLOTS = 60;

/**
 * Rate limits (second, minute, hour) slide: in *any* stretch of that length no more than
 * the limit is admitted, so there is no boundary at which twice the limit passes. Quotas
 * (day, week, month) are calendar periods in UTC, weeks from Monday (ISO 8601).
 */
export function createWindow(name: WindowName): WindowCounter {
  const length = SLIDING[name];
  return length === undefined ? new CalendarWindow(name as CalendarName) : new SlidingWindow(length);
}

/**
 * The last `length` milliseconds in 60 slots. A slot counts until the whole of it has left
 * the window, so the count is never too low, and at most a sixtieth of the window too old.
 */
class SlidingWindow implements WindowCounter {
  readonly step: number;
  readonly #length: number;
  readonly #amounts = new Float64Array(SLOTS + 1);
  /** Number of the newest slot, counted from 1970. */
  #newest = 0;
  #sum = 0;

  constructor(length: number) {
    this.#length = length;
    this.step = length / SLOTS;
  }

  used(now: number): number {
    this.#advance(now);
    return this.#sum;
  }

  add(now: number, amount: number): void {
    this.#advance(now);
    this.#amounts[this.#newest % (SLOTS + 1)]! += amount;
    this.#sum += amount;
  }

  correct(at: number, now: number, amount: number): void {
    this.#advance(now);
    const slot = Math.floor(at / this.step);
    if (slot > this.#newest || slot < this.#newest - SLOTS) return;
    this.#amounts[slot % (SLOTS + 1)]! += amount;
    this.#sum += amount;
  }

  waitFor(now: number, amount: number, limit: number): number | null {
    if (amount > limit) return null;
    this.#advance(now);
    let sum = this.#sum;
    for (let slot = this.#newest - SLOTS; sum + amount > limit; slot++) {
      if (slot > this.#newest) return null;
      sum -= this.#amounts[slot % (SLOTS + 1)] ?? 0;
      if (sum + amount <= limit) return Math.max(1, (slot + 1) * this.step + this.#length - now);
    }
    return 0;
  }

  resetIn(now: number): number {
    this.#advance(now);
    for (let slot = this.#newest; slot >= this.#newest - SLOTS; slot--) {
      if (this.#amounts[slot % (SLOTS + 1)]! > 0) return (slot + 1) * this.step + this.#length - now;
    }
    return 0;
  }

  since(now: number): number {
    return Math.floor(now / this.step - SLOTS) * this.step;
  }

  /** Empties the slots that have left the window. */
  #advance(now: number): void {
    const slot = Math.floor(now / this.step);
    if (slot <= this.#newest) return;
    if (slot - this.#newest > SLOTS) {
      this.#amounts.fill(0);
      this.#sum = 0;
    } else {
      for (let gone = this.#newest + 1; gone <= slot; gone++) {
        this.#sum -= this.#amounts[gone % (SLOTS + 1)]!;
        this.#amounts[gone % (SLOTS + 1)] = 0;
      }
    }
    this.#newest = slot;
  }
}

type CalendarName = "day" | "week" | "month";

class CalendarWindow implements WindowCounter {
  readonly step = Number.POSITIVE_INFINITY;
  readonly #name: CalendarName;
  #start = Number.NEGATIVE_INFINITY;
  #end = Number.NEGATIVE_INFINITY;
  #sum = 0;

  constructor(name: CalendarName) {
    this.#name = name;
  }

  used(now: number): number {
    this.#advance(now);
    return this.#sum;
  }

  add(now: number, amount: number): void {
    this.#advance(now);
    this.#sum += amount;
  }

  correct(at: number, now: number, amount: number): void {
    this.#advance(now);
    if (at >= this.#start) this.#sum += amount;
  }

  waitFor(now: number, amount: number, limit: number): number | null {
    if (amount > limit) return null;
    return this.used(now) + amount <= limit ? 0 : this.#end - now;
  }

  resetIn(now: number): number {
    return this.used(now) === 0 ? 0 : this.#end - now;
  }

  since(now: number): number {
    return calendarPeriod(this.#name, now).start;
  }

  #advance(now: number): void {
    if (now < this.#end) return;
    const period = calendarPeriod(this.#name, now);
    this.#start = period.start;
    this.#end = period.end;
    this.#sum = 0;
  }
}

/** The calendar period in UTC that holds `now`, end exclusive. */
export function calendarPeriod(name: CalendarName, now: number): { start: number; end: number } {
  const day = Math.floor(now / DAY) * DAY;
  if (name === "day") return { start: day, end: day + DAY };
  if (name === "week") {
    // 1970-01-01 was a Thursday; three days later the first Monday's week is whole.
    const start = day - ((day / DAY + 3) % 7) * DAY;
    return { start, end: start + 7 * DAY };
  }
  const date = new Date(now);
  return {
    start: Date.UTC(date.getUTCFullYear(), date.getUTCMonth()),
    end: Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1),
  };
}
