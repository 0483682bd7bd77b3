import { Database, SQLiteError } from "bun:sqlite";
import type { Kysely } from "kysely";
import type { Clock } from "../../kernel/clock.ts";
import { EVENTS_MIGRATIONS } from "../migrations/events-1-begin.ts";
import { migrate } from "../migrations/migration.ts";
import { type EventTables, SqlEvents } from "../sql/events.ts";
import { DataFolderError, makePrivate } from "./folder.ts";
import { kyselyOn } from "./open.ts";

/** The events of an installation, in the file of its ledger. */
export class SqliteEvents extends SqlEvents {
  readonly #connection: Database;

  constructor(connection: Database, clock: Clock, kept?: number) {
    super(kyselyOn<EventTables>(connection), clock, kept);
    this.#connection = connection;
  }

  close(): void {
    this.#connection.close();
  }
}

/**
 * Opens the table beside the ledger, on a connection of its own: each of its statements is a commit, so none
 * ever holds the file while the journal wants it. Like the ledger, what is committed survives the process.
 * @throws MigrationError when a newer version made it, DataFolderError when it cannot be read.
 */
export async function openEvents(file: string, clock: Clock, kept?: number): Promise<SqliteEvents> {
  let db: Database | undefined;
  try {
    makePrivate(file);
    db = new Database(file, { create: true, readwrite: true });
    db.run("PRAGMA busy_timeout = 100");
    db.run("PRAGMA journal_mode = WAL");
    db.run("PRAGMA synchronous = NORMAL");
    db.run("PRAGMA wal_autocheckpoint = 20000");
    await migrate(
      kyselyOn<EventTables>(db) as unknown as Kysely<unknown>,
      EVENTS_MIGRATIONS,
      clock.now(),
      "events_migrations",
    );
    return new SqliteEvents(db, clock, kept);
  } catch (error) {
    db?.close();
    if (!(error instanceof SQLiteError)) throw error;
    throw new DataFolderError(`the database ${file} cannot be used: ${error.message}; restore it from its backup`);
  }
}
