import { type Database, SQLiteError } from "bun:sqlite";
import type { Kysely } from "kysely";
import type { Principal } from "../../domain/access/principal.ts";
import type { Catalog } from "../../domain/catalog/catalog.ts";
import { GatewayError } from "../../errors.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { RandomBytes } from "../../kernel/id.ts";
import type {
  Actor,
  Administration,
  ApplicationRow,
  AuditEntry,
  AuditedAction,
  DesiredState,
  DirectoryWriter,
  KeyRow,
  Page,
  PlannedChange,
} from "../../ports/administration.ts";
import type { Directory } from "../../ports/directory.ts";
import { DIRECTORY_MIGRATIONS } from "../migrations/directory.ts";
import { migrate } from "../migrations/migration.ts";
import { readCatalog, withRevision } from "./catalog.ts";
import { ChangeSheet } from "./change-sheet.ts";
import { DataFolderError } from "./folder.ts";
import { kyselyOn, openReader, openWriter } from "./open.ts";
import { Principals } from "./principals.ts";
import { SqliteProviderObjects } from "./provider-objects.ts";
import { toApplication, toAuditEntry, toKey } from "./rows.ts";
import type { Tables } from "./tables.ts";
import { SqliteWriter } from "./writer.ts";

export interface DirectoryOptions {
  clock: Clock;
  random: RandomBytes;
  /** Principals kept in memory; about 1 kB each. */
  cachedPrincipals?: number;
}

const CACHED_PRINCIPALS = 100_000;
const MAX_PAGE = 200;

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

async function lastRevision(db: Kysely<Tables>): Promise<number> {
  const row = await db
    .selectFrom("audit")
    .select((select) => select.fn.max("id").as("id"))
    .executeTakeFirst();
  return row?.id ?? 0;
}

/** Undoes the transaction in which a plan was made. */
class PlanMade extends Error {}

/**
 * The embedded directory. One connection writes; another one reads, so that a look-up in the
 * middle of a change sees what was committed before it, and never half of it.
 */
export class SqliteDirectory implements Directory, Administration {
  /** Whose files and batches at providers are. */
  readonly objects: SqliteProviderObjects;
  readonly #connections: Database[];
  /** Its single connection is also what makes changes wait for one another. */
  readonly #writer: Kysely<Tables>;
  readonly #reader: Kysely<Tables>;
  readonly #principals: Principals;
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  #catalog: Catalog;

