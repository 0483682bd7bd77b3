import { Database } from "bun:sqlite";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DIRECTORY_MIGRATIONS } from "../migrations/directory.ts";
import { type AccountRow, type SealedAccount, toSealedAccount } from "../sql/rows.ts";
import { LEDGER_VERSION } from "./journal.ts";

/** What a look at a database of this store found. It is opened read-only, also while a gateway writes to it. */
export interface Inspection {
  path: string;
  /** What SQLite's quick_check found; empty where all is well. */
  faults: readonly string[];
  schema: { applied: number; known: number };
  /** The newest time written in it, milliseconds since 1970; null where nothing was. */
  latestAt: number | null;
}

/** A writer may hold the file for a moment; longer than this is worth a word. */
const BUSY_MS = 2_000;

/** The directory's file; undefined where there is none. */
export function inspectDirectory(
  path: string,
): (Inspection & { providers: SealedAccount[]; settings: Record<string, string> }) | undefined {
  const unread = {
    schema: { applied: 0, known: DIRECTORY_MIGRATIONS.length },
    latestAt: null,
    providers: [],
    settings: {},
  };
  return looking(path, unread, (db) => ({
    schema: {
      applied: numberOf(db, "SELECT max(id) AS value FROM migrations") ?? 0,
      known: DIRECTORY_MIGRATIONS.length,
    },
    latestAt: numberOf(db, "SELECT max(at) AS value FROM audit"),
    settings: Object.fromEntries(
      db
        .query<{ name: string; value: string }, []>("SELECT name, value FROM settings")
        .all()
        .map(({ name, value }) => [name, value]),
    ),
    // All columns, because a database that no newer version has opened yet lacks the newer ones.
    providers: db.query<AccountRow, []>("SELECT * FROM providers ORDER BY name").all().map(toSealedAccount),
  }));
}

/** The ledger's file; undefined where there is none. */
export function inspectLedger(path: string): (Inspection & { openHolds: number }) | undefined {
  const unread = { schema: { applied: 0, known: LEDGER_VERSION }, latestAt: null, openHolds: 0 };
  return looking(path, unread, (db) => ({
    schema: {
      applied: numberOf(db, "SELECT user_version AS value FROM pragma_user_version") ?? 0,
      known: LEDGER_VERSION,
    },
    latestAt: numberOf(
      db,
      "SELECT max(at) AS value FROM (SELECT max(at) AS at FROM holds UNION ALL SELECT max(admitted_at) FROM usage_records)",
    ),
    openHolds:
      numberOf(
        db,
        "SELECT count(*) AS value FROM holds WHERE NOT EXISTS (SELECT 1 FROM usage_records WHERE number = holds.number)",
      ) ?? 0,
  }));
}

/**
 * Whether a gateway holds this data folder, by asking for the lock that it keeps, and by
 * which process; see folder.ts. Nothing is taken and nothing is written.
 */
export function inspectLock(dataDir: string): { held: boolean; pid: number | null } {
  const file = join(dataDir, "gateway.lock");
  if (!existsSync(file)) return { held: false, pid: null };
  const db = new Database(file, { readonly: true });
  try {
    db.query("SELECT count(*) FROM sqlite_master").get();
    return { held: false, pid: null };
  } catch (thrown) {
    if ((thrown as { code?: unknown }).code !== "SQLITE_BUSY") throw thrown;
    return { held: true, pid: readPid(join(dataDir, "gateway.pid")) };
  } finally {
    db.close();
  }
}

type Facts<T> = T & Pick<Inspection, "path" | "faults">;

/** What `read` finds, or `unread` where the file is too damaged to be read. */
function looking<T extends object>(path: string, unread: T, read: (db: Database) => T): Facts<T> | undefined {
  if (!existsSync(path)) return undefined;
  const db = new Database(path, { readonly: true });
  try {
    db.run(`PRAGMA busy_timeout = ${BUSY_MS}`);
    const rows = db.query<{ quick_check: string }, []>("PRAGMA quick_check(10)").all();
    const faults = rows.map((row) => row.quick_check).filter((text) => text !== "ok");
    return { path, faults, ...read(db) };
  } catch (thrown) {
    const { code, message } = thrown as { code?: unknown; message: string };
    if (code === "SQLITE_BUSY" || code === "SQLITE_CANTOPEN") throw thrown;
    return { path, faults: [message], ...unread };
  } finally {
    db.close();
  }
}

function numberOf(db: Database, sql: string): number | null {
  return db.query<{ value: number | null }, []>(sql).get()?.value ?? null;
}

function readPid(file: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(file, "utf8"), 10);
    return Number.isSafeInteger(pid) ? pid : null;
  } catch {
    return null;
  }
}
