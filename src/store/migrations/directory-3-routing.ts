import type { Migration } from "./migration.ts";

/** Models say how their targets are chosen, accounts where they are and what they promise, APIs what they demand. JSON texts. */
export const routing: Migration = {
  id: 3,
  name: "routing",
  async up(db) {
    const add = (table: string, column: string) =>
      db.schema
        .alterTable(table)
        .addColumn(column, "text", (definition) => definition.notNull().defaultTo("{}"))
        .execute();
    await add("providers", "placement");
    await add("models", "routing");
    await add("apis", "policy");
  },
};
