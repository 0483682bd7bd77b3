import { type Migration, numbered } from "./migration.ts";

/**
 * Requests for higher limits, and what was granted. `key_id` is empty where it is not about one key;
 * `wanted` and `granted` are limits as JSON texts, `created_by` and `decided_by` are `kind:id` of actors.
 */
export const limitRequests: Migration = {
  id: 7,
  name: "limit requests",
  async up(db) {
    await numbered(db, db.schema.createTable("limit_requests"), "seq")
      .addColumn("id", "text", (c) => c.notNull().unique())
      .addColumn("tenant_id", "text", (c) => c.notNull())
      .addColumn("application_id", "text", (c) => c.notNull())
      .addColumn("key_id", "text", (c) => c.notNull())
      .addColumn("scope", "text", (c) => c.notNull())
      .addColumn("wanted", "text", (c) => c.notNull())
      .addColumn("wanted_until", "bigint")
      .addColumn("reason", "text", (c) => c.notNull())
      .addColumn("state", "text", (c) => c.notNull())
      .addColumn("created_at", "bigint", (c) => c.notNull())
      .addColumn("created_by", "text", (c) => c.notNull())
      .addColumn("decided_at", "bigint")
      .addColumn("decided_by", "text")
      .addColumn("decided_under", "text")
      .addColumn("note", "text")
      .addColumn("granted", "text")
      .addColumn("granted_until", "bigint")
      .addColumn("withdrawn_at", "bigint")
      .addForeignKeyConstraint("limit_requests_application", ["application_id", "tenant_id"], "applications", [
        "id",
        "tenant_id",
      ])
      .execute();
    await db.schema
      .createIndex("limit_requests_granted")
      .on("limit_requests")
      .columns(["application_id", "key_id"])
      .where("state" as never, "=", "approved")
      .execute();
    await db.schema
      .createIndex("limit_requests_of_tenant")
      .on("limit_requests")
      .columns(["tenant_id", "seq"])
      .execute();
  },
};
