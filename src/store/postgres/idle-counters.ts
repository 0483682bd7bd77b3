import type { Postgres } from "./connection.ts";
import type { LedgerAccounts } from "./ledger-accounts.ts";

/** Longer than any rate takes to be full again, so that of an account which rests so long only its sums matter. */
export const IDLE_MS = 25 * 3_600_000;

/** Counters looked at in one step, and steps at one saving. */
const AT_ONCE = 1_000;
const STEPS = 20;

/** Where counters are kept, which are a cache of the saved sums. */
export interface Forgetting {
  /**
   * Looks at some counters, and forgets those of accounts of which nothing runs and that were last counted before a time.
   * @param after where the last step ended
   * @returns where this one did; undefined at the end of all
   */
  forgetSome(after: string | undefined, before: number): Promise<string | undefined>;
}

/**
 * Keeps the counters as few as the accounts that are in use. What is forgotten stands in the saved sums, as of its last
 * entry, and is found again there; so nothing is forgotten that was counted since they were saved.
 */
export class IdleCounters {
  readonly #accounts: Pick<LedgerAccounts, "savedAt">;
  readonly #counters: Forgetting;
  #after: string | undefined;

  constructor(accounts: Pick<LedgerAccounts, "savedAt">, counters: Forgetting) {
    this.#accounts = accounts;
    this.#counters = counters;
  }

  /** A part of all counters; the next time the part that follows. */
  async sweep(): Promise<void> {
    const before = (await this.#accounts.savedAt()) - IDLE_MS;
    for (let step = 0; step < STEPS; step++) {
      this.#after = await this.#counters.forgetSome(this.#after, before);
      if (this.#after === undefined) return;
    }
  }
}

/** The counters in PostgreSQL: those of a calendar day that is long over, and rows that nothing was ever written to. */
export class IdleRows implements Forgetting {
  readonly #postgres: Postgres;
  readonly #now: () => number;

  constructor(postgres: Postgres, now: () => number) {
    this.#postgres = postgres;
    this.#now = now;
  }

  async forgetSome(after: string | undefined, before: number): Promise<string | undefined> {
    const [page] = await this.#postgres.query<{ last: string | null; count: number }>(
      `SELECT max(scope) AS last, count(*)::int AS count
       FROM (SELECT scope FROM counters WHERE scope > $1 ORDER BY scope LIMIT ${AT_ONCE}) AS page`,
      [after ?? ""],
    );
    if (page === undefined || page.last === null) return undefined;
    await this.#postgres.query(
      `DELETE FROM counters WHERE scope IN (
         SELECT scope FROM counters
         WHERE scope > $1 AND scope <= $2
           AND (state IS NULL OR ((state::json ->> 'at')::float8 < $3 AND (state::json ->> 'running')::int = 0))
         FOR UPDATE SKIP LOCKED)`,
      [after ?? "", page.last, Math.min(before, this.#now() - IDLE_MS)],
    );
    return page.count < AT_ONCE ? undefined : page.last;
  }
}
