import { quoted } from "../kernel/json.ts";
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
const KEYS: readonly string[] = USUAL.map((name) => `,"${name}":`);

/** Empty lists are left out too; each record gets lists of its own back. */
const LISTS = ["attempts", "mayHaveAsked", "verdicts", "warnings"] as const;

/**
 * A record as JSON text, without what is as usual. Runs twice a call, so it is put together here: a copy of the record
 * for the engine to write takes three times as long.
 */
export function recordToText(record: UsageRecord): string {
  const { id, requestId, at, endpoint, dialect, address } = record;
  let text = `{"id":${quoted(id)},"requestId":${quoted(requestId)},"at":${at},"endpoint":${quoted(endpoint)}`;
  text += `,"dialect":"${dialect}","address":${quoted(address)}`;
  for (let i = 0; i < USUAL.length; i++) {
    const value = record[USUAL[i]!];
    if (value === VALUES[i]) continue;
    text += KEYS[i]! + (typeof value === "string" ? quoted(value) : JSON.stringify(value));
  }
  for (const name of LISTS) if (record[name].length > 0) text += `,"${name}":${JSON.stringify(record[name])}`;
  return `${text}}`;
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
