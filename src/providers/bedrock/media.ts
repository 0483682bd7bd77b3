import type { JsonObject } from "../../kernel/json.ts";
import { UnsupportedFeature } from "../../spec/adapter.ts";
import type { AudioPart, DocumentPart, ImagePart, MediaSource } from "../../spec/message.ts";

/** Images, documents and sound as Converse takes them: bytes in base64, or a place in S3. */

const IMAGES: Readonly<Record<string, string>> = {
  "image/png": "png",
  "image/jpeg": "jpeg",
  "image/jpg": "jpeg",
  "image/gif": "gif",
  "image/webp": "webp",
};

const WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

const DOCUMENTS: Readonly<Record<string, string>> = {
  "application/pdf": "pdf",
  "text/csv": "csv",
  "application/msword": "doc",
  [WORD]: "docx",
  "application/vnd.ms-excel": "xls",
  [EXCEL]: "xlsx",
  "text/html": "html",
  "text/markdown": "md",
  "application/json": "txt",
};

const DATA_URL = /^data:([\w.+/-]+)(?:;[\w.=+-]+)*;base64,/;

/** Where the bytes of a medium are, and what they are. @throws UnsupportedFeature */
function bytesOf(source: MediaSource, path: string): { mediaType: string; source: JsonObject } {
  if (source.kind === "base64") return { mediaType: source.mediaType, source: { bytes: source.data } };
  if (source.kind === "file") {
    throw new UnsupportedFeature(path, "a file that was uploaded to another provider is not known to Bedrock");
  }
  const { url } = source;
  const data = DATA_URL.exec(url);
  if (data !== null) return { mediaType: data[1]!, source: { bytes: url.slice(data[0].length) } };
  if (/^s3:\/\/[a-z0-9]/.test(url)) return { mediaType: `.${extensionOf(url)}`, source: { s3Location: { uri: url } } };
  throw new UnsupportedFeature(path, "Bedrock does not fetch from the web: send the bytes, or a place in S3");
}

function extensionOf(url: string): string {
  // A question mark or a hash ends the path; looked for once, not from every dot on.
  const end = url.search(/[?#]/);
  return /\.(\w{1,16})$/.exec(end === -1 ? url : url.slice(0, end))?.[1]?.toLowerCase() ?? "";
}

/** @throws UnsupportedFeature */
export function imageBlock(part: ImagePart, path: string): JsonObject {
  const { mediaType, source } = bytesOf(part.source, path);
  const format = IMAGES[mediaType] ?? IMAGES[mediaType.replace(/^\./, "image/")];
  if (format === undefined)
    throw new UnsupportedFeature(path, `Bedrock takes images as png, jpeg, gif or webp, not as ${mediaType}`);
  return { image: { format, source } };
}

/** @param number of the document in the request: names must differ. @throws UnsupportedFeature */
export function documentBlock(part: DocumentPart, number: number, path: string): JsonObject {
  const { format, source } = documentSource(part, path);
  const document: JsonObject = { format, name: documentName(part.name, number), source };
  const { citations, context } = part.extra ?? {};
  if (citations !== undefined) document.citations = citations;
  if (typeof context === "string") document.context = context;
  return { document };
}

function documentSource(part: DocumentPart, path: string): { format: string; source: JsonObject } {
  if (part.source.kind === "text") {
    // Of a text that shall be cited the places count as characters, so it goes as a text.
    const { text, mediaType } = part.source;
    const source: JsonObject =
      part.extra?.citations === undefined ? { bytes: Buffer.from(text).toString("base64") } : { text };
    return { format: documentFormat(mediaType) ?? "txt", source };
  }
  const { mediaType, source } = bytesOf(part.source, path);
  const format = documentFormat(mediaType);
  if (format === undefined) throw new UnsupportedFeature(path, `Bedrock does not take documents as ${mediaType}`);
  return { format, source };
}

const EXTENSIONS: ReadonlySet<string> = new Set(Object.values(DOCUMENTS));

function documentFormat(mediaType: string): string | undefined {
  if (mediaType.startsWith(".")) return EXTENSIONS.has(mediaType.slice(1)) ? mediaType.slice(1) : undefined;
  return DOCUMENTS[mediaType] ?? (mediaType.startsWith("text/") ? "txt" : undefined);
}

/** Letters, digits, single spaces, hyphens, parentheses and brackets are allowed. */
function documentName(name: string | undefined, number: number): string {
  const plain = (name ?? "")
    .replace(/\.\w{1,5}$/, "")
    .replace(/[^A-Za-z0-9 \-()[\]]+/g, "-")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, 190);
  if (plain === "") return `document-${number}`;
  return number === 1 ? plain : `${plain} ${number}`;
}

const SOUNDS: ReadonlySet<string> = new Set(
  "aac flac m4a mka mkv mp3 mp4 mpeg mpga ogg opus pcm wav webm x-aac".split(" "),
);

/** @throws UnsupportedFeature */
export function audioBlock(part: AudioPart, path: string): JsonObject {
  if (!SOUNDS.has(part.format)) throw new UnsupportedFeature(path, `Bedrock does not take sound as ${part.format}`);
  return { audio: { format: part.format, source: { bytes: part.data } } };
}
