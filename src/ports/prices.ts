import type { ProviderAccount } from "../domain/catalog/catalog.ts";
import type { Rates } from "../domain/plans/price.ts";

/** What a provider's model costs: the account's own list first, then the public one; undefined where nobody knows. */
export interface Prices {
  rates(account: ProviderAccount, model: string): Rates | undefined;
  /** How many tokens of prompt and answer a model takes, where that is publicly known. */
  contextTokens(account: ProviderAccount, model: string): number | undefined;
}
