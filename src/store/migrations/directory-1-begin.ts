import type { CreateTableBuilder, Kysely } from "kysely";
import { type Migration, numbered } from "./migration.ts";

/**
 * The directory: what administrators publish (providers, models, guardrails, plans, APIs),
 * who uses it (tenants, teams, applications, subscriptions, keys), and who changed it (audit).
 *
 * Every tenant-owned row carries its tenant, and refers to its parent by both ids, so that
 * no row can hang under another tenant's parent. Times are milliseconds since 1970. `origin`
 * says who made a row: the configuration file, the first start, or an administrator.
 */
export const begin: Migration = {
  id: 1,
  name: "begin",
  async up(db) {
    await catalog(db);
    await tenancy(db);
    await consumption(db);
    await keeping(db);
  },
};

async function catalog(db: Kysely<unknown>): Promise<void> {
  await named(db, "providers")
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("base_url", "text")
    .addColumn("sealed_key", "text")
    .addColumn("key_fingerprint", "text")
    .addColumn("allow_private_network", "integer", (c) => c.notNull())
    .addColumn("prices", "text", (c) => c.notNull())
    .execute();
  await named(db, "models")
    .addColumn("targets", "text", (c) => c.notNull())
    .addColumn("fallbacks", "text", (c) => c.notNull())
    .execute();
  await named(db, "guardrails")
    .addColumn("settings", "text", (c) => c.notNull())
    .execute();
  await named(db, "plans")
    .addColumn("limits", "text", (c) => c.notNull())
    .execute();
  // An API's name is `slug/version`.
  await named(db, "apis")
    .addColumn("stage", "text", (c) => c.notNull())
    .addColumn("deprecated_at", "bigint")
    .addColumn("sunset_at", "bigint")
    .addColumn("models", "text", (c) => c.notNull())
    .addColumn("guardrails", "text", (c) => c.notNull())
    .addColumn("approval", "text", (c) => c.notNull())
    .addColumn("capture", "integer", (c) => c.notNull())
    .execute();
}

function named(db: Kysely<unknown>, table: string): CreateTableBuilder<string, string> {
  return db.schema
    .createTable(table)
    .addColumn("name", "text", (c) => c.primaryKey().notNull())
    .addColumn("origin", "text", (c) => c.notNull());
}

async function tenancy(db: Kysely<unknown>): Promise<void> {
  await lasting(db, "tenants").addUniqueConstraint("tenants_name", ["name"]).execute();
  await lasting(db, "teams")
    .addColumn("tenant_id", "text", (c) => c.notNull().references("tenants.id"))
    .addUniqueConstraint("teams_name", ["tenant_id", "name"])
    .addUniqueConstraint("teams_tenant", ["id", "tenant_id"])
    .execute();
  await lasting(db, "applications")
    .addColumn("tenant_id", "text", (c) => c.notNull())
    .addColumn("team_id", "text", (c) => c.notNull())
    .addForeignKeyConstraint("applications_team", ["team_id", "tenant_id"], "teams", ["id", "tenant_id"])
    .addUniqueConstraint("applications_name", ["team_id", "name"])
    .addUniqueConstraint("applications_tenant", ["id", "tenant_id"])
    .execute();
  await db.schema
    .createTable("memberships")
    .addColumn("tenant_id", "text", (c) => c.notNull())
    .addColumn("team_id", "text", (c) => c.notNull())
    .addColumn("email", "text", (c) => c.notNull())
    .addColumn("roles", "text", (c) => c.notNull())
    .addColumn("origin", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("memberships_key", ["team_id", "email"])
    .addForeignKeyConstraint("memberships_team", ["team_id", "tenant_id"], "teams", ["id", "tenant_id"])
    .execute();
}

/** A row that is never deleted, only marked as removed: usage records and revoked keys still speak of it. */
function lasting(db: Kysely<unknown>, table: string): CreateTableBuilder<string, string> {
  return db.schema
    .createTable(table)
    .addColumn("id", "text", (c) => c.primaryKey().notNull())
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("origin", "text", (c) => c.notNull())
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .addColumn("removed_at", "bigint");
}

async function consumption(db: Kysely<unknown>): Promise<void> {
  await numbered(db, db.schema.createTable("subscriptions"), "seq")
    .addColumn("id", "text", (c) => c.notNull().unique())
    .addColumn("tenant_id", "text", (c) => c.notNull())
    .addColumn("application_id", "text", (c) => c.notNull())
    .addColumn("api", "text", (c) => c.notNull().references("apis.name"))
    .addColumn("plan", "text", (c) => c.notNull().references("plans.name"))
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("origin", "text", (c) => c.notNull())
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .addForeignKeyConstraint("subscriptions_application", ["application_id", "tenant_id"], "applications", [
      "id",
      "tenant_id",
    ])
    .addUniqueConstraint("subscriptions_api", ["application_id", "api"])
    .execute();
  await numbered(db, db.schema.createTable("keys"), "seq")
    .addColumn("id", "text", (c) => c.notNull().unique())
    .addColumn("tenant_id", "text", (c) => c.notNull())
    .addColumn("application_id", "text", (c) => c.notNull())
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("mode", "text", (c) => c.notNull())
    .addColumn("digest", "text", (c) => c.notNull().unique())
    .addColumn("allow_from", "text", (c) => c.notNull())
    .addColumn("origin", "text", (c) => c.notNull())
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .addColumn("expires_at", "bigint")
    .addColumn("revoked_at", "bigint")
    .addColumn("revoked_by", "text")
    .addForeignKeyConstraint("keys_application", ["application_id", "tenant_id"], "applications", ["id", "tenant_id"])
    .execute();
  await db.schema.createIndex("keys_of_application").on("keys").columns(["application_id", "seq"]).execute();
  await db.schema.createIndex("keys_of_tenant").on("keys").columns(["tenant_id", "seq"]).execute();
}

async function keeping(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("settings")
    .addColumn("name", "text", (c) => c.primaryKey().notNull())
    .addColumn("value", "text", (c) => c.notNull())
    .execute();
  await numbered(db, db.schema.createTable("audit"), "id")
    .addColumn("at", "bigint", (c) => c.notNull())
    .addColumn("actor_kind", "text", (c) => c.notNull())
    .addColumn("actor_id", "text", (c) => c.notNull())
    .addColumn("action", "text", (c) => c.notNull())
    .addColumn("subject", "text", (c) => c.notNull())
    .addColumn("tenant_id", "text")
    .addColumn("detail", "text", (c) => c.notNull())
    .execute();
}
