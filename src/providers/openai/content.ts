import type { Json, JsonObject } from "../../kernel/json.ts";
import type { ChatMessageForm, ChatPartForm } from "../../spec/chat-form.ts";
import type { AudioPart, DocumentPart, ImagePart, MediaSource, Message, Part, TextPart } from "../../spec/message.ts";
import { typeOf } from "../foreign.ts";
import type { Losses } from "./losses.ts";
import type { Quirks } from "./quirks.ts";

/** Between texts that are joined because the server takes one string only. */
const PARAGRAPH = "\n\n";

/**
 * The items of a content list, in order. Calls, results and thoughts that have a field of their
 * own are not among them.
 * @param thoughts whether the server takes thoughts within the content
 */
export function contentItems(message: Message, losses: Losses, quirks: Quirks, thoughts: boolean): JsonObject[] {
  const items: JsonObject[] = [];
  for (const part of message.parts) {
    if (part.type === "reasoning" && !thoughts) continue;
    const item = itemOf(part, message.role, losses, quirks);
    if (item !== undefined) items.push(item);
  }
  return items;
}

function itemOf(part: Part, role: Message["role"], losses: Losses, quirks: Quirks): JsonObject | undefined {
  switch (part.type) {
    case "text":
      return textItem(part, losses);
    case "image":
      return imageItem(part, losses);
    case "audio":
      return audioItem(part, losses, quirks);
    case "document":
      return documentItem(part, losses, quirks);
    case "refusal": {
      if ((part.form as ChatPartForm | undefined)?.field !== "content") return undefined;
      return carried({ type: "refusal", refusal: part.text }, part.extra, losses);
    }
    case "reasoning": {
      if ((part.form as ChatPartForm | undefined)?.field !== "content") return undefined;
      const item: JsonObject = { type: "thinking", thinking: [{ type: "text", text: part.text }] };
      if (part.signature !== undefined) item.signature = part.signature;
      return carried(item, part.extra, losses);
    }
    case "opaque":
      return opaqueItem(part.value, role, losses);
    case "tool-call":
    case "tool-result":
      return undefined;
  }
}

/**
 * What only another dialect knows: in an answer of the model's it is work that is done and
 * told in the text beside it, so it may go; what the caller wants read may not.
 */
function opaqueItem(value: JsonObject, role: Message["role"], losses: Losses): JsonObject | undefined {
  if (losses.own) return "type" in value ? value : undefined;
  const type = typeOf({ value });
  if (role !== "assistant") losses.refuse("messages", `the provider cannot read content of type ${type}`);
  losses.warn(type, "the provider has no such content; it was left out of an earlier answer");
  return undefined;
}

export function textItem(part: TextPart, losses: Losses): JsonObject {
  return carried({ type: "text", text: part.text }, part.extra, losses);
}

export function imageItem(part: ImagePart, losses: Losses): JsonObject {
  const url = addressOf(part.source, "image", losses);
  if ((part.form as ChatPartForm | undefined)?.bare === true) {
    return carried({ type: "image_url", image_url: url }, part.extra, losses);
  }
  const image: JsonObject = { url };
  if (part.detail !== undefined) image.detail = part.detail;
  return carried({ type: "image_url", image_url: image }, part.extra, losses);
}

function audioItem(part: AudioPart, losses: Losses, quirks: Quirks): JsonObject {
  const bare = losses.own && quirks.media === "any" && (part.form as ChatPartForm | undefined)?.bare === true;
  const audio = bare || quirks.media === "mistral" ? part.data : { data: part.data, format: part.format };
  return carried({ type: "input_audio", input_audio: audio }, part.extra, losses);
}

