import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readEnvironment } from "../../config/environment.ts";
import { journalContract } from "../journal-contract.ts";
import { MemoryMeter } from "../memory/meter.ts";
import { ManualClock, meterContract, sampleRecord } from "../meter-contract.ts";
import { openStore } from "../open.ts";
import { openDataFolder } from "./folder.ts";
import { openJournal, SqliteJournal } from "./journal.ts";

meterContract("SqliteJournal", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ledger-"));
  const file = join(folder, "ledger.db");
  const reader = new SqliteJournal(file);
  return {
    // A further connection sees what was committed and nothing else, like a process after a kill.
    start: async (clock) => new MemoryMeter(new SqliteJournal(file), clock),
    kill: async () => {},
    records: async () => (await reader.page({ limit: 200 })).records,
    remove: async () => rmSync(folder, { recursive: true, force: true }),
  };
});

journalContract("SqliteJournal", () => {
  const folder = mkdtempSync(join(tmpdir(), "ledger-"));
  const journal = new SqliteJournal(join(folder, "ledger.db"));
  return { journal, remove: () => rmSync(folder, { recursive: true, force: true }) };
});

test("the table of Holds is as small as the most that were open at once, and open ones keep their place", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ledger-"));
  const file = join(folder, "ledger.db");
  const journal = new SqliteJournal(file);
  await journal.open({ hold: 1, at: 1, draft: sampleRecord() });
  for (let hold = 2; hold <= 1_000; hold += 3) {
    const three = [hold, hold + 1, hold + 2];
    await Promise.all(three.map((number) => journal.open({ hold: number, at: number, draft: sampleRecord() })));
    await Promise.all(three.map((number) => journal.close(number, sampleRecord(), () => {})));
  }
  expect(journal.heldRows()).toBe(4);
  expect(journal.unsettled().map(({ hold }) => hold)).toEqual([1]);

  const next = new SqliteJournal(file);
  await next.open({ hold: next.lastHold() + 1, at: 5, draft: sampleRecord() });
  expect(next.heldRows()).toBe(4);
  expect(next.unsettled().map(({ hold }) => hold)).toEqual([1, 1_001]);
  next.shut();
  journal.shut();
  expect(statSync(file).mode & 0o777).toBe(0o600);
  rmSync(folder, { recursive: true, force: true });
});

test("others get their turn while many records are read", async () => {
  const journal = new SqliteJournal(":memory:");
  await Promise.all(Array.from({ length: 2_001 }, (_, i) => journal.append(sampleRecord({ admittedAt: 1_000 + i }))));
  let turns = 0;
  const count = () => {
    turns++;
    if (turns < 100) setImmediate(count);
  };
  setImmediate(count);
  const pages: number[] = [];
  for await (const records of journal.admitted(0, 10_000)) pages.push(records.length);
  expect([pages, turns]).toEqual([[1_000, 1_000, 1], 2]);
  turns = 100;
});

test("an entry that could not be written leaves the Hold open", async () => {
  const journal = new SqliteJournal(":memory:");
  const twin = sampleRecord();
  await journal.append(twin);
  await journal.open({ hold: 1, at: 1, draft: sampleRecord() });
  await expect(journal.close(1, twin, () => {})).rejects.toThrow();
  expect(journal.unsettled().map(({ hold }) => hold)).toEqual([1]);
  await journal.close(1, sampleRecord(), () => {});
  expect(journal.unsettled()).toEqual([]);
});

test("commits wait for the disk where that is wanted", () => {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-journal-"));
  for (const sync of ["normal", "full"] as const) {
    const journal = openJournal(join(folder, "ledger.db"), sync);
    expect(journal.sync).toBe(sync);
    journal.shut();
  }
  rmSync(folder, { recursive: true });
});

test("the environment's word is what the ledger is opened with", async () => {
  const folder = openDataFolder(mkdtempSync(join(tmpdir(), "sallyport-journal-")));
  const given = {
    clock: new ManualClock(),
    random: (count: number) => crypto.getRandomValues(new Uint8Array(count)),
    log: { write() {} },
  };
  const where = readEnvironment({ SALLYPORT_LEDGER_SYNC: "full" }, () => "");
  const store = await openStore(folder, where, given);
  const books = await store.openBooks();
  expect((books.records as SqliteJournal).sync).toBe("full");
  await books.close();
  await store.close();
  folder.release();
});
