import type { Migration } from "./migration.ts";

/** Responses are forgotten when their provider does: many rows a day, which are found by when they were made. */
export const expiringObjects: Migration = {
  id: 8,
  name: "expiring objects",
  async up(db) {
    await db.schema
      .createIndex("provider_objects_by_age")
      .on("provider_objects")
      .columns(["kind", "created_at"])
      .execute();
  },
};
