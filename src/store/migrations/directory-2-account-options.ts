import type { Migration } from "./migration.ts";

/** Accounts say more than address and key: a region, an API version. JSON text, by name. */
export const accountOptions: Migration = {
  id: 2,
  name: "account options",
  async up(db) {
    await db.schema
      .alterTable("providers")
      .addColumn("options", "text", (column) => column.notNull().defaultTo("{}"))
      .execute();
  },
};
