import { foldedName } from "../../kernel/field-name.ts";
import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import type { Dialect } from "../../spec/dialect.ts";
import type { MediaSource, Part, Role } from "../../spec/message.ts";
import type { ModelRequest } from "../../spec/request.ts";

/**
 * What a request refers to that lies at the provider: conversations, prompts, files, sounds, caches, stores,
 * containers. They belong to the account, which tenants share, and nothing says whose of them one
 * is: whoever knows an id, or guesses it, reads what another has put there.
 *
 * Names are compared without case, `_` and `-`. Sources: the API references of OpenAI, Azure,
 * Anthropic, Google, Mistral and xAI.
 */

/** Fields of the request itself. */
const FIELDS = words(`
  previous_response_id previous_interaction_id conversation conversation_id prompt prompt_id thread thread_id
  assistant_id agent_id container cached_content file_id file_ids vector_store_ids file_search_store_names
  collection_ids library_ids document_ids tool_resources data_sources`);

/** Fields within a tool that the provider runs, or within content that only the caller's dialect knows. */
const INNER = words(`
  file_id file_ids file_uri vector_store_id vector_store_ids file_search_store_names rag_corpus rag_corpora
  rag_file_ids datastore data_store engine container container_id collection_id collection_ids library_ids
  document_ids knowledge_base_id skill_id cached_content previous_response_id conversation_id`);

/** Schemas of what a function takes: their names are the caller's. */
const SCHEMAS = words("parameters input_schema schema parameters_json_schema");

/** Work of the provider's own that is told again; it points to nothing that would be read. */
const TOLD_AGAIN = /_(?:call|result)$/;

/** Addresses that a provider reads by the account's own rights, or from its own disk. */
const IN_STORE = /^(?:gs|s3|oss|file):|^https:\/\/generativelanguage\.googleapis\.com\//i;

function words(names: string): ReadonlySet<string> {
  return new Set(names.trim().split(/\s+/).map(foldedName));
}

const NONE: ReadonlySet<string> = new Set();

/**
 * The first field of the caller's that refers to something kept at the provider's account; undefined where none does.
 * @param own ids of files and responses that are known to be the caller's
 */
export function storedStateOf(request: ModelRequest, own: ReadonlySet<string> = NONE): string | undefined {
  const { extra = {}, operation } = request;
  const previous = previousResponseOf(request);
  for (const name of Object.keys(extra)) {
    if (name === PREVIOUS_RESPONSE && previous !== undefined && own.has(previous)) continue;
    if (FIELDS.has(foldedName(name)) && refers(foldedName(name), extra[name]!, extra, true)) return name;
  }
  for (const [index, tool] of (request.tools ?? []).entries()) {
    const value = tool.type === "opaque" ? tool.value : tool.extra;
    const found = value === undefined ? undefined : within(value);
    if (found !== undefined) return `tools[${index}].${found}`;
  }
  for (const [at, message] of request.messages.entries()) {
    const found = inParts(message.parts, request.dialect, own);
    if (found !== undefined) return found;
    const beside = message.extra === undefined ? undefined : besideParts(message.role, message.extra);
    if (beside !== undefined) return `messages[${at}].${beside}`;
  }
  return operation?.type === "relay" ? within(operation.fields) : undefined;
}

/** By which OpenAI's Responses goes on from an answer that the provider keeps. */
export const PREVIOUS_RESPONSE = "previous_response_id";

/** Id of the response that a conversation goes on from. */
export function previousResponseOf({ dialect, extra }: ModelRequest): string | undefined {
  const id = dialect === "openai-responses" ? extra?.[PREVIOUS_RESPONSE] : undefined;
  return typeof id === "string" && id !== "" ? id : undefined;
}

/** In fields of a message. What a model has said may cite what it read; only the sound of it is read again, by its id. */
function besideParts(role: Role, extra: JsonObject): string | undefined {
  return role === "assistant" ? soundIn(extra) : (soundIn(extra) ?? within(extra));
}

/** `audio: {id}`: the sound of an earlier answer (https://platform.openai.com/docs/guides/audio, multi-turn conversations). */
function soundIn(value: JsonObject): string | undefined {
  for (const name of Object.keys(value)) {
    const inner = value[name]!;
    if (foldedName(name) !== "audio") continue;
    if (typeof inner === "string" && inner !== "") return name;
    const id = isObject(inner)
      ? Object.keys(inner).find((each) => foldedName(each) === "id" && says(inner[each]))
      : undefined;
    if (id !== undefined) return `${name}.${id}`;
  }
  return undefined;
}

