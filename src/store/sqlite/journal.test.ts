import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryMeter } from "../memory/meter.ts";
import { meterContract, sampleRecord } from "../meter-contract.ts";
import { SqliteJournal } from "./journal.ts";

meterContract("SqliteJournal", () => {
  const folder = mkdtempSync(join(tmpdir(), "ledger-"));
  return {
    // A second connection sees what was committed and nothing else, like a process after a kill.
    reopen: () => new SqliteJournal(join(folder, "ledger.db")),
    meterOn: (journal, clock) => new MemoryMeter(journal, clock),
    kill: () => {},
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
});

test("settled Holds are swept, open ones stay", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ledger-"));
  const journal = new SqliteJournal(join(folder, "ledger.db"));
  await journal.open({ hold: 1, at: 1, draft: sampleRecord() });
  for (let hold = 2; hold <= 4_100; hold++) void journal.open({ hold, at: hold, draft: sampleRecord() });
  const closed = [];
  for (let hold = 2; hold <= 4_100; hold++) closed.push(journal.close(hold, sampleRecord()));
  await Promise.all(closed);
  await journal.append(sampleRecord());
  expect(journal.unsettled().map(({ hold }) => hold)).toEqual([1]);
  await journal.close(1, sampleRecord());
  for (let hold = 5_000; hold < 7_001; hold++)
    void journal.open({ hold, at: hold, draft: sampleRecord() }).then(() => journal.close(hold, sampleRecord()));
  await Bun.sleep(50);
  await journal.append(sampleRecord());
  expect(journal.unsettled()).toEqual([]);
  expect(journal.heldRows()).toBeLessThan(2_100);
  journal.shut();
  expect(statSync(join(folder, "ledger.db")).mode & 0o777).toBe(0o600);
  rmSync(folder, { recursive: true, force: true });
});
