import type { Threshold } from "../domain/alerts/thresholds.ts";
import type { Limit } from "../kernel/limit.ts";

/** "So much of this quota or budget is used." Raised once for each scope, limit, threshold and period. */
export interface LimitThreshold {
  type: "limit.threshold";
  /** When it was found out, milliseconds since 1970. */
  at: number;
  scope: string;
  /** Null for what belongs to no tenant: models and provider accounts. */
  tenantId: string | null;
  limit: Limit;
  threshold: Threshold;
  /** Spent and reserved then, in the limit's own unit. */
  used: number;
  /** Milliseconds since 1970; both null for what is counted in total. */
  periodStart: number | null;
  periodEnd: number | null;
}

/** Something that happened and that somebody may want to hear of. */
export type Event = LimitThreshold;

export type KeptEvent = Event & {
  /** Counts up. */
  id: number;
};

export interface EventQuery {
  type?: Event["type"];
  scope?: string;
  tenantId?: string;
  /** `next` of the page before. */
  cursor?: string;
  /** 1 to 200 */
  limit: number;
}

/** What happened, kept once, however many nodes find it out, and over restarts. */
export interface Events {
  /** Keeps it, unless it was kept before. @returns whether it is the first. @throws GatewayError store_unavailable */
  raise(event: Event): Promise<boolean>;
  /** Newest first. @throws GatewayError invalid_request for a cursor that no page gave */
  page(query: EventQuery): Promise<{ events: KeptEvent[]; next: string | null }>;
}
