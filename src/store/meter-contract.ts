import { afterAll, describe, expect, test } from "bun:test";
import type { Clock } from "../kernel/clock.ts";
import type { Demand, Meter } from "../ports/meter.ts";
import type { UsageRecord } from "../ports/records.ts";
import type { Journal } from "./journal.ts";

/** What the process asks of its own meter beside what the data plane does. */
interface WatchedMeter extends Meter {
  recover(): Promise<UsageRecord[]>;
  retry(): Promise<{ written: number; left: number }>;
  readonly openHolds: number;
  readonly failing: boolean;
}

/** What a meter over some journal must be given for the suite. */
export interface MeterUnderTest {
  /** Opens the journal: empty the first time, then with what is in it, as after a restart. */
  reopen(): Journal;
  meterOn(journal: Journal, clock: Clock): WatchedMeter;
  /** Lets the process "die": what was not committed is gone. */
  kill?(): void;
  remove(): void;
}

const NOON = Date.UTC(2026, 4, 4, 12); // a Monday

class ManualClock implements Clock {
  at = NOON;
  now() {
    return this.at;
  }
  ticks() {
    return this.at;
  }
}

let serial = 0;
export function sampleRecord(over: Partial<UsageRecord> = {}): UsageRecord {
  serial++;
  return {
    id: `call_${String(serial).padStart(8, "0")}`, requestId: `req-${serial}`, at: NOON, admittedAt: null, outcome: "finished", status: 200,
    errorCode: null, endpoint: "chat.completions", dialect: "openai-chat", stream: false, address: "127.0.0.1", tenantId: "ten_1",
    teamId: "team_1", applicationId: "app_1", keyId: "key_1", subscriptionId: "sub_1", api: "chat/v1", plan: "free", model: "small",
    provider: "up", providerModel: "m", inputTokens: 3, outputTokens: 4, cacheReadTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0,
    usageSource: "reported", costNanoUsd: 70, priceSource: "configuration", queueMs: 1, firstByteMs: 2, totalMs: 3, attempts: [],
    verdicts: [], warnings: [], captured: null, ...over,
  }; // biome-ignore format: a record in few lines
}

function demand(over: Partial<Demand> = {}): Demand {
  return { scope: "subscription:sub_1", dimension: "requests", window: "minute", limit: 10, amount: 1, ...over };
}

