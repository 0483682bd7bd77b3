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
