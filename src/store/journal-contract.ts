import { afterAll, describe, expect, test } from "bun:test";
import type { Amounts } from "../domain/plans/amounts.ts";
import type { Limit } from "../kernel/limit.ts";
import type { Demand } from "../ports/meter.ts";
import type { Journal } from "./journal.ts";
import { MemoryMeter } from "./memory/meter.ts";
import { limit, ManualClock, sampleRecord, scopeDemand, spending } from "./meter-contract.ts";

const PER_DAY = (amount: number) => limit("requests", "day", amount);
const one = (limits: Limit[], amounts: Partial<Amounts> = {}): Demand => {
  return { scopes: [scopeDemand(limits, amounts)], anyOf: [] };
};

/** What the meter in memory may rely on, of every journal it may stand on. */
export function journalContract(name: string, open: () => { journal: Journal; remove(): void }): void {
  describe(`the journal ${name}`, () => {
    const removals: (() => void)[] = [];
    const setUp = () => {
      const { journal, remove } = open();
      removals.push(remove);
      const clock = new ManualClock();
      return { journal, clock, meter: new MemoryMeter(journal, clock) };
    };
    afterAll(() => {
      for (const remove of removals) remove();
    });

    test("an extension that the store could not write down is taken back", async () => {
      const { meter, journal } = setUp();
      const tokens = one([limit("tokens", "minute", 1_000)], { input: 400 });
      const held = await meter.reserve(tokens, sampleRecord());
      if (!held.admitted) throw new Error("refused");
      const write = journal.open.bind(journal);
      journal.open = () => Promise.reject(new Error("disk full"));
      await expect(meter.extend(held.hold, tokens.scopes, sampleRecord())).rejects.toMatchObject({
        code: "store_unavailable",
      });
      journal.open = write;
      expect(await meter.extend(held.hold, tokens.scopes, sampleRecord())).toBe(true);
      await meter.settle(held.hold, spending(0, 0, 0));
      expect(
        (await meter.reserve(one([limit("tokens", "minute", 1_000)], { input: 1_000 }), sampleRecord())).admitted,
      ).toBe(true);
    });

    test("a request that the store could not write down is given back", async () => {
      const { meter, journal } = setUp();
      const write = journal.open.bind(journal);
      journal.open = () => Promise.reject(new Error("disk full"));
      const daily = one([PER_DAY(2)]);
      await expect(meter.reserve(daily, sampleRecord())).rejects.toMatchObject({ code: "store_unavailable" });
      journal.open = write;
      expect(meter.openHolds).toBe(0);
      expect((await meter.reserve(daily, sampleRecord())).levels[0]!.remaining).toBe(1);
    });

    test("a foreign tenant sees nothing", async () => {
      const { journal } = setUp();
      await journal.append(sampleRecord({ tenantId: "ten_1" }));
      expect((await journal.page({ tenantId: "ten_2", limit: 10 })).records).toEqual([]);
      expect((await journal.page({ tenantId: "ten_1", limit: 10 })).records).toHaveLength(1);
    });

    test("records come newest first, page by page, each once", async () => {
      const { journal } = setUp();
      for (let i = 0; i < 7; i++) await journal.append(sampleRecord());
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await journal.page(cursor === undefined ? { limit: 3 } : { limit: 3, cursor });
        seen.push(...page.records.map((record) => record.id));
        cursor = page.next ?? undefined;
      } while (cursor !== undefined);
      expect(seen).toEqual([...new Set(seen)].sort().reverse());
      expect(seen).toHaveLength(7);
    });

    test("a record is found by its id, whatever other callers call theirs, and else by the newest request id", async () => {
      const { journal } = setUp();
      const [one, early, late] = [
        sampleRecord(),
        sampleRecord({ requestId: "mine" }),
        sampleRecord({ requestId: "mine" }),
      ];
      for (const record of [one, early, late, sampleRecord({ requestId: one.id })]) await journal.append(record);
      expect([(await journal.recordOf(one.id))?.id, (await journal.recordOf("mine"))?.id]).toEqual([one.id, late.id]);
      expect(await journal.recordOf("nobody's")).toBeUndefined();
    });

    test("one entry that cannot be written does not take its neighbours with it", async () => {
      const { journal } = setUp();
      const twin = sampleRecord();
      const results = await Promise.allSettled([
        journal.append(twin),
        journal.close(4_711, twin, () => {}),
        journal.append(sampleRecord()),
      ]);
      expect(results[0]!.status).toBe("fulfilled");
      expect(results[1]!.status).toBe("rejected");
      expect(results[2]!.status).toBe("fulfilled");
      expect((await journal.page({ limit: 10 })).records).toHaveLength(2);
    });

    test("an accident in what follows a commit does not take its neighbours with it, and nothing is written twice", async () => {
      const { journal } = setUp();
      const [bad, good] = [sampleRecord(), sampleRecord()];
      await Promise.all([1, 2].map((hold) => journal.open({ hold, at: 1, draft: sampleRecord() })));
      const broken = () => {
        throw new Error("broken promise");
      };
      const results = await Promise.allSettled([journal.close(1, bad, broken), journal.close(2, good, () => {})]);
      expect(results.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
      expect([...journal.entries(0)].map(({ record }) => record.id)).toEqual([bad.id, good.id]);
      await journal.append(sampleRecord());
      expect(journal.lastEntry()).toBe(3);
    });

    test("a record that the store could not take when its call ended is taken as soon as it can be, once", async () => {
      const { journal, clock, meter } = setUp();
      const close = journal.close.bind(journal);
      const held = await meter.reserve(one([PER_DAY(9)]), sampleRecord());
      if (!held.admitted) throw new Error("it was refused");
      journal.close = () => Promise.reject(new Error("the disk is full"));
      const record = sampleRecord();
      await expect(meter.settle(held.hold, record)).rejects.toMatchObject({
        code: "store_unavailable",
      });
      expect(meter.failing).toBe(true);
      expect(await meter.retry()).toEqual({ written: 0, left: 1 });
      journal.close = close;
      // No oftener than every second.
      expect(await meter.retry()).toEqual({ written: 0, left: 1 });
      clock.at += 1_000;
      expect(await meter.retry()).toEqual({ written: 1, left: 0 });
      expect(meter.failing).toBe(false);
      expect(await meter.retry()).toEqual({ written: 0, left: 0 });
      expect((await journal.page({ limit: 10 })).records.map(({ id }) => id)).toEqual([record.id]);
      expect(meter.openHolds).toBe(0);
    });

    test("records are found by when their calls were admitted, each once, earliest first", async () => {
      const { journal, meter, clock } = setUp();
      await journal.append(sampleRecord());
      const ids: string[] = [];
      for (let i = 0; i < 5; i++) {
        const record = spending(1, 1, 5);
        const held = await meter.reserve(one([]), sampleRecord());
        if (held.admitted) await meter.settle(held.hold, record);
        ids.push(record.id);
        clock.at += 1_000;
      }
      const found = async (since: number, until: number) => {
        const all: string[] = [];
        for await (const some of journal.admitted(since, until)) all.push(...some.map(({ id }) => id));
        return all;
      };
      expect(await found(0, clock.at)).toEqual(ids);
      expect(await found(clock.at - 4_000, clock.at - 2_000)).toEqual(ids.slice(1, 3));
    });

    test("a recount finds nothing to mend, then what was bent, and sets it right while calls go on", async () => {
      const { journal, meter, clock } = setUp();
      const settle = async (usd: number) => {
        const held = await meter.reserve(one([], { usd }), sampleRecord());
        if (held.admitted) await meter.settle(held.hold, spending(1, 2, usd));
      };
      for (let i = 1; i <= 50; i++) await settle(i);
      await meter.reserve(one([], { usd: 500 }), sampleRecord());
      expect(await meter.recount(false)).toMatchObject({ entries: 50, accounts: 6, found: 0, mended: false });
      const account = meter.accounts.of("key:key_1", "UTC", clock.at);
      const bend = { requests: 0, input: 0, output: 5, usd: 7 };
      account.charge(bend, clock.at, clock.at, clock.at);
      const { found, differences } = await meter.recount(false);
      expect(found).toBe(8);
      expect(differences).toContainEqual({
        scope: "key:key_1",
        period: "month",
        of: "usd",
        counted: 1_282,
        ledger: 1_275,
      });
      const [mended] = await Promise.all([meter.recount(true), settle(1_000), settle(1_000)]);
      expect(mended).toMatchObject({ found: 8, mended: true });
      expect(await meter.recount(false)).toMatchObject({ entries: 52, found: 0 });
      const usage = await meter.usage("subscription:sub_1", "UTC");
      expect(usage.periods.total).toMatchObject({ spent: { usd: 3_275 }, reserved: { usd: 500 } });
      await meter.sweep();
      expect(journal.account("key:key_1")!.spent[3]).toBe(3_275);
    });

    test("the ledger is read again in the order of its commits, and accounts as they were saved", async () => {
      const { journal, meter, clock } = setUp();
      await journal.append(sampleRecord());
      for (let i = 0; i < 3; i++) {
        const held = await meter.reserve(one([PER_DAY(9)]), sampleRecord());
        if (held.admitted) await meter.settle(held.hold, spending(1, 1, 5));
      }
      expect(journal.lastEntry()).toBe(4);
      expect([...journal.entries(1)].map(({ seq }) => seq)).toEqual([2, 3, 4]);
      expect([...journal.entries(1, 3)].map(({ seq }) => seq)).toEqual([2, 3]);
      expect(journal.account("subscription:sub_1")).toBeUndefined();
      await meter.sweep();
      expect(journal.mark()).toEqual({ seq: 4, at: clock.at });
      expect(journal.account("subscription:sub_1")).toMatchObject({ upto: 4 });
      expect([...journal.accounts()].map(({ scope }) => scope).sort()).toEqual([
        ...["application:app_1", "key:key_1", "model:small", "subscription:sub_1", "team:team_1", "tenant:ten_1"],
      ]);
    });
  });
}
