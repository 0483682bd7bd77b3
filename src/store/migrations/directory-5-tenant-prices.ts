import type { Migration } from "./migration.ts";

/** What models cost a tenant, where that is not what they cost everybody. A JSON text. */
export const tenantPrices: Migration = {
  id: 5,
  name: "tenant prices",
  async up(db) {
    await db.schema
      .alterTable("tenants")
      .addColumn("prices", "text", (column) => column.notNull().defaultTo("[]"))
      .execute();
  },
};
