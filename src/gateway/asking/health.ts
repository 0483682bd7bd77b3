import { TargetHealth } from "../../domain/routing/health.ts";
import type { Target } from "../target.ts";

/** More targets than anybody has; a pattern with a star makes one for each name that is called. */
const MAX_KNOWN = 10_000;

/** What is known of every target that has been asked since the start. In memory: another start finds out anew within seconds. */
export class HealthBook {
  readonly #known = new Map<string, TargetHealth>();
  /** Accounts that the last check has not found. */
  readonly #missing = new Set<string>();

  of(target: Target, now: number): TargetHealth {
    const key = targetKey(target);
    let health = this.#known.get(key);
    if (health === undefined) {
      health = new TargetHealth();
      if (this.#missing.has(target.account.name)) health.giveUp(now);
      const [idle] = this.#known.size >= MAX_KNOWN ? this.#known.keys() : [];
      if (idle !== undefined) this.#known.delete(idle);
    } else this.#known.delete(key);
    // The last in the map is the last that was asked for, so the first is the one that nobody has missed for longest.
    this.#known.set(key, health);
    return health;
  }

  /** What an active check has found out about an account: it holds for all of its models. */
  checked(account: string, now: number, good: boolean): void {
    if (good) this.#missing.delete(account);
    else this.#missing.add(account);
    for (const [key, health] of this.#known) if (key.startsWith(`${account}/`)) health.checked(now, good);
  }
}

/** Names of accounts have no slash. */
export function targetKey(target: Target): string {
  return `${target.account.name}/${target.model}`;
}
