import { MAX_JSON_NODES } from "../../kernel/bounds.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { GeminiMessageForm, GeminiPartForm } from "../../spec/gemini-form.ts";
import type {
  AudioPart,
  DocumentPart,
  Extensible,
  ImagePart,
  Message,
  OpaquePart,
  Part,
  ReasoningPart,
  TextPart,
  ToolCallPart,
  ToolResultPart,
} from "../../spec/message.ts";
import { argumentsAsText } from "../../spec/tool-arguments.ts";
import type { Fields } from "../read.ts";
import { camelFields, camelObject, list } from "./fields.ts";
import { signatureFrom, thoughtsFromCall, type WholeThought } from "./signatures.ts";

/**
 * `contents` of a request (https://ai.google.dev/api/caching#Content). What this file has no
 * name for (code that Google ran, its tools' results, videos, parts that were invented later)
 * is kept whole as an opaque part: a caller never gets a 400 for being newer than the gateway.
 */

const TEXT = new Set(["text", "thought"]);
const THOUGHT = new Set(["text", "thought", "thoughtSignature"]);
const INLINE = new Set(["inlineData"]);
const FILE = new Set(["fileData"]);
const BLOB = new Set(["mimeType", "data"]);
const FILE_DATA = new Set(["mimeType", "fileUri"]);
const CALL_PART = new Set(["functionCall"]);
const CALL = new Set(["id", "name", "args"]);
const RESULT_PART = new Set(["functionResponse"]);
const RESULT = new Set(["id", "name", "response", "parts"]);
const CONTENT = new Set(["role", "parts"]);

/** Keys of a result that hold nothing but its text: Google's own words for them, and its clients'. */
const TEXT_KEYS = new Set(["output", "result", "error"]);

/** Files that lie with Google. Another address is one that anybody may read. */
const GOOGLES_FILE = /^(?!https?:)|^https:\/\/generativelanguage\.googleapis\.com\//i;

interface OpenCall {
  id: string;
  name: string;
}

/** Reads turns in order. Ids of calls are usually absent in this dialect, so results find their calls by name. */
export class ContentReader {
  #open: OpenCall[] = [];

  /** @param index its place among the contents; ids that are made up come from it. */
  content(value: Json | undefined, path: string, index: number): Message {
    const fields = camelFields(value, path);
    const word = fields.string("role");
    const role = word === "model" ? "assistant" : "user";
    if (word !== undefined && word !== "model" && word !== "user" && word !== "function") {
      return fields.fail("role", "must be user or model");
    }
    const message: Message = { role, parts: this.parts(fields, index, role) };
    if (word !== "user" && word !== "model") {
      const form: GeminiMessageForm = { role: word ?? "" };
      message.form = form;
    }
    return withExtra(message, fields.extra(CONTENT));
  }

  parts(content: Fields, index: number, role: Message["role"]): Part[] {
    const values = list(content, "parts", MAX_JSON_NODES) ?? [];
    const path = content.path("parts");
    const parts: Part[] = [];
    let begun = 0;
    for (const [at, value] of values.entries()) {
      const part = this.#part(camelFields(value, `${path}[${at}]`), `${index}_${at}`, role);
      if (part.type === "tool-call") parts.splice(begun, 0, ...forgottenThoughts(part, parts.slice(begun)));
      parts.push(part);
      if (part.type === "tool-call") begun = parts.length;
    }
    return parts;
  }

