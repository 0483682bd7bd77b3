import { isObject, type JsonObject } from "../../kernel/json.ts";
import type { ChatPartForm } from "../../spec/chat-form.ts";
import type { AudioPart, DocumentPart, MediaSource } from "../../spec/message.ts";
import { sourceOf } from "./source.ts";

/**
 * Documents and sounds as two of OpenAI's lookalikes write them: Mistral's `document_url`
 * (https://docs.mistral.ai/api) and bare `input_audio`, Perplexity's `file_url`
 * (https://docs.perplexity.ai). Read, they reach every provider; in `form` they keep their own words.
 */

const MISTRAL = new Set(["type", "document_url", "document_name"]);
const PERPLEXITY = new Set(["type", "file_url", "file_name"]);

const WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

/** Perplexity takes bytes without a word on what they are: the name says it, or how they begin, in base64. */
const BY_EXTENSION: Readonly<Record<string, string>> = {
  pdf: "application/pdf",
  doc: "application/msword",
  docx: WORD,
  txt: "text/plain",
  rtf: "application/rtf",
};
const DOCUMENT_STARTS: readonly (readonly [start: string, mediaType: string])[] = [
  ["JVBERi0", "application/pdf"],
  // A zip: of what is asked of models as a document, Word's.
  ["UEsDB", WORD],
  ["0M8R4KGx", "application/msword"],
  ["e1xydGY", "application/rtf"],
];

const SOUND_STARTS: readonly (readonly [start: string, format: string])[] = [
  ["UklGR", "wav"],
  ["SUQz", "mp3"],
  ["//u", "mp3"],
  ["//v", "mp3"],
  ["ZkxhQ", "flac"],
  ["T2dnU", "ogg"],
];

const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/;

/** `{type: "document_url", document_url, document_name?}`; undefined where it is of another shape. */
export function readDocumentUrl(item: JsonObject): DocumentPart | undefined {
  const { document_url: url, document_name: name } = item;
  if (typeof url !== "string") return undefined;
  return document(item, sourceOf(url), name, MISTRAL);
}

/** `{type: "file_url", file_url: {url}, file_name?}`; undefined where it is of another shape. */
export function readFileUrl(item: JsonObject): DocumentPart | undefined {
  const { file_url: file, file_name: name } = item;
  const url = isObject(file) && Object.keys(file).length === 1 ? file.url : file;
  if (typeof url !== "string") return undefined;
  return document(item, bytesOf(url, name) ?? sourceOf(url), name, PERPLEXITY);
}

/** Mistral's `input_audio`: the bytes alone. undefined where they are at an address, or of no known kind. */
export function readBareAudio(item: JsonObject): AudioPart | undefined {
  const { input_audio: data } = item;
  if (typeof data !== "string" || Object.keys(item).length > 2) return undefined;
  const format = SOUND_STARTS.find(([start]) => data.startsWith(start))?.[1];
  if (format === undefined) return undefined;
  const form: ChatPartForm = { bare: true };
  return { type: "audio", format, data, form };
}

function bytesOf(data: string, name: unknown): MediaSource | undefined {
  const extension = typeof name === "string" ? /\.(\w+)$/.exec(name)?.[1]?.toLowerCase() : undefined;
  const named = extension !== undefined && Object.hasOwn(BY_EXTENSION, extension) ? BY_EXTENSION[extension] : undefined;
  const begun = DOCUMENT_STARTS.find(([start]) => data.startsWith(start))?.[1];
  const mediaType = named ?? begun;
  // An address has a colon, which base64 has not.
  if (mediaType === undefined || data.slice(0, 4_096).includes(":") || !BASE64.test(data.slice(0, 4_096))) {
    return undefined;
  }
  return { kind: "base64", mediaType, data };
}

function document(
  item: JsonObject,
  source: MediaSource,
  name: unknown,
  known: ReadonlySet<string>,
): DocumentPart | undefined {
  const isAddress = source.kind === "url" && /^https?:/i.test(source.url);
  if (!isAddress && source.kind !== "base64") return undefined;
  // Fields beside these mean something that another provider would not know: it stays whole.
  if (!Object.keys(item).every((field) => known.has(field))) return undefined;
  if (name !== undefined && name !== null && typeof name !== "string") return undefined;
  const form: ChatPartForm = { item: { value: item, kind: source.kind as "url" | "base64" } };
  const read: DocumentPart = { type: "document", source, form };
  if (typeof name === "string" && name !== "") read.name = name;
  return read;
}
