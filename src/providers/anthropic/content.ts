import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import type { Block, EventPart, FinishReason } from "../../spec/event.ts";

/** What streamed and whole answers have in common: how blocks, reasons and leftovers are read. */

export const DIALECT = "anthropic-messages";

const MESSAGE = new Set(["id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"]);
const USAGE = new Set([
  "input_tokens",
  "cache_read_input_tokens",
  "cache_creation_input_tokens",
  "output_tokens",
  "output_tokens_details",
]);
const TEXT = new Set(["type", "text"]);
const THINKING = new Set(["type", "thinking", "signature"]);
const REDACTED = new Set(["type", "data"]);
const TOOL_USE = new Set(["type", "id", "name", "input"]);

/** From the names of tools that Anthropic was given to the caller's own, where they differ. */
export type CallersNames = ReadonlyMap<string, string> | undefined;

/** A block that has begun: what it is in canonical form, what it said at once, and what has no name. */
export interface Opening {
  content: Block;
  /** The tool call whose arguments are the answer's text (see structured.ts). */
  structured: boolean;
  text: string;
  signature: string;
  input: Json | undefined;
  rest: JsonObject | undefined;
}

/**
 * Reads a `content_block`. Whatever is not text, thought or a tool of the client's is
 * opaque: server-side tools and their results above all, which no client may run.
 *
 * @param madeUpId for a call that came without one.
 * @param structured name of the response tool, if there is one.
 * @param names the caller's own names of tools, by those that Anthropic was given in their place.
 */
export function readOpening(
  block: JsonObject,
  madeUpId: string,
  structured: string | undefined,
  names: CallersNames,
): Opening {
  switch (block.type) {
    case "text":
      return { ...opening({ kind: "text" }, block, TEXT), text: string(block.text) };
    case "thinking":
      return {
        ...opening({ kind: "reasoning" }, block, THINKING),
        text: string(block.thinking),
        signature: string(block.signature),
      };
    case "redacted_thinking":
      return opening({ kind: "redacted-reasoning", data: string(block.data) }, block, REDACTED);
    case "tool_use": {
      const name = string(block.name);
      if (name === structured) {
        return { ...opening({ kind: "text" }, {}, TOOL_USE), structured: true, input: block.input };
      }
      const id = string(block.id) || madeUpId;
      return {
        ...opening({ kind: "tool-call", id, name: names?.get(name) ?? name }, block, TOOL_USE),
        input: block.input,
      };
    }
    default:
      return opening({ kind: "opaque", dialect: DIALECT, value: block }, {}, TEXT);
  }
}

function opening(content: Block, block: JsonObject, known: ReadonlySet<string>): Opening {
  return { content, structured: false, text: "", signature: "", input: undefined, rest: without(block, known) };
}

/** Arguments as a text: objects as JSON; some copies of this API send a text already. */
export function inputText(input: Json | undefined): string {
  if (typeof input === "string" && input.trim() !== "") return input;
  return isObject(input) || Array.isArray(input) ? JSON.stringify(input) : "{}";
}

const REASONS: Readonly<Record<string, FinishReason>> = {
  end_turn: "stop",
  stop_sequence: "stop-sequence",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool-calls",
  refusal: "refusal",
  pause_turn: "pause",
};

/** Which kinds of calls an answer made: the response tool's is none for the caller. */
export interface Calls {
  client: boolean;
  structured: boolean;
}

export function finishOf(raw: string | null, stopSequence: Json | undefined, calls: Calls): EventPart {
  if (raw === "tool_use" && calls.structured && !calls.client) {
    return { type: "finish", choice: 0, reason: "stop", raw: "end_turn" };
  }
  const reason = raw === null ? (calls.client ? "tool-calls" : "stop") : (REASONS[raw] ?? "other");
  const part: EventPart = { type: "finish", choice: 0, reason, raw };
  if (typeof stopSequence === "string") part.stopSequence = stopSequence;
  return part;
}

/** A stop reason that has no canonical name reaches callers of this dialect in the rest of the last event. */
export function isKnownReason(raw: string): boolean {
  return Object.hasOwn(REASONS, raw);
}

export function startOf(message: JsonObject): EventPart {
  const start: Extract<EventPart, { type: "start" }> = { type: "start" };
  if (typeof message.id === "string" && message.id !== "") start.id = message.id;
  if (typeof message.model === "string" && message.model !== "") start.model = message.model;
  return start;
}

/** The message's fields that have no canonical name, as a `message_start` that holds nothing else. */
export function restOfMessage(message: JsonObject): EventPart | undefined {
  const rest = withUsage(without(message, MESSAGE), message.usage);
  return rest && unknown({ type: "message_start", message: rest });
}

/** The same for a block, as a `content_block_start`. It must come before the block. */
export function restOfBlock(rest: JsonObject): EventPart {
  return unknown({ type: "content_block_start", content_block: rest });
}

const DELTA_EVENT = new Set(["type", "delta", "usage"]);
const DELTA = new Set(["stop_reason", "stop_sequence"]);

/** The same for the last event. */
export function restOfDelta(event: JsonObject, raw: string | null): EventPart | undefined {
  let rest = withUsage(without(event, DELTA_EVENT), event.usage);
  let delta = isObject(event.delta) ? without(event.delta, DELTA) : undefined;
  if (raw !== null && !isKnownReason(raw)) delta = { ...delta, stop_reason: raw };
  if (delta !== undefined) rest = { ...rest, delta };
  return rest && unknown({ type: "message_delta", ...rest });
}

function withUsage(rest: JsonObject | undefined, usage: Json | undefined): JsonObject | undefined {
  const more = isObject(usage) ? without(usage, USAGE) : undefined;
  return more === undefined ? rest : { ...rest, usage: more };
}

export function unknown(value: Json): EventPart {
  return { type: "unknown", dialect: DIALECT, value };
}

function without(value: JsonObject, known: ReadonlySet<string>): JsonObject | undefined {
  let rest: JsonObject | undefined;
  for (const name in value) {
    if (known.has(name)) continue;
    rest ??= {};
    rest[name] = value[name]!;
  }
  return rest;
}

function string(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}
