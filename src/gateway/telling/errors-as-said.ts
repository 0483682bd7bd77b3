import type { BesideMessage } from "../../errors.ts";
import { isObject, type JsonObject, parseBounded } from "../../kernel/json.ts";
import type { Dialect } from "../../spec/dialect.ts";
import type { EventPart, Original, ProviderError } from "../../spec/event.ts";
import type { RawFrame } from "../../wire/framing.ts";
import type { Redact } from "./redact.ts";
import { unnamed, withCleanErrors } from "./told-errors.ts";
import { isOfAccount } from "./upstream-error.ts";

const utf8 = new TextEncoder();
const latin1 = new TextDecoder("latin1");
const OPENING_BRACE = 0x7b;

/**
 * The bytes by which a caller of the provider's own dialect is told of an error in a stream: the provider's frame,
 * with whatever else it says there (Groq's `failed_generation`, OpenRouter's `metadata`), but for what names or
 * opens the gateway's account. undefined where our words have to tell it: what concerns that account, and a
 * frame in which clients of the dialect would not see an error.
 */
export function errorFrameOf(
  parts: readonly EventPart[],
  frame: RawFrame,
  dialect: Dialect,
  redact: Redact,
): Original | undefined {
  if (parts.some((part) => part.type === "error" && isOfAccount(part.error))) return undefined;
  const isLine = dialect === "ollama";
  // Google puts bare JSON between its events, which whoever reads events would pass over.
  if (!isLine && frame.source[frame.start] === OPENING_BRACE) return undefined;
  const value = parseBounded(frame.data);
  if (!isObject(value) || !tellsOfError(value, dialect)) return undefined;
  const told = cleanFrame(value, redact);
  const { event, source, start, end } = frame;
  // What no reader of JSON sees may quote the key too: a comment, the first of two fields of one name.
  const bytes = latin1.decode(source.subarray(start, end));
  if (told === value && redact(bytes) === bytes) return { dialect, shape: "frame", source, start, end };
  const text = JSON.stringify(told);
  const anew = utf8.encode(isLine ? `${text}\n` : `${event === "" ? "" : `event: ${event}\n`}data: ${text}\n\n`);
  return { dialect, shape: "frame", source: anew, start: 0, end: anew.length };
}

/** Fields of a frame that are the same in every frame of an answer, or hold what the model has said. */
const OF_ANSWER: ReadonlySet<string> = new Set(["id", "object", "model", "type", "request_id", "choices", "response"]);

/** Without what names the account, in its error and beside it: OpenRouter tells the account's `user_id` there. */
function cleanFrame(value: JsonObject, redact: Redact): JsonObject {
  let cleaned = value;
  for (const name of Object.keys(value)) {
    const inner = value[name]!;
    const told = OF_ANSWER.has(name) ? withCleanErrors(inner, redact) : unnamed(inner, redact);
    if (told !== inner) cleaned = { ...cleaned, [name]: told };
  }
  return cleaned;
}

/** What our words tell of every error. */
const TOLD: ReadonlySet<string> = new Set(["message", "type", "param", "code", "status"]);

/** @param body an answer that is an error, or a frame that tells of one */
export function besideMessage(body: string, dialect: Dialect, redact: Redact): ProviderError["beside"] {
  const value = parseBounded(body);
  // Google tells of an error of a stream in a list.
  const told = Array.isArray(value) ? value[0] : value;
  if (!isObject(told) || !isObject(told.error)) return undefined;
  const { error } = withCleanErrors({ error: told.error }, redact) as { error: JsonObject };
  const fields = Object.entries(error).filter(([name, each]) => !TOLD.has(name) && each !== null);
  return fields.length === 0 ? undefined : { dialect, fields: Object.fromEntries(fields) };
}

/** An error in our words, with what the provider said beside them. What both tell is ours, and lists are both. */
export function withBeside(body: JsonObject, { fields }: BesideMessage): JsonObject {
  if (!isObject(body.error)) return body;
  const error: JsonObject = { ...body.error };
  for (const name in fields) {
    const value = fields[name]!;
    const ours = error[name];
    if (ours === undefined) error[name] = value;
    else if (Array.isArray(ours) && Array.isArray(value)) error[name] = [...ours, ...value];
  }
  return { ...body, error };
}

function tellsOfError({ type, error }: JsonObject, dialect: Dialect): boolean {
  // An event of the type `error` is not the end of a response: clients wait for this one.
  if (dialect === "openai-responses") return type === "response.failed";
  if (dialect === "anthropic-messages" && type !== "error") return false;
  return isObject(error) || (typeof error === "string" && error !== "");
}
