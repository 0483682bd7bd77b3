import { type Migration, numbered } from "./migration.ts";

/**
 * Files and batches that applications keep at provider accounts: an id belongs to who first got
 * it, at that account. `batch` and `told` are JSON texts.
 */
export const providerObjects: Migration = {
  id: 4,
  name: "provider objects",
  async up(db) {
    await numbered(db, db.schema.createTable("provider_objects"), "seq")
      .addColumn("tenant_id", "text", (c) => c.notNull())
      .addColumn("application_id", "text", (c) => c.notNull())
      .addColumn("provider", "text", (c) => c.notNull())
      .addColumn("id", "text", (c) => c.notNull())
      .addColumn("kind", "text", (c) => c.notNull())
      .addColumn("api", "text", (c) => c.notNull())
      .addColumn("model", "text", (c) => c.notNull())
      .addColumn("purpose", "text")
      .addColumn("judged", "text")
      .addColumn("batch", "text")
      .addColumn("told", "text", (c) => c.notNull())
      .addColumn("created_at", "bigint", (c) => c.notNull())
      .addForeignKeyConstraint("provider_objects_application", ["application_id", "tenant_id"], "applications", [
        "id",
        "tenant_id",
      ])
      .addUniqueConstraint("provider_objects_id", ["id", "provider"])
      .execute();
    await db.schema
      .createIndex("provider_objects_of_application")
      .on("provider_objects")
      .columns(["tenant_id", "application_id", "kind", "seq"])
      .execute();
  },
};