  constructor(writer: Database, db: Kysely<Tables>, reader: Database, catalog: Catalog, options: DirectoryOptions) {
    this.#connections = [reader, writer];
    this.#writer = db;
    this.#reader = kyselyOn<Tables>(reader);
    this.objects = new SqliteProviderObjects(db, this.#reader);
    this.#principals = new Principals(reader, options.cachedPrincipals ?? CACHED_PRINCIPALS);
    this.#clock = options.clock;
    this.#random = options.random;
    this.#catalog = catalog;
  }

  catalog(): Catalog {
    return this.#catalog;
  }

  findPrincipal(digest: string): Principal | undefined {
    return this.#principals.find(digest);
  }

  async change<T>(actor: Actor, action: AuditedAction, fn: (writer: DirectoryWriter) => Promise<T>): Promise<T> {
    const done = await this.#transaction(async (transaction) => {
      const now = this.#clock.now();
      const sheet = new ChangeSheet();
      const value = await fn(new SqliteWriter(transaction, sheet, now, this.#random));
      if (sheet.isEmpty) return { value, catalog: undefined };
      const revision = await this.#audit(transaction, now, actor, action, sheet.planned);
      const catalog = sheet.touchedCatalog
        ? await readCatalog(transaction, revision)
        : withRevision(this.#catalog, revision);
      return { value, catalog };
    });
    if (done.catalog !== undefined) {
      this.#catalog = done.catalog;
      this.#principals.clear();
    }
    return done.value;
  }

  async plan(desired: DesiredState): Promise<PlannedChange[]> {
    const sheet = new ChangeSheet();
    try {
      await this.#transaction(async (transaction) => {
        await new SqliteWriter(transaction, sheet, this.#clock.now(), this.#random).apply(desired);
        if (sheet.touchedCatalog) await readCatalog(transaction, 0);
        throw new PlanMade();
      });
    } catch (error) {
      if (!(error instanceof PlanMade)) throw error;
    }
    return sheet.planned;
  }

  async applications(): Promise<ApplicationRow[]> {
    const rows = await this.#reader
      .selectFrom("applications as a")
      .innerJoin("teams as m", "m.id", "a.team_id")
      .innerJoin("tenants as t", "t.id", "a.tenant_id")
      .select([
        "a.id",
        "a.name",
        "m.id as team_id",
        "m.name as team_name",
        "t.id as tenant_id",
        "t.name as tenant_name",
      ])
      .where("a.removed_at", "is", null)
      .orderBy("t.name")
      .orderBy("m.name")
      .orderBy("a.name")
      .execute();
    return rows.map(toApplication);
  }

  async keys(tenantId: string | null, cursor: string | null, limit: number): Promise<Page<KeyRow>> {
    let query = this.#reader.selectFrom("keys").selectAll().orderBy("seq", "desc");
    if (tenantId !== null) query = query.where("tenant_id", "=", tenantId);
    if (cursor !== null) query = query.where("seq", "<", readCursor(cursor));
    const size = pageSize(limit);
    return toPage(await query.limit(size + 1).execute(), size, (row) => row.seq, toKey);
  }

  async key(tenantId: string | null, id: string): Promise<KeyRow | undefined> {
    let query = this.#reader.selectFrom("keys").selectAll().where("id", "=", id);
    if (tenantId !== null) query = query.where("tenant_id", "=", tenantId);
    const row = await query.executeTakeFirst();
    return row && toKey(row);
  }

  async audit(cursor: string | null, limit: number): Promise<Page<AuditEntry>> {
    let query = this.#reader.selectFrom("audit").selectAll().orderBy("id", "desc");
    if (cursor !== null) query = query.where("id", "<", readCursor(cursor));
    const size = pageSize(limit);
    return toPage(await query.limit(size + 1).execute(), size, (row) => row.id, toAuditEntry);
  }

  async setting(name: string): Promise<string | undefined> {
    const row = await this.#reader.selectFrom("settings").select("value").where("name", "=", name).executeTakeFirst();
    return row?.value;
  }

  async setSetting(name: string, value: string): Promise<void> {
    await kept(() =>
      this.#writer
        .insertInto("settings")
        .values({ name, value })
        .onConflict((conflict) => conflict.column("name").doUpdateSet({ value }))
        .execute(),
    );
  }

  /** Closes the file, after the changes that have already begun. */
  async close(): Promise<void> {
    await this.#writer.connection().execute(async () => {});
    for (const connection of this.#connections) connection.close();
  }

  #transaction<T>(fn: (transaction: Kysely<Tables>) => Promise<T>): Promise<T> {
    return kept(() => this.#writer.transaction().execute(fn));
  }

  /** @returns the entry's id, which counts the changes. */
  async #audit(
    transaction: Kysely<Tables>,
    at: number,
    actor: Actor,
    action: AuditedAction,
    changes: PlannedChange[],
  ): Promise<number> {
    const detail = changes.length === 0 ? action.detail : { ...action.detail, changes };
    const entry = await transaction
      .insertInto("audit")
      .values({
        at,
        actor_kind: actor.kind,
        actor_id: actor.id,
        action: action.action,
        subject: action.subject,
        tenant_id: action.tenantId,
        detail: JSON.stringify(detail),
      })
      .returning("id")
      .executeTakeFirstOrThrow();
    return entry.id;
  }
}

/** A store that fails to keep a change is `store_unavailable`, not a mystery. */
async function kept<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!(error instanceof SQLiteError)) throw error;
    const internal = `${error.code ?? error.name}: ${error.message}`;
    throw new GatewayError("store_unavailable", "The store could not keep the change.", { internal, cause: error });
  }
}

function readCursor(cursor: string): number {
  const position = /^\d{1,15}$/.test(cursor) ? Number(cursor) : undefined;
  if (position === undefined)
    throw new GatewayError("invalid_request", "The cursor is not one of ours.", { param: "cursor" });
  return position;
}

function pageSize(limit: number): number {
  return Math.min(Math.max(Math.trunc(limit) || 1, 1), MAX_PAGE);
}

/** One row more than the page was asked for, to know whether there is a next one. */
function toPage<R, T>(rows: R[], size: number, position: (row: R) => number, read: (row: R) => T): Page<T> {
  const shown = rows.slice(0, size);
  const last = shown.at(-1);
  return { items: shown.map(read), next: rows.length > size && last !== undefined ? String(position(last)) : null };
}
