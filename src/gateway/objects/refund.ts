import { priceOf, type ServiceTier } from "../../domain/plans/price.ts";
import type { NanoUsd } from "../../kernel/money.ts";
import type { Log } from "../../ports/log.ts";
import type { Meter } from "../../ports/meter.ts";
import type { ChargeFacts, ProviderObject } from "../../ports/provider-objects.ts";
import type { Records, UsageRecord } from "../../ports/records.ts";
import type { Usage } from "../../spec/usage.ts";
import type { Call } from "../call.ts";
import { isCount, withParts } from "../metering/reported-usage.ts";
import { refundRecord, type Share } from "../record.ts";
import type { Told } from "./told-usage.ts";

export interface RefundPorts {
  meter: Pick<Meter, "refund">;
  records: Pick<Records, "find">;
  log: Log;
}

/**
 * Gives back what was charged for something before anybody knew what it would use, and what it has not used as is
 * told now: once, whoever hears it first, and however often it is told. Where the books cannot be kept now, whoever
 * asks next tries again. Nothing is ever charged by it: what was not held could break a limit.
 * @param call that has asked, of the same application
 * @param object as it was remembered when it was begun
 */
export async function giveBack(
  call: Call,
  object: ProviderObject,
  told: Told,
  { meter, records, log }: RefundPorts,
): Promise<void> {
  const { charge, kind } = object;
  if (charge === null) return;
  const warn = (message: string) => call.observed.warnings.push(`${kind}: ${message}`);
  try {
    const charged = await records.find(charge.record);
    // A call that has not ended yet is charged when it does; one that was told what it used has been charged that.
    if (charged?.usageSource !== "reserved" || charged.admittedAt === null) return;
    const share = shareOf(charged, charge, object.provider);
    const used = share && usedOf(object, told, charge, share);
    if (share === undefined || used === undefined) return;
    const { input, output } = used.sum;
    if (used.cost > share.costNanoUsd) warn("it cost more than was held, and charged");
    else if (input > share.inputTokens || output > share.outputTokens) warn("it used more than was held, and charged");
    const refund = refundRecord(call, charged, share, { ...used.sum, ...used });
    if (!gives(refund) || !(await meter.refund(refund))) return;
    const rest = `${share.inputTokens} and ${share.outputTokens} were charged when it was begun`;
    warn(`it used ${input} input and ${output} output tokens; ${rest}, and the rest is given back`);
  } catch (cause) {
    const detail = String((cause as { cause?: unknown }).cause ?? cause);
    log.write("error", "what a batch or a response has not used could not be given back", { call: call.id, detail });
    warn("it has ended, and what it has not used could not be given back now; ask for it again");
  }
}

/** Which part of a charge is for the object: that of the attempt which has begun it. */
function shareOf(charged: UsageRecord, { attempt, model }: ChargeFacts, provider: string): Share | undefined {
  if (charged.provider !== null) return charged.attempts[attempt];
  // By rule, where nobody was left to say who had been asked: an equal part of what was held.
  const { inputTokens, outputTokens, costNanoUsd, heldFor } = charged;
  return {
    ...{ provider, model },
    inputTokens: inputTokens / heldFor,
    outputTokens: outputTokens / heldFor,
    costNanoUsd: costNanoUsd / heldFor,
  };
}

interface UsedInAll {
  sum: ReturnType<typeof sumOf>;
  cost: NanoUsd;
  source: "reported" | "counted";
}

/** What all of it has used and cost; undefined where that is not told, or cannot be true. */
function usedOf(object: ProviderObject, told: Told, charge: ChargeFacts, share: Share): UsedInAll | undefined {
  // Results tell of each call; where one is missing, not all of them are here.
  if (told.ofEachCall && told.used.length !== object.batch?.calls) return undefined;
  let source: UsedInAll["source"] = "reported";
  const all: Usage[] = [];
  for (const usage of told.used) {
    // An answer that failed before its first word costs its prompt, as it would where the caller waits for it.
    if (usage.input === undefined) source = "counted";
    const input = usage.input ?? (charge.prompt === null ? undefined : Math.min(charge.prompt, share.inputTokens));
    if (!isCount(input) || !isCount(usage.output) || (input === 0 && usage.output > 0)) return undefined;
    all.push(withParts(usage, input, usage.output));
  }
  return { sum: sumOf(all), cost: costOf(all, charge, share, object.batch?.longest), source };
}

/** The price of all calls. Of a sum nobody knows how long each prompt was, but none was longer than the longest. */
function costOf(all: readonly Usage[], { rates, tier }: ChargeFacts, share: Share, longest?: number): NanoUsd {
  if (rates === null) return share.costNanoUsd;
  const cost = all.reduce((sum, usage) => sum + priceOf(usage, rates, servedAs(usage, tier), longest), 0);
  return Math.min(cost, Number.MAX_SAFE_INTEGER);
}

/** The tier by which the provider says that it has served, or else the one that was asked for. */
function servedAs({ tier }: Usage, asked: ServiceTier | null): ServiceTier | undefined {
  if (tier === undefined) return asked ?? undefined;
  return tier === "standard" ? undefined : tier;
}

const KINDS = ["input", "output", "cacheRead", "cacheWrite", "reasoning"] as const;

function sumOf(all: readonly Usage[]): Required<Pick<Usage, (typeof KINDS)[number]>> {
  const sum = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0 };
  for (const usage of all) for (const kind of KINDS) sum[kind] += usage[kind] ?? 0;
  return sum;
}

function gives({ inputTokens, outputTokens, costNanoUsd }: UsageRecord): boolean {
  return inputTokens < 0 || outputTokens < 0 || costNanoUsd < 0;
}
