import { Database } from "bun:sqlite";
import { afterAll, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { countedBytes, desiredState, ManualClock } from "../../../test/support/directory.ts";
import { openDirectory } from "./directory.ts";
import { openDataFolder } from "./folder.ts";
import { inspectDirectory, inspectLedger, inspectLock } from "./inspect.ts";
import { LEDGER_VERSION, SqliteJournal } from "./journal.ts";

const root = mkdtempSync(join(tmpdir(), "sallyport-inspect-"));
afterAll(() => rmSync(root, { recursive: true }));
let folder = "";
let count = 0;
beforeEach(() => {
  folder = join(root, String(count++));
  mkdirSync(folder);
});

async function filledDirectory(file: string) {
  const clock = new ManualClock();
  const store = await openDirectory(file, { clock, random: countedBytes() });
  const action = { action: "config.apply", subject: "config", tenantId: null, detail: {} };
  await store.change({ kind: "system", id: "test" }, action, (writer) => writer.apply(desiredState()));
  await store.setSetting("colour", "red");
  return { store, now: clock.now() };
}

test("where nothing is yet there is nothing to say", () => {
  expect(inspectDirectory(join(folder, "directory.db"))).toBeUndefined();
  expect(inspectLedger(join(folder, "ledger.db"))).toBeUndefined();
  expect(inspectLock(folder)).toEqual({ held: false, pid: null });
});

test("a directory is seen while its gateway has it open, and after", async () => {
  const file = join(folder, "directory.db");
  const { store, now } = await filledDirectory(file);
  const open = inspectDirectory(file);
  expect(open).toMatchObject({ path: file, faults: [], latestAt: now, settings: { colour: "red" } });
  expect(open?.schema.applied).toBe(open?.schema.known as number);
  const wanted = desiredState().providers.map(({ name, kind, baseUrl, options, sealedKey, allowPrivateNetwork }) => {
    return { name, kind, baseUrl, options, sealedKey, allowPrivateNetwork };
  });
  expect(open?.providers).toEqual(wanted.sort((a, b) => (a.name < b.name ? -1 : 1)));
  await store.close();
  expect(inspectDirectory(file)).toEqual(open);
});

test("a ledger of a newer version says so by its numbers", () => {
  const file = join(folder, "ledger.db");
  const journal = new SqliteJournal(file);
  expect(inspectLedger(file)).toEqual({
    path: file,
    faults: [],
    schema: { applied: LEDGER_VERSION, known: LEDGER_VERSION },
    latestAt: null,
    openHolds: 0,
  });
  journal.shut();
  const db = new Database(file);
  db.run(`PRAGMA user_version = ${LEDGER_VERSION + 5}`);
  db.run("INSERT INTO holds VALUES (0, 1, 1000, '{}'), (1, 2, 2000, '{}')");
  db.run("INSERT INTO usage_records VALUES (1, 1, 'call_1', 1000, '{}')");
  db.close();
  expect(inspectLedger(file)).toMatchObject({
    schema: { applied: LEDGER_VERSION + 5, known: LEDGER_VERSION },
    latestAt: 2000,
    openHolds: 1,
  });
});

test("damage is told as a fault, and does not stop the look", async () => {
  const file = join(folder, "directory.db");
  const { store } = await filledDirectory(file);
  await store.close();
  const copy = join(folder, "copy.db");
  const db = new Database(file);
  db.run("VACUUM INTO ?", [copy]);
  db.close();
  expect(inspectDirectory(copy)?.faults).toEqual([]);
  truncateSync(copy, 8_192);
  expect(inspectDirectory(copy)?.faults.length).toBeGreaterThan(0);

  const noise = join(folder, "ledger.db");
  writeFileSync(noise, "this was never a database, and it is longer than a header of SQLite is, by far: ".repeat(20));
  expect(inspectLedger(noise)).toMatchObject({ faults: ["file is not a database"], openHolds: 0 });
});

test("a folder that a gateway holds says by which process, and is free again afterwards", () => {
  const held = openDataFolder(folder);
  expect(inspectLock(folder)).toEqual({ held: true, pid: process.pid });
  held.release();
  expect(inspectLock(folder)).toEqual({ held: false, pid: null });
});
