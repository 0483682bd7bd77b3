import { expect, test } from "bun:test";
import type { Grant } from "../authorize.ts";
import { demandOf, furtherDemandOf, grownDemandOf, limitedIn } from "./demand.ts";

const limit = { dimension: "requests", window: "day", amount: 3 } as const;
const tokens = { dimension: "tokens", window: "day", amount: 90 } as const;
const worst = { input: 10, output: 20, usd: 30 };

function grant(plan: object): Grant {
  const named = (id: string) => ({ id, name: id });
  const principal = {
    ...{ key: named("k"), application: named("a"), team: named("t"), tenant: named("n"), timeZone: "Europe/Berlin" },
    ...{ limits: { key: [limit], application: [], team: [tokens], tenant: [] }, raises: [] },
  };
  const target = (provider: string) => ({ provider, model: "m", weight: 1 });
  return {
    call: { at: 0 },
    caller: { principal },
    subscription: { id: "s" },
    plan: { name: "p", limits: [limit, tokens], ...plan },
    model: { name: "small", targets: [target("up"), target("up")], fallbacks: [target("gone")] },
    catalog: { providers: new Map([["up", { name: "up", limits: [limit, tokens] }]]) },
    objects: { own: [] },
  } as unknown as Grant;
}

test("everyone who pays is asked at once, and of provider accounts each once", () => {
  const { scopes, anyOf, whenStoreAway } = demandOf(grant({}), worst);
  expect(scopes.map(({ scope, zone, limits }) => [scope, zone, limits.length])).toEqual([
    ["key:k", "Europe/Berlin", 1],
    ["application:a", "Europe/Berlin", 0],
    ["team:t", "Europe/Berlin", 1],
    ["tenant:n", "Europe/Berlin", 0],
    ["subscription:s", "Europe/Berlin", 2],
    ["model:small", "UTC", 0],
  ]);
  expect(anyOf.map(({ scope, limits }) => [scope, limits.length])).toEqual([
    ["provider:up", 2],
    ["provider:gone", 0],
  ]);
  expect(scopes[0]!.amounts).toEqual({ requests: 1, ...worst });
  expect(whenStoreAway).toBeUndefined();
});

test("what was made of a caller and a model is said of them again, and of another catalog's anew (scopes.ts)", () => {
  const first = grant({});
  const [once, twice] = [demandOf(first, worst), demandOf(first, { ...worst, input: 11 })];
  expect(twice.scopes.map(({ scope, limits }) => [scope, limits])).toEqual(
    once.scopes.map(({ scope, limits }) => [scope, limits]),
  );
  expect(twice.scopes[0]!.amounts.input).toBe(11);
  const changed = { ...first, catalog: { ...first.catalog, providers: new Map() } } as unknown as Grant;
  expect(demandOf(changed, worst).anyOf.map(({ limits }) => limits.length)).toEqual([0, 0]);
  const plan = { ...first.plan, limits: [tokens] };
  expect(demandOf({ ...first, plan } as unknown as Grant, worst).scopes[4]!.limits).toEqual([tokens]);
});

test("what a plan admits without its counters is its subscription's", () => {
  const { whenStoreAway } = demandOf(grant({ whenStoreAway: { requests: 5 } }), worst);
  expect(whenStoreAway).toEqual({ scope: "subscription:s", requests: 5 });
});

test("a target more is no request more, but of an account that is asked again", () => {
  const further = furtherDemandOf(grant({}), worst, null);
  expect(further.every(({ amounts }) => amounts.requests === 0)).toBe(true);
  expect(further.flatMap(({ limits }) => limits).every(({ dimension }) => dimension === "tokens")).toBe(true);
  const again = furtherDemandOf(grant({}), worst, "up").at(-1)!;
  expect(again).toMatchObject({ scope: "provider:up", amounts: { requests: 1, ...worst } });
  expect(again.limits).toHaveLength(2);
});

test("what is more of a call is no request more, and asked of the accounts that have room for it", () => {
  const grown = grownDemandOf(grant({}), worst, new Set(["provider:up"]), 1, []);
  expect(grown.map(({ scope }) => scope)).toEqual([
    ...["key:k", "application:a", "team:t", "tenant:n", "subscription:s", "model:small"],
    "provider:up",
  ]);
  expect(grown.every(({ amounts }) => amounts.requests === 0 && amounts.input === 10)).toBe(true);
  expect(grown.flatMap(({ limits }) => limits).every(({ dimension }) => dimension === "tokens")).toBe(true);
});

test("where several targets are held for, more is held for each, and for an account as often as it is held for", () => {
  const grown = grownDemandOf(grant({}), worst, new Set(["provider:up", "provider:gone"]), 3, ["up"]);
  expect(grown.map(({ scope, amounts }) => [scope, amounts.output])).toEqual([
    ...["key:k", "application:a", "team:t", "tenant:n", "subscription:s", "model:small"].map((scope) => [scope, 60]),
    ["provider:up", 40],
    ["provider:gone", 20],
  ]);
});

test("of all limits that a call meets the smallest of tokens and of money count, and of a rate what its bucket holds", () => {
  expect(limitedIn(grant({ limits: [] }))).toEqual({ tokens: 90, usd: Infinity });
  const limits = [
    { dimension: "usd", window: "month", amount: 7 },
    { dimension: "usd", window: "day", amount: 9 },
    { dimension: "inputTokens", window: "minute", amount: 500, burst: 50 },
    { dimension: "outputTokens", window: "hour", amount: 60, burst: 600 },
  ];
  expect(limitedIn(grant({ limits }))).toEqual({ tokens: 50, usd: 7 });
  const only = grant({ limits: [{ dimension: "concurrent", window: null, amount: 1 }] });
  const noTokens = { key: [limit], application: [], team: [], tenant: [] };
  const caller = { principal: { ...only.caller.principal, limits: noTokens } };
  const catalog = { providers: new Map() };
  expect(limitedIn({ ...only, caller, catalog } as unknown as Grant)).toEqual({ tokens: Infinity, usd: Infinity });
});
