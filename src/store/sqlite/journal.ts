import { Database, SQLiteError, type Statement } from "bun:sqlite";
import { chmodSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import type { SavedAccount } from "../../domain/plans/account.ts";
import type { RecordPage, RecordQuery, UsageRecord } from "../../ports/records.ts";
import type { Journal, JournaledHold, LedgerEntry, Mark } from "../journal.ts";
import { recordFromText, recordToText } from "../record-text.ts";
import { DataFolderError } from "./folder.ts";
import { findRecord, pageOfRecords, recordOf } from "./record-pages.ts";

/** See `PRAGMA synchronous` of SQLite. */
export type LedgerSync = "normal" | "full";

/**
 * `holds` has a row for each place that an open Hold may take; a place is taken again when
 * its Hold is settled, so the table stays as small as the most Holds that were ever open at
 * once, and a Hold costs one page that is always in memory. `usage_records` is the ledger: it is
 * appended to and never changed, in the order of commits. A Hold is open as long as there is no
 * record of its number, and has at most one, so no Hold is ever charged twice; a call that never
 * had a Hold has no number. What is asked for by column stands in columns; the record itself
 * is the JSON beside them. `accounts` and `mark` are what was last counted of the ledger.
 */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS holds (
  place INTEGER PRIMARY KEY,
  number INTEGER NOT NULL,
  at INTEGER NOT NULL,
  draft TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS usage_records (
  seq INTEGER PRIMARY KEY,
  number INTEGER UNIQUE,
  id TEXT NOT NULL UNIQUE,
  admitted_at INTEGER,
  record TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS usage_records_admitted ON usage_records (admitted_at) WHERE admitted_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS accounts (
  scope TEXT PRIMARY KEY,
  upto INTEGER NOT NULL,
  state TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mark (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL
);
`;

/** From records in the order of their Holds to records in the order of commits. */
const FROM_1 = `
ALTER TABLE usage_records RENAME TO usage_records_1;
DROP INDEX usage_records_id;
DROP INDEX usage_records_spent;
${SCHEMA}
INSERT INTO usage_records (number, id, admitted_at, record)
  SELECT iif(number > 0, number, NULL), id, admitted_at, record FROM usage_records_1 ORDER BY record ->> 'at', number;
DROP TABLE usage_records_1;
`;

/** Version of the schema above, in `PRAGMA user_version`. */
export const LEDGER_VERSION = 2;

/** Entries read at once when the ledger is read through. */
const PAGE = 1_000;

/** Most turns of the event loop for which entries gather before they are committed. */
const MAX_TURNS = 16;

/** One entry that waits for the next commit. */
interface Write {
  run(): void;
  /** After the commit. */
  committed(): void;
  resolve(): void;
  reject(cause: unknown): void;
}

/**
 * The journal in SQLite. Writes of one turn of the event loop share a transaction (group
 * commit): a commit costs more than ten rows do. WAL with `synchronous=NORMAL` means that a
 * committed entry survives the death of the process at once, and the death of the machine
 * from the next checkpoint on; with `FULL` that at once too, and each commit waits for the disk.
 */
export class SqliteJournal implements Journal {
  readonly #db: Database;
  readonly #insertHold: Statement;
  readonly #insertRecord: Statement;
  readonly #saveAccount: Statement;
  readonly #findAccount: Statement;
  readonly #begin: Statement;
  readonly #commit: Statement;
  /** Places of open Holds, by number. */
  readonly #taken = new Map<number, number>();
  readonly #free: number[] = [];
  #places = 0;
  #writes: Write[] = [];
  #turns = 1;
  #lastHold: number;
  #lastEntry: number;
  /** Within a transaction. */
  #lastInserted = 0;

  constructor(path: string, sync: LedgerSync = "normal") {
    this.#db = new Database(path, { create: true, strict: true });
    if (path !== ":memory:") chmodSync(path, 0o600);
    this.#db.run("PRAGMA journal_mode = WAL");
    this.#db.run(`PRAGMA synchronous = ${sync === "full" ? "FULL" : "NORMAL"}`);
    // A backup or a look from outside may hold the file for a moment; longer would hold up every call.
    this.#db.run("PRAGMA busy_timeout = 100");
    // The checkpointer has long done it by then; where there is none, the log must still not grow for ever.
    this.#db.run("PRAGMA wal_autocheckpoint = 20000");
    const version = (this.#db.query("PRAGMA user_version").get() as { user_version: number }).user_version;
    if (version > LEDGER_VERSION) {
      throw new Error(`${path} was written by a newer Sallyport (ledger ${version}; this one knows ${LEDGER_VERSION})`);
    }
    this.#db.transaction(() => {
      this.#db.run(version === 1 ? FROM_1 : SCHEMA);
      this.#db.run(`PRAGMA user_version = ${LEDGER_VERSION}`);
    })();
    this.#insertHold = this.#db.prepare("INSERT OR REPLACE INTO holds VALUES (?, ?, ?, ?)");
    this.#insertRecord = this.#db.prepare("INSERT INTO usage_records VALUES (?, ?, ?, ?, ?)");
    this.#begin = this.#db.prepare("BEGIN IMMEDIATE");
    this.#commit = this.#db.prepare("COMMIT");
    this.#saveAccount = this.#db.prepare("INSERT OR REPLACE INTO accounts VALUES (?, ?, ?)");
    this.#findAccount = this.#db.prepare("SELECT scope, upto, state FROM accounts WHERE scope = ?");
    const edges = this.#db
      .query(
        `SELECT max(coalesce((SELECT max(number) FROM holds), 0), coalesce((SELECT max(number) FROM usage_records), 0)) AS hold,
                coalesce((SELECT max(seq) FROM usage_records), 0) AS seq`,
      )
      .get() as { hold: number; seq: number };
    this.#lastHold = edges.hold;
    this.#lastEntry = edges.seq;
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

  close(hold: number, record: UsageRecord, committed: (seq: number) => void): Promise<void> {
    const text = recordToText(record);
    let seq = 0;
    return this.#write(
      () => {
        seq = this.#insert(hold, record, text);
      },
      () => {
        committed(seq);
        // Only a place whose Hold has its record on the disk may be taken again.
        const place = this.#taken.get(hold);
        if (place === undefined) return;
        this.#taken.delete(hold);
        this.#free.push(place);
      },
    );
  }

  append(record: UsageRecord, committed: (seq: number) => void = nothing): Promise<void> {
    const text = recordToText(record);
    let seq = 0;
    return this.#write(
      () => {
        seq = this.#insert(null, record, text);
      },
      () => committed(seq),
    );
  }

  async find(id: string): Promise<UsageRecord | undefined> {
    return findRecord(this.#db, id);
  }

  lastEntry(): number {
    return this.#lastEntry;
  }

  *entries(after: number, last = Number.MAX_SAFE_INTEGER): Iterable<LedgerEntry> {
    const query = this.#db.query(
      `SELECT seq, record FROM usage_records WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ${PAGE}`,
    );
    for (let from = after; ; ) {
      const rows = query.all(from, last) as { seq: number; record: string }[];
      for (const { seq, record } of rows) yield { seq, record: recordFromText(record) };
      if (rows.length < PAGE) return;
      from = rows.at(-1)!.seq;
    }
  }

  async *admitted(since: number, until: number): AsyncIterable<readonly UsageRecord[]> {
    const query = this.#db.query(
      `SELECT seq, admitted_at AS at, record FROM usage_records
       WHERE (admitted_at, seq) > (?, ?) AND admitted_at < ? ORDER BY admitted_at, seq LIMIT ${PAGE}`,
    );
    for (let [at, seq] = [since, -1]; ; ) {
      const rows = query.all(at, seq, until) as { seq: number; at: number; record: string }[];
      if (rows.length > 0) yield rows.map(({ record }) => recordFromText(record));
      if (rows.length < PAGE) return;
      ({ at, seq } = rows.at(-1)!);
      // A year of records takes many seconds, and calls go on meanwhile.
      await turn();
    }
  }

  account(scope: string): SavedAccount | undefined {
    const row = this.#findAccount.get(scope) as AccountRow | null;
    return row === null ? undefined : accountOf(row);
  }

  *accounts(): Iterable<SavedAccount> {
    const query = this.#db.query(
      `SELECT scope, upto, state FROM accounts WHERE scope > ? ORDER BY scope LIMIT ${PAGE}`,
    );
    for (let from = ""; ; ) {
      const rows = query.all(from) as AccountRow[];
      for (const row of rows) yield accountOf(row);
      if (rows.length < PAGE) return;
      from = rows.at(-1)!.scope;
    }
  }

  saveAccounts(accounts: readonly SavedAccount[], mark?: Mark): void {
    this.#db.transaction(() => {
      for (const { scope, upto, ...state } of accounts) this.#saveAccount.run(scope, upto, JSON.stringify(state));
      if (mark !== undefined) this.#db.query("INSERT OR REPLACE INTO mark VALUES (1, ?, ?)").run(mark.seq, mark.at);
    })();
  }

  mark(): Mark {
    return (this.#db.query("SELECT seq, at FROM mark").get() as Mark | null) ?? { seq: 0, at: 0 };
  }

  page(query: RecordQuery): Promise<RecordPage> {
    return pageOfRecords(this.#db, query);
  }

  recordOf(id: string): Promise<UsageRecord | undefined> {
    return recordOf(this.#db, id);
  }

  /** When commits wait for the disk. */
  get sync(): LedgerSync {
    const { synchronous } = this.#db.query("PRAGMA synchronous").get() as { synchronous: number };
    return synchronous === 1 ? "normal" : "full";
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

  /** @returns its place in the ledger. */
  #insert(number: number | null, { id, admittedAt }: UsageRecord, text: string): number {
    // A transaction that fails leaves its places to the next one.
    const seq = ++this.#lastInserted;
    this.#insertRecord.run(seq, number, id, admittedAt, text);
    return seq;
  }

  #write(run: () => void, committed: () => void = nothing): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#writes.push({ run, committed, resolve, reject }) === 1) this.#flushAfter(this.#turns);
    });
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
    this.#lastInserted = this.#lastEntry;
    try {
      for (const write of writes) write.run();
      this.#commit.run();
      this.#lastEntry = this.#lastInserted;
    } catch (cause) {
      if (this.#db.inTransaction) this.#db.run("ROLLBACK");
      throw cause;
    }
    for (const write of writes) {
      try {
        write.committed();
        write.resolve();
      } catch (cause) {
        // It is in the ledger, and so are its neighbours: none of them is to be written again.
        write.reject(cause);
      }
    }
  }
}

/** @throws DataFolderError where the file is no ledger, or one of a newer version. */
export function openJournal(path: string, sync: LedgerSync = "normal"): SqliteJournal {
  try {
    return new SqliteJournal(path, sync);
  } catch (error) {
    if (!(error instanceof SQLiteError)) throw error;
    throw new DataFolderError(`the database ${path} cannot be used: ${error.message}; restore it from its backup`);
  }
}

interface Place {
  place: number;
  number: number;
}

interface AccountRow {
  scope: string;
  upto: number;
  state: string;
}

function accountOf({ scope, upto, state }: AccountRow): SavedAccount {
  return { ...(JSON.parse(state) as Omit<SavedAccount, "scope" | "upto">), scope, upto };
}

const nothing = () => {};
