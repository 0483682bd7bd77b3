/**
 * Promise: every limit of the plan has been taken from at once, or none, and what was taken
 * survives the death of the process. Stands before everything that costs money; from here
 * on only settle can end the call.
 */
import type { Limit } from "../domain/catalog/catalog.ts";
import type { TargetHealth } from "../domain/routing/health.ts";
import { GatewayError } from "../errors.ts";
import type { Demand, Level, Meter, Reservation } from "../ports/meter.ts";
import type { Prices } from "../ports/prices.ts";
import type { Attempt } from "../ports/records.ts";
import type { Grant } from "./authorize.ts";
import type { Call } from "./call.ts";
import { draftRecord } from "./record.ts";
import type { Tally } from "./tally.ts";
import type { Target } from "./target.ts";
import { type Worst, worstCaseOf } from "./worst.ts";

/** Reserved, not yet settled. */
class Ticket {
  protected readonly madeBy = "reserve";
  readonly call: Call;
  readonly grant: Grant;
  readonly number: number;
  /** What one target could use at most, and for how many that is held. */
  readonly worst: Worst;
  reserved = 1;
  /** The targets that were asked, in order; added to by dispatch, charged by settle. */
  readonly asked: Asked[] = [];

  constructor(grant: Grant, number: number, worst: Worst) {
    this.call = grant.call;
    this.grant = grant;
    this.number = number;
    this.worst = worst;
  }
}

export type Hold = Ticket;

/** A target that was asked, and what its answer has used so far. */
export interface Asked {
  target: Target;
  tally: Tally;
  /** Whether the provider may charge us for it: not if it never got the question, or refused it. */
  owed: boolean;
  attempt: Attempt;
  health: TargetHealth;
}

export interface ReservePorts {
  meter: Meter;
  prices: Prices;
}

export function createReserve(ports: ReservePorts) {
  return async function reserve(grant: Grant): Promise<Hold> {
    const worst = worstCaseOf(grant, ports.prices);
    const demands = grant.plan.limits.map((limit) => demandOf(limit, grant, worst));
    const reservation = await ports.meter.reserve(demands, draftRecord(grant.call, worst));
    grant.call.levels = reservation.levels;
    if (!reservation.admitted) throw refusal(reservation);
    return new Ticket(grant, reservation.hold, worst);
  };
}

/**
 * Reserves for one target more, where earlier ones may charge as well: a call that falls back, retries
 * or hedges can cost several times the worst case of one, and the limits hold for all of it.
 * @returns whether the plan's limits allow it.
 */
export async function extend(hold: Hold, meter: Meter): Promise<boolean> {
  const { grant, worst, asked } = hold;
  const limited = grant.plan.limits.filter(({ dimension }) => dimension === "tokens" || dimension === "usd");
  if (limited.length === 0 || !asked.some(({ owed }) => owed)) return true;
  const times = hold.reserved + 1;
  const all = { input: worst.input * times, output: worst.output * times, usd: worst.usd * times };
  const demands = limited.map((limit) => demandOf(limit, grant, worst));
  const admitted = await meter.extend(hold.number, demands, draftRecord(grant.call, all));
  if (admitted) hold.reserved = times;
  return admitted;
}

function demandOf(limit: Limit, grant: Grant, worst: Worst): Demand {
  return {
    scope: `subscription:${grant.subscription.id}`,
    dimension: limit.dimension,
    window: limit.window,
    limit: limit.amount,
    amount: { requests: 1, concurrent: 1, tokens: worst.input + worst.output, usd: worst.usd }[limit.dimension],
  };
}

const RATE_WINDOWS: readonly unknown[] = ["second", "minute", "hour", null];

/** A rate passes by itself; a quota or budget is gone for its period. Callers act on the difference. */
function refusal(reservation: Extract<Reservation, { admitted: false }>): GatewayError {
  const { refusedBy, retryAfterMs } = reservation;
  const rate = RATE_WINDOWS.includes(refusedBy.demand.window) && refusedBy.demand.dimension !== "usd";
  const details = retryAfterMs === null ? {} : { retryAfterMs };
  return new GatewayError(rate ? "rate_limit_exceeded" : "insufficient_quota", say(refusedBy, retryAfterMs), details);
}

const NOUNS = { requests: "requests", tokens: "tokens", usd: "budget", concurrent: "concurrent calls" } as const;

function say({ demand }: Level, retryAfterMs: number | null): string {
  const noun = NOUNS[demand.dimension];
  const of = demand.window === null ? noun : `${noun} per ${demand.window}`;
  const limit = demand.dimension === "usd" ? `$${demand.limit / 1e9}` : `${demand.limit}`;
  if (retryAfterMs === null)
    return `This call could need more than the plan's limit of ${limit} ${of} allows at all; lower max_tokens or the prompt.`;
  const wait = demand.window === null ? "" : ` Try again in ${Math.ceil(retryAfterMs / 1_000)} s.`;
  return `The plan's limit of ${limit} ${of} is used up.${wait}`;
}
