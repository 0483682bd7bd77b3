import type { ProviderAccount } from "../domain/catalog/catalog.ts";
import { priceOf, type Rates } from "../domain/plans/price.ts";
import type { NanoUsd } from "../kernel/money.ts";
import type { Meter } from "../ports/meter.ts";
import type { Prices } from "../ports/prices.ts";
import type { BatchFacts } from "../ports/provider-objects.ts";
import type { Records, UsageRecord } from "../ports/records.ts";
import type { Usage } from "../spec/usage.ts";
import { askingOf } from "./asking.ts";
import type { CleanRequest } from "./guard-input.ts";
import { refundRecord } from "./record.ts";

export interface RefundPorts {
  meter: Pick<Meter, "refund">;
  records: Pick<Records, "find">;
  prices: Prices;
}

/**
 * Gives back what a batch was charged when it was made, and has not used: once, whoever hears first that it has
 * ended, and however often it is told. Where the books cannot be kept now, whoever asks next tries again.
 * @param provider name of the account where it ran
 * @param used of each of its calls, or of all in one
 */
export async function refundBatch(
  { call, request, hold: { grant } }: CleanRequest,
  provider: string,
  used: readonly Usage[],
  { meter, records, prices }: RefundPorts,
): Promise<void> {
  const facts = grant.objects.own[0]?.batch;
  const warn = (message: string) => call.observed.warnings.push(`batch: ${message}`);
  if (facts?.record === undefined) return;
  // Results tell of each call; where one is missing, not all of them are here.
  const { operation } = request;
  if (operation?.type === "object" && operation.name === "batches.results" && used.length !== facts.calls) return;
  try {
    const charged = await records.find(facts.record);
    if (charged === undefined || charged.admittedAt === null) return;
    const account = grant.catalog.providers.get(provider) as ProviderAccount;
    const asking = { ...askingOf(grant), at: charged.at };
    const rates = prices.rates(account, charged.providerModel ?? "", asking);
    const sum = sumOf(used);
    const cost = rates === undefined ? charged.costNanoUsd : costOf(used, rates, facts);
    const refund = refundRecord(call, charged, { ...sum, cost: Math.min(cost, charged.costNanoUsd) });
    if (cost > charged.costNanoUsd) warn("it cost more than was held, and charged");
    if (!gives(refund) || !(await meter.refund(refund))) return;
    const rest = `${charged.inputTokens} and ${charged.outputTokens} were charged when it was made`;
    warn(`it used ${sum.input} input and ${sum.output} output tokens; ${rest}, and the rest is given back`);
  } catch {
    warn("it has ended, and what it has not used could not be given back now; ask for it again");
  }
}

/** The price of all calls. Of a sum nobody knows how long each prompt was, but none was longer than the longest. */
function costOf(used: readonly Usage[], rates: Rates, { longest }: BatchFacts): NanoUsd {
  const cost = used.reduce((sum, usage) => sum + priceOf(usage, rates, "batch", longest), 0);
  return Math.min(cost, Number.MAX_SAFE_INTEGER);
}

function sumOf(all: readonly Usage[]): Required<Pick<Usage, (typeof KINDS)[number]>> {
  const sum = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0 };
  for (const usage of all) for (const kind of KINDS) sum[kind] += usage[kind] ?? 0;
  return sum;
}

const KINDS = ["input", "output", "cacheRead", "cacheWrite", "reasoning"] as const;

function gives({ inputTokens, outputTokens, costNanoUsd }: UsageRecord): boolean {
  return inputTokens < 0 || outputTokens < 0 || costNanoUsd < 0;
}
