import { foldedName } from "../../kernel/field-name.ts";
import { isObject, type Json, type JsonObject, parseBounded } from "../../kernel/json.ts";
import { HIDDEN, type Redact, withoutAccountNames } from "./redact.ts";

/** Errors that a provider tells within what is no error: of the calls of a batch. They name accounts like any other. */

/** The same value where there is nothing to take out. */
export function withCleanErrors(value: Json, redact: Redact): Json {
  if (Array.isArray(value)) {
    const cleaned = value.map((item) => withCleanErrors(item, redact));
    return cleaned.some((item, at) => item !== value[at]) ? cleaned : value;
  }
  if (!isObject(value)) return value;
  let cleaned: JsonObject | undefined;
  for (const name of Object.keys(value)) {
    const inner = value[name]!;
    const told = name === "error" || name === "errors" ? unnamed(inner, redact) : withCleanErrors(inner, redact);
    if (told !== inner) cleaned = { ...(cleaned ?? value), [name]: told };
  }
  return cleaned ?? value;
}

/** Fields that name an account whatever they hold, compared by `foldedName`. */
const OF_ACCOUNT =
  /^(?:aws|gcp|google|azure|cloud|consumer|owner)?(?:account|project|subscription|tenant|org|organization)(?:id|number)$/;

/** Every text of an error, names of fields among them, and numbers that read like an account's. */
export function unnamed(value: Json, redact: Redact): Json {
  if (typeof value === "string") return cleanText(value, redact);
  if (typeof value === "number") return cleanNumber(value, redact);
  if (Array.isArray(value)) {
    const cleaned = value.map((item) => unnamed(item, redact));
    return cleaned.some((item, at) => item !== value[at]) ? cleaned : value;
  }
  if (!isObject(value)) return value;
  const cleaned = Object.entries(value).map(
    ([name, inner]) => [cleanText(name, redact), ofField(name, inner, redact)] as const,
  );
  const isClean = Object.keys(value).every((name, at) => cleaned[at]![0] === name && cleaned[at]![1] === value[name]);
  return isClean ? value : Object.fromEntries(cleaned);
}

function ofField(name: string, value: Json, redact: Redact): Json {
  const isPlain = typeof value === "number" || (typeof value === "string" && value !== "");
  return isPlain && OF_ACCOUNT.test(foldedName(name)) ? HIDDEN : unnamed(value, redact);
}

/** Fractions are measures; what is told of them is left as it is. */
function cleanNumber(value: number, redact: Redact): Json {
  const text = String(value);
  return Number.isInteger(value) && cleanText(text, redact) !== text ? HIDDEN : value;
}

function cleanText(text: string, redact: Redact): string {
  return withoutAccountNames(redact(text));
}

const ERROR = /"error"\s*:\s*[{"]/;
const utf8 = new TextDecoder();

/** A file of results with clean errors; the same bytes where there is nothing to take out. Whatever else stands in a line stays as it came. */
export function linesWithCleanErrors(bytes: Uint8Array, redact: Redact): Uint8Array {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (buffer.indexOf('"error"') === -1) return bytes;
  const pieces: Uint8Array[] = [];
  let changed = false;
  for (let start = 0; start < bytes.length; ) {
    const found = buffer.indexOf("\n", start);
    const end = found === -1 ? bytes.length : found + 1;
    const line = utf8.decode(bytes.subarray(start, end));
    const value = ERROR.test(line) ? parseBounded(line) : undefined;
    const cleaned = value === undefined ? value : withCleanErrors(value, redact);
    if (cleaned === undefined || cleaned === value) pieces.push(bytes.subarray(start, end));
    else {
      changed = true;
      pieces.push(Buffer.from(JSON.stringify(cleaned) + (found === -1 ? "" : "\n")));
    }
    start = end;
  }
  return changed ? Buffer.concat(pieces) : bytes;
}
