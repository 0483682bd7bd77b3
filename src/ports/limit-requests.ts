import type { Limit } from "../kernel/limit.ts";
import type { Actor } from "./actor.ts";

/** What has become of a request. One that was approved for a time is still `approved` when that is over. */
export type LimitRequestState = "requested" | "approved" | "rejected" | "withdrawn";

/** "More of this, please": a limit that someone asks for above one that holds. */
export interface LimitRequestRow {
  id: string;
  tenantId: string;
  /** Of whom more is asked for, or whose subscription or key it is. */
  applicationId: string;
  /** `application:app_…`, `subscription:sub_…`, `key:…` */
  scope: string;
  limit: Limit;
  /** Until when it is asked for, milliseconds since 1970; null is for good. */
  until: number | null;
  reason: string;
  state: LimitRequestState;
  createdAt: number;
  createdBy: Actor;
  /** Null as long as nobody has decided. */
  decision: LimitDecision | null;
  /** When it was taken back, by whoever asked or whoever granted it. */
  withdrawnAt: number | null;
}

export interface LimitDecision {
  at: number;
  by: Actor;
  note: string | null;
  /** What was granted, which may be less than what was asked for; null where it was rejected. */
  granted: { limit: Limit; until: number | null } | null;
  /** By which a repeated call is known again; null where the call cannot be repeated. */
  repeatId: string | null;
}

export interface LimitRequestQuery {
  /** `expired`: approved for a time that is over; `approved` are those that hold. All where absent. */
  state?: LimitRequestState | "expired";
  /** What counts as over, milliseconds since 1970. */
  now: number;
}
