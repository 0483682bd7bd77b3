import type { Postgres } from "./connection.ts";
import { type Fence, Stale } from "./ledger.ts";

/** A node that has not been heard of for so long is dead: what it left open is charged by rule. */
const DEAD_AFTER_SECONDS = 30;

/** How often a node is heard of. */
const BEAT_MS = 5_000;

/** How long a call waits for counters that are being counted anew. */
const WAIT_MS = 2_000;

/** A dead node's epoch, and that of one that has to join again. */
const DEAD = -1;
const OUTSIDE = 0;

/** Where a node counts that has no Redis. */
export const IN_POSTGRES = "postgres";

/** Where is counted, and how it is counted anew. */
export interface CountersOfEpoch {
  /** Where: `IN_POSTGRES`, or the `run_id` of a Redis. @throws where they are away */
  place(): Promise<string>;
  /** Whether the counters of the epoch are there. */
  has(epoch: number): Promise<boolean>;
  /** Counts anew from the ledger and the open Holds, as the counters of the epoch. No node writes meanwhile. */
  count(epoch: number): Promise<void>;
}

/**
 * This process among the nodes, and the epoch in which it counts. A node takes only under its fence.
 * Nobody takes while the counters are counted anew, and each node joins the new epoch after it.
 */
export class Node {
  readonly #postgres: Postgres;
  readonly #counters: CountersOfEpoch;
  #id: number | undefined;
  #epoch = OUTSIDE;
  #joining: Promise<void> | undefined;
  #nextBeat = 0;
  #numbers = { next: 1, end: 1 };
  #fetching: Promise<void> | undefined;

  constructor(postgres: Postgres, counters: CountersOfEpoch) {
    this.#postgres = postgres;
    this.#counters = counters;
  }

  /** What the writes of this moment are made under. @throws Stale outside an epoch */
  get fence(): Fence {
    if (this.#id === undefined || this.#epoch === OUTSIDE) throw new Stale("outside");
    return { node: this.#id, epoch: this.#epoch };
  }

  get id(): number | undefined {
    return this.#id;
  }

  /** The epoch is over: the next one who needs it joins again. */
  leave(epoch: number): void {
    if (this.#epoch === epoch) this.#epoch = OUTSIDE;
  }

  /** Resolves inside an epoch. @param patient as long as it takes, not only as long as a call may wait */
  async join(patient = false): Promise<void> {
    if (this.#epoch !== OUTSIDE) return;
    this.#joining ??= this.#join().finally(() => {
      this.#joining = undefined;
    });
    if (patient) return await this.#joining;
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Stale("the counters are being counted anew")), WAIT_MS);
    this.#joining.catch(() => {});
    await Promise.race([this.#joining, promise]).finally(() => clearTimeout(timer));
  }

  /** Begins a new epoch: whatever the counters say, they are counted anew. */
  async recount(): Promise<void> {
    await this.#postgres.query("UPDATE meter SET counted_in = ''");
    this.#epoch = OUTSIDE;
    await this.join(true);
  }

  /** A number that no Hold has had, on any node. They come in blocks. */
  async number(): Promise<number> {
    while (this.#numbers.next >= this.#numbers.end) {
      this.#fetching ??= this.#fetch().finally(() => {
        this.#fetching = undefined;
      });
      await this.#fetching;
    }
    return this.#numbers.next++;
  }

  /** Says that this node lives, every few seconds. */
  async beat(): Promise<void> {
    const now = performance.now();
    if (now < this.#nextBeat || this.#id === undefined) return;
    this.#nextBeat = now + BEAT_MS;
    await this.#postgres.query("UPDATE nodes SET beat = clock_timestamp() WHERE id = $1 AND epoch >= 0", [this.#id]);
  }

  /** Declares dead who has not been heard of: from then on it takes nothing. @returns all dead nodes */
  async dead(): Promise<number[]> {
    await this.#postgres.query(
      `UPDATE nodes SET epoch = ${DEAD}
       WHERE epoch <> ${DEAD} AND beat < clock_timestamp() - make_interval(secs => ${DEAD_AFTER_SECONDS})`,
    );
    const rows = await this.#postgres.query<{ id: number }>(`SELECT id FROM nodes WHERE epoch = ${DEAD}`);
    return rows.map(({ id }) => id);
  }

