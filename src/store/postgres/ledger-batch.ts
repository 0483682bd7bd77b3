import { PostgresError } from "./error.ts";

/** Items of one write. */
const MOST = 512;

/** Items that wait; more are refused. */
const MOST_WAITING = 10_000;

/** An item that has waited for so long is refused: whoever asked has waited long enough. */
const WAIT_MS = 5_000;

/** Tries of one write that met another's locks. */
const TRIES = 6;

const SERIALIZATION_FAILURE = "40001";
const DEADLOCK = "40P01";

interface Waiting<T, R> extends PromiseWithResolvers<R> {
  item: T;
  since: number;
}

/**
 * Gathers what waits at the same moment into one write (group commit), in order of arrival; one write
 * runs at a time, so under load each takes more. A write that meets another's locks is tried again; one
 * item that cannot be written does not take its neighbours with it.
 */
export class Batch<T, R> {
  readonly #write: (items: readonly T[]) => Promise<readonly R[]>;
  #waiting: Waiting<T, R>[] = [];
  #running = false;

  /** @param write gives one result for each item, in their order; all of it is committed, or nothing */
  constructor(write: (items: readonly T[]) => Promise<readonly R[]>) {
    this.#write = write;
  }

  add(item: T): Promise<R> {
    if (this.#waiting.length >= MOST_WAITING) return Promise.reject(new PostgresError("too much waits", undefined));
    const waiting: Waiting<T, R> = { ...Promise.withResolvers<R>(), item, since: performance.now() };
    this.#waiting.push(waiting);
    if (!this.#running) void this.#run();
    return waiting.promise;
  }

  async #run(): Promise<void> {
    this.#running = true;
    // What the same moment brings shares the first write too.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const taken = this.#waiting.slice(0, MOST);
      this.#waiting = this.#waiting.slice(MOST);
      const latest = performance.now() - WAIT_MS;
      const items = taken.filter((waiting) => {
        if (waiting.since >= latest) return true;
        waiting.reject(new PostgresError("it has waited too long", undefined));
        return false;
      });
      if (items.length > 0) await this.#all(items);
    }
    this.#running = false;
  }

  async #all(items: readonly Waiting<T, R>[]): Promise<void> {
    try {
      const results = await this.#patiently(items.map(({ item }) => item));
      items.forEach(({ resolve }, i) => {
        resolve(results[i] as R);
      });
    } catch (error) {
      const stays = !(error instanceof PostgresError) || error.unavailable;
      if (items.length === 1 || stays) for (const { reject } of items) reject(error);
      else for (const item of items) await this.#all([item]);
    }
  }

  async #patiently(items: readonly T[]): Promise<readonly R[]> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#write(items);
      } catch (error) {
        const { sqlState } = error as { sqlState?: unknown };
        if (tries === TRIES || (sqlState !== DEADLOCK && sqlState !== SERIALIZATION_FAILURE)) throw error;
      }
    }
  }
}
