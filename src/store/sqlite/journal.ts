import { Database, SQLiteError, type Statement } from "bun:sqlite";
import { chmodSync } from "node:fs";
import type { RecordPage, RecordQuery, UsageRecord } from "../../ports/records.ts";
import { type Journal, type JournaledHold, limitedTokens, type Spent } from "../journal.ts";
import { fieldOfText, recordFromText, recordToText } from "../record-text.ts";
import { DataFolderError } from "./folder.ts";

/**
 * `holds` has a row for each place that an open Hold may take; a place is taken again when
 * its Hold is settled, so the table stays as small as the most Holds that were ever open at
 * once, and a Hold costs one page that is always in memory. `usage_records` is appended to,
 * under the Hold's own number, which is its primary key: no Hold is ever charged twice. A
 * Hold is open as long as there is no record of its number. A call that never had a Hold
 * has a negative number. What is asked for by column stands in columns; the record itself
 * is the JSON beside them.
 */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS holds (
  place INTEGER PRIMARY KEY,
  number INTEGER NOT NULL,
  at INTEGER NOT NULL,
  draft TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS usage_records (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  admitted_at INTEGER,
  subscription_id TEXT,
  tokens INTEGER NOT NULL,
  cost_nano_usd INTEGER NOT NULL,
  record TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS usage_records_id ON usage_records (id);
CREATE INDEX IF NOT EXISTS usage_records_spent ON usage_records (subscription_id, admitted_at) WHERE admitted_at IS NOT NULL;
`;

/** Version of the schema above, in `PRAGMA user_version`. */
export const LEDGER_VERSION = 1;

/** Most turns of the event loop for which entries gather before they are committed. */
const MAX_TURNS = 16;

/** One entry that waits for the next commit. */
interface Write extends PromiseWithResolvers<void> {
  run(): void;
  /** After the commit. */
  committed(): void;
}

/**
 * The journal in SQLite. Writes of one turn of the event loop share a transaction (group
 * commit): a commit costs more than ten rows do. WAL with `synchronous=NORMAL` means that a
 * committed entry survives the death of the process at once, and the death of the machine
 * from the next checkpoint on.
 */
export class SqliteJournal implements Journal {
  readonly #db: Database;
  readonly #insertHold: Statement;
  readonly #insertRecord: Statement;
  readonly #begin: Statement;
  readonly #commit: Statement;
  /** Places of open Holds, by number. */
  readonly #taken = new Map<number, number>();
  readonly #free: number[] = [];
  #places = 0;
  #writes: Write[] = [];
  #turns = 1;
  #lastHold: number;
  #firstRefusal: number;

  constructor(path: string) {
    this.#db = new Database(path, { create: true, strict: true });
    if (path !== ":memory:") chmodSync(path, 0o600);
    this.#db.run("PRAGMA journal_mode = WAL");
    this.#db.run("PRAGMA synchronous = NORMAL");
    // A backup or a look from outside may hold the file for a moment; longer would hold up every call.
    this.#db.run("PRAGMA busy_timeout = 100");
    // The checkpointer has long done it by then; where there is none, the log must still not grow for ever.
    this.#db.run("PRAGMA wal_autocheckpoint = 20000");
    const version = (this.#db.query("PRAGMA user_version").get() as { user_version: number }).user_version;
    if (version > LEDGER_VERSION) {
      throw new Error(`${path} was written by a newer Sallyport (ledger ${version}; this one knows ${LEDGER_VERSION})`);
    }
    this.#db.run(SCHEMA);
    this.#db.run(`PRAGMA user_version = ${LEDGER_VERSION}`);
    this.#insertHold = this.#db.prepare("INSERT OR REPLACE INTO holds VALUES (?, ?, ?, ?)");
    this.#insertRecord = this.#db.prepare("INSERT INTO usage_records VALUES (?, ?, ?, ?, ?, ?, ?)");
    this.#begin = this.#db.prepare("BEGIN IMMEDIATE");
    this.#commit = this.#db.prepare("COMMIT");
    const edges = this.#db
      .query(
        `SELECT max(coalesce((SELECT max(number) FROM holds), 0), coalesce((SELECT max(number) FROM usage_records), 0)) AS last,
                min(coalesce((SELECT min(number) FROM usage_records), 0), 0) AS first`,
      )
      .get() as { last: number; first: number };
    this.#lastHold = edges.last;
    this.#firstRefusal = edges.first;
    const open = new Set(this.unsettled().map(({ hold }) => hold));
    for (const { place, number } of this.#db.query("SELECT place, number FROM holds").all() as Place[]) {
      if (open.has(number)) this.#taken.set(number, place);
      else this.#free.push(place);
      this.#places = Math.max(this.#places, place + 1);
    }
  }

  lastHold(): number {
    return this.#lastHold;
  }

  unsettled(): JournaledHold[] {
    const rows = this.#db
      .query(
        "SELECT number, at, draft FROM holds WHERE NOT EXISTS (SELECT 1 FROM usage_records WHERE number = holds.number) ORDER BY number",
      )
      .all() as { number: number; at: number; draft: string }[];
    return rows.map((row) => ({ hold: row.number, at: row.at, draft: recordFromText(row.draft) }));
  }

  open({ hold, at, draft }: JournaledHold): Promise<void> {
    const text = recordToText(draft);
    const known = this.#taken.get(hold);
    // A Hold that has grown is written anew in its own place.
    const place = known ?? this.#free.pop() ?? this.#places++;
    this.#taken.set(hold, place);
    this.#lastHold = Math.max(this.#lastHold, hold);
    const written = this.#write(() => this.#insertHold.run(place, hold, at, text));
    written.catch(() => {
      if (known !== undefined) return;
      this.#taken.delete(hold);
      this.#free.push(place);
    });
    return written;
  }

  close(hold: number, record: UsageRecord): Promise<void> {
    const text = recordToText(record);
    const write = () => this.#insert(hold, record, text);
    // Only a place whose Hold has its record on the disk may be taken again.
    return this.#write(write, () => {
      const place = this.#taken.get(hold);
      if (place === undefined) return;
      this.#taken.delete(hold);
      this.#free.push(place);
    });
  }

  append(record: UsageRecord): Promise<void> {
    const text = recordToText(record);
    const number = --this.#firstRefusal;
    return this.#write(() => this.#insert(number, record, text));
  }

  spent(subscriptionId: string, since: number, step: number): Spent[] {
    const at = Number.isFinite(step) ? "admitted_at / $step * $step" : "$since";
    const query = this.#db.query(
      `SELECT ${at} AS at, count(*) AS requests, sum(tokens) AS tokens, sum(cost_nano_usd) AS usd
       FROM usage_records WHERE subscription_id = $subscription AND admitted_at >= $since GROUP BY 1 ORDER BY 1`,
    );
    const values = { subscription: subscriptionId, since };
    return query.all(Number.isFinite(step) ? { ...values, step } : values) as Spent[];
  }

  async page(query: RecordQuery): Promise<RecordPage> {
    const where = ["1 = 1"];
    const values: Record<string, string | number> = { limit: query.limit + 1 };
    const equal = (name: "tenantId" | "keyId" | "outcome") => {
      const value = query[name];
      if (value === undefined) return;
      where.push(`${fieldOfText(name)} = $${name}`);
      values[name] = value;
    };
    equal("tenantId");
    equal("keyId");
    equal("outcome");
    if (query.id !== undefined) {
      where.push(`(id = $id OR ${fieldOfText("requestId")} = $id)`);
      values.id = query.id;
    }
    if (query.cursor !== undefined) {
      where.push("id < $cursor");
      values.cursor = query.cursor;
    }
    const rows = this.#db
      .query(`SELECT record FROM usage_records WHERE ${where.join(" AND ")} ORDER BY id DESC LIMIT $limit`)
      .all(values) as { record: string }[];
    const records = rows.slice(0, query.limit).map((row) => recordFromText(row.record));
    return { records, next: rows.length > query.limit ? records.at(-1)!.id : null };
  }

  /** Rows of `holds`, free places included. */
  heldRows(): number {
    return (this.#db.query("SELECT count(*) AS count FROM holds").get() as { count: number }).count;
  }

  /** Commits what is waiting and closes the file. */
  shut(): void {
    this.#flush();
    try {
      this.#db.run("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch {
      // On a full disk what is committed stays in the log, and is read from there at the next start.
    }
    this.#db.close();
  }

  #insert(number: number, record: UsageRecord, text: string): void {
    const { id, admittedAt, subscriptionId, costNanoUsd } = record;
    this.#insertRecord.run(number, id, admittedAt, subscriptionId, limitedTokens(record), costNanoUsd, text);
  }

  #write(run: () => void, committed: () => void = nothing): Promise<void> {
    const write: Write = { ...Promise.withResolvers<void>(), run, committed };
    if (this.#writes.push(write) === 1) this.#flushAfter(this.#turns);
    return write.promise;
  }

  /**
   * A lone call waits one turn of the event loop, which is next to nothing. The more entries
   * shared the last commit, the longer the next ones gather: under load each turn brings more
   * calls, and a commit costs as much as several rows.
   */
  #flushAfter(turns: number): void {
    setImmediate(() => (turns > 1 ? this.#flushAfter(turns - 1) : this.#flush()));
  }

  #flush(): void {
    const writes = this.#writes;
    this.#writes = [];
    if (writes.length === 0) return;
    this.#turns = Math.min(MAX_TURNS, 2 * writes.length - 1);
    try {
      this.#commitAll(writes);
    } catch (cause) {
      // One entry that cannot be written must not take its neighbours with it.
      if (writes.length === 1) writes[0]!.reject(cause);
      else for (const write of writes) this.#commitAlone(write);
    }
  }

  #commitAlone(write: Write): void {
    try {
      this.#commitAll([write]);
    } catch (cause) {
      write.reject(cause);
    }
  }

  #commitAll(writes: readonly Write[]): void {
    this.#begin.run();
    try {
      for (const write of writes) write.run();
      this.#commit.run();
    } catch (cause) {
      if (this.#db.inTransaction) this.#db.run("ROLLBACK");
      throw cause;
    }
    for (const write of writes) {
      write.committed();
      write.resolve();
    }
  }
}

/** @throws DataFolderError where the file is no ledger, or one of a newer version. */
export function openJournal(path: string): SqliteJournal {
  try {
    return new SqliteJournal(path);
  } catch (error) {
    if (!(error instanceof SQLiteError)) throw error;
    throw new DataFolderError(`the database ${path} cannot be used: ${error.message}; restore it from its backup`);
  }
}

interface Place {
  place: number;
  number: number;
}

const nothing = () => {};
