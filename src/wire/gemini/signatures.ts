import { isObject, type JsonObject, parseBounded } from "../../kernel/json.ts";
import { seal, unseal } from "../../spec/sealed.ts";

/**
 * `thoughtSignature` is bytes to Google's clients: some decode it and write it again in the
 * other alphabet of base64. Signatures of other providers are texts, of which not a letter may
 * change, so they stand in it in an envelope: base64 of the text behind a mark.
 */
const MARK = "sallyport:";
const IN_BASE64 = Buffer.from(MARK).toString("base64").slice(0, 12);

/** What another provider gave: a thought's signature, or a thought that it sealed. */
export type Foreign = { kind: "signature" | "redacted"; text: string };

/** The `thoughtSignature` of a thought, from the signature in canonical form. */
export function signatureFor(kind: Foreign["kind"], text: string): string {
  const known = unseal(text);
  if (known?.dialect === "gemini") return known.data;
  return Buffer.from(`${MARK}${kind}:${text}`).toString("base64");
}

/** The reverse, for a thought that came back: what another provider gave, or Google's own with its mark. */
export function signatureFrom(thoughtSignature: string): Foreign {
  if (thoughtSignature.startsWith(IN_BASE64)) {
    const text = Buffer.from(thoughtSignature, "base64").toString();
    for (const kind of ["signature", "redacted"] as const) {
      const mark = `${MARK}${kind}:`;
      if (text.startsWith(mark)) return { kind, text: text.slice(mark.length) };
    }
  }
  return { kind: "signature", text: seal({ dialect: "gemini", place: "thought", data: thoughtSignature }) };
}

/** A thought of another provider's, whole: without its text its signature is worth nothing there. */
export type WholeThought = { text: string } & Partial<Record<Foreign["kind"], string>>;

/**
 * The `thoughtSignature` of a call that followed these thoughts. Google signs the call and not the thought before it,
 * so its clients send calls back with their signatures and forget thoughts, as Gemini CLI does; but Anthropic wants to
 * see the thoughts before a call again.
 */
export function signatureForCall(thoughts: readonly WholeThought[]): string {
  return Buffer.from(`${MARK}thoughts:${JSON.stringify(thoughts)}`).toString("base64");
}

/** The reverse; undefined for what is Google's own. */
export function thoughtsFromCall(thoughtSignature: string): WholeThought[] | undefined {
  if (!thoughtSignature.startsWith(IN_BASE64)) return undefined;
  const mark = `${MARK}thoughts:`;
  const text = Buffer.from(thoughtSignature, "base64").toString();
  const value = text.startsWith(mark) ? parseBounded(text.slice(mark.length)) : undefined;
  return Array.isArray(value) ? value.filter(isObject).map(thoughtOf) : undefined;
}

/** It comes from the caller, who may have written anything. */
function thoughtOf({ text, signature, redacted }: JsonObject): WholeThought {
  const thought: WholeThought = { text: typeof text === "string" ? text : "" };
  if (typeof signature === "string") thought.signature = signature;
  if (typeof redacted === "string") thought.redacted = redacted;
  return thought;
}
