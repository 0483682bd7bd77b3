import { hasThresholds } from "../domain/alerts/thresholds.ts";
import type { Catalog } from "../domain/catalog/catalog.ts";
import { NOTHING } from "../domain/plans/amounts.ts";
import { HOUSE_ZONE, providerScope } from "../domain/plans/charges.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Level, MeterView } from "../ports/meter.ts";

export interface AccountThresholdPorts {
  catalog(): Catalog;
  meter: Pick<MeterView, "levels">;
  clock: Clock;
  /** Told how the quotas and budgets of provider accounts stand. */
  standing(levels: readonly Level[]): void;
}

const EVERY_MS = 10_000;

/**
 * Looks how the quotas and budgets of provider accounts stand. Of those a reserve tells nothing as long as
 * there is room somewhere, and there are few of them; so they are asked for beside the calls.
 */
export class AccountThresholds {
  readonly #ports: AccountThresholdPorts;
  #due = 0;
  #looking = false;

  constructor(ports: AccountThresholdPorts) {
    this.#ports = ports;
  }

  /** To be called often. A store that is away is asked again the next time. */
  async sweep(): Promise<void> {
    const { clock, meter, standing } = this.#ports;
    const now = clock.ticks();
    if (this.#looking || now < this.#due) return;
    this.#due = now + EVERY_MS;
    this.#looking = true;
    try {
      const scopes = [...this.#ports.catalog().providers.values()].flatMap(({ name, limits = [] }) => {
        const lasting = limits.filter(hasThresholds);
        if (lasting.length === 0) return [];
        return [{ scope: providerScope(name), zone: HOUSE_ZONE, limits: lasting, amounts: NOTHING }];
      });
      if (scopes.length > 0) standing(await meter.levels(scopes));
    } catch {
      // Whoever is told of stores that are away is told by others.
    } finally {
      this.#looking = false;
    }
  }
}
