import { MAX_JSON_NODES } from "../../kernel/bounds.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type {
  DocumentPart,
  Extensible,
  ImagePart,
  MediaSource,
  OpaquePart,
  Part,
  ReasoningPart,
  TextPart,
  ToolCallPart,
  ToolResultPart,
} from "../../spec/message.ts";
import { argumentsAsText } from "../../spec/tool-arguments.ts";
import { Fields } from "../read.ts";
import { withoutMade } from "./citations.ts";
import { idFromCaller } from "./tool-ids.ts";

/**
 * Content blocks of a request (https://docs.claude.com/en/api/messages). What this file
 * has no name for (server-side tools and their results, search results, blocks that were
 * invented later) is kept whole as an opaque part: a caller never gets a 400 for being
 * newer than the gateway. Fields without a canonical name are kept in `extra`.
 */

const TEXT = new Set(["type", "text"]);
const MEDIA = new Set(["type", "source"]);
const DOCUMENT = new Set(["type", "source", "title"]);
const THINKING = new Set(["type", "thinking", "signature"]);
const REDACTED = new Set(["type", "data"]);
const TOOL_USE = new Set(["type", "id", "name", "input"]);
const TOOL_RESULT = new Set(["type", "tool_use_id", "content", "is_error"]);
const BASE64_SOURCE = new Set(["type", "media_type", "data"]);
const URL_SOURCE = new Set(["type", "url"]);
const FILE_SOURCE = new Set(["type", "file_id"]);

/** How a text was worded that came as an array of blocks where a string would have done. */
export const AS_BLOCKS = { content: "blocks" };

/** A `content` or `system` field: a text, or an array of blocks. A text is one block. */
export function readContent(fields: Fields, name: string): Part[] {
  const value = fields.raw(name);
  if (typeof value === "string") return [{ type: "text", text: value }];
  if (!Array.isArray(value)) return fields.fail(name, "is required and must be a string or an array of content blocks");
  const blocks = fields.array(name, MAX_JSON_NODES)!;
  const parts: Part[] = [];
  for (let i = 0; i < blocks.length; i++) parts.push(readBlock(blocks[i], `${fields.path(name)}[${i}]`));
  return parts;
}

function readBlock(value: Json | undefined, path: string): Part {
  const fields = Fields.of(value, path);
  switch (fields.requiredString("type")) {
    case "text":
      return readText(fields);
    case "image":
      return readImage(fields);
    case "document":
      return readDocument(fields);
    case "thinking":
      return readThinking(fields);
    case "redacted_thinking":
      return withExtra<ReasoningPart>(
        { type: "reasoning", text: "", redacted: fields.requiredString("data") },
        fields.extra(REDACTED),
      );
    case "tool_use":
      return readToolUse(fields);
    case "tool_result":
      return readToolResult(fields);
    default:
      return { type: "opaque", value: fields.value };
  }
}

function readText(fields: Fields): TextPart {
  return withExtra<TextPart>({ type: "text", text: fields.requiredString("text") }, withoutMade(fields.extra(TEXT)));
}

function readImage(fields: Fields): ImagePart | OpaquePart {
  const read = readSource(requiredObject(fields, "source"));
  if (read === undefined) return { type: "opaque", value: fields.value };
  return withExtra<ImagePart>({ type: "image", source: read.source }, sourceExtra(fields.extra(MEDIA), read.extra));
}

function readDocument(fields: Fields): DocumentPart | OpaquePart {
  const source = requiredObject(fields, "source");
  let part: DocumentPart;
  let extra: JsonObject | undefined;
  if (source.requiredString("type") === "text") {
    const mediaType = source.string("media_type") ?? "text/plain";
    part = { type: "document", source: { kind: "text", mediaType, text: source.requiredString("data") } };
    extra = source.extra(BASE64_SOURCE);
  } else {
    const read = readSource(source);
    if (read === undefined) return { type: "opaque", value: fields.value };
    part = { type: "document", source: read.source };
    extra = read.extra;
  }
  const title = fields.string("title");
  if (title !== undefined) part.name = title;
  return withExtra(part, sourceExtra(fields.extra(DOCUMENT), extra));
}

/** undefined: a kind of source that has no canonical form, such as `content`. */
function readSource(fields: Fields): { source: MediaSource; extra: JsonObject | undefined } | undefined {
  switch (fields.requiredString("type")) {
    case "base64": {
      const mediaType = fields.requiredString("media_type");
      const data = fields.requiredString("data");
      return { source: { kind: "base64", mediaType, data }, extra: fields.extra(BASE64_SOURCE) };
    }
    case "url":
      return { source: { kind: "url", url: fields.requiredString("url") }, extra: fields.extra(URL_SOURCE) };
    case "file":
      return { source: { kind: "file", fileId: fields.requiredString("file_id") }, extra: fields.extra(FILE_SOURCE) };
    default:
      return undefined;
  }
}

function readThinking(fields: Fields): ReasoningPart {
  const part: ReasoningPart = { type: "reasoning", text: fields.requiredString("thinking") };
  const signature = fields.string("signature");
  if (signature !== undefined) part.signature = signature;
  return withExtra(part, fields.extra(THINKING));
}

function readToolUse(fields: Fields): ToolCallPart {
  const id = idFromCaller(requiredName(fields, "id"));
  const name = requiredName(fields, "name");
  const input = fields.object("input");
  return withExtra<ToolCallPart>(
    { type: "tool-call", id, name, arguments: input === undefined ? "{}" : argumentsAsText(input.value) },
    fields.extra(TOOL_USE),
  );
}

function readToolResult(fields: Fields): ToolResultPart {
  const callId = idFromCaller(requiredName(fields, "tool_use_id"));
  const content = fields.has("content") ? readContent(fields, "content") : [];
  const part: ToolResultPart = { type: "tool-result", callId, content: [] };
  for (let i = 0; i < content.length; i++) part.content.push(asResultPart(content[i]!, fields, i));
  if (Array.isArray(fields.value.content)) part.form = AS_BLOCKS;
  const isError = fields.boolean("is_error");
  if (isError !== undefined) part.isError = isError;
  return withExtra(part, fields.extra(TOOL_RESULT));
}

function asResultPart(part: Part, fields: Fields, index: number): ToolResultPart["content"][number] {
  switch (part.type) {
    case "text":
    case "image":
    case "document":
    case "opaque":
      return part;
    default:
      return fields.fail(`content[${index}].type`, "must be a block that a tool result can hold");
  }
}

function requiredObject(fields: Fields, name: string): Fields {
  return fields.object(name) ?? fields.fail(name, "is required and must be an object");
}

function requiredName(fields: Fields, name: string): string {
  const value = fields.requiredString(name);
  return value === "" ? fields.fail(name, "must not be empty") : value;
}

/** What a media source holds beside its data stands in the part's `extra` under `source`. */
function sourceExtra(extra: JsonObject | undefined, source: JsonObject | undefined): JsonObject | undefined {
  return source === undefined ? extra : { ...extra, source };
}

export function withExtra<T extends Extensible>(value: T, extra: JsonObject | undefined): T {
  if (extra !== undefined) value.extra = extra;
  return value;
}
