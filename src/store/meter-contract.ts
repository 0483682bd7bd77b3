// tidy: long because it is the whole of what every meter promises, in one place.
import { afterAll, describe, expect, test } from "bun:test";
import { type Amounts, NOTHING } from "../domain/plans/amounts.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Limit } from "../kernel/limit.ts";
import type { Recount } from "../ports/ledger.ts";
import type { Demand, Meter, MeterTime, MeterView, Reservation, ScopeDemand } from "../ports/meter.ts";
import type { UsageRecord } from "../ports/records.ts";

/** What the process asks of its own meter beside what the data plane does. */
export interface WatchedMeter extends Meter, MeterTime, MeterView {
  /** Settles by rule what nobody is left to settle. @returns the records */
  recover(): Promise<UsageRecord[]>;
  /** Adds up the ledger, and says what differs from the counters; sets them right if asked. */
  recount(mend: boolean): Promise<Recount>;
  readonly openHolds: number;
}

/** One store, and the meters of the processes that stand on it. */
export interface MeterUnderTest {
  /** A process that has just started on the store: an empty one the first time, then with what is in it. */
  start(clock: Clock): Promise<WatchedMeter>;
  /** The last process that was started dies: nothing that it had not committed survives, and its Holds are nobody's. Absent where nothing survives. */
  kill?(): Promise<void>;
  /** The counters are lost, and nobody dies: they are counted anew from the ledger. Absent where they are nowhere else. */
  lose?(): Promise<void>;
  /** The whole ledger. */
  records(): Promise<UsageRecord[]>;
  remove(): Promise<void>;
}

const NOON = Date.UTC(2026, 4, 4, 12); // a Monday

export class ManualClock implements Clock {
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
    teamId: "team_1", applicationId: "app_1", keyId: "key_1", subscriptionId: "sub_1", api: "chat/v1", plan: "free", model: "small", catalogModel: "small", timeZone: "UTC",
    provider: "up", providerModel: "m", inputTokens: 3, outputTokens: 4, cacheReadTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0,
    usageSource: "reported", costNanoUsd: 70, priceSource: "configuration", queueMs: 1, firstByteMs: 2, totalMs: 3, attempts: [], mayHaveAsked: [], heldFor: 1, refundOf: null,
    verdicts: [], warnings: [], captured: null, ...over,
  }; // biome-ignore format: a record in few lines
}

export function limit(dimension: Limit["dimension"], window: Limit["window"], amount: number, burst?: number): Limit {
  return { dimension, window, amount, ...(burst === undefined ? {} : { burst }) };
}

/** What a call of one request may take of one scope. */
export function scopeDemand(
  limits: Limit[],
  amounts: Partial<Amounts> = {},
  over: Partial<ScopeDemand> = {},
): ScopeDemand {
  return {
    scope: "subscription:sub_1",
    zone: "UTC",
    limits,
    amounts: { ...NOTHING, requests: 1, ...amounts },
    ...over,
  };
}

const one = (limits: Limit[], amounts: Partial<Amounts> = {}, over: Partial<ScopeDemand> = {}): Demand => {
  return { scopes: [scopeDemand(limits, amounts, over)], anyOf: [] };
};

export function holdOf(reservation: Reservation): number {
  if (!reservation.admitted) throw new Error(`refused by ${JSON.stringify(reservation.refusedBy)}`);
  return reservation.hold;
}

/** A record that spends so much, of the caller of `scopeDemand`. */
export function spending(
  input: number,
  output: number,
  costNanoUsd: number,
  over: Partial<UsageRecord> = {},
): UsageRecord {
  return sampleRecord({ inputTokens: input, outputTokens: output, costNanoUsd, ...over });
}

const PER_DAY = (amount: number) => limit("requests", "day", amount);
const MINUTE = 60_000;
const HALF_A_DAY = 12 * 3_600_000;

