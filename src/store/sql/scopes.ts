import type { Kysely } from "kysely";
import type { Limit } from "../../kernel/limit.ts";
import type { LimitedScope } from "../../ports/administration.ts";
import { type RaiseRow, toRaise } from "./rows.ts";
import type { Tables } from "./tables.ts";

/** What is known of a scope before its tenant is. */
type Found = Pick<LimitedScope, "scope" | "name" | "limits">;

interface Chain {
  found: Found[];
  tenant: { id: string; zone: string };
}

/** A scope of a tenant, and everyone who pays as well for what is charged to it; itself first. Empty where there is no such thing. */
export async function chargedScopes(db: Kysely<Tables>, scope: string): Promise<LimitedScope[]> {
  const colon = scope.indexOf(":");
  const chain = await chainOf(db, scope.slice(0, colon), scope.slice(colon + 1));
  if (chain === undefined) return [];
  const { id: tenantId, zone } = chain.tenant;
  const application = chain.found.map((each) => idUnder("application", each.scope)).find((id) => id !== undefined);
  if (application === undefined) return chain.found.map((each) => ({ ...each, tenantId, zone }));
  const granted = await db
    .selectFrom("limit_requests")
    .select(["scope", "granted", "granted_until"])
    .where("state", "=", "approved")
    .where("application_id", "=", application)
    .where("key_id", "in", ["", idUnder("key", scope) ?? ""])
    .execute();
  return chain.found.map((each) => ({
    ...each,
    ...{ tenantId, zone },
    ...(isAbove(each.scope) ? {} : { applicationId: application }),
    raises: (granted as RaiseRow[]).filter((row) => row.scope === each.scope).map(toRaise),
  }));
}

/** Whether it is the team or the tenant of an application. */
function isAbove(scope: string): boolean {
  return idUnder("team", scope) !== undefined || idUnder("tenant", scope) !== undefined;
}

/** `key:abc` → `abc`, where it is a key. */
function idUnder(kind: string, scope: string): string | undefined {
  return scope.startsWith(`${kind}:`) ? scope.slice(kind.length + 1) : undefined;
}

async function chainOf(db: Kysely<Tables>, kind: string, id: string): Promise<Chain | undefined> {
  switch (kind) {
    case "tenant": {
      const row = await db.selectFrom("tenants").selectAll().where("id", "=", id).executeTakeFirst();
      return row && { found: [foundOf(kind, row)], tenant: { id, zone: row.time_zone } };
    }
    case "team": {
      const row = await db.selectFrom("teams").selectAll().where("id", "=", id).executeTakeFirst();
      return row && below(foundOf(kind, row), await chainOf(db, "tenant", row.tenant_id));
    }
    case "application": {
      const row = await db.selectFrom("applications").selectAll().where("id", "=", id).executeTakeFirst();
      return row && below(foundOf(kind, row), await chainOf(db, "team", row.team_id));
    }
    case "key": {
      const row = await db.selectFrom("keys").selectAll().where("id", "=", id).executeTakeFirst();
      return row && below(foundOf(kind, row), await chainOf(db, "application", row.application_id));
    }
    case "subscription": {
      const row = await db.selectFrom("subscriptions").selectAll().where("id", "=", id).executeTakeFirst();
      if (row === undefined) return undefined;
      const plan = await db.selectFrom("plans").selectAll().where("name", "=", row.plan).executeTakeFirst();
      const own = { id, name: `${row.api} under ${row.plan}`, limits: plan?.limits ?? "[]" };
      return below(foundOf(kind, own), await chainOf(db, "application", row.application_id));
    }
    default:
      return undefined;
  }
}

interface Row {
  id: string;
  name: string;
  /** JSON text. */
  limits: string;
}

function foundOf(kind: string, { id, name, limits }: Row): Found {
  return { scope: `${kind}:${id}`, name, limits: JSON.parse(limits) as Limit[] };
}

function below(own: Found, above: Chain | undefined): Chain | undefined {
  return above && { ...above, found: [own, ...above.found] };
}
