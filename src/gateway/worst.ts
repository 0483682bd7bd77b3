import { type ProviderAccount, targetModel } from "../domain/catalog/catalog.ts";
import { isFree, worstCase } from "../domain/plans/estimate.ts";
import { tiersOf, worstPriceOf } from "../domain/plans/price.ts";
import { readsUnseen, UNBOUNDED_INPUT_TOKENS } from "../domain/plans/unseen.ts";
import { GatewayError } from "../errors.ts";
import type { Limit, LimitDimension } from "../kernel/limit.ts";
import type { NanoUsd } from "../kernel/money.ts";
import type { Prices } from "../ports/prices.ts";
import { askingOf } from "./asking.ts";
import type { Grant } from "./authorize.ts";

/** The most that one target could use, and what that costs. */
export interface Worst {
  input: number;
  output: number;
  usd: NanoUsd;
}

const TOKENS: readonly LimitDimension[] = ["tokens", "inputTokens", "outputTokens"];

/** Only limits of tokens or money ask what a call could cost at most. */
export function worstCaseOf(grant: Grant, prices: Prices, limits: readonly Limit[]): Worst {
  const limited = new Set(limits.map(({ dimension }) => dimension));
  const counts = limited.has("usd") || TOKENS.some((dimension) => limited.has(dimension));
  if (!counts || isFree(grant.request)) return { input: 0, output: 0, usd: 0 };
  const { input, output } = worstTokens(grant, prices);
  return { input, output, usd: limited.has("usd") ? dearest(grant, prices, input, output) : 0 };
}

type Asked = Pick<Grant, "request" | "bodyBytes" | "model" | "catalog">;

/** The most tokens that one target of the model could use. */
export function worstTokens(grant: Asked, prices: Prices): { input: number; output: number } {
  const { request, bodyBytes } = grant;
  return worstCase(request, bodyBytes, readsUnseen(request) ? longestContext(grant, prices) : undefined);
}

function longestContext({ model, catalog, request }: Asked, prices: Prices): number {
  let longest = 0;
  for (const row of [...model.targets, ...model.fallbacks]) {
    const account = catalog.providers.get(row.provider) as ProviderAccount;
    const known = row.contextTokens ?? prices.contextTokens(account, targetModel(model, row, request.model));
    longest = Math.max(longest, known ?? UNBOUNDED_INPUT_TOKENS);
  }
  return longest;
}

/** The most that any target of the model could charge. Without a price there is no such bound, so nothing is admitted. */
function dearest(grant: Grant, prices: Prices, input: number, output: number): NanoUsd {
  let most = 0;
  for (const row of [...grant.model.targets, ...grant.model.fallbacks]) {
    const account = grant.catalog.providers.get(row.provider) as ProviderAccount;
    const model = targetModel(grant.model, row, grant.request.model);
    const rates = prices.rates(account, model, askingOf(grant));
    if (rates === undefined) {
      throw new GatewayError("not_allowed", "This model has no price, so it cannot be used under a budget in money.", {
        internal: `no price for ${account.kind} ${model}; give the provider account one under prices`,
      });
    }
    most = Math.max(most, worstPriceOf({ input, output }, rates, tiersOf(grant.request)));
  }
  return most;
}
