import { type Migration, numbered } from "./migration.ts";

/**
 * What happened. `mark` says what makes two of them the same: there is one row of each. `over` is when
 * its period ends (null: never), before which it must not be forgotten; `event` is the JSON of it.
 */
const begin: Migration = {
  id: 1,
  name: "begin",
  async up(db) {
    await numbered(db, db.schema.createTable("events"), "seq")
      .addColumn("mark", "text", (c) => c.notNull().unique())
      .addColumn("type", "text", (c) => c.notNull())
      .addColumn("scope", "text", (c) => c.notNull())
      .addColumn("tenant_id", "text")
      .addColumn("over", "bigint")
      .addColumn("event", "text", (c) => c.notNull())
      .execute();
    await db.schema.createIndex("events_of_scope").on("events").columns(["scope", "seq"]).execute();
    await db.schema.createIndex("events_of_tenant").on("events").columns(["tenant_id", "seq"]).execute();
  },
};

/** Beside the ledger, wherever that is. */
export const EVENTS_MIGRATIONS: readonly Migration[] = [begin];
