import type { Amounts } from "./amounts.ts";

/** What a usage record says that limits and budgets ask about; the record of the ledger fits. */
export interface Charged {
  /** When its Hold was admitted; null for a call that never had one, which counts nowhere. */
  admittedAt: number | null;
  keyId: string | null;
  applicationId: string | null;
  teamId: string | null;
  tenantId: string | null;
  subscriptionId: string | null;
  catalogModel: string | null;
  timeZone: string;
  inputTokens: number;
  outputTokens: number;
  costNanoUsd: number;
  attempts: readonly { provider: string; inputTokens: number; outputTokens: number; costNanoUsd: number }[];
  mayHaveAsked: readonly string[];
  heldFor: number;
  refundOf: string | null;
}

/** The calendar of what belongs to no tenant. */
export const HOUSE_ZONE = "UTC";

/** What one scope is charged. */
export interface ScopeCharge {
  scope: string;
  zone: string;
  amounts: Amounts;
}

/**
 * Whom a call is charged to: everyone who is responsible for it the whole of it, each provider account
 * what was asked of it. The one place that says so: the counters and the ledger's sums cannot differ.
 */
export function chargesOf(record: Charged): ScopeCharge[] {
  if (record.admittedAt === null) return [];
  // What is given back is no request.
  const count = record.refundOf === null ? 1 : 0;
  const whole = { requests: count, input: record.inputTokens, output: record.outputTokens, usd: record.costNanoUsd };
  const charges: ScopeCharge[] = [];
  for (const scope of callerScopes(record)) charges.push({ scope, zone: record.timeZone, amounts: whole });
  if (record.catalogModel !== null)
    charges.push({ scope: modelScope(record.catalogModel), zone: HOUSE_ZONE, amounts: whole });
  const byAccount = new Map<string, Amounts>();
  // By rule: nobody is left to say which of them was asked, so each counts as if it had been, for what it held.
  for (const provider of record.mayHaveAsked) byAccount.set(provider, partOf(whole, record.heldFor));
  for (const { provider, inputTokens, outputTokens, costNanoUsd } of record.attempts) {
    const sum = byAccount.get(provider) ?? { requests: 0, input: 0, output: 0, usd: 0 };
    sum.requests += count;
    sum.input += inputTokens;
    sum.output += outputTokens;
    sum.usd += costNanoUsd;
    byAccount.set(provider, sum);
  }
  for (const [provider, amounts] of byAccount)
    charges.push({ scope: providerScope(provider), zone: HOUSE_ZONE, amounts });
  return charges;
}

/** What is held for one of several targets. */
function partOf({ requests, input, output, usd }: Amounts, targets: number): Amounts {
  return { requests, input: input / targets, output: output / targets, usd: usd / targets };
}

/** Ids whose scopes are remembered, of each kind. */
const REMEMBERED = 1_024;

/**
 * Names of one kind of scope. The same ones come with nearly every call, and a text that is joined anew is hashed and
 * compared letter by letter by whoever looks it up.
 */
class Names {
  readonly #prefix: string;
  readonly #made = new Map<string, string>();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  of(id: string): string {
    let name = this.#made.get(id);
    if (name === undefined) {
      if (this.#made.size === REMEMBERED) this.#made.clear();
      name = this.#prefix + id;
      this.#made.set(id, name);
    }
    return name;
  }
}

const KEYS = new Names("key:");
const APPLICATIONS = new Names("application:");
const TEAMS = new Names("team:");
const TENANTS = new Names("tenant:");
const SUBSCRIPTIONS = new Names("subscription:");
const MODELS = new Names("model:");
const PROVIDERS = new Names("provider:");

type CallerIds = Pick<Charged, "keyId" | "applicationId" | "teamId" | "tenantId" | "subscriptionId">;

function callerScopes({ keyId, applicationId, teamId, tenantId, subscriptionId }: CallerIds): string[] {
  const scopes: string[] = [];
  if (keyId !== null) scopes.push(KEYS.of(keyId));
  if (applicationId !== null) scopes.push(APPLICATIONS.of(applicationId));
  if (teamId !== null) scopes.push(TEAMS.of(teamId));
  if (tenantId !== null) scopes.push(TENANTS.of(tenantId));
  if (subscriptionId !== null) scopes.push(SUBSCRIPTIONS.of(subscriptionId));
  return scopes;
}

/** An entry of the catalog: all names that a pattern matches are one. */
export function modelScope(name: string): string {
  return MODELS.of(name);
}

export function providerScope(account: string): string {
  return PROVIDERS.of(account);
}

/** `provider:up` → `up` */
export function accountOf(scope: string): string {
  return scope.slice("provider:".length);
}

export function isProviders(scope: string): boolean {
  return scope.startsWith("provider:");
}
