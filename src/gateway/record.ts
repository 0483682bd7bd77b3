import { HOUSE_ZONE } from "../domain/plans/charges.ts";
import { type GatewayError, toGatewayError } from "../errors.ts";
import type { NanoUsd } from "../kernel/money.ts";
import type { Attempt, UsageRecord } from "../ports/records.ts";
import type { Call, Reached } from "./call.ts";
import type { Target } from "./target.ts";

/** A record with everything that is known before a Hold, and nothing charged. */
function blank(call: Call): UsageRecord {
  return {
    id: call.id,
    requestId: call.requestId,
    at: call.at,
    admittedAt: null,
    outcome: "refused",
    status: 0,
    errorCode: null,
    endpoint: call.match?.endpoint.name ?? "none",
    dialect: call.wire.dialect,
    stream: false,
    address: call.address,
    tenantId: null,
    teamId: null,
    applicationId: null,
    keyId: null,
    subscriptionId: null,
    api: null,
    plan: null,
    model: null,
    catalogModel: null,
    timeZone: HOUSE_ZONE,
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
    attempts: [],
    mayHaveAsked: [],
    heldFor: 1,
    refundOf: null,
    verdicts: [],
    warnings: [],
    captured: null,
  };
}

/** What the stages before the Hold have found out about who calls what. */
function whoAndWhat(record: UsageRecord, { principal, turnedAway, request, granted }: Reached): void {
  const who = principal ?? turnedAway;
  if (who !== undefined) {
    record.tenantId = who.tenant.id;
    record.teamId = who.team.id;
    record.applicationId = who.application.id;
    record.keyId = who.key.id;
    record.timeZone = who.timeZone;
  }
  if (request !== undefined) {
    record.model = request.model;
    record.stream = request.stream;
  }
  if (granted !== undefined) {
    record.subscriptionId = granted.subscription.id;
    record.api = `${granted.api.slug}/${granted.api.version}`;
    record.plan = granted.plan.name;
    record.catalogModel = granted.model.name;
  }
}

/**
 * What the journal keeps while the call is open: should the process die, this is its record, charged at the worst.
 * @param worst of one target
 * @param heldFor how many targets
 * @param again targets at accounts that may be asked for more than one of them
 */
export function draftRecord(
  call: Call,
  worst: { input: number; output: number; usd: NanoUsd },
  heldFor = 1,
  again: readonly Target[] = [],
): UsageRecord {
  const record = blank(call);
  whoAndWhat(record, call.reached);
  record.outcome = "recovered";
  record.status = 500;
  record.errorCode = "internal";
  record.inputTokens = worst.input * heldFor;
  record.outputTokens = worst.output * heldFor;
  record.costNanoUsd = worst.usd * heldFor;
  record.heldFor = heldFor;
  record.usageSource = "reserved";
  record.attempts = again.map(({ account, model }) => ({
    ...{ provider: account.name, model, status: null, error: null, ms: 0 },
    ...{ inputTokens: worst.input, outputTokens: worst.output, costNanoUsd: worst.usd },
  }));
  return record;
}

/** The record of a call that was refused before it had a Hold. */
export function refusalRecord(call: Call, error: GatewayError): UsageRecord {
  const record = blank(call);
  whoAndWhat(record, call.reached);
  record.outcome = error.code === "client_closed" ? "cancelled" : "refused";
  record.status = error.status;
  record.errorCode = error.code;
  record.totalMs = round(call.elapsed());
  return record;
}

/** The record of a call that had a Hold, but for what it used and cost, which settle adds. */
export function finalRecord(call: Call, outcome: UsageRecord["outcome"], thrown: unknown): UsageRecord {
  const record = blank(call);
  whoAndWhat(record, call.reached);
  const error = thrown === null ? null : toGatewayError(thrown);
  record.outcome = outcome;
  record.status = error?.status ?? 200;
  record.errorCode = error?.code ?? null;
  const { observed } = call;
  const since = (ticks: number) => round(ticks - call.startedTicks);
  record.queueMs = since(observed.dispatchedTicks ?? call.ticks());
  record.firstByteMs = observed.firstByteTicks === null ? null : since(observed.firstByteTicks);
  record.totalMs = round(call.elapsed());
  record.attempts = observed.attempts;
  record.verdicts = observed.verdicts;
  record.warnings = briefly(observed.warnings);
  return record;
}

/** What was used of a charge after all, and how that is known. */
export interface Used {
  input: number;
  output: number;
  cacheRead: number;
  cacheWrite: number;
  reasoning: number;
  cost: NanoUsd;
  source: "reported" | "counted";
}

/** The part of a charge of which something is given back: what one provider account was asked for. */
export type Share = Pick<Attempt, "provider" | "model" | "inputTokens" | "outputTokens" | "costNanoUsd">;

/**
 * What is given back of a charge, so that both records together say what was used. No more than was charged is ever
 * given back, and nothing is charged by it.
 * @param call that found out
 */
export function refundRecord(call: Call, charged: UsageRecord, share: Share, used: Used): UsageRecord {
  const { provider, model } = share;
  const back = {
    inputTokens: Math.min(0, used.input - share.inputTokens),
    outputTokens: Math.min(0, used.output - share.outputTokens),
    costNanoUsd: Math.min(0, used.cost - share.costNanoUsd),
  };
  return {
    ...charged,
    ...back,
    // One id, whoever gives it back: the ledger has it once.
    id: `${charged.id}-refund`,
    requestId: call.requestId,
    at: call.at,
    address: call.address,
    refundOf: charged.id,
    provider,
    providerModel: model,
    cacheReadTokens: used.cacheRead,
    cacheWriteTokens: used.cacheWrite,
    reasoningTokens: used.reasoning,
    usageSource: used.source,
    queueMs: 0,
    firstByteMs: null,
    totalMs: 0,
    attempts: [{ provider, model, status: null, error: null, ms: 0, ...back }],
    mayHaveAsked: [],
    heldFor: 1,
    verdicts: [],
    warnings: [],
    captured: null,
  };
}

const MAX_WARNINGS = 50;
const MAX_WARNING = 200;

/** Each warning once, few enough and short enough to be kept: a caller's body may hold tens of thousands of fields. */
export function briefly(warnings: readonly string[]): string[] {
  const kept = new Set<string>();
  for (const warning of warnings) {
    kept.add(warning.length > MAX_WARNING ? `${warning.slice(0, MAX_WARNING - 1).toWellFormed()}…` : warning);
  }
  if (kept.size <= MAX_WARNINGS) return [...kept];
  const first = [...kept].slice(0, MAX_WARNINGS - 1);
  return [...first, `and ${kept.size - first.length} more warnings`];
}

/** Microseconds are enough, and shorter. */
function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