function inParts(parts: readonly Part[], dialect: Dialect, own: ReadonlySet<string>): string | undefined {
  for (const part of parts) {
    const found = inPart(part, dialect, own);
    if (found !== undefined) return found;
  }
  return undefined;
}

function inPart(part: Part, dialect: Dialect, own: ReadonlySet<string>): string | undefined {
  switch (part.type) {
    case "text":
    case "reasoning":
    case "refusal":
    case "tool-call":
      // Their extra fields are the model's: citations of files that it has read.
      return undefined;
    case "tool-result":
      return inParts(part.content, dialect, own);
    case "opaque": {
      const { type } = part.value;
      if (type === "item_reference") return type;
      return typeof type === "string" && TOLD_AGAIN.test(type)
        ? undefined
        : (soundIn(part.value) ?? within(part.value));
    }
    case "image":
    case "document":
      if (part.source.kind === "file" && own.has(part.source.fileId)) return within(part.extra ?? {});
      return ofSource(part.source, dialect === "gemini") ?? within(part.extra ?? {});
    case "audio":
      return part.extra === undefined ? undefined : within(part.extra);
  }
}

function ofSource(source: MediaSource | { kind: "text" }, isGemini: boolean): string | undefined {
  const refers = source.kind === "file" || (source.kind === "url" && IN_STORE.test(source.url));
  if (!refers) return undefined;
  return isGemini ? "fileUri" : source.kind === "file" ? "file_id" : "url";
}

/** The path of the first field that refers to something, on any level. */
function within(value: JsonObject): string | undefined {
  for (const name of Object.keys(value)) {
    const inner = value[name]!;
    const plain = foldedName(name);
    if (INNER.has(plain) && refers(plain, inner, value, false)) return name;
    if (SCHEMAS.has(plain)) continue;
    for (const each of Array.isArray(inner) ? inner : [inner]) {
      const found = isObject(each) ? within(each) : undefined;
      if (found !== undefined) return `${name}.${found}`;
    }
  }
  return undefined;
}

/** Names of fields whose values are ids of files. */
const FILE_IDS = words("file_id file_ids input_file_id");

/** An id, and the name of the caller's field that has it. */
export interface Mentioned {
  id: string;
  field: string;
}

/**
 * Ids of files that a request names anywhere: as pictures and documents, in tools that the provider runs, in
 * content and fields that only its dialect knows.
 */
export function mentionedFiles(request: ModelRequest): Mentioned[] {
  const found: Mentioned[] = [];
  const { extra, operation } = request;
  if (extra !== undefined) collect(extra, found);
  for (const tool of request.tools ?? []) {
    if (tool.type === "opaque") collect(tool.value, found);
    else if (tool.extra !== undefined) collect(tool.extra, found);
  }
  const look = (part: Part) => {
    if ((part.type === "image" || part.type === "document") && part.source.kind === "file")
      found.push({ id: part.source.fileId, field: ofSource(part.source, request.dialect === "gemini")! });
    if (part.type === "opaque") collect(part.value, found);
    else if (part.type === "tool-result") part.content.forEach(look);
    else if (part.extra !== undefined) collect(part.extra, found);
  };
  for (const message of request.messages) {
    message.parts.forEach(look);
    if (message.extra !== undefined && message.role !== "assistant") collect(message.extra, found);
  }
  if (operation?.type === "relay") collect(operation.fields, found);
  return found;
}

function collect(value: JsonObject, found: Mentioned[]): void {
  for (const name of Object.keys(value)) {
    const inner = value[name]!;
    const isId = FILE_IDS.has(foldedName(name));
    for (const each of Array.isArray(inner) ? inner : [inner]) {
      if (isId && typeof each === "string") found.push({ id: each, field: name });
      else if (isObject(each)) collect(each, found);
    }
  }
}

function refers(name: string, value: Json, beside: JsonObject, isRequest: boolean): boolean {
  if (value === null || value === "" || value === false) return false;
  switch (name) {
    case "container":
      // A fresh one may be asked for, with what the provider itself gives to everyone.
      return isObject(value) ? says(value.id) || within(value) !== undefined : true;
    case "skillid":
      return beside.type !== "anthropic";
    case "fileuri":
      return typeof value === "string" && (IN_STORE.test(value) || !/^https?:/i.test(value));
    case "engine":
      // Of Google's search; elsewhere it is the name of a search engine.
      return typeof value === "string" && value.startsWith("projects/");
    default:
      if (Array.isArray(value)) return value.length > 0;
      // Within tools, an object of such a name is a schema's property.
      return isRequest || !isObject(value);
  }
}

function says(value: Json | undefined): boolean {
  return value !== undefined && value !== null && value !== "";
}
