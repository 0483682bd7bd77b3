import type { Migration } from "./migration.ts";

/** What is limited beside the plans, and by whose calendar. Limits are JSON texts. */
export const limits: Migration = {
  id: 6,
  name: "limits",
  async up(db) {
    for (const table of ["tenants", "teams", "applications", "keys", "providers", "models"]) {
      await db.schema
        .alterTable(table)
        .addColumn("limits", "text", (column) => column.notNull().defaultTo("[]"))
        .execute();
    }
    await db.schema
      .alterTable("tenants")
      .addColumn("time_zone", "text", (column) => column.notNull().defaultTo("UTC"))
      .execute();
  },
};
