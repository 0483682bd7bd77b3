import type { Limit } from "../../kernel/limit.ts";
import type { Account, Taking } from "./account.ts";
import type { Amounts } from "./amounts.ts";
import type { Level } from "./standing.ts";

/** One of those that a call is charged to, and what it may spend. */
export interface ScopeDemand {
  /** `key:…`, `application:…`, `team:…`, `tenant:…`, `subscription:…`, `provider:…`, `model:…` */
  scope: string;
  /** Whose calendar its periods are of: an IANA time zone. */
  zone: string;
  /** Empty where nothing is limited: it is counted all the same. */
  limits: readonly Limit[];
  /** The worst case. */
  amounts: Amounts;
}

/** "All of these may have to pay so much." */
export interface Demand {
  /** Admitted together or not at all. */
  scopes: readonly ScopeDemand[];
  /** Provider accounts that might be asked: at least one of them must have room, where there are any. Those that have are taken from. */
  anyOf: readonly ScopeDemand[];
  /**
   * How many requests of a scope one node may admit while the shared counters are away; absent: none.
   * Where money is limited none is, whatever stands here.
   */
  whenStoreAway?: { scope: string; requests: number };
}

export interface Refusal {
  refusedBy: Level;
  /** null: never, the demand is larger than the limit, or the limit is for ever. */
  retryAfterMs: number | null;
}

interface Chosen {
  account: Account;
  demand: ScopeDemand;
  /** Whether the call is charged to it in any case. */
  certain: boolean;
}

/** What was found before anything is taken: nobody else may use the accounts until it is taken. */
export type Admission = { chosen: readonly Chosen[] } & (
  | { admitted: true; open: string[] }
  | ({ admitted: false } & Refusal)
);

/**
 * Whether all scopes, and one of the alternatives, have room. Takes nothing.
 * @param accountOf the account of a scope, as it is now
 */
export function admit(demand: Demand, accountOf: (demand: ScopeDemand) => Account, now: number): Admission {
  const chosen = chargedIn(demand.scopes, accountOf);
  let worst: Refusal | undefined;
  for (const { account, demand } of chosen) {
    const refusal = refusalOf(account, demand, now);
    if (refusal !== undefined && (worst === undefined || isLonger(refusal, worst))) worst = refusal;
  }
  if (worst !== undefined) return { admitted: false, chosen, ...worst };
  const open: string[] = [];
  let soonest: Refusal | undefined;
  for (const each of demand.anyOf) {
    const account = accountOf(each);
    const refusal = refusalOf(account, each, now);
    if (refusal !== undefined) {
      if (soonest === undefined || isLonger(soonest, refusal)) soonest = refusal;
      continue;
    }
    chosen.push({ account, demand: each, certain: false });
    open.push(each.scope);
  }
  if (open.length === 0 && soonest !== undefined) return { admitted: false, chosen, ...soonest };
  return { admitted: true, chosen, open };
}

/** Those that a call is charged to in any case. */
export function chargedIn(scopes: readonly ScopeDemand[], accountOf: (demand: ScopeDemand) => Account): Chosen[] {
  const chosen: Chosen[] = [];
  for (const demand of scopes) chosen.push({ account: accountOf(demand), demand, certain: true });
  return chosen;
}

/** From now on each scope counts in the calendar of the call: nobody moves it who takes nothing, so what was taken says which one counts. */
export function takeAll(chosen: readonly Chosen[], now: number): Taking[] {
  return chosen.map(({ account, demand, certain }) => {
    if (account.zone !== demand.zone) account.move(demand.zone, now);
    return account.take(demand.amounts, certain, now);
  });
}

/** How the limits of those that a call is charged to in any case stand. */
export function levelsOf(chosen: readonly Chosen[], now: number): Level[] {
  const levels: Level[] = [];
  for (const { account, demand, certain } of chosen) {
    if (certain) for (const limit of demand.limits) levels.push(account.level(limit, now));
  }
  return levels;
}

/** The refusal of one scope that takes longest to pass, if there is one. */
function refusalOf(account: Account, demand: ScopeDemand, now: number): Refusal | undefined {
  let worst: Refusal | undefined;
  for (const limit of demand.limits) {
    const wait = account.waitFor(limit, demand.amounts, now);
    if (wait === 0) continue;
    const refusal = { refusedBy: account.level(limit, now), retryAfterMs: wait };
    if (worst === undefined || isLonger(refusal, worst)) worst = refusal;
  }
  return worst;
}

function isLonger(one: Refusal, other: Refusal): boolean {
  if (other.retryAfterMs === null) return false;
  return one.retryAfterMs === null || one.retryAfterMs > other.retryAfterMs;
}
