import type { JsonObject } from "../../kernel/json.ts";
import type { GeminiPartForm } from "../../spec/gemini-form.ts";
import type { AudioPart, DocumentPart, ImagePart, MediaSource } from "../../spec/message.ts";
import type { Losses } from "../losses.ts";

/** Media types by the ending of an address: Google wants one beside each file. */
const TYPES: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  webp: "image/webp",
  gif: "image/gif",
  heic: "image/heic",
  heif: "image/heif",
  pdf: "application/pdf",
  txt: "text/plain",
  md: "text/markdown",
  csv: "text/csv",
  html: "text/html",
  json: "application/json",
  xml: "text/xml",
};

/** Where OpenAI's word for a format is not the second half of its media type. */
const AUDIO: Readonly<Record<string, string>> = { mp3: "audio/mp3", pcm16: "audio/pcm", m4a: "audio/mp4" };

const DATA_URL = /^data:([^;,\s]+)(?:;[\w.=+-]+)*;base64,/i;

/** A picture, a sound or a document as a part. @throws UnsupportedFeature */
export function mediaPart(part: ImagePart | AudioPart | DocumentPart, losses: Losses): JsonObject {
  const form = (losses.own ? part.form : undefined) as GeminiPartForm | undefined;
  if (part.type === "audio") {
    const mimeType = form?.mimeType ?? AUDIO[part.format] ?? `audio/${part.format}`;
    return carried({ inlineData: { mimeType, data: part.data } }, part.extra, losses);
  }
  if (part.type === "image" && part.detail !== undefined && part.detail !== "auto") {
    losses.warn("detail", "Gemini takes no detail for one image here; it was left out");
  }
  const { source } = part;
  if (source.kind === "text") {
    const text = part.type === "document" && part.name !== undefined ? `${part.name}\n\n${source.text}` : source.text;
    return carried({ text }, part.extra, losses);
  }
  return carried(sourcePart(source, form, part.type, losses), part.extra, losses);
}

function sourcePart(
  source: MediaSource,
  form: GeminiPartForm | undefined,
  type: "image" | "document",
  losses: Losses,
): JsonObject {
  switch (source.kind) {
    case "base64":
      return { inlineData: { mimeType: source.mediaType, data: source.data } };
    case "file":
      if (losses.own) return fileData(source.fileId, form?.mimeType);
      return losses.refuse("messages", "a file that was uploaded to another provider is not known to Google");
    case "url": {
      const data = DATA_URL.exec(source.url.slice(0, 256));
      if (data !== null) return { inlineData: { mimeType: data[1]!, data: source.url.slice(data[0].length) } };
      return fileData(source.url, form?.mimeType ?? typeOf(source.url, type));
    }
  }
}

function fileData(fileUri: string, mimeType: string | undefined): JsonObject {
  return { fileData: mimeType === undefined ? { fileUri } : { mimeType, fileUri } };
}

/** By the address's ending; undefined leaves it to Google, which asks the server. */
function typeOf(url: string, type: "image" | "document"): string | undefined {
  const ending = /\.(\w{2,5})(?:[?#]|$)/.exec(url)?.[1]?.toLowerCase();
  const known = ending === undefined ? undefined : TYPES[ending];
  return known ?? (type === "document" ? "application/pdf" : undefined);
}

function carried(written: JsonObject, extra: JsonObject | undefined, losses: Losses): JsonObject {
  losses.carry(extra, written);
  return written;
}
