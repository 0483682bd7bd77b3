import type { PhraseMatcher } from "../../domain/guardrails/phrases.ts";
import type { DocumentPart, MediaSource, Part } from "../../spec/message.ts";
import type { ModelRequest, Tool } from "../../spec/request.ts";
import { decodeText } from "./encoded-text.ts";
import { unmaskedOf } from "./guarded-operation.ts";
import { countInValue } from "./guarded-values.ts";

/**
 * Matches in what `guard-input.ts` does not mask, because it cannot be rewritten without
 * knowing what it means: names, ids, schemas, unknown fields, what only the dialect knows.
 * Walks what the canonical form holds of the caller, never the form's own keys and words.
 */
export function countUnmasked(request: ModelRequest, matcher: PhraseMatcher): number {
  const { extra, toolChoice, responseFormat, reasoning, stop, endUser, serviceTier, headers, logitBias } = request;
  const values: unknown[] = [extra, { format: reasoning?.effort }, stop, endUser, { format: serviceTier }, logitBias];
  if (headers !== undefined) values.push(Object.values(headers));
  if (toolChoice?.type === "tool") values.push(toolChoice.name);
  if (toolChoice?.type === "opaque") values.push({ type: toolChoice.value });
  if (responseFormat?.type === "json-schema") {
    values.push(responseFormat.name, responseFormat.description, responseFormat.schema);
  }
  for (const tool of request.tools ?? []) values.push(...ofTool(tool));
  for (const message of request.messages) {
    values.push(message.name, message.extra);
    for (const part of message.parts) values.push(...ofPart(part));
  }
  if (request.operation !== undefined) values.push(...unmaskedOf(request.operation));
  let count = 0;
  for (const value of values) count += countInValue(value, matcher);
  return count;
}

function ofTool(tool: Tool): unknown[] {
  return tool.type === "function" ? [tool.name, tool.parameters, tool.extra] : [tool.value];
}

function ofPart(part: Part): unknown[] {
  if (part.type === "opaque") return [part.value];
  const { extra } = part;
  switch (part.type) {
    case "text":
    case "refusal":
      return [extra];
    case "reasoning":
      return [extra, part.signature, part.redacted];
    case "tool-call":
      return [extra, part.id, part.name];
    case "tool-result":
      return [extra, part.callId, ...part.content.flatMap(ofPart)];
    case "image":
      return [extra, { format: part.detail }, ...ofSource(part.source)];
    case "audio":
      return [extra, { format: part.format }, { audio: { data: part.data } }];
    case "document":
      return [extra, part.name, ...ofDocument(part.source)];
  }
}

/** What of a document `guard-input.ts` does not mask. */
function ofDocument(source: DocumentPart["source"]): unknown[] {
  if (source.kind === "text") return [{ format: source.mediaType }];
  const masked = source.kind === "base64" && decodeText(source.data, source.mediaType)?.exact === true;
  return masked ? [{ format: source.mediaType }] : ofSource(source);
}

/** Media bytes are not text, unless they are. */
function ofSource(source: MediaSource): unknown[] {
  switch (source.kind) {
    case "url":
      return [source.url];
    case "file":
      return [source.fileId];
    case "base64":
      return [{ media_type: source.mediaType, data: source.data }];
  }
}
