import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import type { Block, EventPart, FinishReason } from "../../spec/event.ts";
import type { Usage } from "../../spec/usage.ts";
import { countOf } from "../counts.ts";
import { withTier } from "../served-tier.ts";

/** What streamed and whole answers of Converse have in common. */

const REASONS: Readonly<Record<string, FinishReason>> = {
  end_turn: "stop",
  stop_sequence: "stop-sequence",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool-calls",
  guardrail_intervened: "content-filter",
  content_filtered: "content-filter",
  malformed_model_output: "failed",
  malformed_tool_use: "failed",
};

/** Which kinds of calls an answer made: the answer tool's is none for the caller. */
export interface Calls {
  client: boolean;
  answer: boolean;
}

/** @param fields `additionalModelResponseFields` of a stream's last event, or of a whole answer. */
export function finishOf(raw: Json | undefined, fields: Json | undefined, calls: Calls): EventPart {
  const word = typeof raw === "string" ? raw : null;
  if (word === "tool_use" && calls.answer && !calls.client) {
    return { type: "finish", choice: 0, reason: "stop", raw: "end_turn" };
  }
  const reason = word === null ? (calls.client ? "tool-calls" : "stop") : (REASONS[word] ?? "other");
  const part: EventPart = { type: "finish", choice: 0, reason, raw: word };
  const sequence = stopSequenceOf(fields);
  if (sequence !== undefined) part.stopSequence = sequence;
  return part;
}

function stopSequenceOf(fields: Json | undefined): string | undefined {
  if (!isObject(fields)) return undefined;
  const value = isObject(fields.delta) ? fields.delta.stop_sequence : fields.stop_sequence;
  return typeof value === "string" ? value : undefined;
}

/**
 * `inputTokens` leaves out what the cache gave and took; ours does not. A count that cannot be true is left out.
 * @param served the answer's `serviceTier`
 */
export function usageOf(value: Json | undefined, served?: Json): Partial<Usage> | undefined {
  if (!isObject(value)) return undefined;
  const usage: Partial<Usage> = {};
  const input = countOf(value.inputTokens);
  const read = countOf(value.cacheReadInputTokens);
  const write = countOf(value.cacheWriteInputTokens);
  const output = countOf(value.outputTokens);
  if (input !== undefined || read !== undefined || write !== undefined) {
    usage.input = (input ?? 0) + (read ?? 0) + (write ?? 0);
    if (read !== undefined) usage.cacheRead = read;
    if (write !== undefined) usage.cacheWrite = write;
    const anHour = writtenForAnHour(value.cacheDetails);
    if (anHour > 0 && anHour <= (write ?? 0)) usage.cacheWriteLong = anHour;
  }
  if (output !== undefined) usage.output = output;
  for (const _ in usage) return withTier(usage, isObject(served) ? served.type : undefined);
  return undefined;
}

/** Of what was written to the cache, by how long it is kept (API reference, CacheDetail). */
function writtenForAnHour(details: Json | undefined): number {
  let sum = 0;
  for (const each of Array.isArray(details) ? details : []) {
    if (isObject(each) && each.ttl === "1h") sum += countOf(each.inputTokens) ?? 0;
  }
  return sum;
}

/** A call of the client's, or what the provider runs itself, which no client may run. */
export function callOf(
  toolUse: JsonObject,
  madeUpId: string,
  answerTool: string | undefined,
  names: ReadonlyMap<string, string> | undefined,
): { content: Block; isAnswer: boolean } {
  const name = typeof toolUse.name === "string" ? toolUse.name : "";
  if (toolUse.type === "server_tool_use") return { content: opaque({ toolUse }), isAnswer: false };
  if (name !== "" && name === answerTool) return { content: { kind: "text" }, isAnswer: true };
  const id = typeof toolUse.toolUseId === "string" && toolUse.toolUseId !== "" ? toolUse.toolUseId : madeUpId;
  return { content: { kind: "tool-call", id, name: names?.get(name) ?? name }, isAnswer: false };
}

export function opaque(value: JsonObject): Block {
  return { kind: "opaque", dialect: "bedrock-converse", value };
}

/**
 * A citation. Bedrock has Anthropic's in other words, and no caller speaks Bedrock's, so they
 * are told in Anthropic's (https://docs.claude.com/en/docs/build-with-claude/citations).
 */
export function citationOf(block: number, citation: JsonObject): EventPart {
  const { title, location } = citation;
  const cited = (Array.isArray(citation.sourceContent) ? citation.sourceContent : [])
    .map((piece) => (isObject(piece) && typeof piece.text === "string" ? piece.text : ""))
    .join("");
  const kind = isObject(location) ? Object.keys(location)[0] : undefined;
  const place = isObject(location) && kind !== undefined ? location[kind] : undefined;
  const value = placeOf(kind, isObject(place) ? place : {}, cited, typeof title === "string" ? title : null);
  return { type: "citation", choice: 0, block, dialect: "anthropic-messages", value };
}

function placeOf(kind: string | undefined, place: JsonObject, cited_text: string, title: string | null): JsonObject {
  const document = { cited_text, document_index: place.documentIndex ?? 0, document_title: title };
  const { start = 0, end = 0 } = place;
  switch (kind) {
    case "documentPage":
      return { type: "page_location", ...document, start_page_number: start, end_page_number: end };
    case "documentChunk":
      return { type: "content_block_location", ...document, start_block_index: start, end_block_index: end };
    case "searchResultLocation":
      return {
        type: "search_result_location",
        cited_text,
        search_result_index: place.searchResultIndex ?? 0,
        source: "",
        title,
        start_block_index: start,
        end_block_index: end,
      };
    case "web":
      return {
        type: "web_search_result_location",
        cited_text,
        url: place.url ?? "",
        title: title ?? place.domain ?? null,
        encrypted_index: "",
      };
    default:
      return { type: "char_location", ...document, start_char_index: start, end_char_index: end };
  }
}
