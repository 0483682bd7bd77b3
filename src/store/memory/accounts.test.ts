import { expect, test } from "bun:test";
import { MemoryJournal } from "../../../test/support/memory-journal.ts";
import { NOTHING } from "../../domain/plans/amounts.ts";
import { limit, ManualClock, sampleRecord, scopeDemand } from "../meter-contract.ts";
import { Accounts } from "./accounts.ts";
import { MemoryMeter } from "./meter.ts";
import { recount } from "./recount.ts";

const NOON = Date.UTC(2026, 4, 4, 12);

/** So many keys that each have spent one request, none of them saved. */
function house(keys: number) {
  const journal = new MemoryJournal();
  const accounts = new Accounts(journal);
  for (let i = 0; i < keys; i++) {
    const account = accounts.of(`key:${i}`, "UTC", NOON);
    account.charge({ ...NOTHING, requests: 1 }, NOON, NOON, NOON);
    accounts.counted(account, i + 1);
  }
  return { journal, accounts, save: () => accounts.save(() => NOON) };
}

/** Counts what each commit saves, and what it says of the ledger. */
function watch(journal: MemoryJournal, fails: () => boolean = () => false) {
  const commits: { accounts: number; seq: number | undefined; at: number | undefined }[] = [];
  const save = journal.saveAccounts.bind(journal);
  journal.saveAccounts = (accounts, mark) => {
    if (fails()) throw new Error("the disk is full");
    commits.push({ accounts: accounts.length, seq: mark?.seq, at: mark?.at });
    save(accounts, mark);
  };
  return commits;
}

test("accounts are saved in slices, and only the last one says that all of them are", async () => {
  const { journal, accounts, save } = house(300);
  journal.lastEntry = () => 300;
  const commits = watch(journal);
  await save();
  expect(commits.map(({ accounts }) => accounts)).toEqual([128, 128, 44]);
  expect(commits.map(({ seq }) => seq)).toEqual([0, 0, 300]);
  expect(commits.map(({ at }) => at)).toEqual([NOON, NOON, NOON]);
  expect([accounts.unsaved, [...journal.accounts()].length]).toEqual([0, 300]);
  await save();
  expect(commits).toHaveLength(3);
});

test("calls go on between two slices, and what they count is saved the next time", async () => {
  const { journal, accounts, save } = house(300);
  journal.lastEntry = () => 300;
  const commits = watch(journal);
  const saving = save();
  const account = accounts.of("key:0", "UTC", NOON);
  account.charge({ ...NOTHING, requests: 1 }, NOON, NOON, NOON);
  accounts.counted(account, 301);
  journal.lastEntry = () => 301;
  await saving;
  expect([accounts.unsaved, journal.mark().seq]).toEqual([1, 300]);
  await save();
  expect([accounts.unsaved, journal.mark().seq, commits.at(-1)!.accounts]).toEqual([0, 301, 1]);
  expect(journal.account("key:0")).toMatchObject({ upto: 301 });
});

test("a save that fails loses nothing, says nothing, and is made good by the next", async () => {
  const { journal, accounts, save } = house(300);
  journal.lastEntry = () => 300;
  let slice = 0;
  const commits = watch(journal, () => slice++ === 1);
  await save();
  expect([commits.length, journal.mark().seq, accounts.unsaved]).toEqual([1, 0, 172]);
  await save();
  expect([journal.mark().seq, accounts.unsaved, [...journal.accounts()].length]).toEqual([300, 0, 300]);
});

test("entries that no account has counted, refusals, are not read again at each start", async () => {
  const { journal, save } = house(0);
  for (let i = 0; i < 3; i++) await journal.append(sampleRecord({ admittedAt: null }));
  await save();
  expect(journal.mark()).toEqual({ seq: 3, at: NOON });
});

test("an account that nobody uses is forgotten and found again; one that is in use, or not saved, is kept", async () => {
  const { journal, accounts, save } = house(2);
  const taking = accounts.of("key:0", "UTC", NOON).take(NOTHING, true, NOON);
  accounts.forgetIdle(NOON + 1_000_000);
  expect(accounts.size).toBe(2);
  await save();
  accounts.forgetIdle(NOON + 119_999);
  expect(accounts.size).toBe(2);
  for (let i = 0; i < 3; i++) accounts.forgetIdle(NOON + 120_000);
  expect(accounts.size).toBe(1);
  taking.account.settle(taking, NOTHING, NOON);
  expect(accounts.of("key:1", "UTC", NOON).usage(NOON).periods.day.spent.requests).toBe(1);
  expect(journal.account("key:1")).toBeDefined();
});

test("nothing is forgotten that waits to be saved, whatever the clock says meanwhile", async () => {
  const { journal, accounts, save } = house(300);
  journal.lastEntry = () => 300;
  const saving = save();
  accounts.forgetIdle(NOON + 1_000_000);
  expect(accounts.of("key:0", "UTC", NOON).usage(NOON).periods.total.spent.requests).toBe(1);
  expect(accounts.size).toBe(300);
  await saving;
  accounts.forgetIdle(NOON + 1_000_000);
  expect(accounts.size).toBe(0);
});

test("a recount lets calls go on, however many accounts there are", async () => {
  const { journal, accounts, save } = house(2_000);
  await save();
  let turns = 0;
  let over = false;
  const tick = () => {
    turns++;
    if (!over) setImmediate(tick);
  };
  setImmediate(tick);
  await recount(journal, accounts, () => NOON, false);
  over = true;
  expect(turns).toBeGreaterThan(10);
});

test("an entry is counted in each account once, whatever was saved and is read again", async () => {
  const journal = new MemoryJournal();
  const clock = new ManualClock();
  const meter = new MemoryMeter(journal, clock);
  const demand = { scopes: [scopeDemand([limit("requests", "day", 100)])], anyOf: [] };
  for (let i = 0; i < 5; i++) {
    const held = await meter.reserve(demand, sampleRecord());
    if (held.admitted) await meter.settle(held.hold, sampleRecord());
    if (i === 2) await meter.sweep();
  }
  // Saved in part: the subscription with all five, the others with three, and the mark at three.
  const accounts = new Accounts(journal);
  for (const entry of journal.entries(0)) accounts.apply(entry);
  journal.saveAccounts([accounts.of("subscription:sub_1", "UTC", NOON).save(clock.at)]);
  const next = new MemoryMeter(journal, clock);
  for (const scope of ["subscription:sub_1", "key:key_1", "tenant:ten_1"])
    expect((await next.usage(scope, "UTC")).periods.day.spent.requests, scope).toBe(5);
});
