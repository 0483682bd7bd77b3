import { describe, expect, test } from "bun:test";
import { DAY, HOUR } from "../../kernel/clock.ts";
import type { Limit, LimitDimension, LimitWindow } from "../../kernel/limit.ts";
import { Account } from "./account.ts";
import { type Amounts, amountOf, minus, NOTHING, plus } from "./amounts.ts";

const NOON = Date.UTC(2026, 4, 6, 12); // a Wednesday
const MINUTE = 60_000;

const account = (zone = "UTC") => new Account("key:k", zone, NOON);
const limit = (dimension: LimitDimension, window: LimitWindow | null, amount: number): Limit => {
  return { dimension, window, amount };
};
const call = (over: Partial<Amounts> = {}): Amounts => ({ ...NOTHING, requests: 1, ...over });
const spends = (one: Account, amounts: Amounts, at: number) => one.settle(one.take(amounts, true, at), amounts, at);
const used = (one: Account, now: number) =>
  (["day", "week", "month", "total"] as const).map((window) => one.used(window, { dimension: "usd" }, now));

test("amounts are added and taken away each for themselves, and tokens are both kinds", () => {
  const [one, other] = [call({ input: 3, output: 4, usd: 5 }), call({ usd: 2 })];
  expect(plus(one, other)).toEqual({ requests: 2, input: 3, output: 4, usd: 7 });
  expect(minus(one, other)).toEqual({ requests: 0, input: 3, output: 4, usd: 3 });
  const dimensions = ["requests", "inputTokens", "outputTokens", "tokens", "usd", "concurrent"] as const;
  expect(dimensions.map((dimension) => amountOf(one, dimension))).toEqual([1, 3, 4, 7, 5, 1]);
});

describe("periods", () => {
  test("each period begins anew by itself, and what is counted in total never", () => {
    const one = account();
    spends(one, call({ usd: 7 }), NOON);
    const days = [0, 1, 5, 26, 400].map((days) => used(one, NOON + days * DAY));
    expect(days).toEqual([
      [7, 7, 7, 7],
      [0, 7, 7, 7],
      [0, 0, 7, 7],
      [0, 0, 0, 7],
      [0, 0, 0, 7],
    ]);
  });

  test("a call is charged to the periods that admitted it, those that are over none", () => {
    const one = account();
    const taking = one.take(call({ usd: 50 }), true, NOON);
    expect(used(one, NOON + DAY)).toEqual([0, 50, 50, 50]);
    one.settle(taking, call({ usd: 30 }), NOON + DAY);
    expect(used(one, NOON + DAY)).toEqual([0, 30, 30, 30]);
  });

  test("a call that runs over midnight is over for the day, and not for the month", () => {
    const one = account();
    const taking = one.take(call(), true, NOON);
    expect(one.isOver(taking, [limit("usd", "day", 1)], NOON)).toBe(false);
    expect(one.isOver(taking, [limit("usd", "day", 1)], NOON + DAY)).toBe(true);
    expect(one.isOver(taking, [limit("usd", "month", 1), limit("usd", "minute", 1)], NOON + DAY)).toBe(false);
  });

  test("another calendar takes over what was counted, and what is held, without a gain", () => {
    const one = account("Pacific/Kiritimati");
    const taking = one.take(call({ usd: 5 }), true, NOON);
    spends(one, call({ usd: 3 }), NOON);
    one.move("Pacific/Pago_Pago", NOON);
    expect([one.zone, used(one, NOON)]).toEqual(["Pacific/Pago_Pago", [8, 8, 8, 8]]);
    one.settle(taking, call({ usd: 1 }), NOON + HOUR);
    expect(used(one, NOON + HOUR)).toEqual([4, 4, 4, 4]);
    // Kiritimati's midnight passes, and Pago Pago's has not come.
    expect(used(one, NOON + 22 * HOUR)[0]).toBe(4);
    expect(used(one, NOON + 23 * HOUR)[0]).toBe(0);
  });
});

