import * as sealed from "../../../spec/sealed.ts";

/** What OpenAI sealed of a thought, which must come back with the id of its item. */
export interface Sealed {
  id: string;
  encrypted: string;
}

/** For callers of other dialects, in the place of a signature. */
export function seal({ id, encrypted }: Sealed): string {
  // Base64 has neither; what is shown to others bare (OpenRouter) stays as it is.
  const data = encrypted.replaceAll("%", "%25").replaceAll(":", "%3A");
  return sealed.seal({ dialect: "openai-responses", place: "thought", data, ...(id === "" ? {} : { callId: id }) });
}

/** undefined: not OpenAI's, which would refuse it. */
export function unseal(text: string | undefined): Sealed | undefined {
  const read = sealed.unseal(text);
  if (read?.dialect !== "openai-responses" || read.place !== "thought") return undefined;
  try {
    return { id: read.callId ?? "", encrypted: decodeURIComponent(read.data) };
  } catch {
    return undefined;
  }
}
