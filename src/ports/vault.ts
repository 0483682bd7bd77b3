import type { Secret } from "../kernel/secret.ts";

/** Seals secrets of provider accounts. Opening is for dispatch alone. */
export interface Sealer {
  /** @param context what the secret is for; a ciphertext opens only under the same context. */
  seal(plaintext: Secret<string>, context: string): string;
}

export interface Unsealer {
  /** @throws if the ciphertext was changed, belongs to another context, or was sealed under another master key. */
  open(sealed: string, context: string): Secret<string>;
}
