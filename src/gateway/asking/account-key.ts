/** The only file that opens a provider's key, for those two that ask providers: dispatch, and the trial of an account. */
import type { ProviderAccount } from "../../domain/catalog/catalog.ts";
import type { Secret } from "../../kernel/secret.ts";
import { providerKeyContext, type Unsealer } from "../../ports/vault.ts";

/** The account's key; null where it has none. @throws as `Unsealer.open` does */
export type OpenKey = (account: ProviderAccount) => Secret<string> | null;

/**
 * Each key is opened once for as long as nothing in the catalog changes: an account of another
 * catalog is another object, and with the catalog its opened key goes.
 */
export function createOpenKey(unsealer: Unsealer): OpenKey {
  const opened = new WeakMap<ProviderAccount, Secret<string>>();
  return (account) => {
    if (account.sealedKey === null) return null;
    let key = opened.get(account);
    if (key === undefined) {
      key = unsealer.open(account.sealedKey, providerKeyContext(account));
      opened.set(account, key);
    }
    return key;
  };
}
