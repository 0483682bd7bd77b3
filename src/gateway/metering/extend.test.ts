import { expect, test } from "bun:test";
import { chargesOf } from "../../domain/plans/charges.ts";
import type { Limit } from "../../kernel/limit.ts";
import type { UsageRecord } from "../../ports/records.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { Call } from "../call.ts";
import type { Hold } from "../reserve.ts";
import { type ExtendPorts, extend, extendTo } from "./extend.ts";

/** A Hold under a budget, of which some targets were asked; `extended` are the scopes that were asked for more. */
function holding(asked: { account: string; owed: boolean; error: string | null }[], room = false) {
  const arrival = { request: new Request("http://a/"), path: "/", query: "", peer: "::1", sockets: { timeout() {} } };
  const call = new Call(arrival, "call_1", openaiChat, { now: () => 0, ticks: () => 0 }, 1_000);
  const named = (id: string) => ({ id });
  const budget: Limit = { dimension: "usd", window: "day", amount: 100 };
  const principal = {
    ...{ key: named("key_1"), application: named("app_1"), team: named("team_1"), tenant: named("ten_1") },
    ...{ limits: { key: [budget], application: [], team: [], tenant: [] }, raises: [], timeZone: "UTC" },
  };
  const targets = ["one", "two"].map((provider) => ({ provider }));
  const grant = {
    ...{ call, caller: { principal }, subscription: named("sub_1"), plan: { limits: [] }, objects: { own: [] } },
    ...{ model: { name: "m", targets, fallbacks: [] }, catalog: { providers: new Map() } },
  };
  const all = asked.map(({ account, owed, error }) => ({
    target: { account: { name: account } },
    owed,
    attempt: { error },
  }));
  const hold = {
    call,
    grant,
    number: 7,
    worst: { input: 1, output: 2, usd: 60 },
    asked: all,
    reserved: 1,
    again: [],
    open: new Set(["provider:one"]),
    extending: Promise.resolve(),
  };
  const extended: string[] = [];
  const drafts: UsageRecord[] = [];
  let away = false;
  const meter = {
    extend: async (_: number, scopes: { scope: string }[], draft: UsageRecord) => {
      if (away) {
        away = false;
        throw new Error("away");
      }
      extended.push(...scopes.map(({ scope }) => scope));
      drafts.push(draft);
      return room;
    },
  } as unknown as ExtendPorts["meter"];
  const told: [string[], boolean][] = [];
  const thresholds: ExtendPorts["thresholds"] = {
    afterMore: (demands, admitted) => void told.push([demands.map(({ scope }) => scope), admitted]),
  };
  const ports = { meter, thresholds };
  const to = (input: number, output: number, usd: number) =>
    extendTo(hold as unknown as Hold, { input, output, usd }, ports);
  return {
    to,
    hold,
    fail: () => {
      away = true;
    },
    next: (account: string) => extend(hold as unknown as Hold, account, ports),
    extended,
    drafts,
    told,
  };
}

test("a target more is held for where an earlier one may charge", async () => {
  const { next, extended } = holding([{ account: "one", owed: true, error: "upstream_error" }]);
  expect(await next("two")).toBe(false);
  expect(extended).toContain("key:key_1");
});

test("where none can charge, what is held is enough for the next", async () => {
  const { next, extended } = holding([{ account: "one", owed: false, error: "upstream_unreachable" }]);
  expect([await next("two"), extended]).toEqual([true, []]);
});

test("a target that is still being connected to may come to charge", async () => {
  const { next, extended } = holding([{ account: "one", owed: false, error: null }]);
  expect(await next("two")).toBe(false);
  expect(extended).toContain("key:key_1");
});

test("the same account once more is asked for its own limits too", async () => {
  const { next, extended } = holding([{ account: "one", owed: false, error: "upstream_unreachable" }]);
  await next("one");
  expect(extended).toContain("provider:one");
});

test("should the process die, no account is charged more than was held of it", async () => {
  const { next, drafts } = holding([{ account: "one", owed: true, error: "upstream_error" }], true);
  await next("two");
  await next("one");
  const byRule = drafts.map((draft) => chargesOf({ ...draft, admittedAt: 0, mayHaveAsked: ["one", "two"] }));
  const usd = (scope: string) => byRule.map((all) => all.find((each) => each.scope === scope)!.amounts.usd);
  expect([drafts.map(({ costNanoUsd }) => costNanoUsd), usd("provider:one"), usd("provider:two")]).toEqual([
    [120, 180],
    [60, 120],
    [60, 60],
  ]);
});

test("what a call needs more than was held is asked for once, of who pays and of the accounts with room", async () => {
  const { to, hold, extended, drafts } = holding([], true);
  expect([await to(1, 2, 60), extended]).toEqual([true, []]);
  expect(await to(9, 1, 80)).toBe(true);
  expect(hold.worst).toEqual({ input: 9, output: 2, usd: 80 });
  expect(extended).toContain("key:key_1");
  expect(extended.filter((scope) => scope.startsWith("provider:"))).toEqual(["provider:one"]);
  expect(drafts.map(({ costNanoUsd, inputTokens }) => [costNanoUsd, inputTokens])).toEqual([[80, 9]]);
});

test("where that does not fit, what was held stays as it was", async () => {
  const { to, hold } = holding([], false);
  expect([await to(9, 1, 80), hold.worst]).toEqual([false, { input: 1, output: 2, usd: 60 }]);
});

test.each([true, false])("what is taken more, or refused, is looked at for thresholds (room: %p)", async (room) => {
  const { to, next, told } = holding([{ account: "one", owed: true, error: "upstream_error" }], room);
  await to(9, 1, 80);
  await next("two");
  expect(told.map(([scopes, admitted]) => [scopes.includes("key:key_1"), admitted])).toEqual([
    [true, room],
    [true, room],
  ]);
});

test("of two that ask for more at the same moment the second sees what the first was given", async () => {
  const { to, next, hold, drafts } = holding([{ account: "one", owed: true, error: "upstream_error" }], true);
  await Promise.all([next("two"), to(1, 2, 80)]);
  expect([hold.reserved, hold.worst.usd]).toEqual([2, 80]);
  expect(drafts.map(({ costNanoUsd }) => costNanoUsd)).toEqual([120, 160]);
});

test("one that the store failed stops none that comes after it", async () => {
  const { to, hold, drafts, fail } = holding([], true);
  fail();
  await expect(to(1, 2, 80)).rejects.toThrow("away");
  expect([await to(1, 2, 80), hold.worst.usd, drafts.length]).toEqual([true, 80, 1]);
});
