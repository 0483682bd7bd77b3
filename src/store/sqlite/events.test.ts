/** The contract on SQLite: sqlite/events.ts, sql/events.ts and migrations/events-1-begin.ts; and on memory-events.ts. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ManualClock } from "../../../test/support/directory.ts";
import { MemoryEvents } from "../../../test/support/memory-events.ts";
import { eventsContract, threshold } from "../events-contract.ts";
import { openEvents, type SqliteEvents } from "./events.ts";
import { DataFolderError } from "./folder.ts";
import { openJournal } from "./journal.ts";

const folder = mkdtempSync(join(tmpdir(), "sallyport-events-"));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;
const freshFile = () => join(folder, `${files++}.db`);

eventsContract("SQLite", async () => {
  const file = freshFile();
  const open: SqliteEvents[] = [];
  const again = async () => {
    const events = await openEvents(file, new ManualClock());
    open.push(events);
    return events;
  };
  return {
    events: await again(),
    again,
    async close() {
      for (const events of open) events.close();
    },
  };
});

eventsContract("Memory", async () => {
  const events = new MemoryEvents();
  return { events, again: async () => events, close: async () => {} };
});

test("of those whose periods are over the oldest are forgotten; of the others none, however many there are", async () => {
  const clock = new ManualClock();
  clock.time = 10;
  const events = await openEvents(freshFile(), clock, 3);
  for (let i = 0; i < 8; i++) {
    const period = i % 2 === 0 ? { periodEnd: 10 } : { periodEnd: i === 1 ? null : 11 };
    await events.raise(threshold({ scope: `key:${i}`, ...period }));
  }
  await events.prune();
  const left = (await events.page({ limit: 100 })).events.map(({ scope }) => scope);
  expect(left).toEqual([7, 6, 5, 3, 1].map((i) => `key:${i}`));
  events.close();
});

test("it stands in the ledger's file, which stays a ledger", async () => {
  const file = freshFile();
  const journal = openJournal(file);
  const events = await openEvents(file, new ManualClock());
  await events.raise(threshold());
  events.close();
  journal.shut();
  const again = openJournal(file);
  expect(again.lastEntry()).toBe(0);
  again.shut();
});

test("a file that is no database is refused by name", async () => {
  const file = freshFile();
  writeFileSync(file, "no database at all, whatever its name says".repeat(50));
  await expect(openEvents(file, new ManualClock())).rejects.toThrow(DataFolderError);
});
