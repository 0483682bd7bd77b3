import type { Generated } from "kysely";
import type { KeyMode } from "../../domain/access/virtual-key.ts";
import type { Origin } from "../../ports/administration.ts";
import type { LimitRequestState } from "../../ports/limit-requests.ts";

/** Rows of the directory as they stand in the database; lists are JSON text, times milliseconds, switches 0 or 1. */
export interface Tables {
  providers: {
    name: string;
    origin: Origin;
    kind: string;
    base_url: string | null;
    options: string;
    sealed_key: string | null;
    key_fingerprint: string | null;
    allow_private_network: number;
    prices: string;
    placement: string;
    limits: string;
  };
  models: { name: string; origin: Origin; targets: string; fallbacks: string; routing: string; limits: string };
  guardrails: { name: string; origin: Origin; settings: string };
  plans: { name: string; origin: Origin; limits: string; settings: string };
  apis: {
    name: string;
    origin: Origin;
    stage: string;
    deprecated_at: number | null;
    sunset_at: number | null;
    models: string;
    guardrails: string;
    approval: string;
    capture: number;
    policy: string;
  };
  tenants: Lasting & { prices: string; time_zone: string };
  teams: Lasting & { tenant_id: string };
  applications: Lasting & { tenant_id: string; team_id: string };
  memberships: { tenant_id: string; team_id: string; email: string; roles: string; origin: Origin };
  subscriptions: {
    seq: Generated<number>;
    id: string;
    tenant_id: string;
    application_id: string;
    api: string;
    plan: string;
    state: string;
    origin: Origin;
    created_at: number;
  };
  keys: {
    seq: Generated<number>;
    id: string;
    tenant_id: string;
    application_id: string;
    name: string;
    mode: KeyMode;
    digest: string;
    allow_from: string;
    origin: Origin;
    created_at: number;
    expires_at: number | null;
    revoked_at: number | null;
    /** Who revoked it; what the file revoked, the file may restore. */
    revoked_by: Origin | null;
    limits: string;
  };
  limit_requests: {
    seq: Generated<number>;
    id: string;
    tenant_id: string;
    application_id: string;
    key_id: string;
    scope: string;
    wanted: string;
    wanted_until: number | null;
    reason: string;
    state: LimitRequestState;
    created_at: number;
    created_by: string;
    decided_at: number | null;
    decided_by: string | null;
    decided_under: string | null;
    note: string | null;
    granted: string | null;
    granted_until: number | null;
    withdrawn_at: number | null;
  };
  provider_objects: {
    seq: Generated<number>;
    tenant_id: string;
    application_id: string;
    provider: string;
    id: string;
    kind: string;
    api: string;
    model: string;
    purpose: string | null;
    judged: string | null;
    batch: string | null;
    charge: string | null;
    told: string;
    created_at: number;
  };
  settings: { name: string; value: string };
  audit: {
    id: Generated<number>;
    at: number;
    actor_kind: string;
    actor_id: string;
    action: string;
    subject: string;
    tenant_id: string | null;
    detail: string;
  };
}

/** A row that is marked as removed instead of deleted. */
interface Lasting {
  id: string;
  name: string;
  origin: Origin;
  created_at: number;
  removed_at: number | null;
  limits: string;
}
