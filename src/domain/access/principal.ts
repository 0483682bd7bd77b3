import type { Limit } from "../../kernel/limit.ts";
import type { KeyMode } from "./virtual-key.ts";

/** Who calls: everything that a credential stands for. */
export interface Principal {
  key: { id: string; name: string; mode: KeyMode };
  tenant: Named;
  team: Named;
  application: Named;
  /** In the order in which they were made. */
  subscriptions: readonly Subscription[];
  /** CIDRs from which the key may be used; empty is anywhere. */
  allowFrom: readonly string[];
  /** Milliseconds since 1970; null is never. */
  expiresAt: number | null;
  revokedAt: number | null;
  /** In whose calendar its quotas and budgets count: the tenant's, an IANA time zone. */
  timeZone: string;
  /** What is limited beside the plans. */
  limits: OwnLimits;
  /** What was granted above a limit, for all of its subscriptions, applications and keys. */
  raises: readonly Raise[];
}

/** Limits of the key itself and of whom it belongs to. */
export interface OwnLimits {
  key: readonly Limit[];
  application: readonly Limit[];
  team: readonly Limit[];
  tenant: readonly Limit[];
}

/** A limit that stands instead of the one of its dimension and window, for a time or for good. */
export interface Raise {
  /** `subscription:sub_…`, `application:app_…`, `key:…` */
  scope: string;
  limit: Limit;
  /** Milliseconds since 1970; null is for good. */
  until: number | null;
}

export interface Named {
  id: string;
  name: string;
}

export interface Subscription {
  id: string;
  /** `slug/version` */
  api: string;
  plan: string;
  state: "requested" | "approved" | "rejected" | "suspended";
}
