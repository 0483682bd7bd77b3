import type { Abortable } from "../kernel/abort.ts";
import type { Clock } from "../kernel/clock.ts";
import { type Connection, connect } from "./connection.ts";
import type { PinnedAddress } from "./egress.ts";

/** A connection rests no longer than this. Providers close theirs after five seconds to ten minutes. */
const REST_MS = 60_000;
/** Before the provider would close it, as far as it says: a question that crosses with the close is lost. */
const MARGIN_MS = 500;
const SWEEP_EVERY_MS = 15_000;
/** Connections that rest, to one place and to all. */
const MAX_RESTING_THERE = 256;
const MAX_RESTING = 1_024;

interface Resting {
  connection: Connection;
  /** In ticks. */
  until: number;
}

/** Connections that rest between two calls, each for no other place than the one it was made to. */
export class Pool {
  readonly #clock: Clock;
  readonly #places = new Map<string, Resting[]>();
  #resting = 0;
  #sweeping: ReturnType<typeof setTimeout> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The connection that was used last, so that those that are too many grow old. */
  take(pin: PinnedAddress): Connection | undefined {
    const there = this.#places.get(pin.place);
    if (there === undefined) return undefined;
    const now = this.#clock.ticks();
    for (let last = there.pop(); last !== undefined; last = there.pop()) {
      this.#resting--;
      if (last.until > now) {
        last.connection.wake();
        return last.connection;
      }
      last.connection.close();
    }
    return undefined;
  }

  async connect(pin: PinnedAddress, signal: Abortable): Promise<Connection> {
    const connection = await connect(pin, signal);
    const { place } = pin;
    connection.onIdle = () => this.#park(place, connection);
    connection.onClosed = () => this.#forget(place, connection);
    return connection;
  }

  #park(place: string, connection: Connection): void {
    let there = this.#places.get(place);
    if (there === undefined) {
      there = [];
      this.#places.set(place, there);
    }
    if (there.length >= MAX_RESTING_THERE || this.#resting >= MAX_RESTING) {
      connection.close();
      return;
    }
    connection.rest();
    there.push({ connection, until: this.#clock.ticks() + restOf(connection) });
    this.#resting++;
    this.#sweeping ??= setTimeout(() => this.#sweep(), SWEEP_EVERY_MS).unref();
  }

  #forget(place: string, connection: Connection): void {
    const there = this.#places.get(place);
    const at = there?.findLastIndex((resting) => resting.connection === connection) ?? -1;
    if (there === undefined || at < 0) return;
    there.splice(at, 1);
    this.#resting--;
  }

  #sweep(): void {
    this.#sweeping = undefined;
    const now = this.#clock.ticks();
    for (const [place, there] of this.#places) {
      const over = there.filter(({ until }) => until <= now);
      // Closing takes it out of the list, see #forget.
      for (const { connection } of over) connection.close();
      if (there.length === 0) this.#places.delete(place);
    }
    if (this.#resting > 0) this.#sweeping = setTimeout(() => this.#sweep(), SWEEP_EVERY_MS).unref();
  }
}

function restOf({ keptForSeconds }: Connection): number {
  return keptForSeconds === undefined ? REST_MS : Math.min(keptForSeconds * 1_000 - MARGIN_MS, REST_MS);
}
