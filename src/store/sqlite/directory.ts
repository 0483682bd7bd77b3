import { type Database, SQLiteError } from "bun:sqlite";
import type { Kysely } from "kysely";
import type { Principal } from "../../domain/access/principal.ts";
import type { Catalog } from "../../domain/catalog/catalog.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { RandomBytes } from "../../kernel/id.ts";
import type { Directory } from "../../ports/directory.ts";
import { DIRECTORY_MIGRATIONS } from "../migrations/directory.ts";
import { migrate } from "../migrations/migration.ts";
import { type Committed, lastRevision, SqlAdministration } from "../sql/administration.ts";
import { readCatalog, withRevision } from "../sql/catalog.ts";
import { SqlProviderObjects } from "../sql/provider-objects.ts";
import type { Tables } from "../sql/tables.ts";
import { DataFolderError } from "./folder.ts";
import { kyselyOn, openReader, openWriter } from "./open.ts";
import { Principals } from "./principals.ts";

export interface DirectoryOptions {
  clock: Clock;
  random: RandomBytes;
  /** Principals kept in memory; about 1 kB each. */
  cachedPrincipals?: number;
}

const CACHED_PRINCIPALS = 100_000;

/**
 * Opens the directory of an installation, making or migrating its file (`<data>/directory.db`).
 * @throws MigrationError when a newer version made the file, DataFolderError when it cannot be read.
 */
export async function openDirectory(file: string, options: DirectoryOptions): Promise<SqliteDirectory> {
  let writer: Database | undefined;
  try {
    writer = openWriter(file);
    const db = kyselyOn<Tables>(writer);
    await migrate(db as unknown as Kysely<unknown>, DIRECTORY_MIGRATIONS, options.clock.now());
    const catalog = await readCatalog(db, await lastRevision(db));
    return new SqliteDirectory(writer, db, openReader(file), catalog, options);
  } catch (error) {
    writer?.close();
    if (!(error instanceof SQLiteError)) throw error;
    throw new DataFolderError(`the database ${file} cannot be used: ${error.message}; restore it from its backup`);
  }
}

/**
 * The embedded directory. One connection writes; another one reads, so that a look-up in the
 * middle of a change sees what was committed before it, and never half of it.
 */
export class SqliteDirectory extends SqlAdministration implements Directory {
  /** Whose files and batches at providers are. */
  readonly objects: SqlProviderObjects;
  readonly #connections: Database[];
  readonly #principals: Principals;
  #catalog: Catalog;

  constructor(writer: Database, db: Kysely<Tables>, reader: Database, catalog: Catalog, options: DirectoryOptions) {
    super(db, kyselyOn<Tables>(reader), options);
    this.#connections = [reader, writer];
    this.objects = new SqlProviderObjects(db, this.reader);
    this.#principals = new Principals(reader, options.cachedPrincipals ?? CACHED_PRINCIPALS);
    this.#catalog = catalog;
  }

  catalog(): Catalog {
    return this.#catalog;
  }

  findPrincipal(digest: string): Principal | undefined {
    return this.#principals.find(digest);
  }

  /** Closes the file, after the changes that have already begun. */
  async close(): Promise<void> {
    await this.writer.connection().execute(async () => {});
    for (const connection of this.#connections) connection.close();
  }

  /** There is one connection that writes, which is what makes changes wait for one another. */
  protected transaction<T>(fn: (transaction: Kysely<Tables>) => Promise<T>): Promise<T> {
    return this.writer.transaction().execute(fn);
  }

  /** Nobody else has this file. */
  protected async announce(): Promise<void> {}

  protected changed({ revision, catalog, principals }: Committed): void {
    this.#catalog = catalog ?? withRevision(this.#catalog, revision);
    if (principals) this.#principals.clear();
  }
}
