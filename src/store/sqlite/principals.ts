import type { Database, Statement } from "bun:sqlite";
import type { Principal, Subscription } from "../../domain/access/principal.ts";
import type { KeyMode } from "../../domain/access/virtual-key.ts";
import { deepFreeze } from "../../kernel/freeze.ts";

interface KeyHit {
  key_id: string;
  key_name: string;
  mode: KeyMode;
  allow_from: string;
  expires_at: number | null;
  revoked_at: number | null;
  application_id: string;
  application_name: string;
  team_id: string;
  team_name: string;
  tenant_id: string;
  tenant_name: string;
}

const BY_DIGEST = `
  SELECT k.id AS key_id, k.name AS key_name, k.mode, k.allow_from, k.expires_at, k.revoked_at,
         a.id AS application_id, a.name AS application_name,
         m.id AS team_id, m.name AS team_name, t.id AS tenant_id, t.name AS tenant_name
  FROM keys k
  JOIN applications a ON a.id = k.application_id
  JOIN teams m ON m.id = a.team_id
  JOIN tenants t ON t.id = a.tenant_id
  WHERE k.digest = ?`;

const SUBSCRIPTIONS = "SELECT id, api, plan, state FROM subscriptions WHERE application_id = ? ORDER BY seq";

/**
 * Whose key has a digest: one indexed look-up, then from memory. Only digests that were
 * found are kept, so that a stranger's guesses push nobody out.
 */
export class Principals {
  readonly #byDigest: Statement<KeyHit, [string]>;
  readonly #subscriptions: Statement<Subscription, [string]>;
  readonly #half: number;
  /**
   * Least recently used in two generations: what is found in the old one moves to the young
   * one; when the young one is full it becomes the old, and what was in neither is forgotten.
   * A hit in the young one, which is nearly every hit, is one look-up in a map and no write.
   */
  #young = new Map<string, Principal>();
  #old = new Map<string, Principal>();

  /** @param capacity principals kept at most. */
  constructor(reader: Database, capacity: number) {
    this.#byDigest = reader.prepare(BY_DIGEST);
    this.#subscriptions = reader.prepare(SUBSCRIPTIONS);
    this.#half = Math.max(1, Math.floor(capacity / 2));
  }

  find(digest: string): Principal | undefined {
    const hit = this.#young.get(digest);
    if (hit !== undefined) return hit;
    const principal = this.#old.get(digest) ?? this.#load(digest);
    if (principal !== undefined) this.#keep(digest, principal);
    return principal;
  }

  /** Forgets everything: something in the directory has changed. */
  clear(): void {
    this.#young = new Map();
    this.#old = new Map();
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  #keep(digest: string, principal: Principal): void {
    this.#old.delete(digest);
    if (this.#young.size >= this.#half) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(digest, principal);
  }

  #load(digest: string): Principal | undefined {
    const row = this.#byDigest.get(digest);
    if (row === null) return undefined;
    return deepFreeze({
      key: { id: row.key_id, name: row.key_name, mode: row.mode },
      tenant: { id: row.tenant_id, name: row.tenant_name },
      team: { id: row.team_id, name: row.team_name },
      application: { id: row.application_id, name: row.application_name },
      subscriptions: this.#subscriptions.all(row.application_id),
      allowFrom: JSON.parse(row.allow_from) as string[],
      expiresAt: row.expires_at,
      revokedAt: row.revoked_at,
    });
  }
}