/** The promises of the meter, for every journal it may stand on. */
export function meterContract(name: string, make: () => MeterUnderTest): void {
  describe(`the meter on ${name}`, () => {
    const made: MeterUnderTest[] = [];
    const setUp = () => {
      const under = make();
      made.push(under);
      const clock = new ManualClock();
      const journal = under.reopen();
      return { under, clock, journal, meter: under.meterOn(journal, clock) };
    };
    afterAll(() => {
      for (const under of made) under.remove();
    });

    test("100 parallel reserves never exceed the cap", async () => {
      const { meter } = setUp();
      const all = await Promise.all(Array.from({ length: 100 }, () => meter.reserve([demand()], sampleRecord())));
      expect(all.filter((reservation) => reservation.admitted)).toHaveLength(10);
    });

    test("all demands are admitted, or none is taken from", async () => {
      const { meter } = setUp();
      const wide = demand({ limit: 100 });
      const narrow = demand({ window: "day", limit: 1 });
      expect((await meter.reserve([wide, narrow], sampleRecord())).admitted).toBe(true);
      for (let i = 0; i < 5; i++) expect((await meter.reserve([wide, narrow], sampleRecord())).admitted).toBe(false);
      const third = await meter.reserve([wide], sampleRecord());
      expect(third.levels[0]!.remaining).toBe(98);
    });

    test("in no stretch of a minute are more admitted than the limit, and Retry-After is the time until one more is", async () => {
      const { meter, clock } = setUp();
      const admitted: number[] = [];
      for (let second = 0; second < 300; second++) {
        clock.at = NOON + second * 1_000;
        const first = await meter.reserve([demand()], sampleRecord());
        if (first.admitted) admitted.push(clock.at);
        else {
          clock.at += first.retryAfterMs! - 1;
          expect((await meter.reserve([demand()], sampleRecord())).admitted).toBe(false);
          clock.at += 1;
          expect((await meter.reserve([demand()], sampleRecord())).admitted).toBe(true);
          admitted.push(clock.at);
          second = Math.floor((clock.at - NOON) / 1_000);
        }
      }
      for (const at of admitted)
        expect(admitted.filter((other) => other > at - 60_000 && other <= at).length).toBeLessThanOrEqual(10);
      expect(admitted.length).toBeGreaterThan(40);
    });

    test("a day's quota comes back at midnight UTC, and not before", async () => {
      const { meter, clock } = setUp();
      const daily = demand({ window: "day", limit: 2 });
      await meter.reserve([daily], sampleRecord());
      await meter.reserve([daily], sampleRecord());
      const refused = await meter.reserve([daily], sampleRecord());
      expect(refused).toMatchObject({ admitted: false, retryAfterMs: 12 * 3_600_000 });
      clock.at += 12 * 3_600_000 - 1;
      expect((await meter.reserve([daily], sampleRecord())).admitted).toBe(false);
      clock.at += 1;
      expect((await meter.reserve([daily], sampleRecord())).admitted).toBe(true);
    });

    test("a clock that goes back opens no window again", async () => {
      const { meter, clock } = setUp();
      for (let i = 0; i < 10; i++) await meter.reserve([demand()], sampleRecord());
      clock.at -= 3_600_000;
      expect((await meter.reserve([demand()], sampleRecord())).admitted).toBe(false);
    });

    test("settling gives back what was not used, and charges what was", async () => {
      const { meter } = setUp();
      const tokens = demand({ dimension: "tokens", limit: 1_000, amount: 800 });
      const first = await meter.reserve([tokens], sampleRecord());
      expect((await meter.reserve([tokens], sampleRecord())).admitted).toBe(false);
      if (!first.admitted) throw new Error("refused");
      await meter.settle(first.hold, { tokens: 100, usd: 0 }, sampleRecord());
      const second = await meter.reserve([tokens], sampleRecord());
      expect(second).toMatchObject({ admitted: true, levels: [{ remaining: 100 }] });
    });

    test("a Hold grows by all of it or by nothing, and gives everything back when it is settled", async () => {
      const { meter } = setUp();
      const tokens = demand({ dimension: "tokens", limit: 1_000, amount: 400 });
      const money = demand({ dimension: "usd", window: "day", limit: 90, amount: 30 });
      const first = await meter.reserve([demand(), tokens, money], sampleRecord());
      if (!first.admitted) throw new Error("refused");
      expect(await meter.extend(first.hold, [tokens, money], sampleRecord())).toBe(true);
      // 800 of 1,000 tokens and 60 of 90 nano-dollars are held: a third time does not fit the tokens, so it takes no money either.
      expect(await meter.extend(first.hold, [tokens, money], sampleRecord())).toBe(false);
      const beside = await meter.reserve([{ ...money, amount: 30 }], sampleRecord());
      expect(beside).toMatchObject({ admitted: true, levels: [{ remaining: 0 }] });
      expect((await meter.reserve([{ ...tokens, amount: 201 }], sampleRecord())).admitted).toBe(false);
      await meter.settle(first.hold, { tokens: 500, usd: 45 }, sampleRecord());
      const after = await meter.reserve(
        [demand(), { ...tokens, amount: 500 }, { ...money, amount: 15 }],
        sampleRecord(),
      );
      expect(after).toMatchObject({ admitted: true, levels: [{ remaining: 8 }, { remaining: 0 }, { remaining: 0 }] });
    });

    test("100 parallel extensions never exceed the cap", async () => {
      const { meter } = setUp();
      const tokens = demand({ dimension: "tokens", limit: 1_000, amount: 5 });
      const holds = await Promise.all(Array.from({ length: 100 }, () => meter.reserve([tokens], sampleRecord())));
      const grown = await Promise.all(
        holds.flatMap((held) =>
          held.admitted ? [1, 2].map(() => meter.extend(held.hold, [tokens], sampleRecord())) : [],
        ),
      );
      expect(grown.filter(Boolean)).toHaveLength(100);
      expect((await meter.reserve([{ ...tokens, amount: 1 }], sampleRecord())).admitted).toBe(false);
    });

    test("an extension that the store could not write down is taken back", async () => {
      const { meter, journal } = setUp();
      const tokens = demand({ dimension: "tokens", limit: 1_000, amount: 400 });
      const held = await meter.reserve([tokens], sampleRecord());
      if (!held.admitted) throw new Error("refused");
      const write = journal.open.bind(journal);
      journal.open = () => Promise.reject(new Error("disk full"));
      await expect(meter.extend(held.hold, [tokens], sampleRecord())).rejects.toMatchObject({
        code: "store_unavailable",
      });
      journal.open = write;
      expect(await meter.extend(held.hold, [tokens], sampleRecord())).toBe(true);
      await meter.settle(held.hold, { tokens: 0, usd: 0 }, sampleRecord());
      expect((await meter.reserve([{ ...tokens, amount: 1_000 }], sampleRecord())).admitted).toBe(true);
    });

    test("a place under a concurrency limit comes free with the call", async () => {
      const { meter } = setUp();
      const two = demand({ dimension: "concurrent", window: null, limit: 2 });
      const first = await meter.reserve([two], sampleRecord());
      await meter.reserve([two], sampleRecord());
      expect((await meter.reserve([two], sampleRecord())).admitted).toBe(false);
      if (first.admitted) await meter.settle(first.hold, { tokens: 0, usd: 0 }, sampleRecord());
      expect((await meter.reserve([two], sampleRecord())).admitted).toBe(true);
    });

    test("a demand above its limit never fits, and says so", async () => {
      const { meter } = setUp();
      const refused = await meter.reserve([demand({ dimension: "tokens", limit: 10, amount: 11 })], sampleRecord());
      expect(refused).toMatchObject({ admitted: false, retryAfterMs: null });
    });

    test("a request that the store could not write down is given back", async () => {
      const { meter, journal } = setUp();
      const write = journal.open.bind(journal);
      journal.open = () => Promise.reject(new Error("disk full"));
      const daily = demand({ window: "day", limit: 2 });
      await expect(meter.reserve([daily], sampleRecord())).rejects.toMatchObject({ code: "store_unavailable" });
      journal.open = write;
      expect(meter.openHolds).toBe(0);
      expect((await meter.reserve([daily], sampleRecord())).levels[0]!.remaining).toBe(1);
    });

    test("a Hold is settled once", async () => {
      const { meter, journal } = setUp();
      const reservation = await meter.reserve([demand()], sampleRecord());
      if (!reservation.admitted) throw new Error("refused");
      await meter.settle(reservation.hold, { tokens: 0, usd: 0 }, sampleRecord());
      await expect(meter.settle(reservation.hold, { tokens: 0, usd: 0 }, sampleRecord())).rejects.toThrow();
      await expect(journal.close(reservation.hold, sampleRecord())).rejects.toThrow();
      expect((await journal.page({ limit: 10 })).records).toHaveLength(1);
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

    test("one entry that cannot be written does not take its neighbours with it", async () => {
      const { journal } = setUp();
      const twin = sampleRecord();
      const results = await Promise.allSettled([
        journal.append(twin),
        journal.close(4_711, twin),
        journal.append(sampleRecord()),
      ]);
      expect(results[0]!.status).toBe("fulfilled");
      expect(results[1]!.status).toBe("rejected");
      expect(results[2]!.status).toBe("fulfilled");
      expect((await journal.page({ limit: 10 })).records).toHaveLength(2);
    });

    test("a record that the store could not take when its call ended is taken as soon as it can be, once", async () => {
      const { journal, clock, meter } = setUp();
      const close = journal.close.bind(journal);
      const held = await meter.reserve([demand({ window: "day", limit: 9 })], sampleRecord());
      if (!held.admitted) throw new Error("it was refused");
      journal.close = () => Promise.reject(new Error("the disk is full"));
      const record = sampleRecord();
      await expect(meter.settle(held.hold, { tokens: 0, usd: 0 }, record)).rejects.toMatchObject({
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

    const persistent = make();
    made.push(persistent);
    if (persistent.kill === undefined) return;

    test("a Hold that nobody settled is settled by rule on the next start, once, and counts", async () => {
      const { under, clock, meter } = setUp();
      const daily = demand({ window: "day", limit: 3 });
      const draft = sampleRecord({
        outcome: "recovered",
        usageSource: "reserved",
        inputTokens: 500,
        outputTokens: 100,
        costNanoUsd: 9_000,
      });
      await meter.reserve([daily, demand({ dimension: "tokens", window: "day", limit: 1_000, amount: 600 })], draft);
      under.kill!();
      const journal = under.reopen();
      const next = under.meterOn(journal, clock);
      expect((await next.recover()).map((record) => record.outcome)).toEqual(["recovered"]);
      expect(await next.recover()).toEqual([]);
      const tokens = await next.reserve(
        [daily, demand({ dimension: "tokens", window: "day", limit: 1_000, amount: 401 })],
        sampleRecord(),
      );
      expect(tokens.admitted).toBe(false);
      const requests = await next.reserve([daily], sampleRecord());
      expect(requests.levels[0]!.remaining).toBe(1);
    });

    test("what a Hold has grown to is what a kill charges, once", async () => {
      const { under, clock, meter } = setUp();
      const tokens = demand({ dimension: "tokens", window: "day", limit: 1_000, amount: 300 });
      const held = await meter.reserve([tokens], sampleRecord({ inputTokens: 300, outputTokens: 0 }));
      if (!held.admitted) throw new Error("refused");
      expect(await meter.extend(held.hold, [tokens], sampleRecord({ inputTokens: 600, outputTokens: 0 }))).toBe(true);
      under.kill!();
      const next = under.meterOn(under.reopen(), clock);
      expect(await next.recover()).toMatchObject([{ outcome: "recovered", inputTokens: 600 }]);
      expect((await next.reserve([{ ...tokens, amount: 400 }], sampleRecord())).admitted).toBe(true);
      expect((await next.reserve([{ ...tokens, amount: 1 }], sampleRecord())).admitted).toBe(false);
    });

    test("a restart forgets no request of the last minute", async () => {
      const { under, clock, meter } = setUp();
      for (let i = 0; i < 9; i++) {
        const reservation = await meter.reserve([demand()], sampleRecord());
        if (reservation.admitted) await meter.settle(reservation.hold, { tokens: 7, usd: 70 }, sampleRecord());
      }
      under.kill!();
      clock.at += 20_000;
      const next = under.meterOn(under.reopen(), clock);
      expect((await next.reserve([demand()], sampleRecord())).admitted).toBe(true);
      expect((await next.reserve([demand()], sampleRecord())).admitted).toBe(false);
    });
  });
}
