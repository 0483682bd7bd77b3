import type { Amounts } from "../../domain/plans/amounts.ts";
import { providerScope } from "../../domain/plans/charges.ts";
import { limitsInForce } from "../../domain/plans/in-force.ts";
import type { Limit } from "../../kernel/limit.ts";
import type { Demand, ScopeDemand } from "../../ports/meter.ts";
import type { Grant } from "../authorize.ts";
import { callerScopes, catalogScopes, type Scope, subscriptionScope } from "./scopes.ts";
import type { Limited, Worst } from "./worst.ts";

/** Whom a call may have to be charged to, and where it may go: every scope that counts it. */
export function demandOf(grant: Grant, worst: Worst): Demand {
  const { whenStoreAway } = grant.plan;
  return {
    scopes: scopesOf(grant, amountsOf(worst, 1)),
    anyOf: accountsOf(grant, amountsOf(worst, 1)),
    ...(whenStoreAway && { whenStoreAway: { scope: `subscription:${grant.subscription.id}`, ...whenStoreAway } }),
  };
}

/** The same for one target more: it runs already, and is still one request of its caller's. */
export function furtherDemandOf(grant: Grant, worst: Worst, again: string | null): ScopeDemand[] {
  const further = scopesOf(grant, amountsOf(worst, 0)).map((demand) => ({
    ...demand,
    limits: demand.limits.filter(({ dimension }) => dimension !== "requests" && dimension !== "concurrent"),
  }));
  if (again === null) return further;
  const account = accountsOf(grant, amountsOf(worst, 1)).find(({ scope }) => scope === providerScope(again));
  if (account === undefined) return further;
  return [...further, { ...account, limits: account.limits.filter(({ dimension }) => dimension !== "concurrent") }];
}

/**
 * The same for what a call needs more than was held, wherever it may go.
 * @param more for one target
 * @param open accounts that had room for what was held
 * @param targets for how many it is held
 * @param again accounts that are held for more than one of them, once for each further one
 */
export function grownDemandOf(
  grant: Grant,
  more: Worst,
  open: ReadonlySet<string>,
  targets: number,
  again: readonly string[],
): ScopeDemand[] {
  const times = (count: number) => amountsOf(timesOf(more, count), 0);
  const countOf = (scope: string) => 1 + again.filter((name) => providerScope(name) === scope).length;
  const accounts = accountsOf(grant, times(1))
    .filter(({ scope }) => open.has(scope))
    .map((demand) => ({ ...demand, amounts: times(countOf(demand.scope)) }));
  return [...scopesOf(grant, times(targets)), ...accounts].map((demand) => ({
    ...demand,
    limits: demand.limits.filter(({ dimension }) => dimension !== "requests" && dimension !== "concurrent"),
  }));
}

/** The smallest limits on tokens and on money, wherever a call goes: what is granted for a time limits nothing else. */
export function limitedIn(grant: Grant): Limited {
  const { caller, plan, catalog, model } = grant;
  let found = smaller(smallestOf(plan.limits), smallestOf(catalogScopes(catalog, model).model.limits));
  for (const { limits } of callerScopes(caller.principal)) found = smaller(found, smallestOf(limits));
  for (const { limits } of accountScopes(grant)) found = smaller(found, smallestOf(limits));
  return found;
}

const UNLIMITED: Limited = { tokens: Infinity, usd: Infinity };

/** Lists of limits are the same objects for as long as nothing about them changes. */
const read = new WeakMap<readonly Limit[], Limited>();

function smallestOf(limits: readonly Limit[]): Limited {
  if (limits.length === 0) return UNLIMITED;
  let found = read.get(limits);
  if (found === undefined) {
    found = limits.reduce((smallest, limit) => smaller(smallest, limitedBy(limit)), UNLIMITED);
    read.set(limits, found);
  }
  return found;
}

function limitedBy({ dimension, amount, burst = amount }: Limit): Limited {
  if (dimension === "requests" || dimension === "concurrent") return UNLIMITED;
  const most = Math.min(amount, burst);
  return dimension === "usd" ? { tokens: Infinity, usd: most } : { tokens: most, usd: Infinity };
}

/** The same object where one of them limits no less than the other. */
function smaller(one: Limited, other: Limited): Limited {
  if (one.tokens <= other.tokens && one.usd <= other.usd) return one;
  if (other.tokens <= one.tokens && other.usd <= one.usd) return other;
  return { tokens: Math.min(one.tokens, other.tokens), usd: Math.min(one.usd, other.usd) };
}

function scopesOf(grant: Grant, amounts: Amounts): ScopeDemand[] {
  const { caller, subscription, plan, catalog, model, call } = grant;
  const { raises, timeZone: zone } = caller.principal;
  const now = call.countedAt ?? call.at;
  const scopes = callerScopes(caller.principal).map(({ scope, limits }): ScopeDemand => {
    return { scope, zone, limits: limitsInForce(scope, limits, raises, now), amounts };
  });
  const scope = subscriptionScope(subscription);
  scopes.push({ scope, zone, limits: limitsInForce(scope, plan.limits, raises, now), amounts });
  scopes.push(asked(catalogScopes(catalog, model).model, amounts));
  return scopes;
}

/** The provider accounts that might be asked, each once. */
function accountScopes({ model, catalog, objects }: Grant): readonly Scope[] {
  const { accounts } = catalogScopes(catalog, model);
  // What lies at one account is asked for there alone.
  const kept = objects.own[0] && providerScope(objects.own[0].provider);
  const there = accounts.find(({ scope }) => scope === kept);
  return there === undefined ? accounts : [there];
}

function accountsOf(grant: Grant, amounts: Amounts): ScopeDemand[] {
  return accountScopes(grant).map((account) => asked(account, amounts));
}

function asked({ scope, zone, limits }: Scope, amounts: Amounts): ScopeDemand {
  return { scope, zone, limits, amounts };
}

function timesOf({ input, output, usd }: Worst, count: number): Worst {
  return { input: input * count, output: output * count, usd: usd * count };
}

function amountsOf({ input, output, usd }: Worst, requests: number): Amounts {
  return { requests, input, output, usd };
}
