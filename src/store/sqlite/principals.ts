import type { Database, Statement } from "bun:sqlite";
import type { Principal, Subscription } from "../../domain/access/principal.ts";
import { PrincipalCache } from "../sql/principal-cache.ts";
import { grantedTo, KEY_BY_DIGEST, type KeyHit, type RaiseRow, toPrincipal } from "../sql/rows.ts";

const SUBSCRIPTIONS = "SELECT id, api, plan, state FROM subscriptions WHERE application_id = ? ORDER BY seq";

/** Whose key has a digest: one indexed look-up, then from memory. */
export class Principals {
  readonly #byDigest: Statement<KeyHit, [string]>;
  readonly #subscriptions: Statement<Subscription, [string]>;
  readonly #raises: Statement<RaiseRow, [string, string]>;
  readonly #kept: PrincipalCache;

  /** @param capacity principals kept at most. */
  constructor(reader: Database, capacity: number) {
    this.#byDigest = reader.prepare(`${KEY_BY_DIGEST}?`);
    this.#subscriptions = reader.prepare(SUBSCRIPTIONS);
    this.#raises = reader.prepare(grantedTo("?", "?"));
    this.#kept = new PrincipalCache(capacity);
  }

  find(digest: string): Principal | undefined {
    const hit = this.#kept.get(digest);
    if (hit !== undefined) return hit;
    const row = this.#byDigest.get(digest);
    if (row === null) return undefined;
    const principal = toPrincipal(row, {
      subscriptions: this.#subscriptions.all(row.application_id),
      raises: this.#raises.all(row.application_id, row.key_id),
    });
    this.#kept.keep(digest, principal);
    return principal;
  }

  /** Forgets everything: something in the directory has changed. */
  clear(): void {
    this.#kept.clear();
  }

  get size(): number {
    return this.#kept.size;
  }
}
