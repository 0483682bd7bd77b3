import { MemoryJournal } from "../../../test/support/memory-journal.ts";
import { journalContract } from "../journal-contract.ts";
import { meterContract } from "../meter-contract.ts";
import { MemoryMeter } from "./meter.ts";

meterContract("MemoryJournal", async () => {
  const journal = new MemoryJournal();
  return {
    start: async (clock) => new MemoryMeter(journal, clock),
    records: async () => (await journal.page({ limit: 200 })).records,
    remove: async () => {},
  };
});

journalContract("MemoryJournal", () => ({ journal: new MemoryJournal(), remove: () => {} }));
