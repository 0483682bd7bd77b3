import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import type { ChatPartForm } from "../../spec/chat-form.ts";
import type {
  AudioPart,
  DocumentPart,
  ImagePart,
  MediaSource,
  Message,
  OpaquePart,
  Part,
  ReasoningPart,
  RefusalPart,
  TextPart,
} from "../../spec/message.ts";
import { Fields } from "../read.ts";
import { readBareAudio, readDocumentUrl, readFileUrl } from "./lookalike-media.ts";
import { sourceOf } from "./source.ts";

/** Items of one content list. Documents with many pages come as one image each; nothing sane has more. */
const MAX_PARTS = 10_000;

const TEXT = new Set(["type", "text"]);
const IMAGE = new Set(["type", "image_url"]);
const IMAGE_URL = new Set(["url", "detail"]);
const AUDIO = new Set(["type", "input_audio"]);
const INPUT_AUDIO = new Set(["data", "format"]);
const FILE = new Set(["type", "file"]);
const FILE_FIELDS = new Set(["file_data", "file_id", "filename"]);
const REFUSAL = new Set(["type", "refusal"]);
const THINKING = new Set(["type", "thinking", "signature"]);

/**
 * The `content` of a message: a string, a list of parts, or nothing. A string that is there,
 * even an empty one, is one text part; whatever type of part is not known here stays whole.
 * @throws InvalidRequest
 */
export function readContent(message: Fields, role: Message["role"]): Part[] {
  const content = message.raw("content");
  if (content === undefined) return [];
  if (typeof content === "string") return [{ type: "text", text: content }];
  if (!Array.isArray(content)) return message.fail("content", "must be a string or an array of parts");
  if (content.length > MAX_PARTS) return message.fail("content", `must have at most ${MAX_PARTS} items`);
  const path = message.path("content");
  return content.map((item, index) => readPart(Fields.of(item, `${path}[${index}]`), role));
}

function readPart(part: Fields, role: Message["role"]): Part {
  const type = part.requiredString("type");
  switch (type) {
    case "text":
      return withExtra<TextPart>({ type, text: part.requiredString("text") }, part.extra(TEXT));
    case "image_url":
      return readImage(part);
    case "input_audio":
      return readAudio(part);
    case "file":
      return readFile(part);
    case "document_url":
      return readDocumentUrl(part.value) ?? opaque(part);
    case "file_url":
      return readFileUrl(part.value) ?? opaque(part);
    case "refusal": {
      const form: ChatPartForm = { field: "content" };
      return withExtra<RefusalPart>({ type, text: part.requiredString("refusal"), form }, part.extra(REFUSAL));
    }
    case "thinking":
      return (role === "assistant" ? readThinking(part) : undefined) ?? opaque(part);
    default:
      return opaque(part);
  }
}

function opaque(part: Fields): OpaquePart {
  return { type: "opaque", value: part.value };
}

function readImage(part: Fields): ImagePart {
  const given = part.raw("image_url");
  if (typeof given === "string") {
    const form: ChatPartForm = { bare: true };
    return withExtra<ImagePart>({ type: "image", source: sourceOf(given), form }, part.extra(IMAGE));
  }
  const image = part.object("image_url") ?? part.fail("image_url", "is required");
  const read: ImagePart = { type: "image", source: sourceOf(image.requiredString("url")) };
  const detail = image.string("detail");
  if (detail !== undefined) read.detail = detail;
  return withExtra(read, nested(part.extra(IMAGE), "image_url", image.extra(IMAGE_URL)));
}

function readAudio(part: Fields): AudioPart | OpaquePart {
  // Mistral's form: the bytes, or their address, alone.
  if (typeof part.raw("input_audio") === "string") return readBareAudio(part.value) ?? opaque(part);
  const audio = part.object("input_audio") ?? part.fail("input_audio", "is required");
  const read: AudioPart = {
    type: "audio",
    data: audio.requiredString("data"),
    format: audio.requiredString("format"),
  };
  return withExtra(read, nested(part.extra(AUDIO), "input_audio", audio.extra(INPUT_AUDIO)));
}

/** A file by id or by value. `file_data` is a data URL (OpenAI) or a web address (OpenRouter). */
function readFile(part: Fields): DocumentPart | OpaquePart {
  // Mistral's form: the id stands beside the type.
  if (!part.has("file") && part.has("file_id")) return opaque(part);
  const file = part.object("file") ?? part.fail("file", "is required");
  const data = file.string("file_data");
  const id = file.string("file_id");
  const name = file.string("filename");
  const source: MediaSource | undefined = data === undefined ? undefined : sourceOf(data);
  const known = source?.kind === "base64" || (source?.kind === "url" && /^https?:/i.test(source.url));
  if ((id === undefined) === !known) return opaque(part);
  const read: DocumentPart = {
    type: "document",
    source: id === undefined ? source! : { kind: "file", fileId: id },
  };
  if (name !== undefined) read.name = name;
  return withExtra(read, nested(part.extra(FILE), "file", file.extra(FILE_FIELDS)));
}

/** Mistral's thought within the content: `{type: "thinking", thinking: [{type: "text", text}]}`. */
function readThinking(part: Fields): ReasoningPart | undefined {
  const thinking = part.raw("thinking");
  let text = "";
  if (typeof thinking === "string") text = thinking;
  else if (Array.isArray(thinking)) {
    for (const item of thinking) {
      if (!isObject(item) || item.type !== "text" || typeof item.text !== "string") return undefined;
      text += item.text;
    }
  } else return undefined;
  const form: ChatPartForm = { field: "content" };
  const read: ReasoningPart = { type: "reasoning", text, form };
  const signature = part.string("signature");
  if (signature !== undefined) read.signature = signature;
  return withExtra(read, part.extra(THINKING));
}

/** Unknown fields of an inner object go under its name into those of the outer one. */
export function nested(
  outer: JsonObject | undefined,
  name: string,
  inner: JsonObject | undefined,
): JsonObject | undefined {
  return inner === undefined ? outer : { ...outer, [name]: inner };
}

export function withExtra<T extends { extra?: JsonObject }>(value: T, extra: JsonObject | undefined): T {
  if (extra !== undefined) value.extra = extra;
  return value;
}

/** The arguments of a call as JSON text; some clients send them as an object. `{}` where there are none. */
export function readArguments(call: Fields): string {
  const given: Json | undefined = call.raw("arguments");
  if (given === undefined || given === "") return "{}";
  if (typeof given === "string") return given;
  return isObject(given) ? JSON.stringify(given) : call.fail("arguments", "must be a string of JSON");
}
