import { describe, expect, test } from "bun:test";
import type { Limit, LimitDimension, LimitWindow } from "../../kernel/limit.ts";
import { Account } from "./account.ts";
import { admit, chargedIn, levelsOf, type ScopeDemand, takeAll } from "./admit.ts";
import { NOTHING } from "./amounts.ts";

const NOON = Date.UTC(2026, 4, 4, 12);
const HALF_A_DAY = 12 * 3_600_000;

const limit = (dimension: LimitDimension, window: LimitWindow | null, amount: number): Limit => {
  return { dimension, window, amount };
};
const demand = (scope: string, limits: Limit[], usd = 0): ScopeDemand => {
  return { scope, zone: "UTC", limits, amounts: { ...NOTHING, requests: 1, usd } };
};

function house() {
  const accounts = new Map<string, Account>();
  const accountOf = ({ scope, zone }: ScopeDemand) => {
    const account = accounts.get(scope) ?? new Account(scope, zone, NOON);
    accounts.set(scope, account);
    return account;
  };
  const ask = (scopes: ScopeDemand[], anyOf: ScopeDemand[] = []) => admit({ scopes, anyOf }, accountOf, NOON);
  const take = (scopes: ScopeDemand[], anyOf: ScopeDemand[] = []) => {
    const admission = ask(scopes, anyOf);
    if (admission.admitted) takeAll(admission.chosen, NOON);
    return admission;
  };
  return { accounts, accountOf, ask, take };
}

test("asking takes nothing, however often", () => {
  const { ask, accountOf } = house();
  const one = demand("key:k", [limit("requests", "day", 1)]);
  for (let i = 0; i < 5; i++) expect(ask([one]).admitted).toBe(true);
  expect(levelsOf(chargedIn([one], accountOf), NOON)).toMatchObject([{ scope: "key:k", remaining: 1 }]);
});

test("a scope without limits is counted all the same", () => {
  const { accounts, take } = house();
  take([demand("key:k", []), demand("tenant:t", [], 5)]);
  expect(accounts.get("tenant:t")!.usage(NOON).periods.day.reserved.usd).toBe(5);
});

test("of several refusals the one that lasts longest is told, and one that never passes before all", () => {
  const { take, ask } = house();
  const minute = demand("key:k", [limit("requests", "minute", 1)]);
  const day = demand("team:t", [limit("requests", "day", 1)]);
  take([minute, day]);
  expect(ask([minute, day])).toMatchObject({ refusedBy: { scope: "team:t" }, retryAfterMs: HALF_A_DAY });
  expect(ask([day, minute])).toMatchObject({ refusedBy: { scope: "team:t" }, retryAfterMs: HALF_A_DAY });
  const never = demand("tenant:t", [limit("usd", "month", 4)], 5);
  expect(ask([day, never, minute])).toMatchObject({
    refusedBy: { scope: "tenant:t", remaining: 4 },
    retryAfterMs: null,
  });
});

test("of one scope's limits the one that lasts longest is told as well", () => {
  const { take, ask } = house();
  const both = demand("key:k", [limit("requests", "minute", 1), limit("requests", "day", 1)]);
  take([both]);
  expect(ask([both])).toMatchObject({ refusedBy: { limit: { window: "day" } } });
});

describe("alternatives", () => {
  const wide = demand("provider:wide", [limit("requests", "day", 5)]);
  const narrow = demand("provider:narrow", [limit("requests", "day", 1)]);
  const places = demand("provider:places", [limit("concurrent", null, 1)]);
  const caller = demand("key:k", [limit("requests", "day", 9)]);

  test("those that have room are open, and all of them are taken from", () => {
    const { take, accounts } = house();
    expect(take([caller], [wide, narrow])).toMatchObject({ open: ["provider:wide", "provider:narrow"] });
    expect(take([caller], [wide, narrow])).toMatchObject({ open: ["provider:wide"] });
    expect(accounts.get("provider:wide")!.running).toBe(2);
    expect(accounts.get("provider:narrow")!.running).toBe(1);
  });

  test("where none has room, the one that has it soonest is told", () => {
    const { take, ask } = house();
    take([caller], [narrow, places]);
    expect(ask([caller], [narrow, places])).toMatchObject({
      refusedBy: { scope: "provider:places" },
      retryAfterMs: 1_000,
    });
  });

  test("a caller that is refused is told of its own limit, not of a provider's", () => {
    const { take, ask } = house();
    const poor = demand("key:k", [limit("requests", "day", 1)]);
    take([poor], [narrow]);
    expect(ask([poor], [narrow])).toMatchObject({ refusedBy: { scope: "key:k" } });
  });

  test("without any, nobody needs to have room", () => {
    expect(house().ask([caller])).toMatchObject({ admitted: true, open: [] });
  });
});
