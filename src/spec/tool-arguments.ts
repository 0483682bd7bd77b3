import { isObject, type JsonObject, parseBounded, parseExact } from "../kernel/json.ts";

/**
 * Where a dialect holds a tool call's arguments as an object and the model wrote no object
 * (cut by the token limit, broken JSON, a bare value), the object has this one key, and its
 * value is the text as it was written. Coming back, it is that text again.
 */
export const RAW_ARGUMENTS = "_raw_arguments";

/** Arguments as an object: `{}` for no text, `{ [RAW_ARGUMENTS]: text }` for text that is no JSON object, or nests too deep to be written again. */
export function argumentsAsObject(text: string): JsonObject {
  if (text.trim() === "") return {};
  const value = parseBounded(text, parseExact);
  return isObject(value) ? value : { [RAW_ARGUMENTS]: text };
}

/** The reverse of `argumentsAsObject`. */
export function argumentsAsText(value: JsonObject): string {
  const raw = value[RAW_ARGUMENTS];
  if (typeof raw === "string" && Object.keys(value).length === 1) return raw;
  return JSON.stringify(value);
}
