import type { ProviderAccount, TenantPrice } from "../domain/catalog/catalog.ts";
import type { Rates } from "../domain/plans/price.ts";

/** For whom a price is asked, and as of when. */
export interface PriceQuery {
  /** Milliseconds since 1970; of prices with dates, those count that have begun then. */
  at: number;
  /** The name that callers use for the model; rows may be written by it. */
  calledBy?: string;
  /** The tenant's own prices, where it has any, and its name. */
  tenant?: { name: string; prices: readonly TenantPrice[] };
}

/**
 * What a provider's model costs: the tenant's own list first, then the account's, then the public one;
 * undefined where nobody knows.
 */
export interface Prices {
  rates(account: ProviderAccount, model: string, query: PriceQuery): Rates | undefined;
  /** How many tokens of prompt and answer a model takes, where that is publicly known. */
  contextTokens(account: ProviderAccount, model: string): number | undefined;
}
