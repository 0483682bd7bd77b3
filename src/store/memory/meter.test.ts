import { MemoryJournal } from "../../../test/support/memory-journal.ts";
import { meterContract } from "../meter-contract.ts";
import { MemoryMeter } from "./meter.ts";

meterContract("MemoryJournal", () => ({
  reopen: () => new MemoryJournal(),
  meterOn: (journal, clock) => new MemoryMeter(journal, clock),
  remove: () => {},
}));
