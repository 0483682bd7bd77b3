import type { Clock } from "../../kernel/clock.ts";
import type { Call } from "../call.ts";

/**
 * All calls that are under way. One sweep over them replaces a timer for each wait: a
 * deadline is noticed up to one sweep late, and a call costs two set operations.
 */
export class Watch {
  readonly #calls = new Set<Call>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get open(): number {
    return this.#calls.size;
  }

  add(call: Call): void {
    this.#calls.add(call);
  }

  remove(call: Call): void {
    this.#calls.delete(call);
  }

  /** Aborts what is overdue, and looks after those that last. */
  sweep(): void {
    const ticks = this.#clock.ticks();
    for (const call of this.#calls) {
      call.lasts();
      call.checkDue(ticks);
    }
  }

  /** For the end of a drain: every open call, to abort it. */
  each(visit: (call: Call) => void): void {
    for (const call of this.#calls) visit(call);
  }
}

/** How often to sweep, in milliseconds. */
export const SWEEP_MS = 100;
