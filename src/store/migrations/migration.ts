import { type ColumnDefinitionBuilder, type CreateTableBuilder, type Kysely, PostgresAdapter } from "kysely";

/** One step of a schema's life. Once released it never changes; what must change is a new step. */
export interface Migration {
  /** 1, 2, 3, … without gaps. */
  id: number;
  name: string;
  up(db: Kysely<unknown>): Promise<void>;
}

/** The database was not made by this version, or not by this software. */
export class MigrationError extends Error {
  override readonly name = "MigrationError";
}

/**
 * Adds the primary key by which rows are numbered in the order in which they are made. On
 * PostgreSQL that is the order of their commits only where the transactions wait for one another.
 */
export function numbered<T extends string>(
  db: Kysely<unknown>,
  table: CreateTableBuilder<T, never>,
  column: string,
): CreateTableBuilder<T, string> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const rising = (definition: ColumnDefinitionBuilder) =>
    postgres ? definition.primaryKey().generatedAlwaysAsIdentity() : definition.primaryKey().autoIncrement();
  return table.addColumn(column, postgres ? "bigint" : "integer", rising);
}

interface MigrationTable {
  migrations: { id: number; name: string; applied_at: number };
}

/**
 * Brings a database to the newest schema, in one transaction: all missing steps or none. Where
 * several nodes may begin at once, the caller lets one at a time.
 * @param table where the steps that were applied are remembered; stores in one database have one each.
 * @returns the steps that were applied.
 * @throws MigrationError when the database is newer than this list.
 */
export async function migrate(
  db: Kysely<unknown>,
  steps: readonly Migration[],
  now: number,
  table = "migrations",
): Promise<Migration[]> {
  await db.schema
    .createTable(table)
    .ifNotExists()
    .addColumn("id", "integer", (column) => column.primaryKey())
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("applied_at", "bigint", (column) => column.notNull())
    .execute();
  return db.transaction().execute(async (transaction) => {
    const record = transaction as unknown as Kysely<MigrationTable>;
    const applied = await record
      .selectFrom(table as "migrations")
      .selectAll()
      .orderBy("id")
      .execute();
    for (const row of applied) {
      const step = steps[row.id - 1];
      if (step === undefined) {
        throw new MigrationError(
          `the database has schema ${row.id} (${row.name}), which is newer than this version of Sallyport knows (${steps.length}); start the version that made it, or a later one`,
        );
      }
      if (step.name !== row.name) {
        throw new MigrationError(
          `the database has a schema ${row.id} named ${row.name}, where this version has ${step.name}`,
        );
      }
    }
    const missing = steps.slice(applied.length);
    for (const step of missing) {
      await step.up(transaction);
      await record
        .insertInto(table as "migrations")
        .values({ id: step.id, name: step.name, applied_at: now })
        .execute();
    }
    return missing;
  });
}
