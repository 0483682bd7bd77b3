/**
 * Promise: every limit of key, application, team, tenant, subscription and model, and of an account
 * that may serve, has been taken from at once, or none, and what was taken survives the death of the
 * process. Stands before everything that costs money; from here on only settle can end the call.
 */
import type { TargetHealth } from "../domain/routing/health.ts";
import type { Meter, MeterTime, Reservation } from "../ports/meter.ts";
import type { Attempt } from "../ports/records.ts";
import type { Grant } from "./authorize.ts";
import type { Call } from "./call.ts";
import { demandOf, limitedIn } from "./metering/demand.ts";
import { fitsLater, refusal } from "./metering/limit-refusal.ts";
import { shortened, shortest } from "./metering/shortened.ts";
import type { Tally } from "./metering/tally.ts";
import type { Thresholds } from "./metering/thresholds.ts";
import { mayFitCounted, untilCounted, type Worst, type WorstPorts, worstCaseOf } from "./metering/worst.ts";
import { draftRecord } from "./record.ts";
import type { Target } from "./target.ts";

const DONE: Promise<unknown> = Promise.resolve();

/** Reserved, not yet settled. */
class Ticket {
  protected readonly madeBy = "reserve";
  readonly call: Call;
  readonly grant: Grant;
  readonly number: number;
  /** What one target could use at most, and for how many that is held. */
  worst: Worst;
  /** Scopes of the provider accounts that have room for the call. */
  readonly open: ReadonlySet<string>;
  reserved = 1;
  /** The last one that asked for more; the next waits for it. */
  extending: Promise<unknown> = DONE;
  /** Targets at accounts that have been held for more than one of them. */
  again: readonly Target[] = [];
  /** The targets that were asked, in order; added to by dispatch, charged by settle. */
  readonly asked: Asked[] = [];

  constructor(grant: Grant, { hold, open }: Admitted, worst: Worst) {
    this.call = grant.call;
    this.grant = grant;
    this.number = hold;
    this.worst = worst;
    this.open = new Set(open);
    this.call.reached.held = true;
  }
}

export type Hold = Ticket;

type Admitted = Extract<Reservation, { admitted: true }>;

/** A target that was asked, and what its answer has used so far. */
export interface Asked {
  target: Target;
  tally: Tally;
  /** Whether the provider may charge us for it: not if it never got the question, or refused it. */
  owed: boolean;
  attempt: Attempt;
  health: TargetHealth;
}

export interface ReservePorts extends WorstPorts {
  meter: Meter & MeterTime;
  thresholds: Thresholds;
}

export function createReserve(ports: ReservePorts) {
  const take = (grant: Grant, worst: Worst) =>
    ports.meter.reserve(demandOf(grant, worst), draftRecord(grant.call, worst));
  return async function reserve(asked: Grant): Promise<Hold> {
    if (asked.caller.principal.raises.length > 0) asked.call.countedAt = ports.meter.time();
    const limited = limitedIn(asked);
    const until = untilCounted(asked, ports, limited);
    if (until !== undefined) await until;
    let grant = asked;
    let worst = worstCaseOf(grant, ports, limited, "quick");
    let reservation = await take(grant, worst);
    if (!reservation.admitted && mayFitCounted(grant, worst, limited, reservation.refusedBy)) {
      worst = worstCaseOf(grant, ports, limited, "counted");
      reservation = await take(grant, worst);
    }
    if (!reservation.admitted && grant.api.shorten === true) {
      // An account's levels are not told to callers, but the answer has to fit under those too.
      const shorter = shortened(grant, worst, [...reservation.levels, reservation.refusedBy], ports);
      if (shorter !== undefined) {
        ({ grant, worst } = shorter);
        reservation = await take(grant, worst);
      } else reservation = fitsLater(reservation, shortest(grant, ports));
    }
    grant.call.levels = reservation.levels;
    ports.thresholds.after(reservation, grant.caller.principal, worst);
    if (!reservation.admitted) throw refusal(reservation, worst);
    if (grant !== asked) grant.call.observed.shortenedTo = grant.request.maxOutputTokens ?? null;
    return new Ticket(grant, reservation, worst);
  };
}
