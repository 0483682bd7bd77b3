import { meterContract } from "../meter-contract.ts";
import { MemoryJournal } from "./journal.ts";
import { MemoryMeter } from "./meter.ts";

meterContract("MemoryJournal", () => ({
  reopen: () => new MemoryJournal(),
  meterOn: (journal, clock) => new MemoryMeter(journal, clock),
  remove: () => {},
}));
