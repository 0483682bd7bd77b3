import { expect, test } from "bun:test";
import { MemoryJournal } from "../../../test/support/memory-journal.ts";
import { DAY } from "../../kernel/clock.ts";
import { holdOf, ManualClock, sampleRecord, scopeDemand, spending } from "../meter-contract.ts";
import { MemoryMeter } from "./meter.ts";
import { recount } from "./recount.ts";

async function setUp() {
  const clock = new ManualClock();
  const journal = new MemoryJournal();
  const meter = new MemoryMeter(journal, clock);
  const spend = async (key: string, usd: number) => {
    const demand = { scopes: [scopeDemand([], { usd }, { scope: `key:${key}` })], anyOf: [] };
    await meter.settle(holdOf(await meter.reserve(demand, sampleRecord())), spending(1, 1, usd, { keyId: key }));
  };
  return { clock, journal, meter, spend };
}

test("more scopes and entries than fit into one turn are added up, and calls that end meanwhile as well", async () => {
  const { clock, journal, meter, spend } = await setUp();
  for (let i = 0; i < 2_500; i++) await spend(`key_${i}`, i);
  const found = recount(journal, meter.accounts, () => clock.now(), false);
  const meanwhile = Promise.all(Array.from({ length: 50 }, (_, i) => spend(`key_${2_490 + i}`, 7)));
  expect(await found).toMatchObject({ found: 0 });
  await meanwhile;
  expect(await recount(journal, meter.accounts, () => clock.now(), false)).toMatchObject({ entries: 2_550, found: 0 });
});

test("an account that has been forgotten is compared as it was saved", async () => {
  const { clock, journal, meter, spend } = await setUp();
  await spend("key_1", 5);
  await meter.sweep();
  const saved = journal.account("key:key_1")!;
  journal.saveAccounts([{ ...saved, spent: saved.spent.map((sum, i) => (i % 4 === 3 ? sum + 1 : sum)) }]);
  const next = new MemoryMeter(journal, clock);
  const { differences } = await recount(journal, next.accounts, () => clock.now(), true);
  expect(differences.map(({ scope, period, of }) => `${scope} ${period} ${of}`)).toEqual(
    ["day", "week", "month", "total"].map((period) => `key:key_1 ${period} usd`),
  );
  expect(journal.account("key:key_1")!.spent[3]).toBe(5);
});

test("a midnight in the middle moves both sides to the new day", async () => {
  const { clock, journal, meter, spend } = await setUp();
  for (let i = 0; i < 1_200; i++) await spend("key_1", 1);
  const found = recount(journal, meter.accounts, () => clock.now(), false);
  clock.at += DAY;
  await spend("key_1", 1);
  expect(await found).toMatchObject({ found: 0 });
  const { periods } = meter.accounts.of("key:key_1", "UTC", clock.at).usage(clock.at);
  expect(periods.day.spent).toEqual({ requests: 1, input: 1, output: 1, usd: 1 });
  expect(periods.total.spent.requests).toBe(1_201);
});
