import type { Migration } from "./migration.ts";

/** What was charged for a batch or a response before it was known what it uses. A JSON text. */
export const chargedObjects: Migration = {
  id: 10,
  name: "charged objects",
  async up(db) {
    await db.schema.alterTable("provider_objects").addColumn("charge", "text").execute();
  },
};
