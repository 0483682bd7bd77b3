import type { Secret } from "../kernel/secret.ts";
import type { AccountOptions } from "../spec/adapter.ts";

/** Seals secrets of provider accounts. Opening is for dispatch and the trial of an account. */
export interface Sealer {
  /** @param context what the secret is for; a ciphertext opens only under the same context. */
  seal(plaintext: Secret<string>, context: string): string;
  /** Tells whether two plaintexts under one context are equal, and nothing else. The same every time, unlike `seal`. */
  fingerprint(plaintext: Secret<string>, context: string): string;
}

/**
 * The context of a provider account's key. It names where the key may be sent, so that
 * whoever can write to the database but lacks the master key gains nothing by moving a
 * ciphertext to another account, or by giving its account another address. Options count too:
 * they say in which way the key is shown. An account without any has the context that it had
 * before there were options.
 */
export function providerKeyContext(account: {
  name: string;
  kind: string;
  baseUrl: string | null;
  options: AccountOptions;
}): string {
  const options = Object.entries(account.options).sort(([a], [b]) => (a < b ? -1 : 1));
  const named = options.length === 0 ? [] : [options];
  return JSON.stringify(["provider key", account.name, account.kind, account.baseUrl, ...named]);
}

export interface Unsealer {
  /** @throws if the ciphertext was changed, belongs to another context, or was sealed under another master key. */
  open(sealed: string, context: string): Secret<string>;
}
