import { expect, test } from "bun:test";
import type { Principal } from "../../domain/access/principal.ts";
import { Account } from "../../domain/plans/account.ts";
import { NOTHING } from "../../domain/plans/amounts.ts";
import type { Limit, LimitWindow } from "../../kernel/limit.ts";
import type { Event } from "../../ports/events.ts";
import type { Level, Reservation, Usage } from "../../ports/meter.ts";
import { MemoryMeter } from "../../store/memory/meter.ts";
import { sampleRecord } from "../../store/meter-contract.ts";
import { openJournal } from "../../store/sqlite/journal.ts";
import { Thresholds } from "./thresholds.ts";
import type { Worst } from "./worst.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Noon in Berlin, which is an hour ahead. */
const NOON = Date.UTC(2026, 0, 15, 11);
const BERLIN = { tenant: { id: "ten_1", name: "acme" }, timeZone: "Europe/Berlin" } as Principal;
const SMALL = { input: 1, output: 1, usd: 1 } as Worst;

const perDay = (amount: number, over: Partial<Limit> = {}): Limit => {
  return { dimension: "requests", window: "day", amount, ...over };
};

function observer() {
  const asked: Event[] = [];
  const told: Event[] = [];
  const logged: string[] = [];
  const world = { now: NOON, broken: false, answer: true };
  const thresholds = new Thresholds({
    clock: { now: () => world.now, ticks: () => world.now },
    events: {
      async raise(event) {
        asked.push(event);
        if (world.broken) throw new Error("the disk is full");
        return world.answer;
      },
    },
    log: { write: (_level, message) => void logged.push(message) },
    onEvent: (event) => void told.push(event),
  });
  /** So much of a limit is used, and its period ends at Berlin's midnight unless told otherwise. */
  const used = async (amount: number, limit = perDay(100), scope = "key:a") => {
    const resetMs = limit.window === "total" ? 0 : Date.UTC(2026, 0, 15, 23) - world.now;
    const level: Level = {
      scope,
      limit,
      remaining: limit.amount - amount,
      resetMs: resetMs > 0 ? resetMs : resetMs + DAY,
    };
    thresholds.after({ admitted: true, hold: 1, levels: [level], open: [] }, BERLIN, SMALL);
    await Promise.resolve();
    await Promise.resolve();
    return told.map(({ threshold }) => threshold);
  };
  const refusedBy = async (level: Level, retryAfterMs: number | null, worst = SMALL) => {
    const refused: Reservation = { admitted: false, refusedBy: level, retryAfterMs, levels: [level] };
    thresholds.after(refused, BERLIN, worst);
    await Promise.resolve();
    await Promise.resolve();
    return told.map(({ threshold }) => threshold);
  };
  return { thresholds, asked, told, logged, world, used, refusedBy };
}

test("50, 80 and 100 percent are each raised once, as they are reached", async () => {
  const { used } = observer();
  expect(await used(49)).toEqual([]);
  expect(await used(50)).toEqual([50]);
  expect(await used(60)).toEqual([50]);
  // What was reserved is refunded, and taken again.
  expect(await used(40)).toEqual([50]);
  expect(await used(50)).toEqual([50]);
  expect(await used(80)).toEqual([50, 80]);
  expect(await used(100)).toEqual([50, 80, 100]);
  expect(await used(100)).toEqual([50, 80, 100]);
});

test("a call that takes everything at once passes every threshold", async () => {
  const { used } = observer();
  expect(await used(100)).toEqual([50, 80, 100]);
});

test("an event says whose it is, of what, how much is used, and of which period of the tenant's calendar", async () => {
  const { used, told } = observer();
  await used(51);
  expect(told).toEqual([
    {
      type: "limit.threshold",
      at: NOON,
      scope: "key:a",
      tenantId: "ten_1",
      limit: perDay(100),
      threshold: 50,
      used: 51,
      periodStart: Date.UTC(2026, 0, 14, 23),
      periodEnd: Date.UTC(2026, 0, 15, 23),
    },
  ]);
});

test("models and accounts are no tenant's, and count in UTC", async () => {
  const { thresholds, told } = observer();
  const level: Level = { scope: "provider:up", limit: perDay(10), remaining: 5, resetMs: 13 * HOUR };
  thresholds.observe([level], null);
  thresholds.after({ admitted: true, hold: 1, levels: [{ ...level, scope: "model:m" }], open: [] }, BERLIN, SMALL);
  await Promise.resolve();
  await Promise.resolve();
  const period = { tenantId: null, periodStart: Date.UTC(2026, 0, 15), periodEnd: Date.UTC(2026, 0, 16) };
  expect(told).toMatchObject([
    { scope: "provider:up", ...period },
    { scope: "model:m", ...period },
  ]);
});

test("what is counted in total has one period, which never ends", async () => {
  const { used, told, world } = observer();
  const total = perDay(100, { window: "total" });
  await used(50, total);
  world.now += 400 * DAY;
  await used(60, total);
  expect(told).toMatchObject([{ threshold: 50, periodStart: null, periodEnd: null }]);
});

test("the next period begins anew", async () => {
  const { used, told, world } = observer();
  await used(80);
  world.now += DAY;
  await used(50);
  expect(told.map(({ threshold, periodStart }) => [threshold, periodStart])).toEqual([
    [50, Date.UTC(2026, 0, 14, 23)],
    [80, Date.UTC(2026, 0, 14, 23)],
    [50, Date.UTC(2026, 0, 15, 23)],
  ]);
});

test("a limit that was raised has thresholds of its own", async () => {
  const { used } = observer();
  expect(await used(80)).toEqual([50, 80]);
  expect(await used(80, perDay(200))).toEqual([50, 80]);
  expect(await used(100, perDay(200))).toEqual([50, 80, 50]);
});

