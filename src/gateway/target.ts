import type { ProviderAccount } from "../domain/catalog/catalog.ts";

/** Provider account and the provider's own name of the model. */
export interface Target {
  account: ProviderAccount;
  model: string;
}
