import { isObject, type JsonObject, parseBounded } from "../../kernel/json.ts";

/**
 * What a provider of another dialect must get back unchanged with a thought (Anthropic's
 * signature, a thought that it sealed) has no field of its own here. It travels in
 * `encrypted_content`, which clients of this dialect keep and send back: this prefix, then
 * base64url of `{"signature": "…"}` or `{"redacted": "…"}`. What begins otherwise is OpenAI's own.
 */
const PREFIX = "sallyport1.";

export interface Seal {
  signature?: string;
  redacted?: string;
}

export function wrapped(seal: Seal): string {
  return PREFIX + Buffer.from(JSON.stringify(seal)).toString("base64url");
}

export function isWrapped(encrypted: string): boolean {
  return encrypted.startsWith(PREFIX);
}

/** The reverse of `wrapped`. A wrapping that was spoilt on its way holds nothing. */
export function unwrapped(encrypted: string): Seal {
  const value = parseBounded(Buffer.from(encrypted.slice(PREFIX.length), "base64url").toString("utf8"));
  const { signature, redacted }: JsonObject = isObject(value) ? value : {};
  const seal: Seal = {};
  if (typeof signature === "string" && signature !== "") seal.signature = signature;
  if (typeof redacted === "string" && redacted !== "") seal.redacted = redacted;
  return seal;
}
