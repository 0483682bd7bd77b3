import type { Selectable } from "kysely";
import type { JsonObject } from "../../kernel/json.ts";
import type { Actor, ApplicationRow, AuditEntry, KeyRow } from "../../ports/administration.ts";
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
