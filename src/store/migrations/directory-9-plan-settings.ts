import type { Migration } from "./migration.ts";

/** What a plan says beside its limits. A JSON text. */
export const planSettings: Migration = {
  id: 9,
  name: "plan settings",
  async up(db) {
    await db.schema
      .alterTable("plans")
      .addColumn("settings", "text", (column) => column.notNull().defaultTo("{}"))
      .execute();
  },
};
