import type { Kysely, Selectable } from "kysely";
import { GatewayError } from "../../errors.ts";
import type { Limit } from "../../kernel/limit.ts";
import type { Actor } from "../../ports/administration.ts";
import type { LimitDecision, LimitRequestQuery, LimitRequestRow } from "../../ports/limit-requests.ts";
import type { ChangeSheet } from "./change-sheet.ts";
import type { Tables } from "./tables.ts";

/** What asks for more, in the directory's own database: what was granted is part of every look-up of a principal. */

/** @throws GatewayError not_found where the tenant has no such scope, conflict where there is such a request. */
export async function createLimitRequest(
  db: Kysely<Tables>,
  sheet: ChangeSheet,
  request: LimitRequestRow,
): Promise<void> {
  if (!(await isOwn(db, request))) throw new GatewayError("not_found", "There is no such scope.");
  const taken = await find(db, null, request.id);
  if (taken !== undefined) throw new GatewayError("conflict", "There is such a request already.");
  await db
    .insertInto("limit_requests")
    .values({
      id: request.id,
      tenant_id: request.tenantId,
      application_id: request.applicationId,
      key_id: request.scope.startsWith("key:") ? idOf(request.scope) : "",
      scope: request.scope,
      wanted: JSON.stringify(request.limit),
      wanted_until: request.until,
      reason: request.reason,
      state: request.state,
      created_at: request.createdAt,
      created_by: actorText(request.createdBy),
      ...decisionColumns(request.decision),
      withdrawn_at: request.withdrawnAt,
    })
    .execute();
  sheet.added();
}

/** @returns false where the tenant has no such request. @throws GatewayError conflict where somebody has decided already. */
export async function decideLimitRequest(
  db: Kysely<Tables>,
  sheet: ChangeSheet,
  [tenantId, id]: readonly [string, string],
  decision: LimitDecision,
): Promise<boolean> {
  const found = await find(db, tenantId, id);
  if (found === undefined) return false;
  if (found.state !== "requested") throw new GatewayError("conflict", `The request is ${found.state} already.`);
  const state = decision.granted === null ? "rejected" : "approved";
  const columns = { state, ...decisionColumns(decision) } as const;
  await db.updateTable("limit_requests").set(columns).where("seq", "=", found.seq).execute();
  if (decision.granted === null) sheet.added();
  else sheet.wrote();
  return true;
}

/** @returns false where the tenant has no such request. @throws GatewayError conflict where it was rejected. */
export async function withdrawLimitRequest(
  db: Kysely<Tables>,
  sheet: ChangeSheet,
  [tenantId, id]: readonly [string, string],
  at: number,
): Promise<boolean> {
  const found = await find(db, tenantId, id);
  if (found === undefined) return false;
  if (found.state === "rejected") throw new GatewayError("conflict", "The request is rejected already.");
  if (found.state === "withdrawn") return true;
  const columns = { state: "withdrawn", withdrawn_at: at } as const;
  await db.updateTable("limit_requests").set(columns).where("seq", "=", found.seq).execute();
  sheet.wrote();
  return true;
}

export function limitRequestsOf(db: Kysely<Tables>, tenantId: string | null, { state, now }: LimitRequestQuery) {
  let rows = db.selectFrom("limit_requests").selectAll();
  if (tenantId !== null) rows = rows.where("tenant_id", "=", tenantId);
  if (state === undefined) return rows;
  if (state === "expired") return rows.where("state", "=", "approved").where("granted_until", "<=", now);
  if (state !== "approved") return rows.where("state", "=", state);
  const holding = rows.where("state", "=", "approved");
  return holding.where((or) => or.or([or("granted_until", "is", null), or("granted_until", ">", now)]));
}

export function toLimitRequest(row: Selectable<Tables["limit_requests"]>): LimitRequestRow {
  const { id, scope, reason, state } = row;
  return {
    ...{ id, scope, reason, state },
    tenantId: row.tenant_id,
    applicationId: row.application_id,
    limit: JSON.parse(row.wanted) as Limit,
    until: row.wanted_until,
    createdAt: row.created_at,
    createdBy: toActor(row.created_by),
    decision: decisionOf(row),
    withdrawnAt: row.withdrawn_at,
  };
}

function find(db: Kysely<Tables>, tenantId: string | null, id: string) {
  const row = db.selectFrom("limit_requests").select(["seq", "state"]).where("id", "=", id);
  return (tenantId === null ? row : row.where("tenant_id", "=", tenantId)).executeTakeFirst();
}

/** Whether the scope is the application's, and the application the tenant's. */
async function isOwn(db: Kysely<Tables>, { tenantId, applicationId, scope }: LimitRequestRow): Promise<boolean> {
  const application = await db
    .selectFrom("applications")
    .select("id")
    .where("id", "=", applicationId)
    .where("tenant_id", "=", tenantId)
    .where("removed_at", "is", null)
    .executeTakeFirst();
  if (application === undefined) return false;
  const id = idOf(scope);
  if (scope.startsWith("application:")) return id === applicationId;
  const table = scope.startsWith("key:") ? "keys" : "subscriptions";
  const owned = db.selectFrom(table).select("id").where("id", "=", id).where("application_id", "=", applicationId);
  return (await owned.executeTakeFirst()) !== undefined;
}

function decisionColumns(decision: LimitDecision | null) {
  return {
    decided_at: decision?.at ?? null,
    decided_by: decision === null ? null : actorText(decision.by),
    decided_under: decision?.repeatId ?? null,
    note: decision?.note ?? null,
    granted: decision === null || decision.granted === null ? null : JSON.stringify(decision.granted.limit),
    granted_until: decision?.granted?.until ?? null,
  };
}

function decisionOf(row: Selectable<Tables["limit_requests"]>): LimitDecision | null {
  const { decided_at: at, decided_by: by, note, granted } = row;
  if (at === null || by === null) return null;
  return {
    ...{ at, note },
    by: toActor(by),
    granted: granted === null ? null : { limit: JSON.parse(granted) as Limit, until: row.granted_until },
    repeatId: row.decided_under,
  };
}

const actorText = ({ kind, id }: Actor) => `${kind}:${id}`;

function toActor(text: string): Actor {
  return { kind: text.slice(0, text.indexOf(":")) as Actor["kind"], id: idOf(text) };
}

function idOf(text: string): string {
  return text.slice(text.indexOf(":") + 1);
}
