import type { UsageRecord } from "../ports/records.ts";

/**
 * What a field is when the stored text does not name it. Most fields of most records are
 * one of these, and a row of a third of the size makes a commit as much cheaper.
 */
const DEFAULTS = {
  admittedAt: null,
  outcome: "finished",
  status: 200,
  errorCode: null,
  stream: false,
  tenantId: null,
  teamId: null,
  applicationId: null,
  keyId: null,
  subscriptionId: null,
  api: null,
  plan: null,
  model: null,
  catalogModel: null,
  timeZone: "UTC",
  provider: null,
  providerModel: null,
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
  usageSource: "none",
  costNanoUsd: 0,
  priceSource: null,
  queueMs: 0,
  firstByteMs: null,
  totalMs: 0,
  captured: null,
  heldFor: 1,
} as const satisfies Partial<UsageRecord>;

type Usual = keyof typeof DEFAULTS;

const USUAL = Object.keys(DEFAULTS) as Usual[];
const VALUES: readonly unknown[] = USUAL.map((name) => DEFAULTS[name]);

/** Empty lists are left out too; each record gets lists of its own back. */
const LISTS = ["attempts", "mayHaveAsked", "verdicts", "warnings"] as const;

/** A record as JSON text, without what is as usual. Runs twice a call, so it goes by index and not by key. */
export function recordToText(record: UsageRecord): string {
  const { id, requestId, at, endpoint, dialect, address } = record;
  const kept: Record<string, unknown> = { id, requestId, at, endpoint, dialect, address };
  for (let i = 0; i < USUAL.length; i++) {
    const name = USUAL[i]!;
    const value = record[name];
    if (value !== VALUES[i]) kept[name] = value;
  }
  for (const name of LISTS) if (record[name].length > 0) kept[name] = record[name];
  return JSON.stringify(kept);
}

export function recordFromText(text: string): UsageRecord {
  const record = { ...DEFAULTS, ...(JSON.parse(text) as Partial<UsageRecord>) } as UsageRecord;
  for (const name of LISTS) record[name] ??= [] as never;
  return record;
}

/** SQL that reads a field of a stored text as it is in the record; for equality with a value. */
export function fieldOfText(name: "tenantId" | "keyId" | "outcome" | "requestId"): string {
  return name === "outcome" ? `coalesce(record ->> 'outcome', '${DEFAULTS.outcome}')` : `record ->> '${name}'`;
}