  #part(part: Fields, place: string, role: Message["role"]): Part {
    if (part.raw("thought") === true && !part.has("functionCall")) return thoughtOf(part);
    if (part.has("text")) {
      return withExtra<TextPart>({ type: "text", text: part.requiredString("text") }, part.extra(TEXT));
    }
    if (part.has("functionCall")) return this.#call(part, place);
    if (part.has("functionResponse")) return this.#result(part, place);
    const media = mediaOf(part);
    // Code that Google ran, and what its tools found, is told of in the text beside it.
    if (media.type === "opaque" && role === "assistant") media.optional = true;
    return media;
  }

  #call(part: Fields, place: string): ToolCallPart {
    const call = camelFields(part.raw("functionCall"), part.path("functionCall"));
    const name = requiredName(call);
    const given = call.string("id");
    const id = given === undefined || given === "" ? `call_${place}` : given;
    const args = call.object("args");
    const read: ToolCallPart = {
      type: "tool-call",
      id,
      name,
      arguments: args === undefined ? "{}" : argumentsAsText(args.value),
    };
    if (id !== given) read.form = ABSENT;
    this.#open.push({ id, name });
    return withExtra(read, nested(part.extra(CALL_PART), "functionCall", call.extra(CALL)));
  }

  #result(part: Fields, place: string): ToolResultPart {
    const result = camelFields(part.raw("functionResponse"), part.path("functionResponse"));
    const name = requiredName(result);
    const given = result.string("id");
    const open = this.#answered(name, given);
    const callId = open?.id ?? given ?? `call_${place}`;
    const form: GeminiPartForm = {};
    const inner: JsonObject = result.extra(RESULT) ?? {};
    // Only the call tells the name elsewhere.
    if (open?.name !== name) inner.name = name;
    if (given === undefined || given === "") form.id = "absent";
    else if (given !== callId) inner.id = given;
    const read: ToolResultPart = { type: "tool-result", callId, content: [], form };
    this.#response(result, read, form);
    this.#media(result, read);
    const extra = Object.keys(inner).length > 0 ? inner : undefined;
    return withExtra(read, nested(part.extra(RESULT_PART), "functionResponse", extra));
  }

  /** The call that a result belongs to: by id, or the first of its name that has no result yet. */
  #answered(name: string, id: string | undefined): OpenCall | undefined {
    let at = id === undefined || id === "" ? -1 : this.#open.findIndex((call) => call.id === id);
    if (at === -1) at = this.#open.findIndex((call) => call.name === name);
    return at === -1 ? undefined : this.#open.splice(at, 1)[0];
  }

  #response(result: Fields, read: ToolResultPart, form: GeminiPartForm): void {
    const response = result.object("response")?.value;
    if (response === undefined) return;
    const [key, ...others] = Object.keys(response);
    const text = key === undefined ? undefined : response[key];
    if (others.length === 0 && key !== undefined && TEXT_KEYS.has(key) && typeof text === "string") {
      form.response = key;
      read.content.push({ type: "text", text });
      if (key === "error") read.isError = true;
      return;
    }
    form.response = "";
    // A result that shows pictures says nothing beside them.
    if (key === undefined && result.has("parts")) return;
    read.content.push({ type: "text", text: JSON.stringify(response) });
  }

  #media(result: Fields, read: ToolResultPart): void {
    const path = result.path("parts");
    for (const [at, value] of (list(result, "parts", MAX_JSON_NODES) ?? []).entries()) {
      const part = mediaOf(camelFields(value, `${path}[${at}]`));
      read.content.push(part.type === "audio" ? { type: "opaque", value: value as JsonObject } : part);
    }
  }
}

/**
 * The thoughts of another provider's before a call, where the client sent only the call back: what stands in the call's
 * signature. @param before what came since the call before, if there was one
 */
function forgottenThoughts(call: ToolCallPart, before: readonly Part[]): ReasoningPart[] {
  const { thoughtSignature, ...extra } = call.extra ?? {};
  const thoughts = typeof thoughtSignature === "string" ? thoughtsFromCall(thoughtSignature) : undefined;
  if (thoughts === undefined) return [];
  if (Object.keys(extra).length > 0) call.extra = extra;
  else delete call.extra;
  const isHere = ({ signature, redacted }: WholeThought) =>
    before.some((part) => part.type === "reasoning" && part.signature === signature && part.redacted === redacted);
  return thoughts.filter((thought) => !isHere(thought)).map((thought) => ({ type: "reasoning", ...thought }));
}

const ABSENT: GeminiPartForm = { id: "absent" };

