import { Database, type SQLQueryBindings } from "bun:sqlite";
import { Kysely, SqliteDialect } from "kysely";
import { makePrivate } from "./folder.ts";

/**
 * Opens (or makes, 0600) a database file for writing. WAL, so that readers never wait;
 * `synchronous = FULL`, so that what was acknowledged survives a loss of power too.
 */
export function openWriter(file: string): Database {
  // SQLite gives its -wal and -shm files the mode of the database file.
  makePrivate(file);
  const db = new Database(file, { create: true, readwrite: true });
  db.exec("PRAGMA busy_timeout = 5000");
  db.exec("PRAGMA journal_mode = WAL");
  db.exec("PRAGMA synchronous = FULL");
  db.exec("PRAGMA foreign_keys = ON");
  return db;
}

/** A second connection that sees what has been committed, and cannot write. */
export function openReader(file: string): Database {
  const db = new Database(file, { readwrite: true });
  db.exec("PRAGMA busy_timeout = 5000");
  db.exec("PRAGMA query_only = ON");
  return db;
}

/** Kysely on a connection. Kysely's own SQLite dialect asks for four methods, which Bun's driver names otherwise. */
export function kyselyOn<T>(db: Database): Kysely<T> {
  return new Kysely<T>({
    dialect: new SqliteDialect({
      database: {
        close: () => db.close(),
        prepare(sql) {
          // `query` keeps the statements of the first texts it has seen; preparing one costs more than running it.
          const statement = db.query<unknown, SQLQueryBindings[]>(sql);
          return {
            reader: statement.columnNames.length > 0,
            all: (parameters) => statement.all(...(parameters as SQLQueryBindings[])),
            run: (parameters) => statement.run(...(parameters as SQLQueryBindings[])),
            iterate: (parameters) => statement.iterate(...(parameters as SQLQueryBindings[])),
          };
        },
      },
    }),
  });
}
