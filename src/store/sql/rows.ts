import type { Selectable } from "kysely";
import type { Principal, Raise, Subscription } from "../../domain/access/principal.ts";
import type { KeyMode } from "../../domain/access/virtual-key.ts";
import { deepFreeze } from "../../kernel/freeze.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { Limit } from "../../kernel/limit.ts";
import type { Actor, ApplicationRow, AuditEntry, KeyRow } from "../../ports/administration.ts";
import type { AccountOptions } from "../../spec/adapter.ts";
import type { Tables } from "./tables.ts";

/** A key as the control plane sees it: without its digest. */
export function toKey(row: Selectable<Tables["keys"]>): KeyRow {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    applicationId: row.application_id,
    name: row.name,
    mode: row.mode,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    allowFrom: JSON.parse(row.allow_from) as string[],
    ...(row.limits === "[]" ? {} : { limits: JSON.parse(row.limits) as Limit[] }),
  };
}

export function toAuditEntry(row: Selectable<Tables["audit"]>): AuditEntry {
  return {
    id: row.id,
    at: row.at,
    actor: { kind: row.actor_kind as Actor["kind"], id: row.actor_id },
    action: row.action,
    subject: row.subject,
    tenantId: row.tenant_id,
    detail: JSON.parse(row.detail) as JsonObject,
  };
}

export interface ApplicationJoin {
  id: string;
  name: string;
  team_id: string;
  team_name: string;
  tenant_id: string;
  tenant_name: string;
}

export function toApplication(row: ApplicationJoin): ApplicationRow {
  return {
    id: row.id,
    name: row.name,
    tenant: { id: row.tenant_id, name: row.tenant_name },
    team: { id: row.team_id, name: row.team_name },
  };
}

/** What the look-up of a digest finds, joined. */
export interface KeyHit {
  key_id: string;
  key_name: string;
  mode: KeyMode;
  allow_from: string;
  expires_at: number | null;
  revoked_at: number | null;
  application_id: string;
  application_name: string;
  team_id: string;
  team_name: string;
  tenant_id: string;
  tenant_name: string;
  time_zone: string;
  /** JSON texts. */
  key_limits: string;
  application_limits: string;
  team_limits: string;
  tenant_limits: string;
}

const NONE: readonly Limit[] = Object.freeze([]);
const NO_RAISES: readonly Raise[] = Object.freeze([]);

/** Most have none, and there may be very many keys in memory. */
function limitsOf(text: string): readonly Limit[] {
  return text === "[]" ? NONE : (JSON.parse(text) as Limit[]);
}

/** The statement up to the value of the digest, which every database writes in its own way. */
export const KEY_BY_DIGEST = `
  SELECT k.id AS key_id, k.name AS key_name, k.mode, k.allow_from, k.expires_at, k.revoked_at,
         a.id AS application_id, a.name AS application_name,
         m.id AS team_id, m.name AS team_name, t.id AS tenant_id, t.name AS tenant_name, t.time_zone,
         k.limits AS key_limits, a.limits AS application_limits, m.limits AS team_limits, t.limits AS tenant_limits
  FROM keys k
  JOIN applications a ON a.id = k.application_id
  JOIN teams m ON m.id = a.team_id
  JOIN tenants t ON t.id = a.tenant_id
  WHERE k.digest = `;

/** A granted limit as it stands in the database. */
export interface RaiseRow {
  scope: string;
  granted: string;
  granted_until: number | null;
}

/** What was granted to an application, its subscriptions and one of its keys. @param application, key how the statement names their ids */
export const grantedTo = (application: string, key: string) => `
  SELECT scope, granted, granted_until FROM limit_requests
  WHERE state = 'approved' AND application_id = ${application} AND key_id IN ('', ${key})`;

export function toRaise({ scope, granted, granted_until: until }: RaiseRow): Raise {
  return { scope, limit: JSON.parse(granted) as Limit, until };
}

/** What its application has, in the order in which it was made. */
export interface KeyBelongings {
  subscriptions: readonly Subscription[];
  raises: readonly RaiseRow[];
}

export function toPrincipal(row: KeyHit, { subscriptions, raises }: KeyBelongings): Principal {
  return deepFreeze({
    key: { id: row.key_id, name: row.key_name, mode: row.mode },
    tenant: { id: row.tenant_id, name: row.tenant_name },
    team: { id: row.team_id, name: row.team_name },
    application: { id: row.application_id, name: row.application_name },
    subscriptions,
    allowFrom: JSON.parse(row.allow_from) as string[],
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    timeZone: row.time_zone,
    limits: {
      key: limitsOf(row.key_limits),
      application: limitsOf(row.application_limits),
      team: limitsOf(row.team_limits),
      tenant: limitsOf(row.tenant_limits),
    },
    raises: raises.length === 0 ? NO_RAISES : raises.map(toRaise),
  });
}

/** A provider account of a database that may be older than this version. */
export type AccountRow = Omit<Selectable<Tables["providers"]>, "options"> & { options?: string };

/** An account as it is kept: its key sealed. */
export interface SealedAccount {
  name: string;
  kind: string;
  baseUrl: string | null;
  options: AccountOptions;
  sealedKey: string | null;
  allowPrivateNetwork: boolean;
}

export function toSealedAccount(row: AccountRow): SealedAccount {
  return {
    name: row.name,
    kind: row.kind,
    baseUrl: row.base_url,
    options: JSON.parse(row.options ?? "{}") as AccountOptions,
    sealedKey: row.sealed_key,
    allowPrivateNetwork: row.allow_private_network !== 0,
  };
}
