import { sql } from "kysely";
import type { Migration } from "./migration.ts";

/**
 * What nodes that share a directory compare: its last change, and the last one that touched the
 * catalog, and the principals. One row. Who changes the directory locks it first.
 */
export const epochs: Migration = {
  id: 1,
  name: "begin",
  async up(db) {
    await db.schema
      .createTable("epochs")
      .addColumn("revision", "bigint", (c) => c.notNull())
      .addColumn("catalog", "bigint", (c) => c.notNull())
      .addColumn("principals", "bigint", (c) => c.notNull())
      .execute();
    await sql`INSERT INTO epochs SELECT max, max, max FROM (SELECT coalesce(max(id), 0) AS max FROM audit) AS last`.execute(
      db,
    );
  },
};

/** Beside the steps of the directory itself, only where it is shared. */
export const EPOCHS_MIGRATIONS: readonly Migration[] = [epochs];
