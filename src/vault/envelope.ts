import { createCipheriv, createDecipheriv } from "node:crypto";
import { deriveKey, hmac } from "../kernel/digest.ts";
import type { RandomBytes } from "../kernel/id.ts";
import { Secret } from "../kernel/secret.ts";
import type { Sealer, Unsealer } from "../ports/vault.ts";

/**
 * `v1.<base64url of nonce, ciphertext, tag>`: AES-256-GCM (NIST SP 800-38D) with a random
 * 96-bit nonce and a 128-bit tag. The context is authenticated and not stored, so that a
 * ciphertext opens only where it was meant to. With random nonces one key may seal 2^32
 * times (section 8.3); an installation seals some hundreds.
 */
const FORMAT = "v1";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** A ciphertext that does not open. The message tells why as far as it can be known, and holds nothing of the secret. */
export class UnsealError extends Error {
  override readonly name = "UnsealError";
}

/** Can seal and cannot open: for whoever writes provider accounts. */
export function createSealer(master: Uint8Array, random: RandomBytes): Sealer {
  const key = deriveKey(master, "vault");
  const fingerprintKey = deriveKey(master, "vault fingerprint");
  return Object.freeze({
    seal(plaintext: Secret<string>, context: string): string {
      const nonce = random(NONCE_BYTES);
      const sealed = encrypt(key, nonce, additionalData(context), Buffer.from(plaintext.reveal(), "utf8"));
      return `${FORMAT}.${Buffer.concat([nonce, sealed]).toString("base64url")}`;
    },
    fingerprint(plaintext: Secret<string>, context: string): string {
      // As JSON, so that where the context ends and the plaintext begins is not open to doubt.
      return hmac(fingerprintKey, JSON.stringify([context, plaintext.reveal()]));
    },
  });
}

/** Whether a master key opens a ciphertext; what is in it is told to nobody. For the doctor. */
export function canOpen(master: Uint8Array, sealed: string, context: string): boolean {
  try {
    createUnsealer(master).open(sealed, context);
    return true;
  } catch {
    return false;
  }
}

/** Can open. Only dispatch is given one. */
export function createUnsealer(master: Uint8Array): Unsealer {
  const key = deriveKey(master, "vault");
  return Object.freeze({
    open(sealed: string, context: string): Secret<string> {
      const [format, body, ...rest] = sealed.split(".");
      if (format !== FORMAT || body === undefined || rest.length > 0 || !/^[\w-]+$/.test(body)) {
        throw new UnsealError("the secret is sealed in a format that this version does not know");
      }
      const bytes = Buffer.from(body, "base64url");
      const plaintext = decrypt(
        key,
        bytes.subarray(0, NONCE_BYTES),
        additionalData(context),
        bytes.subarray(NONCE_BYTES),
      );
      if (plaintext === undefined) {
        throw new UnsealError(
          "the secret does not open: it was changed, belongs to another account or address, or was sealed under another master key",
        );
      }
      return new Secret(plaintext.toString("utf8"));
    },
  });
}

function additionalData(context: string): Buffer {
  return Buffer.from(JSON.stringify(["sallyport", FORMAT, context]), "utf8");
}

/** AES-256-GCM: ciphertext, then tag. @param nonce 12 bytes, never used before under this key. */
export function encrypt(key: Uint8Array, nonce: Uint8Array, data: Uint8Array, plaintext: Uint8Array): Buffer {
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(data);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** The plaintext, or undefined when tag, data, nonce or key are not those it was encrypted with. */
export function decrypt(key: Uint8Array, nonce: Uint8Array, data: Uint8Array, sealed: Uint8Array): Buffer | undefined {
  if (nonce.length !== NONCE_BYTES || sealed.length < TAG_BYTES) return undefined;
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(data);
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  const plaintext = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES));
  try {
    return Buffer.concat([plaintext, decipher.final()]);
  } catch {
    return undefined;
  }
}