/** The promises of the meter, on every store that it may stand on. */
export function meterContract(name: string, make: () => Promise<MeterUnderTest>): void {
  describe(`the meter on ${name}`, () => {
    const made: MeterUnderTest[] = [];
    const setUp = async () => {
      const under = await make();
      made.push(under);
      const clock = new ManualClock();
      return { under, clock, meter: await under.start(clock) };
    };
    afterAll(async () => {
      for (const under of made) await under.remove();
    });

    test("of 100 parallel reserves exactly as many are admitted as the limit says", async () => {
      const { meter } = await setUp();
      for (const limited of [limit("requests", "minute", 10), PER_DAY(10), limit("concurrent", null, 10)]) {
        const demand = one([limited], {}, { scope: `subscription:${limited.window}` });
        const all = await Promise.all(Array.from({ length: 100 }, () => meter.reserve(demand, sampleRecord())));
        expect(all.filter((reservation) => reservation.admitted)).toHaveLength(10);
      }
    });

    test("all scopes are taken from, or none", async () => {
      const { meter } = await setUp();
      const wide = scopeDemand([PER_DAY(100)], {}, { scope: "tenant:ten_1" });
      const narrow = scopeDemand([PER_DAY(1)], {}, { scope: "key:key_1" });
      expect((await meter.reserve({ scopes: [wide, narrow], anyOf: [] }, sampleRecord())).admitted).toBe(true);
      for (let i = 0; i < 5; i++) {
        const refused = await meter.reserve({ scopes: [wide, narrow], anyOf: [] }, sampleRecord());
        expect(refused).toMatchObject({ admitted: false, refusedBy: { scope: "key:key_1" } });
      }
      expect(await meter.levels([wide, narrow])).toMatchObject([{ remaining: 99 }, { remaining: 0 }]);
    });

    test("a rate admits its burst at once, and then evenly", async () => {
      const { meter, clock } = await setUp();
      const demand = one([limit("requests", "minute", 60, 5)]);
      const admitted: number[] = [];
      for (let ms = 0; ms <= 3 * MINUTE; ms += 100) {
        clock.at = NOON + ms;
        if ((await meter.reserve(demand, sampleRecord())).admitted) admitted.push(ms);
      }
      // One comes in each second, and five are there at the beginning: asked ten times a second, five pass in the first half.
      expect(admitted.filter((ms) => ms < 500)).toHaveLength(5);
      expect(admitted).toHaveLength(5 + 180);
    });

    test("Retry-After of a rate is the time until one more is admitted, to the millisecond", async () => {
      const { meter, clock } = await setUp();
      const demand = one([limit("requests", "minute", 7)]);
      for (let i = 0; i < 7; i++) expect((await meter.reserve(demand, sampleRecord())).admitted).toBe(true);
      const refused = await meter.reserve(demand, sampleRecord());
      if (refused.admitted) throw new Error("admitted");
      expect(refused.retryAfterMs).toBe(Math.ceil(MINUTE / 7));
      clock.at += refused.retryAfterMs! - 1;
      expect((await meter.reserve(demand, sampleRecord())).admitted).toBe(false);
      clock.at += 1;
      expect((await meter.reserve(demand, sampleRecord())).admitted).toBe(true);
    });

    test("a day's quota comes back at midnight, and not before", async () => {
      const { meter, clock } = await setUp();
      const daily = one([PER_DAY(2)]);
      await meter.reserve(daily, sampleRecord());
      await meter.reserve(daily, sampleRecord());
      expect(await meter.reserve(daily, sampleRecord())).toMatchObject({ admitted: false, retryAfterMs: HALF_A_DAY });
      clock.at += HALF_A_DAY - 1;
      expect((await meter.reserve(daily, sampleRecord())).admitted).toBe(false);
      clock.at += 1;
      expect((await meter.reserve(daily, sampleRecord())).admitted).toBe(true);
    });

    test("a tenant's midnight is that of its time zone, and a limit in total never comes back", async () => {
      const { meter, clock } = await setUp();
      const berlin = one([PER_DAY(1)], {}, { zone: "Europe/Berlin" });
      await meter.reserve(berlin, sampleRecord());
      expect(await meter.reserve(berlin, sampleRecord())).toMatchObject({ retryAfterMs: HALF_A_DAY - 2 * 3_600_000 });
      const ever = one([limit("requests", "total", 1)], {}, { scope: "key:key_1" });
      await meter.reserve(ever, sampleRecord());
      clock.at += 400 * 2 * HALF_A_DAY;
      expect(await meter.reserve(ever, sampleRecord())).toMatchObject({ admitted: false, retryAfterMs: null });
    });

    test("where a tenant moves to another time zone, what its periods count goes on, and the ledger says the same", async () => {
      const { under, meter, clock } = await setUp();
      let asked: WatchedMeter = meter;
      const spend = async (keyId: string, timeZone: string, usd: number) => {
        const named = ["application:app_1", "team:team_1", "tenant:ten_1", "subscription:sub_1"];
        const scopes = [`key:${keyId}`, ...named].map((scope) => scopeDemand([], { usd }, { scope, zone: timeZone }));
        const model = scopeDemand([], { usd }, { scope: "model:small" });
        const hold = holdOf(await asked.reserve({ scopes: [...scopes, model], anyOf: [] }, sampleRecord()));
        await asked.settle(hold, spending(1, 1, usd, { keyId, timeZone }));
      };
      const days = async () => {
        const all = await Promise.all(["key:key_1", "key:key_2"].map((scope) => asked.usage(scope, "UTC")));
        return all.map(({ periods }) => periods.day.spent.usd);
      };
      const west = "America/Los_Angeles";
      await spend("key_1", "UTC", 10);
      await spend("key_2", "UTC", 20);
      // After midnight in UTC, and before it in the west: the day that has begun has nothing of yesterday, whatever it is called.
      clock.at = Date.UTC(2026, 4, 5, 3);
      await spend("key_1", west, 1);
      await spend("key_2", "UTC", 2);
      // After midnight in the west: what was counted in the day until then goes on to count.
      clock.at = Date.UTC(2026, 4, 5, 8);
      await spend("key_2", west, 4);
      expect(await days()).toEqual([0, 6]);
      expect(await asked.recount(false)).toMatchObject({ found: 0 });
      expect(await asked.recount(true)).toMatchObject({ found: 0 });
      if (under.kill !== undefined) {
        await under.kill();
        asked = await under.start(clock);
        await asked.recover();
        expect(await days()).toEqual([0, 6]);
        expect(await asked.recount(false)).toMatchObject({ found: 0 });
      }
      clock.at = Date.UTC(2026, 4, 6, 7) - 1;
      expect(await days()).toEqual([0, 6]);
      clock.at += 1;
      expect([await days(), await asked.recount(false)]).toMatchObject([[0, 0], { found: 0 }]);
    });

    test("a clock that goes back opens nothing again, one that goes forth and back neither", async () => {
      const { meter, clock } = await setUp();
      const limits = [limit("requests", "minute", 3), PER_DAY(5)];
      const admit = async () => (await meter.reserve(one(limits), sampleRecord())).admitted;
      for (let i = 0; i < 3; i++) expect(await admit()).toBe(true);
      clock.at -= 10 * HALF_A_DAY;
      expect(await admit()).toBe(false);
      // The next day, and all of it used up there.
      clock.at = NOON + 2 * HALF_A_DAY;
      for (let i = 0; i < 3; i++) expect(await admit()).toBe(true);
      clock.at += MINUTE;
      expect([await admit(), await admit(), await admit()]).toEqual([true, true, false]);
      clock.at = NOON;
      expect(await admit()).toBe(false);
    });

    test("its time is that by which it counts, and never goes back", async () => {
      const { meter, clock } = await setUp();
      await meter.reserve(one([PER_DAY(5)]), sampleRecord());
      clock.at += HALF_A_DAY;
      expect(meter.time()).toBe(NOON + HALF_A_DAY);
      clock.at = NOON;
      expect(meter.time()).toBe(NOON + HALF_A_DAY);
    });

    test("what was reserved beyond what was used is free again, and what was used is not", async () => {
      const { meter } = await setUp();
      const of = (input: number) =>
        one([limit("tokens", "day", 1_000), limit("usd", "day", 5_000)], { input, usd: input });
      const hold = holdOf(await meter.reserve(of(800), sampleRecord()));
      expect((await meter.reserve(of(201), sampleRecord())).admitted).toBe(false);
      await meter.settle(hold, spending(60, 40, 700));
      expect(await meter.levels(of(0).scopes)).toMatchObject([{ remaining: 900 }, { remaining: 4_300 }]);
      expect((await meter.reserve(of(900), sampleRecord())).admitted).toBe(true);
      expect((await meter.reserve(of(1), sampleRecord())).admitted).toBe(false);
    });

    test("input, output and their sum are limited each for themselves", async () => {
      const { meter } = await setUp();
      const limits = [limit("inputTokens", "day", 100), limit("outputTokens", "day", 50), limit("tokens", "day", 120)];
      const ask = (input: number, output: number) => meter.reserve(one(limits, { input, output }), sampleRecord());
      expect(await ask(101, 0)).toMatchObject({ refusedBy: { limit: { dimension: "inputTokens" } } });
      expect(await ask(0, 51)).toMatchObject({ refusedBy: { limit: { dimension: "outputTokens" } } });
      expect(await ask(100, 50)).toMatchObject({ refusedBy: { limit: { dimension: "tokens" } } });
      expect((await ask(80, 40)).admitted).toBe(true);
    });

    test("a rate of tokens holds what calls may use until they end, and then loses what they used", async () => {
      const { meter, clock } = await setUp();
      const of = (input: number) => one([limit("tokens", "minute", 600)], { input });
      const hold = holdOf(await meter.reserve(of(600), sampleRecord()));
      // However long the call takes: it may still use all of it.
      clock.at += 10 * MINUTE;
      expect(await meter.reserve(of(1), sampleRecord())).toMatchObject({ admitted: false, retryAfterMs: 1_000 });
      await meter.settle(hold, spending(200, 100, 0));
      expect((await meter.levels(of(0).scopes))[0]!.remaining).toBe(300);
      expect(await meter.reserve(of(301), sampleRecord())).toMatchObject({ admitted: false, retryAfterMs: 100 });
      clock.at += MINUTE / 2;
      expect((await meter.levels(of(0).scopes))[0]!.remaining).toBe(600);
    });

    test("of alternatives those are taken from that have room, and at least one must", async () => {
      const { meter } = await setUp();
      const account = (of: string, amount: number) => scopeDemand([PER_DAY(amount)], {}, { scope: `provider:${of}` });
      const demand = { scopes: [scopeDemand([PER_DAY(10)])], anyOf: [account("a", 1), account("b", 2)] };
      expect(await meter.reserve(demand, sampleRecord())).toMatchObject({ open: ["provider:a", "provider:b"] });
      expect(await meter.reserve(demand, sampleRecord())).toMatchObject({ open: ["provider:b"] });
      expect(await meter.reserve(demand, sampleRecord())).toMatchObject({ admitted: false });
      expect(await meter.levels(demand.scopes)).toMatchObject([{ remaining: 8 }]);
    });

    test("an account is charged what was asked of it, and one that was not asked nothing", async () => {
      const { meter } = await setUp();
      const account = (of: string) => scopeDemand([limit("usd", "day", 100)], { usd: 60 }, { scope: `provider:${of}` });
      const demand = { scopes: [scopeDemand([])], anyOf: [account("a"), account("b")] };
      const hold = holdOf(await meter.reserve(demand, sampleRecord()));
      const attempt = { model: "m", status: 200, error: null, ms: 1, inputTokens: 5, outputTokens: 5 };
      await meter.settle(hold, spending(5, 5, 30, { attempts: [{ ...attempt, provider: "b", costNanoUsd: 30 }] }));
      expect(await meter.levels(demand.anyOf)).toMatchObject([{ remaining: 100 }, { remaining: 70 }]);
    });

    test("a Hold grows by all of it or by nothing, and gives everything back when it is settled", async () => {
      const { meter } = await setUp();
      const demand = scopeDemand([limit("tokens", "minute", 1_000), limit("usd", "day", 90)], { input: 400, usd: 30 });
      const more = { ...demand, amounts: { ...demand.amounts, requests: 0 } };
      const hold = holdOf(await meter.reserve({ scopes: [demand], anyOf: [] }, sampleRecord()));
      expect(await meter.extend(hold, [more], sampleRecord())).toBe(true);
      // 800 of 1,000 tokens and 60 of 90 nano-dollars are held: a third time does not fit the tokens, so it takes no money either.
      expect(await meter.extend(hold, [more], sampleRecord())).toBe(false);
      expect(await meter.levels([demand])).toMatchObject([{ remaining: 200 }, { remaining: 30 }]);
      await meter.settle(hold, spending(400, 100, 45));
      expect(await meter.levels([demand])).toMatchObject([{ remaining: 500 }, { remaining: 45 }]);
    });

    test("a Hold does not grow under the limit of a day that is over, for nobody knows what was left of it", async () => {
      const { meter, clock } = await setUp();
      const demand = scopeDemand([limit("usd", "day", 100), limit("usd", "month", 1_000)], { usd: 80 });
      const hold = holdOf(await meter.reserve({ scopes: [demand], anyOf: [] }, sampleRecord()));
      clock.at += HALF_A_DAY;
      expect(await meter.extend(hold, [demand], sampleRecord())).toBe(false);
      const monthly = { ...demand, limits: demand.limits.slice(1) };
      expect(await meter.extend(hold, [monthly], sampleRecord())).toBe(true);
      expect(await meter.levels([demand])).toMatchObject([{ remaining: 100 }, { remaining: 840 }]);
    });

    test("100 parallel extensions never exceed the limit", async () => {
      const { meter } = await setUp();
      const demand = scopeDemand([limit("tokens", "day", 1_000)], { input: 5 });
      const holds = await Promise.all(
        Array.from({ length: 100 }, () => meter.reserve({ scopes: [demand], anyOf: [] }, sampleRecord())),
      );
      const grown = await Promise.all(
        holds.flatMap((held) => [1, 2].map(() => meter.extend(holdOf(held), [demand], sampleRecord()))),
      );
      expect(grown.filter(Boolean)).toHaveLength(100);
      expect(await meter.levels([demand])).toMatchObject([{ remaining: 0 }]);
    });

    test("a place among those that run at once comes free with the call", async () => {
      const { meter } = await setUp();
      const two = one([limit("concurrent", null, 2)]);
      const first = holdOf(await meter.reserve(two, sampleRecord()));
      await meter.reserve(two, sampleRecord());
      expect((await meter.reserve(two, sampleRecord())).admitted).toBe(false);
      await meter.settle(first, sampleRecord());
      expect((await meter.reserve(two, sampleRecord())).admitted).toBe(true);
    });

    test.each(["minute", "day", "total"] as const)(
      "a demand above a limit per %s never fits, and says so",
      async (window) => {
        const { meter } = await setUp();
        const refused = await meter.reserve(one([limit("tokens", window, 10)], { input: 11 }), sampleRecord());
        expect(refused).toMatchObject({ admitted: false, retryAfterMs: null });
      },
    );

    test("a limit that is set later finds what was spent before, and one that is lowered admits nothing until it fits again", async () => {
      const { meter, clock } = await setUp();
      for (let i = 0; i < 3; i++) {
        await meter.settle(holdOf(await meter.reserve(one([]), sampleRecord())), spending(10, 10, 100));
      }
      expect(await meter.levels([scopeDemand([PER_DAY(5), limit("usd", "month", 1_000)])])).toMatchObject([
        { remaining: 2 },
        { remaining: 700 },
      ]);
      expect((await meter.reserve(one([PER_DAY(3)]), sampleRecord())).admitted).toBe(false);
      clock.at += HALF_A_DAY;
      expect((await meter.reserve(one([PER_DAY(3)]), sampleRecord())).admitted).toBe(true);
    });

    test("a Hold that is settled after midnight is charged to the day that admitted it", async () => {
      const { meter, clock } = await setUp();
      const demand = one([limit("usd", "day", 100), limit("usd", "month", 1_000)], { usd: 80 });
      const hold = holdOf(await meter.reserve(demand, sampleRecord()));
      clock.at += HALF_A_DAY;
      await meter.settle(hold, spending(0, 0, 70));
      expect(await meter.levels(demand.scopes)).toMatchObject([{ remaining: 100 }, { remaining: 930 }]);
    });

    test("a Hold is settled once, and the ledger has it once", async () => {
      const { meter, under } = await setUp();
      const hold = holdOf(await meter.reserve(one([PER_DAY(9)]), sampleRecord()));
      const record = sampleRecord();
      await meter.settle(hold, record);
      await expect(meter.settle(hold, sampleRecord())).rejects.toThrow();
      expect((await under.records()).map(({ id }) => id)).toEqual([record.id]);
      expect(meter.openHolds).toBe(0);
    });

    test("what is spent and what is reserved can be told apart", async () => {
      const { meter } = await setUp();
      await meter.settle(holdOf(await meter.reserve(one([], { usd: 50 }), sampleRecord())), spending(1, 2, 40));
      await meter.reserve(one([], { input: 7, usd: 50 }), sampleRecord());
      const usage = await meter.usage("subscription:sub_1", "UTC");
      expect(usage).toMatchObject({
        running: 1,
        periods: {
          day: {
            spent: { requests: 1, input: 1, output: 2, usd: 40 },
            reserved: { requests: 1, input: 7, output: 0, usd: 50 },
          },
        },
      });
    });

    const persistent = make().then((under) => {
      made.push(under);
      return under.kill !== undefined;
    });
    const survives = (title: string, run: (given: Awaited<ReturnType<typeof setUp>>) => Promise<void>) =>
      test(title, async () => {
        if (await persistent) await run(await setUp());
      });

    survives("a Hold that nobody settled is settled by rule, once, and counts", async ({ under, clock, meter }) => {
      const limits = [PER_DAY(3), limit("tokens", "day", 1_000)];
      const draft = sampleRecord({
        outcome: "recovered",
        usageSource: "reserved",
        ...{ inputTokens: 500, outputTokens: 100 },
      });
      await meter.reserve(one(limits, { input: 500, output: 100 }), draft);
      await under.kill!();
      const next = await under.start(clock);
      expect((await next.recover()).map((record) => record.outcome)).toEqual(["recovered"]);
      expect(await next.recover()).toEqual([]);
      expect(await next.levels([scopeDemand(limits)])).toMatchObject([{ remaining: 2 }, { remaining: 400 }]);
      expect(await under.records()).toHaveLength(1);
    });

    survives("what a Hold has grown to is what a kill charges, once", async ({ under, clock, meter }) => {
      const demand = scopeDemand([limit("tokens", "day", 1_000)], { input: 300 });
      const draft = (inputTokens: number) => sampleRecord({ id: "call_grown", inputTokens, outputTokens: 0 });
      const hold = holdOf(await meter.reserve({ scopes: [demand], anyOf: [] }, draft(300)));
      expect(await meter.extend(hold, [demand], draft(600))).toBe(true);
      await under.kill!();
      const next = await under.start(clock);
      expect(await next.recover()).toMatchObject([{ outcome: "recovered", inputTokens: 600 }]);
      expect(await next.levels([demand])).toMatchObject([{ remaining: 400 }]);
    });

    survives("a restart forgets nothing, and grants nothing", async ({ under, clock, meter }) => {
      const limits = [limit("requests", "minute", 10), PER_DAY(12), limit("usd", "total", 1_000)];
      for (let i = 0; i < 9; i++) {
        await meter.settle(holdOf(await meter.reserve(one(limits), sampleRecord())), spending(3, 4, 70));
      }
      const before = await meter.levels([scopeDemand(limits)]);
      await under.kill!();
      const next = await under.start(clock);
      const after = await next.levels([scopeDemand(limits)]);
      expect(after.slice(1)).toEqual(before.slice(1));
      expect(after[0]!.remaining).toBeLessThanOrEqual(before[0]!.remaining);
    });

    survives("tokens leave a rate when their call ends, whoever counts them again", async ({ under, clock, meter }) => {
      const limits = [limit("tokens", "minute", 600)];
      const hold = holdOf(await meter.reserve(one(limits, { input: 600 }), sampleRecord()));
      clock.at += MINUTE;
      await meter.settle(hold, spending(600, 0, 0, { totalMs: MINUTE }));
      await under.kill!();
      const next = await under.start(clock);
      const again = await next.reserve(one(limits, { input: 600 }), sampleRecord());
      if (again.admitted) throw new Error("admitted twice in a minute");
      // Rates that are read again may wait up to a second longer.
      expect(again.retryAfterMs).toBeGreaterThanOrEqual(MINUTE);
      expect(again.retryAfterMs).toBeLessThanOrEqual(MINUTE + 1_000);
    });

    survives("calls that came one after the other are not read again as one that came at once", async (given) => {
      const { under, clock, meter } = given;
      const limits = [limit("requests", "minute", 60, 5)];
      for (let i = 0; i < 30; i++) {
        clock.at += 900;
        if (i % 10 === 9) clock.at += 1_000;
        await meter.settle(holdOf(await meter.reserve(one(limits), sampleRecord())), sampleRecord());
      }
      await under.kill!();
      const next = await under.start(clock);
      expect((await next.reserve(one(limits), sampleRecord())).admitted).toBe(true);
    });

    survives("a clock that was set back while nothing ran opens nothing again", async ({ under, clock, meter }) => {
      const limits = [PER_DAY(1)];
      await meter.settle(holdOf(await meter.reserve(one(limits), sampleRecord())), sampleRecord());
      await under.kill!();
      clock.at -= 3 * HALF_A_DAY;
      const next = await under.start(clock);
      expect((await next.reserve(one(limits), sampleRecord())).admitted).toBe(false);
    });

    /** A call of yesterday's or today's that spent 600 tokens and 700 nano-dollars, and what is given back of it. */
    const RATES = [limit("tokens", "hour", 600), limit("usd", "hour", 700)];
    const charge = async (meter: WatchedMeter) => {
      const record = spending(600, 0, 700, { attempts: [] });
      await meter.settle(holdOf(await meter.reserve(one(RATES, { input: 600, usd: 700 }), record)), record);
      const back = spending(-500, 0, -650, { id: `${record.id}-refund`, refundOf: record.id, attempts: [] });
      return { ...back, admittedAt: record.admittedAt };
    };
    const spent = async (meter: WatchedMeter, scope = "subscription:sub_1") => {
      const { day, month, total } = (await meter.usage(scope, "UTC")).periods;
      return [day, month, total].map((period) => [period.spent.requests, period.spent.input, period.spent.usd]);
    };

    test("what is given back of a charge is free again at once, and once, but for rates", async () => {
      const { under, meter } = await setUp();
      const limited = [limit("usd", "day", 1_000), limit("tokens", "total", 600)];
      const refund = await charge(meter);
      const ask = one(limited, { input: 500, usd: 900 });
      expect((await meter.reserve(ask, sampleRecord())).admitted).toBe(false);
      const tries = await Promise.all([1, 2, 3].map(() => meter.refund({ ...refund })));
      expect(tries.sort()).toEqual([false, false, true]);
      expect(await meter.refund({ ...refund })).toBe(false);
      expect(await spent(meter)).toEqual(Array(3).fill([1, 100, 50]));
      expect(await spent(meter, "tenant:ten_1")).toEqual(Array(3).fill([1, 100, 50]));
      expect(await meter.levels([scopeDemand(RATES)])).toMatchObject([{ remaining: 0 }, { remaining: 0 }]);
      expect((await meter.reserve(ask, sampleRecord())).admitted).toBe(true);
      expect((await under.records()).filter(({ refundOf }) => refundOf !== null)).toMatchObject([{ id: refund.id }]);
      expect(await meter.recount(false)).toMatchObject({ found: 0 });
    });

    test("only a call that is admitted moves a scope to another calendar", async () => {
      const { meter, clock } = await setUp();
      const limits = [PER_DAY(1)];
      const inZone = (zone: string) => one(limits, {}, { zone });
      const ask = async (zone: string) => (await meter.reserve(inZone(zone), sampleRecord())).admitted;
      expect(await ask("UTC")).toBe(true);
      expect(await ask("Asia/Kathmandu")).toBe(false);
      await meter.levels(inZone("Asia/Kathmandu").scopes);
      // A day begins in Nepal, and at midnight one in UTC.
      clock.at += HALF_A_DAY / 2 + 30 * MINUTE;
      expect([await ask("Asia/Kathmandu"), await ask("UTC")]).toEqual([false, false]);
      clock.at += HALF_A_DAY / 2;
      expect([await ask("Asia/Kathmandu"), await ask("UTC")]).toEqual([true, false]);
      clock.at += HALF_A_DAY + 6 * 60 * MINUTE;
      expect(await ask("UTC")).toBe(true);
    });

    test("what is given back counts in the periods of its charge, and in no later one", async () => {
      const { meter, clock } = await setUp();
      const refund = await charge(meter);
      clock.at += 2 * HALF_A_DAY;
      await charge(meter);
      expect(await meter.refund(refund)).toBe(true);
      expect(await spent(meter)).toEqual([[1, 600, 700], ...Array(2).fill([2, 700, 750])]);
      expect(await meter.recount(false)).toMatchObject({ found: 0 });
    });

    survives("what was given back is read again as it was", async ({ under, clock, meter }) => {
      const refund = await charge(meter);
      clock.at += 2 * HALF_A_DAY;
      await meter.refund(refund);
      await under.lose?.();
      await under.kill!();
      const next = await under.start(clock);
      expect(await spent(next)).toEqual([[0, 0, 0], ...Array(2).fill([1, 100, 50])]);
      expect(await next.refund(refund)).toBe(false);
      expect(await next.recount(false)).toMatchObject({ found: 0 });
      await charge(next);
      expect(await next.levels([scopeDemand(RATES)])).toMatchObject([{ remaining: 0 }, { remaining: 0 }]);
    });
  });
}
