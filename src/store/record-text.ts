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
} as const satisfies Partial<UsageRecord>;

/** Empty lists are left out too; each record gets lists of its own back. */
const LISTS = ["attempts", "verdicts", "warnings"] as const;

/** A record as JSON text, without what is as usual. */
export function recordToText(record: UsageRecord): string {
  const kept: Record<string, unknown> = {};
  for (const name in record) {
    const value = record[name as keyof UsageRecord];
    if (value === DEFAULTS[name as keyof typeof DEFAULTS]) continue;
    if (Array.isArray(value) && value.length === 0) continue;
    kept[name] = value;
  }
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
