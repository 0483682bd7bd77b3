import type { Catalog, ProviderAccount } from "../domain/catalog/catalog.ts";
import { GatewayError } from "../errors.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Upstream } from "../ports/upstream.ts";

export interface HealthCheckPorts {
  catalog(): Catalog;
  upstream: Upstream;
  clock: Clock;
  /** Told of each account that was checked, whether somebody is there. */
  checked(account: string, good: boolean): void;
}

/** How long an account may take to answer a check, in milliseconds. */
const CHECK_WITHIN_MS = 5_000;

/**
 * Asks the accounts that want it whether they are there, with a GET and without their key: that
 * somebody answers is all there is to know, so any status below 500 is good.
 */
export class HealthChecks {
  readonly #ports: HealthCheckPorts;
  /** Ticks from which on an account is checked again, by name. */
  readonly #due = new Map<string, number>();
  readonly #running = new Set<string>();

  constructor(ports: HealthCheckPorts) {
    this.#ports = ports;
  }

  /** Begins the checks that are due; to be called often. */
  sweep(): void {
    const { clock } = this.#ports;
    const now = clock.ticks();
    const providers = this.#providers();
    if (providers === undefined) return;
    for (const account of providers.values()) {
      const { name, healthCheck } = account;
      if (healthCheck === undefined || this.#running.has(name) || (this.#due.get(name) ?? 0) > now) continue;
      this.#due.set(name, now + healthCheck.everyMs);
      this.#running.add(name);
      void this.#check(account, healthCheck.path).finally(() => this.#running.delete(name));
    }
    for (const name of this.#due.keys()) {
      if (providers.get(name)?.healthCheck !== undefined) continue;
      this.#due.delete(name);
      // Nobody looks any more, so what was found last says nothing.
      this.#ports.checked(name, true);
    }
  }

  /** undefined while a shared store is away: nobody knows which accounts there are. */
  #providers(): Catalog["providers"] | undefined {
    try {
      return this.#ports.catalog().providers;
    } catch (error) {
      if (error instanceof GatewayError && error.code === "store_unavailable") return undefined;
      throw error;
    }
  }

  async #check(account: ProviderAccount, path: string): Promise<void> {
    const good = await this.#isThere(account, path);
    if (this.#due.has(account.name)) this.#ports.checked(account.name, good);
  }

  async #isThere({ baseUrl, allowPrivateNetwork }: ProviderAccount, path: string): Promise<boolean> {
    if (baseUrl === null) return true;
    try {
      const answer = await this.#ports.upstream.send({
        method: "GET",
        baseUrl,
        path,
        headers: {},
        body: "",
        allowPrivateNetwork,
        signal: AbortSignal.timeout(CHECK_WITHIN_MS),
      });
      answer.discard();
      return answer.status < 500;
    } catch {
      return false;
    }
  }
}