  /** Nodes that live, and dead ones that are not forgotten yet. */
  async known(): Promise<Set<number>> {
    const rows = await this.#postgres.query<{ id: number }>("SELECT id FROM nodes");
    return new Set(rows.map(({ id }) => id));
  }

  /** Forgets dead nodes that have left nothing behind. */
  async bury(nodes: readonly number[]): Promise<void> {
    if (nodes.length === 0) return;
    await this.#postgres.query(
      `DELETE FROM nodes WHERE id = ANY ($1::bigint[]) AND epoch = ${DEAD}
       AND NOT EXISTS (SELECT FROM holds WHERE node = nodes.id)`,
      [nodes],
    );
  }

  /** In good order: nobody has to wait until it counts as dead. */
  async end(): Promise<void> {
    if (this.#id === undefined) return;
    await this.#postgres.query(`UPDATE nodes SET epoch = ${DEAD} WHERE id = $1`, [this.#id]);
    this.#epoch = OUTSIDE;
  }

  async #fetch(): Promise<void> {
    const [row] = await this.#postgres.query<{ first: number }>("SELECT nextval('hold_numbers') AS first");
    this.#numbers = { next: row!.first, end: row!.first + 1_000 };
  }

  async #join(): Promise<void> {
    const place = await this.#counters.place();
    const current = async () => {
      const [row] = await this.#postgres.query<{ epoch: number; counted_in: string }>(
        "SELECT epoch, counted_in FROM meter",
      );
      return row!;
    };
    await this.#postgres.alone("meter", async () => {
      let { epoch, counted_in } = await current();
      await this.#agree(counted_in, place);
      if (counted_in !== place || !(await this.#counters.has(epoch))) {
        // Waits for the writes that run; those that come later find that their epoch is over.
        await this.#postgres.query(`UPDATE nodes SET epoch = ${OUTSIDE} WHERE epoch > ${OUTSIDE}`);
        const [next] = await this.#postgres.query<{ epoch: number }>("SELECT nextval('meter_epochs') AS epoch");
        epoch = next!.epoch;
        await this.#counters.count(epoch);
        await this.#postgres.query("UPDATE meter SET epoch = $1, counted_in = $2 WHERE epoch < $1", [epoch, place]);
        ({ epoch, counted_in } = await current());
        if (counted_in !== place) throw new Stale("another node counts elsewhere");
      }
      await this.#enter(epoch);
    });
  }

  /** Nodes that count in Redis and nodes that count in PostgreSQL would take the counters from each other for ever. */
  async #agree(counted: string, place: string): Promise<void> {
    if (counted === "" || (counted === IN_POSTGRES) === (place === IN_POSTGRES)) return;
    const others = await this.#postgres.query(
      `SELECT id FROM nodes WHERE epoch >= 0 AND id <> $1
       AND beat > clock_timestamp() - make_interval(secs => ${DEAD_AFTER_SECONDS}) LIMIT 1`,
      [this.#id ?? 0],
    );
    if (others.length === 0) return;
    const theirs = counted === IN_POSTGRES ? "without" : "with";
    throw new Stale(`other nodes run ${theirs} REDIS_URL: all nodes of one database must be given the same`);
  }

  async #enter(epoch: number): Promise<void> {
    const known = await this.#postgres.query(
      `UPDATE nodes SET epoch = $2, beat = clock_timestamp() WHERE id = $1 AND epoch <> ${DEAD} RETURNING id`,
      [this.#id ?? 0, epoch],
    );
    if (known.length === 0) {
      const [row] = await this.#postgres.query<{ id: number }>(
        "INSERT INTO nodes (epoch, beat) VALUES ($1, clock_timestamp()) RETURNING id",
        [epoch],
      );
      this.#id = row!.id;
    }
    this.#epoch = epoch;
  }
}