describe("spent and reserved", () => {
  test("are told apart, and only together compared with a limit", () => {
    const one = account();
    spends(one, call({ usd: 30 }), NOON);
    one.take(call({ usd: 50, input: 2 }), true, NOON);
    const { spent, reserved } = one.usage(NOON).periods.day;
    expect([spent.usd, reserved.usd, reserved.input, one.usage(NOON).running]).toEqual([30, 50, 2, 1]);
    const budget = limit("usd", "day", 100);
    expect(one.waitFor(budget, call({ usd: 20 }), NOON)).toBe(0);
    expect(one.waitFor(budget, call({ usd: 21 }), NOON)).toBe(12 * HOUR);
    expect(one.waitFor(budget, call({ usd: 101 }), NOON)).toBeNull();
    expect(one.level(budget, NOON)).toMatchObject({ remaining: 20, resetMs: 12 * HOUR });
  });

  test("what grew and shrank again never was", () => {
    const one = account();
    const taking = one.take(call({ usd: 5, input: 9 }), true, NOON);
    const before = one.usage(NOON);
    one.grow(taking, { ...NOTHING, usd: 10, input: 1 }, NOON);
    expect(one.usage(NOON).periods.month.reserved).toMatchObject({ usd: 15, input: 10 });
    one.shrink(taking, { ...NOTHING, usd: 10, input: 1 }, NOON);
    expect(one.usage(NOON)).toEqual(before);
  });

  test("a charge above what was held is charged in full, and refunds nothing", () => {
    const one = account();
    const taking = one.take(call({ usd: 5 }), true, NOON);
    one.settle(taking, call({ usd: 500 }), NOON);
    expect(one.level(limit("usd", "day", 100), NOON).remaining).toBe(0);
    expect(one.usage(NOON).periods.day).toMatchObject({ spent: { usd: 500 }, reserved: { usd: 0 } });
  });

  test("what is only added up is spent, and leaves nothing behind for the rates", () => {
    const one = account();
    one.spend(call({ usd: 5 }), NOON - DAY, NOON);
    one.spend(call({ usd: 7 }), NOON, NOON);
    expect(used(one, NOON)).toEqual([7, 12, 12, 12]);
    expect(one.save(NOON).replayed).toBeUndefined();
    one.charge(call({ usd: 1 }), NOON, NOON, NOON);
    expect(one.save(NOON).replayed).toHaveLength(1);
  });

  test("places are taken by calls that run, and by nothing else", () => {
    const one = account();
    const places = limit("concurrent", null, 1);
    const taking = one.take(NOTHING, true, NOON);
    expect(one.waitFor(places, NOTHING, NOON)).toBe(1_000);
    one.settle(taking, call(), NOON);
    expect([one.waitFor(places, NOTHING, NOON), one.level(places, NOON)]).toMatchObject([
      0,
      { remaining: 1, resetMs: 0 },
    ]);
  });
});

