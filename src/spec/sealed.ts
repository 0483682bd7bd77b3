import type { Dialect } from "./dialect.ts";

/**
 * A provider's signature, marked with whose it is. Signatures travel through dialects that know
 * nothing of them (in Anthropic's `redacted_thinking`, in `reasoning_details`, in `encrypted_content`)
 * and come back from clients that mix conversations; a provider that is shown another's refuses the
 * whole request. So what only one provider can read says so, and where it belongs.
 */
export interface Seal {
  dialect: Dialect;
  /** What it signs: a thought, the text before it, a tool call, or what the model plans before it calls tools. */
  place: "thought" | "text" | "call" | "plan";
  /** As the provider gave it: base64 in either alphabet. Empty where it gave none, and only the place must be known again. */
  data: string;
  /** The call that it signs. */
  callId?: string;
}

const FORM = /^sp1:([a-z-]+):(thought|text|call|plan):([^:]*):([\s\S]*)$/;

/** `sp1:<dialect>:<place>:<data>:<call id>` */
export function seal({ dialect, place, data, callId }: Seal): string {
  return `sp1:${dialect}:${place}:${data}:${callId ?? ""}`;
}

/** undefined: no signature of this form. It may be any provider's own. */
export function unseal(text: string | undefined): Seal | undefined {
  const match = text?.startsWith("sp1:") ? FORM.exec(text) : null;
  if (match === null || match === undefined) return undefined;
  const [, dialect, place, data, callId] = match;
  const read: Seal = { dialect: dialect as Dialect, place: place as Seal["place"], data: data! };
  if (callId !== "") read.callId = callId!;
  return read;
}

/** Whether it is more than a note of the place. */
export function isSigned(signature: string | undefined): boolean {
  return signature !== undefined && unseal(signature)?.data !== "";
}