function thoughtOf(part: Fields): ReasoningPart {
  const read: ReasoningPart = { type: "reasoning", text: part.string("text") ?? "" };
  const signature = part.string("thoughtSignature");
  if (signature !== undefined && signature !== "") {
    const { kind, text } = signatureFrom(signature);
    read[kind] = text;
  }
  return withExtra(read, part.extra(THOUGHT));
}

function mediaOf(part: Fields): ImagePart | AudioPart | DocumentPart | OpaquePart {
  const inline = camelObject(part, "inlineData");
  if (inline !== undefined) return inlineOf(part, inline);
  const file = camelObject(part, "fileData");
  if (file !== undefined) return fileOf(part, file);
  return { type: "opaque", value: part.value };
}

function inlineOf(part: Fields, inline: Fields): ImagePart | AudioPart | DocumentPart | OpaquePart {
  const mimeType = inline.requiredString("mimeType");
  const data = inline.requiredString("data");
  const extra = nested(part.extra(INLINE), "inlineData", inline.extra(BLOB));
  const source = { kind: "base64" as const, mediaType: mimeType, data };
  switch (mimeType.slice(0, mimeType.indexOf("/"))) {
    case "image":
      return withExtra<ImagePart>({ type: "image", source }, extra);
    case "audio": {
      const form: GeminiPartForm = { mimeType };
      return withExtra<AudioPart>({ type: "audio", format: audioFormat(mimeType), data, form }, extra);
    }
    case "text":
    case "application":
      return withExtra<DocumentPart>({ type: "document", source }, extra);
    default:
      return { type: "opaque", value: part.value };
  }
}

function fileOf(part: Fields, file: Fields): ImagePart | DocumentPart | OpaquePart {
  const uri = file.requiredString("fileUri");
  const mimeType = file.string("mimeType");
  const kind = mimeType?.slice(0, mimeType.indexOf("/"));
  const extra = nested(part.extra(FILE), "fileData", file.extra(FILE_DATA));
  const source = GOOGLES_FILE.test(uri) ? { kind: "file" as const, fileId: uri } : { kind: "url" as const, url: uri };
  if (mimeType !== undefined && (kind === "image" || kind === "text" || kind === "application")) {
    const form: GeminiPartForm = { mimeType };
    return withExtra({ type: kind === "image" ? "image" : "document", source, form }, extra);
  }
  return { type: "opaque", value: part.value };
}

/** `audio/x-wav; rate=16000` is `wav`; the others are called as OpenAI calls them. */
function audioFormat(mimeType: string): string {
  const word = mimeType.slice("audio/".length).split(";")[0]!.trim().toLowerCase().replace(/^x-/, "");
  return word === "mpeg" ? "mp3" : word === "wave" ? "wav" : word;
}

function requiredName(fields: Fields): string {
  const name = fields.requiredString("name");
  return name === "" ? fields.fail("name", "must not be empty") : name;
}

/** What an inner object holds beside what is known stands in the part's `extra` under its name. */
function nested(outer: JsonObject | undefined, name: string, inner: JsonObject | undefined): JsonObject | undefined {
  return inner === undefined ? outer : { ...outer, [name]: inner };
}

export function withExtra<T extends Extensible>(value: T, extra: JsonObject | undefined): T {
  if (extra !== undefined) value.extra = extra;
  return value;
}

/** `systemInstruction`: a content, of which only the parts count, or a text. */
export function systemOf(value: Json | undefined, path: string): Message | undefined {
  if (typeof value === "string")
    return value === "" ? undefined : { role: "system", parts: [{ type: "text", text: value }] };
  const fields = camelFields(value, path);
  const parts = new ContentReader().parts(fields, 0, "system");
  if (parts.length === 0) return undefined;
  const message: Message = { role: "system", parts };
  const role = fields.string("role");
  if (role !== undefined) {
    const form: GeminiMessageForm = { role };
    message.form = form;
  }
  return withExtra(message, fields.extra(CONTENT));
}
