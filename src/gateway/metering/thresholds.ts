import type { Principal } from "../../domain/access/principal.ts";
import { between, hasThresholds, reached, type Threshold } from "../../domain/alerts/thresholds.ts";
import { amountOf } from "../../domain/plans/amounts.ts";
import { HOUSE_ZONE, isProviders } from "../../domain/plans/charges.ts";
import { periodsAt } from "../../domain/plans/period.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { Limit, PeriodWindow } from "../../kernel/limit.ts";
import type { Event, Events } from "../../ports/events.ts";
import type { Log } from "../../ports/log.ts";
import type { Level, MeterView, Reservation, ScopeDemand, Usage } from "../../ports/meter.ts";
import type { Worst } from "./worst.ts";

/** Whose calls the levels are of: its own scopes count in its calendar. */
export interface Whose {
  tenantId: string;
  timeZone: string;
}

export interface ThresholdPorts {
  events: Pick<Events, "raise">;
  clock: Clock;
  log: Log;
  /** Told of each event that nobody has raised before. */
  onEvent(event: Event): void;
}

/** What is known to have been raised of one limit in the period that runs. */
interface Known {
  dimension: string;
  window: PeriodWindow;
  amount: number;
  /** When the period ends, about; Infinity in total. */
  end: number;
  raised: Threshold | 0;
}

/** The clocks of nodes and stores differ by less, and no period is as short. */
const HALF_HOUR = 1_800_000;

/** Scopes that are remembered at most. Whoever is forgotten is asked for in the store again, which knows. */
const REMEMBERED = 50_000;

/** After a failure nothing is tried for so long: the store has other troubles. */
const REST_MS = 10_000;

/**
 * Finds out when quotas and budgets come near their end, from the levels that every reserve has anyway. Below
 * half of a limit that is one comparison a limit. The store decides whether an event is the first; here is only
 * remembered what need not be asked again. No failure of it ever reaches a call.
 */
export class Thresholds {
  readonly #ports: ThresholdPorts;
  #known = new Map<string, Known[]>();
  #restUntil = 0;

  constructor(ports: ThresholdPorts) {
    this.#ports = ports;
  }

  /** What a reserve has found. @param worst what the call asked for at most */
  after(reservation: Reservation, { tenant, timeZone }: Principal, worst: Worst): void {
    const whose = { tenantId: tenant.id, timeZone };
    this.observe(reservation.levels, whose);
    if (reservation.admitted) return;
    // What could never have fitted says nothing of what is left.
    const { refusedBy } = reservation;
    const asked = amountOf(
      { requests: 1, input: worst.input, output: worst.output, usd: worst.usd },
      refusedBy.limit.dimension,
    );
    if (asked <= refusedBy.limit.amount) this.#near(refusedBy, whose, 100);
  }

  /**
   * What a call takes beyond what it had reserved, or was not allowed to. How its limits stand is asked for beside it:
   * nothing waits for that. It is read from what is counted, which says in whose calendar that is: a call that runs
   * may have begun in one that its scopes have left.
   */
  afterMore(
    demands: readonly ScopeDemand[],
    admitted: boolean,
    { tenant }: Pick<Principal, "tenant">,
    meter: Pick<MeterView, "usage">,
  ): void {
    const observe = (demand: ScopeDemand, limits: readonly Limit[], usage: Usage) => {
      const whose = { tenantId: tenant.id, timeZone: usage.zone };
      const levels = standings(limits, usage, this.#ports.clock.now());
      this.observe(levels, whose);
      if (admitted) return;
      for (const level of levels) {
        const asked = amountOf(demand.amounts, level.limit.dimension);
        if (asked > level.remaining && asked <= level.limit.amount) this.#near(level, whose, 100);
      }
    };
    for (const demand of demands) {
      const limits = demand.limits.filter(hasThresholds);
      if (limits.length === 0) continue;
      // Whoever is told of stores that are away is told by others.
      void meter.usage(demand.scope, demand.zone).then(
        (usage) => observe(demand, limits, usage),
        () => {},
      );
    }
  }

  /** @param whose null for levels of models and provider accounts alone */
  observe(levels: readonly Level[], whose: Whose | null): void {
    for (const level of levels) {
      if (level.remaining * 2 <= level.limit.amount) this.#near(level, whose, reached(level.limit, level.remaining));
    }
  }

  #near(level: Level, whose: Whose | null, threshold: Threshold | 0): void {
    if (!hasThresholds(level.limit)) return;
    const now = this.#ports.clock.now();
    const known = this.#knownOf(level, now);
    if (threshold <= known.raised || now < this.#restUntil) return;
    const before = known.raised;
    known.raised = threshold;
    for (const each of between(before, threshold)) {
      void this.#raise(eventOf(level, known, each, whose, now)).catch((cause: unknown) => {
        if (known.raised > before) known.raised = before;
        this.#rest(cause);
      });
    }
  }

  async #raise(event: Event): Promise<void> {
    if (await this.#ports.events.raise(event)) this.#ports.onEvent(event);
  }

  #rest(cause: unknown): void {
    const now = this.#ports.clock.now();
    if (now < this.#restUntil) return;
    this.#restUntil = now + REST_MS;
    this.#ports.log.write("error", "an event could not be kept, and is tried again later", { detail: String(cause) });
  }

  #knownOf({ scope, limit, resetMs }: Level, now: number): Known {
    const { dimension, amount } = limit;
    const window = limit.window as PeriodWindow;
    const end = window === "total" ? Number.POSITIVE_INFINITY : now + resetMs;
    let all = this.#known.get(scope);
    if (all === undefined) {
      if (this.#known.size >= REMEMBERED) this.#known = new Map();
      all = [];
      this.#known.set(scope, all);
    }
    const at = all.findIndex((each) => each.dimension === dimension && each.window === window);
    const found = all[at];
    if (found?.amount === amount && (found.end === end || Math.abs(found.end - end) < HALF_HOUR)) return found;
    const fresh: Known = { dimension, window, amount, end, raised: 0 };
    if (found === undefined) all.push(fresh);
    else all[at] = fresh;
    return fresh;
  }
}

/** How quotas and budgets of a scope stand. */
function standings(limits: readonly Limit[], { scope, periods }: Usage, now: number): Level[] {
  return limits.map((limit) => {
    const { spent, reserved, end } = periods[limit.window as PeriodWindow];
    const gone = amountOf(spent, limit.dimension) + amountOf(reserved, limit.dimension);
    return { scope, limit, remaining: Math.max(0, limit.amount - gone), resetMs: end - now };
  });
}

function eventOf(
  { scope, limit, remaining }: Level,
  { window, end }: Known,
  threshold: Threshold,
  whose: Whose | null,
  at: number,
): Event {
  const owned = scope.startsWith("model:") || isProviders(scope) ? null : whose;
  // A moment that is in the period for certain: the store's clock, which says when it ends, is not this one.
  const period = window === "total" ? null : periodsAt(owned?.timeZone ?? HOUSE_ZONE, end - HALF_HOUR)[window];
  return {
    type: "limit.threshold",
    ...{ at, scope, limit, threshold },
    tenantId: owned?.tenantId ?? null,
    used: limit.amount - remaining,
    periodStart: period?.start ?? null,
    periodEnd: period?.end ?? null,
  };
}
