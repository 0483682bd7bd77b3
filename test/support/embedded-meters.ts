/** The meters that stand in the process itself, for suites that run on each of them. A kill leaves what was committed, and nothing else. */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryMeter } from "../../src/store/memory/meter.ts";
import type { MeterUnderTest } from "../../src/store/meter-contract.ts";
import { SqliteJournal } from "../../src/store/sqlite/journal.ts";
import { MemoryJournal } from "./memory-journal.ts";

export async function inMemory(): Promise<MeterUnderTest> {
  const journal = new MemoryJournal();
  return {
    start: async (clock) => new MemoryMeter(journal, clock),
    kill: async () => {},
    records: async () => (await journal.page({ limit: 1_000 })).records,
    remove: async () => {},
  };
}

export async function onSqlite(): Promise<MeterUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), "meter-"));
  let file = join(folder, "0.db");
  let lives = 0;
  let journal: SqliteJournal | undefined;
  return {
    async start(clock) {
      journal = new SqliteJournal(file);
      return new MemoryMeter(journal, clock);
    },
    // What the disk has at this moment; the process that goes on beside it writes to files that nobody reads.
    async kill() {
      const next = join(folder, `${++lives}.db`);
      for (const suffix of ["", "-wal"]) if (existsSync(file + suffix)) copyFileSync(file + suffix, next + suffix);
      journal?.shut();
      file = next;
    },
    async records() {
      return [...journal!.entries(0)].map(({ record }) => record);
    },
    async remove() {
      journal?.shut();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export const EMBEDDED = [
  ["memory", inMemory],
  ["SQLite", onSqlite],
] as const;