export function documentItem(part: DocumentPart, losses: Losses, quirks: Quirks): JsonObject {
  const { source } = part;
  if (source.kind === "text") {
    const text = part.name === undefined ? source.text : `${part.name}${PARAGRAPH}${source.text}`;
    return carried({ type: "text", text }, part.extra, losses);
  }
  const written = losses.own ? writtenItem(part, quirks) : undefined;
  if (written !== undefined) return written;
  if (quirks.media === "perplexity" && source.kind !== "file") {
    // Bytes come without a prefix.
    const url = source.kind === "base64" ? source.data : source.url;
    const item: JsonObject = { type: "file_url", file_url: { url } };
    if (part.name !== undefined) item.file_name = part.name;
    return carried(item, part.extra, losses);
  }
  if (quirks.media === "mistral" && source.kind !== "file") {
    const item: JsonObject = { type: "document_url", document_url: addressOf(source, "document", losses) };
    if (part.name !== undefined) item.document_name = part.name;
    return carried(item, part.extra, losses);
  }
  const file: JsonObject = {};
  if (source.kind === "file") file.file_id = fileId(source.fileId, "document", losses);
  else if (source.kind === "url" && !losses.own && !/^https?:/i.test(source.url)) {
    losses.refuse("messages", "the document is at a place that only another provider knows");
  } else file.file_data = addressOf(source, "document", losses);
  if (part.name !== undefined) file.filename = part.name;
  // OpenAI refuses data without a name.
  else if (!losses.own && source.kind !== "file") {
    const isPdf = source.kind === "url" || source.mediaType === "application/pdf";
    file.filename = isPdf ? "document.pdf" : "document";
  }
  return carried({ type: "file", file }, part.extra, losses);
}

/** A lookalike's own words, where the server knows them; not if the bytes have been fetched or masked since. */
function writtenItem({ form, source }: DocumentPart, { media }: Quirks): JsonObject | undefined {
  const item = (form as ChatPartForm | undefined)?.item;
  if (item === undefined || item.kind !== source.kind) return undefined;
  if (source.kind === "base64" && !Object.values(item.value).some((field) => carries(field, source.data)))
    return undefined;
  const knows = media === "any" || `${item.value.type}` === (media === "mistral" ? "document_url" : "file_url");
  return knows && media !== "openai" ? item.value : undefined;
}

function carries(field: Json, data: string): boolean {
  if (typeof field === "string") return field.endsWith(data);
  return typeof field === "object" && field !== null && "url" in field && carries(field.url!, data);
}

function addressOf(source: MediaSource, what: string, losses: Losses): string {
  if (source.kind === "url") return source.url;
  if (source.kind === "base64") return `data:${source.mediaType};base64,${source.data}`;
  fileId(source.fileId, what, losses);
  return losses.refuse("messages", `the provider takes no ${what} by file id here`);
}

/** A file lies with the provider whose dialect named it; another one does not have it. */
function fileId(id: string, what: string, losses: Losses): string {
  return losses.own
    ? id
    : losses.refuse("messages", `the ${what} is a file of another provider's, which this one cannot read`);
}

function carried(item: JsonObject, extra: JsonObject | undefined, losses: Losses): JsonObject {
  losses.carry(extra, item);
  return item;
}

/**
 * Content as the server takes it: a plain text as a string, unless the caller wrote a list; a
 * list otherwise. Several texts of another dialect are one string where a list is too much for
 * the server, and always in the model's own earlier answers, which were one text.
 */
export function contentOf(items: JsonObject[], message: Message, quirks: Quirks, own: boolean): Json {
  const wanted = own ? (message.form as ChatMessageForm | undefined)?.content : undefined;
  const asWritten = own && quirks.textLists !== "never";
  if (items.length === 0) return wanted === "list" && asWritten ? [] : own || message.role === "assistant" ? null : "";
  const plain = items.every((item) => item.type === "text" && Object.keys(item).length === 2);
  if (!plain) return items;
  if (items.length === 1) return wanted === "list" && asWritten ? items : items[0]!.text!;
  if (asWritten) return items;
  if (message.role === "assistant") return items.map((item) => item.text).join("");
  return quirks.textLists === "always" ? items : items.map((item) => item.text).join(PARAGRAPH);
}
