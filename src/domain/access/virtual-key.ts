import { crc32, hmac } from "../../kernel/digest.ts";
import { type RandomBytes, randomText } from "../../kernel/id.ts";

/**
 * `sp_live_<public id>_<secret><checksum>`: public id 12, secret 32 (160 bits), checksum 7
 * characters, all of Crockford's base 32 in lower case. The checksum is the CRC-32 of all
 * that stands before it, so that a mistyped or made-up key is refused without a look-up,
 * and so that scanners can find leaked keys without asking us.
 */
export type KeyMode = "live" | "test";

export interface VirtualKey {
  mode: KeyMode;
  /** Names the key everywhere; not secret. */
  publicId: string;
  /** The whole key as the caller shows it. */
  text: string;
}

const SHAPE = /^sp_(live|test)_([0-9a-hjkmnp-tv-z]{12})_([0-9a-hjkmnp-tv-z]{32})([0-9a-hjkmnp-tv-z]{7})$/;
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

function checksum(text: string): string {
  let rest = crc32(text);
  let out = "";
  for (let i = 0; i < 7; i++) {
    out = ALPHABET[rest & 31] + out;
    rest = rest >>> 5;
  }
  return out;
}

/** The key's parts, or undefined when it is not one of ours or was mistyped. */
export function parseVirtualKey(text: string): VirtualKey | undefined {
  const match = SHAPE.exec(text);
  if (match === null) return undefined;
  const [, mode, publicId, , sum] = match;
  if (checksum(text.slice(0, -7)) !== sum) return undefined;
  return { mode: mode as KeyMode, publicId: publicId!, text };
}

/** A fresh key. The public id may be given, where it must be found again; the secret is always random. */
export function mintVirtualKey(mode: KeyMode, random: RandomBytes, publicId = randomText(random, 12)): VirtualKey {
  const body = `sp_${mode}_${publicId}_${randomText(random, 32)}`;
  return { mode, publicId, text: body + checksum(body) };
}

/**
 * What the store keeps instead of a key: HMAC-SHA-256 under a key derived from the master
 * key, so that a stolen database tests no guesses. A fast hash is right here because the
 * secret has 160 random bits (or at least 128, for an imported one).
 */
export function keyDigest(pepper: Uint8Array, text: string): string {
  return hmac(pepper, text);
}
