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