describe("rates", () => {
  const perMinute = limit("requests", "minute", 10);

  test("what is taken again, when an account is counted anew, is missing from rates that are asked for later", () => {
    const tokens = limit("tokens", "minute", 100);
    const one = account();
    const sure = one.retake(call({ input: 60 }), 1, NOON, NOON);
    const unsure = one.retake(call({ input: 30 }), 0, NOON, NOON);
    expect(Account.from(one.save(NOON)).level(perMinute, NOON).remaining).toBe(9);
    one.settle(sure, call({ input: 50 }), NOON);
    one.settle(unsure, NOTHING, NOON);
    expect(one.level(perMinute, NOON).remaining).toBe(9);
    expect(one.level(tokens, NOON).remaining).toBe(50);
    const givenBack = one.retake(call(), 1, NOON, NOON);
    one.settle(givenBack, NOTHING, NOON);
    expect(one.level(limit("requests", "hour", 10), NOON).remaining).toBe(9);
  });

  test("a request leaves its rate at once, its tokens when it ends; where it is not certain, both at the end", () => {
    const tokens = limit("tokens", "minute", 100);
    const [one, other] = [account(), account()];
    for (const each of [one, other]) for (const rate of [perMinute, tokens]) each.waitFor(rate, call(), NOON);
    const takings = [one.take(call({ input: 60 }), true, NOON), other.take(call({ input: 60 }), false, NOON)];
    const left = (each: Account, now: number) => [each.level(perMinute, now).remaining, each.level(tokens, now).remaining];
    expect([left(one, NOON), left(other, NOON)]).toEqual([[9, 40], [9, 40]]);
    // A request that has flowed in again; what may still be spent has not.
    expect([left(one, NOON + MINUTE), left(other, NOON + MINUTE)]).toEqual([[10, 40], [9, 40]]);
    one.settle(takings[0]!, call({ input: 50 }), NOON + MINUTE);
    other.settle(takings[1]!, NOTHING, NOON + MINUTE);
    expect([left(one, NOON + MINUTE), left(other, NOON + MINUTE)]).toEqual([[10, 50], [10, 100]]);
  }); // biome-ignore format: pairs in rows

  test("a rate that is set later finds its bucket full", () => {
    const one = account();
    for (let i = 0; i < 20; i++) spends(one, call(), NOON);
    expect(one.level(perMinute, NOON).remaining).toBe(10);
  });

  test("after a restart it finds what was read again, as it came", () => {
    const one = account();
    for (let i = 0; i < 8; i++)
      one.charge(call({ input: 5 }), NOON + i * 3_000, NOON + i * 3_000 + MINUTE, NOON + i * 3_000);
    // Eight in 21 seconds, of which three and a half have flowed in again.
    expect(one.level(perMinute, NOON + 21_000).remaining).toBe(5);
    expect(one.level(limit("tokens", "minute", 60), NOON + 81_000).remaining).toBe(60 - 40 + 21);
  });

  test("what was read again is not forgotten when the account is saved before anyone asks for a rate", () => {
    const one = account();
    for (let i = 0; i < 10; i++) one.charge(call(), NOON, NOON, NOON);
    const again = Account.from(Account.from(one.save(NOON)).save(NOON));
    expect(again.level(limit("requests", "hour", 10), NOON).remaining).toBe(0);
  });
});

describe("saved and read again", () => {
  test("an account is the same", () => {
    const one = account("Europe/Berlin");
    const rates = [limit("requests", "minute", 7), limit("tokens", "hour", 100)];
    for (const rate of rates) one.waitFor(rate, call(), NOON);
    for (let i = 0; i < 5; i++) spends(one, call({ input: 7, output: 3, usd: 11 }), NOON + i);
    one.upto = 17;
    const saved = JSON.parse(JSON.stringify(one.save(NOON + 10)));
    const again = Account.from(saved);
    expect(again.usage(NOON + 10)).toEqual(one.usage(NOON + 10));
    expect(rates.map((rate) => again.level(rate, NOON + 10))).toEqual(rates.map((rate) => one.level(rate, NOON + 10)));
    expect(again.upto).toBe(17);
  });

  test("what is held is not saved: it is somebody's who died", () => {
    const one = account();
    one.take(call({ usd: 5 }), true, NOON);
    const again = Account.from(one.save(NOON));
    expect(again.usage(NOON)).toMatchObject({
      running: 0,
      periods: { day: { spent: { usd: 0 }, reserved: { usd: 0 } } },
    });
  });

  test("one that slept over a midnight wakes in the new day, and one that slept over a month in the new month", () => {
    const one = account();
    spends(one, call({ usd: 7 }), NOON);
    const saved = one.save(NOON);
    expect(used(Account.from(saved), NOON + DAY)).toEqual([0, 7, 7, 7]);
    expect(used(Account.from(saved), NOON + 60 * DAY)).toEqual([0, 0, 0, 7]);
  });

  test("a bucket that is full again is not kept", () => {
    const one = account();
    one.waitFor(limit("requests", "second", 10), call(), NOON);
    spends(one, call(), NOON);
    expect(one.save(NOON + 50).buckets).toHaveLength(1);
    expect(one.save(NOON + 100).buckets).toHaveLength(0);
  });
});

test("an entry of the ledger counts in the periods in which it was admitted, as far as they run", () => {
  const one = account();
  for (const days of [0, 1, 2, 5, 40]) one.charge(call({ usd: 1 }), NOON - days * DAY, NOON - days * DAY, NOON);
  // Wednesday the 6th: Tuesday and Monday are of the week, the 1st of the month, the 27th of March of neither.
  expect(used(one, NOON)).toEqual([1, 3, 4, 5]);
});
