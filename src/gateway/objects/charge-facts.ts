import { countPromptTokens } from "../../domain/plans/estimate.ts";
import { tierOf } from "../../domain/plans/price.ts";
import type { Prices } from "../../ports/prices.ts";
import type { ChargeFacts } from "../../ports/provider-objects.ts";
import type { Attempt } from "../../ports/records.ts";
import type { Tokenizer } from "../../ports/tokenizer.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { CleanRequest } from "../guard-input.ts";
import { priceQueryOf } from "../metering/price-query.ts";
import { promptTokens } from "../metering/worst.ts";
import type { Target } from "../target.ts";

export interface ChargePorts {
  prices: Prices;
  tokenizer: Tokenizer;
}

/**
 * What is remembered with something that the call begins, where it is charged before anybody knows what it will
 * use: a batch, and a response in the background. Null for everything else.
 * @param attempt by which it is begun
 */
export function chargeFacts(
  { call, request, hold }: CleanRequest,
  { account, model }: Target,
  attempt: Attempt,
  { prices, tokenizer }: ChargePorts,
): ChargeFacts | null {
  if (!isToldLater(request)) return null;
  const { grant, worst } = hold;
  const counted = worst.input + worst.output > 0 ? promptTokens(grant, model, tokenizer) : undefined;
  return {
    record: call.id,
    attempt: call.observed.attempts.indexOf(attempt),
    model,
    rates: prices.rates(account, model, priceQueryOf(grant)) ?? null,
    tier: tierOf(request) ?? null,
    prompt: request.operation === undefined ? (counted ?? countPromptTokens(request)) : null,
  };
}

function isToldLater({ operation, extra }: ModelRequest): boolean {
  if (operation === undefined) return extra?.background === true;
  return operation.type === "object" && operation.name === "batches.create";
}
