/**
 * What OpenAI sealed of a thought must come back with the id of its item. To callers of other
 * dialects both travel in one text, in the place of a signature: `openai-responses:<id>:<sealed>`.
 * A signature without this beginning is another provider's, which OpenAI would refuse.
 */
const PREFIX = "openai-responses:";

export interface Sealed {
  id: string;
  encrypted: string;
}

export function seal({ id, encrypted }: Sealed): string {
  return `${PREFIX}${id.replaceAll(":", "")}:${encrypted}`;
}

/** undefined: not ours. */
export function unseal(text: string | undefined): Sealed | undefined {
  if (text === undefined || !text.startsWith(PREFIX)) return undefined;
  const colon = text.indexOf(":", PREFIX.length);
  if (colon === -1) return undefined;
  return { id: text.slice(PREFIX.length, colon), encrypted: text.slice(colon + 1) };
}