const windows: (LimitWindow | null)[] = ["second", "minute", "hour", null];
test.each(windows)("a limit per %p has no thresholds", async (window) => {
  const { used, refusedBy } = observer();
  const limit: Limit = { dimension: window === null ? "concurrent" : "requests", window, amount: 10 };
  expect(await used(10, limit)).toEqual([]);
  expect(await refusedBy({ scope: "key:a", limit, remaining: 0, resetMs: 1_000 }, 1_000)).toEqual([]);
});

test("a call that would fit and was refused reaches 100; one that could never fit says nothing", async () => {
  const limit = perDay(100, { dimension: "tokens" });
  const level: Level = { scope: "key:a", limit, remaining: 40, resetMs: 12 * HOUR };
  const never = observer();
  expect(await never.refusedBy(level, null, { input: 60, output: 60, usd: 0 } as Worst)).toEqual([50]);
  const fitting = observer();
  expect(await fitting.refusedBy(level, 12 * HOUR, { input: 30, output: 30, usd: 0 } as Worst)).toEqual([50, 80, 100]);
});

test("a hundred calls that cross one threshold at once ask the store once", async () => {
  const { used, asked } = observer();
  await Promise.all(Array.from({ length: 100 }, () => used(55)));
  expect(asked).toHaveLength(1);
});

test("what another has raised before is not told again", async () => {
  const { used, asked, world } = observer();
  world.answer = false;
  expect(await used(50)).toEqual([]);
  expect(asked).toHaveLength(1);
});

test("a store that fails is left alone for ten seconds, told of once, and asked again", async () => {
  const { used, asked, logged, world } = observer();
  world.broken = true;
  expect(await used(80)).toEqual([]);
  expect(asked).toHaveLength(2);
  for (let i = 0; i < 50; i++) await used(80, perDay(100), `key:${i}`);
  expect(asked).toHaveLength(2);
  expect(logged).toHaveLength(1);
  world.broken = false;
  world.now += 10_000;
  expect(await used(80)).toEqual([50, 80]);
});

test("scopes that are remembered are bounded, and the store knows what is forgotten", async () => {
  const { used, asked, world } = observer();
  await used(50, perDay(100), "key:first");
  world.answer = false;
  for (let i = 0; i < 50_000; i++) await used(50, perDay(100), `key:${i}`);
  asked.length = 0;
  await used(50, perDay(100), "key:first");
  expect(asked).toHaveLength(1);
});

test("what a call takes more is looked at beside it: who has come near, and what was refused though it could have been held", async () => {
  const { thresholds, told } = observer();
  const limits = [perDay(100), perDay(10, { window: "minute" }), perDay(50, { dimension: "outputTokens" })];
  const demand = (output: number) => [
    { scope: "key:a", zone: "UTC", limits, amounts: { requests: 0, input: 0, output, usd: 0 } },
    { scope: "key:b", zone: "UTC", limits: [], amounts: { requests: 0, input: 0, output, usd: 0 } },
  ];
  const asked: string[] = [];
  const meter = {
    usage: async (scope: string): Promise<Usage> => {
      asked.push(scope);
      const account = new Account(scope, "Europe/Berlin", NOON);
      account.spend({ requests: 10, input: 0, output: 25, usd: 0 }, NOON, NOON);
      account.take({ requests: 0, input: 0, output: 5, usd: 0 }, true, NOON);
      return account.usage(NOON);
    },
  };
  const after = async (output: number, admitted: boolean) => {
    thresholds.afterMore(demand(output), admitted, BERLIN, meter);
    for (let i = 0; i < 5; i++) await Promise.resolve();
    return told.map(({ limit, threshold }) => [limit.dimension, threshold]);
  };
  expect(await after(5, true)).toEqual([["outputTokens", 50]]);
  expect(await after(60, false)).toHaveLength(1);
  expect((await after(30, false)).slice(1)).toEqual([
    ["outputTokens", 80],
    ["outputTokens", 100],
  ]);
  expect(new Set(asked)).toEqual(new Set(["key:a"]));
});

test("a call that grows does not bring back the calendar that its scopes have left", async () => {
  const { thresholds, world } = observer();
  const meter = new MemoryMeter(openJournal(":memory:"), { now: () => world.now, ticks: () => world.now });
  const asking = (zone: string, usd: number) => {
    const limits = [perDay(100, { dimension: "usd" })];
    return { scope: "tenant:ten_1", zone, limits, amounts: { ...NOTHING, usd } };
  };
  const admits = async (zone: string, usd: number) =>
    (await meter.reserve({ scopes: [asking(zone, usd)], anyOf: [] }, sampleRecord())).admitted;
  const west = "America/Los_Angeles";
  world.now = Date.UTC(2026, 4, 4, 23);
  expect([await admits("UTC", 60), await admits(west, 40)]).toEqual([true, true]);
  thresholds.afterMore([asking("UTC", 1)], true, BERLIN, meter);
  await Bun.sleep(0);
  // After midnight in UTC, and before it in the west.
  world.now = Date.UTC(2026, 4, 5, 1);
  expect(await admits(west, 1)).toBe(false);
});

test("levels that cannot be asked for disturb nobody", async () => {
  const { thresholds, told } = observer();
  const amounts = { requests: 0, input: 0, output: 1, usd: 0 };
  const meter = { usage: () => Promise.reject(new Error("away")) };
  thresholds.afterMore([{ scope: "key:a", zone: "UTC", limits: [perDay(1)], amounts }], false, BERLIN, meter);
  await Promise.resolve();
  expect(told).toEqual([]);
});
