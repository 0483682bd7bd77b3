import { GatewayError } from "../errors.ts";
import type { Clock } from "../kernel/clock.ts";
import { MINUTE } from "../kernel/clock.ts";

/** Addresses remembered at once; the oldest go first. */
const MAX_ADDRESSES = 10_000;

/**
 * Counts bad credentials by address. After `perMinute` of them an address is told 429
 * instead of 401 and leaves no record of its own, so that guessing fills neither the log
 * nor the disk. Good keys from the same address are not touched.
 */
export class Strangers {
  readonly #clock: Clock;
  readonly #perMinute: number;
  readonly #seen = new Map<string, { since: number; count: number }>();

  constructor(clock: Clock, perMinute: number) {
    this.#clock = clock;
    this.#perMinute = perMinute;
  }

  /** Counts one more, and says what to answer. */
  refuse(address: string, message: string): GatewayError {
    const now = this.#clock.ticks();
    let seen = this.#seen.get(address);
    if (seen === undefined || now - seen.since >= MINUTE) {
      this.#seen.delete(address);
      if (this.#seen.size >= MAX_ADDRESSES) this.#seen.delete(this.#seen.keys().next().value!);
      seen = { since: now, count: 0 };
      this.#seen.set(address, seen);
    }
    seen.count++;
    if (seen.count <= this.#perMinute) return new GatewayError("invalid_credential", message);
    return new GatewayError("too_many_attempts", "Too many bad keys came from this address; wait a minute.", {
      retryAfterMs: Math.ceil(seen.since + MINUTE - now),
    });
  }
}
