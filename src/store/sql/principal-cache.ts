import type { Principal } from "../../domain/access/principal.ts";

/**
 * Principals in memory, by the digest of their key. Only those that were found are kept, so that
 * a stranger's guesses push nobody out.
 *
 * Least recently used in two generations: what is found in the old one moves to the young one;
 * when the young one is full it becomes the old, and what was in neither is forgotten. A hit in
 * the young one, which is nearly every hit, is one look-up in a map and no write.
 */
export class PrincipalCache {
  readonly #half: number;
  #young = new Map<string, Principal>();
  #old = new Map<string, Principal>();

  /** @param capacity principals kept at most; about 1 kB each. */
  constructor(capacity: number) {
    this.#half = Math.max(1, Math.floor(capacity / 2));
  }

  get(digest: string): Principal | undefined {
    const hit = this.#young.get(digest);
    if (hit !== undefined) return hit;
    const old = this.#old.get(digest);
    if (old !== undefined) this.keep(digest, old);
    return old;
  }

  keep(digest: string, principal: Principal): void {
    this.#old.delete(digest);
    if (this.#young.size >= this.#half) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(digest, principal);
  }

  /** Forgets everything: something in the directory has changed. */
  clear(): void {
    this.#young = new Map();
    this.#old = new Map();
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }
}
