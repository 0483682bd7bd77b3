import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkpointOnce, startCheckpointer } from "./checkpointer.ts";

function openLog(): { folder: string; file: string; db: Database } {
  const folder = mkdtempSync(join(tmpdir(), "checkpointer-"));
  const file = join(folder, "a.db");
  const db = new Database(file);
  db.run("PRAGMA journal_mode = WAL");
  db.run("PRAGMA wal_autocheckpoint = 0");
  db.run("CREATE TABLE t (a BLOB)");
  return { folder, file, db };
}

const fill = (db: Database, pages: number) => {
  for (let i = 0; i < pages; i++) db.run("INSERT INTO t VALUES (zeroblob(4000))");
};

const waiting = (db: Database) => {
  const { log, checkpointed } = db.query("PRAGMA wal_checkpoint(NOOP)").get() as { log: number; checkpointed: number };
  return log - checkpointed;
};

test("a short log is left as it is, a long one is moved into the database", () => {
  const { folder, db } = openLog();
  fill(db, 20);
  expect(checkpointOnce(db, 1_000)).toBe(false);
  expect(waiting(db)).toBeGreaterThan(20);
  expect(checkpointOnce(db, 10)).toBe(true);
  expect(waiting(db)).toBe(0);
  db.close();
  rmSync(folder, { recursive: true });
});

test("the thread does it while somebody else writes, until it is stopped", async () => {
  const { folder, file, db } = openLog();
  const faults: unknown[] = [];
  const stop = startCheckpointer(file, (cause) => faults.push(cause));
  fill(db, 1_500);
  const end = performance.now() + 10_000;
  while (waiting(db) >= 1_000 && performance.now() < end) {
    fill(db, 1);
    await Bun.sleep(20);
  }
  expect(waiting(db)).toBeLessThan(1_000);
  await stop();
  expect(faults).toEqual([]);
  db.close();
  rmSync(folder, { recursive: true });
});
