import { GatewayError } from "../../errors.ts";
import { networkOf } from "../../kernel/address.ts";
import type { Clock } from "../../kernel/clock.ts";
import { MINUTE } from "../../kernel/clock.ts";

/** Addresses remembered at once, in two generations: when the younger is full, the older is forgotten whole. */
const MAX_ADDRESSES = 10_000;

interface Seen {
  since: number;
  badKeys: number;
  /** Refusals of any other kind: no key, nothing at the path, an overloaded gateway. They are no guesses. */
  others: number;
}

/**
 * Counts refusals of unknown callers by address. After `perMinute` bad keys an address is told 429
 * instead of 401, and after as many of either kind it leaves no record of its own, so that guessing fills
 * neither the log nor the disk. Good keys from the same address are not touched.
 */
export class Strangers {
  readonly #clock: Clock;
  readonly #perMinute: number;
  #young = new Map<string, Seen>();
  #old = new Map<string, Seen>();

  constructor(clock: Clock, perMinute: number) {
    this.#clock = clock;
    this.#perMinute = perMinute;
  }

  /** Addresses remembered now. */
  get remembered(): number {
    return this.#young.size + this.#old.size;
  }

  /** Counts one more refusal of somebody unknown. @returns whether it is still worth a record. */
  note(address: string): boolean {
    return ++this.#seenAt(address).others <= this.#perMinute;
  }

  /** Counts one more bad key, and says what to answer. */
  refuse(address: string, message: string): GatewayError {
    const now = this.#clock.ticks();
    const seen = this.#seenAt(address);
    if (++seen.badKeys <= this.#perMinute) return new GatewayError("invalid_credential", message);
    return new GatewayError("too_many_attempts", "Too many bad keys came from this address; wait a minute.", {
      retryAfterMs: Math.ceil(seen.since + MINUTE - now),
    });
  }

  #seenAt(host: string): Seen {
    const now = this.#clock.ticks();
    // Whoever has one IPv6 address has the 2^64 of its network.
    const address = networkOf(host);
    const known = this.#young.get(address) ?? this.#old.get(address);
    if (known !== undefined && now - known.since < MINUTE) return known;
    if (this.#young.size >= MAX_ADDRESSES / 2) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    const fresh = { since: now, badKeys: 0, others: 0 };
    this.#young.set(address, fresh);
    return fresh;
  }
}
