import { dataUrlOf, percentDecoded } from "../../kernel/data-url.ts";

/** Media types of texts that have another name than `text/…`. */
const TEXTS =
  /^(?:text\/|application\/(?:json|xml|yaml|x-yaml|toml|javascript|x-javascript|typescript|sql|rtf|x-sh)\b)|\+(?:json|xml|yaml)\b/i;

/** Where the bytes of a text are of another encoding, its media type may say which. */
const CHARSET = /;\s*charset="?([\w.:-]{1,40})/i;

/** A padding with something behind it. */
const PADDED_WITHIN = /=\s*[^=\s]/;
const SKIPPED = /[-_]|=\s*[^=\s]/;

/** RFC 4648, sections 4 and 5. */
export function isBase64(text: string): boolean {
  return /^[A-Za-z0-9+/_=\s-]*$/.test(text);
}

/** A text that came as bytes, and whether it can be written back as it was read. */
export interface DecodedText {
  text: string;
  exact: boolean;
}

/**
 * The text in base64 bytes, or undefined where they are none: what its media type calls a text is one, and so is what is
 * whole UTF-8 without control characters. Letters that are not base64's are skipped, as many readers do. Where readers
 * find different texts it is all of them.
 */
export function decodeText(data: string, mediaType: string): DecodedText | undefined {
  const text = decodedAs(data, mediaType);
  // Readers of the first alphabet alone skip what is of the other one (Python's `b64decode`), and a padding that
  // completes nothing.
  if (data.search(SKIPPED) === -1) return text;
  const skipped = decodedAs(data.replace(/[-_=]+/g, ""), mediaType);
  if (text === undefined || skipped === undefined || skipped.text === text.text) return text ?? skipped;
  // Letters that make a whole text in one way make none in the other, unless they were chosen to.
  if (text.exact && !skipped.exact) return text;
  return { text: `${text.text}\n${skipped.text}`, exact: false };
}

function decodedAs(data: string, mediaType: string): DecodedText | undefined {
  const named = TEXTS.test(mediaType);
  // Most bytes that are no text show it at once, and need not be decoded whole.
  if (!named && !isPlain(bytesOf(data.slice(0, 1_024)), true)) return undefined;
  const bytes = bytesOf(data);
  if (bytes.length === 0 && data.length > 0) return undefined;
  const text = bytes.toString("utf8");
  const said = named ? encodingOf(bytes, mediaType)?.decode(bytes) : undefined;
  // Who reads it may go by what is said of it, or may not.
  if (said !== undefined && said !== text) return { text: `${said}\n${text}`, exact: false };
  const plain = isPlain(bytes, false);
  return plain || named ? { text, exact: plain && isBase64(data) } : undefined;
}

/** As `decodeText`, for who only reads. */
export function textOfBase64(data: string, mediaType: string): string | undefined {
  return decodeText(data, mediaType)?.text;
}

/** What a data URL (RFC 2397) may be read as; undefined where the text is none, nothing where its bytes are no text. */
export function textsOfDataUrl(text: string): string[] | undefined {
  const url = dataUrlOf(text);
  if (url === undefined) return undefined;
  const mediaType = `${url.mediaType || "text/plain"};${url.parameters}`;
  const bytes = percentDecoded(url.data);
  const texts: string[] = [];
  if (url.anywhere) texts.push(textOfBase64(Buffer.from(bytes).toString("latin1"), mediaType) ?? "");
  // Whoever does not know the word where it stands takes the letters for the text.
  if (!url.base64) texts.push(textOfBase64(Buffer.from(bytes).toString("base64"), mediaType) ?? "");
  return texts.filter((each) => each !== "");
}

/** Texts in base64 one behind the other. Nobody sends more of them. */
const MAX_PIECES = 1_000;

/** Some readers end at a padding, others go on behind it: what stands behind is read too. */
function bytesOf(data: string): Buffer {
  if (data.search(PADDED_WITHIN) === -1) return Buffer.from(data, "base64");
  const pieces = data.split(/=+/, MAX_PIECES);
  if (pieces.length === MAX_PIECES) return Buffer.from(data.replaceAll("=", ""), "base64");
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece, "base64")));
}

/** How to read what is no UTF-8: by its mark (RFC 2781), by what its type says, or by where it has zeros. */
function encodingOf(bytes: Uint8Array, mediaType: string): TextDecoder | undefined {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le");
  if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be" as "utf-16le");
  const charset = CHARSET.exec(mediaType)?.[1]?.toLowerCase();
  if (charset !== undefined && !/^(?:utf-?8|us-ascii)$/.test(charset)) {
    try {
      return new TextDecoder(charset as "utf-8");
    } catch {
      // A name that nobody knows says nothing.
    }
  }
  const zero = bytes.indexOf(0);
  return zero === -1 ? undefined : new TextDecoder((zero % 2 === 1 ? "utf-16le" : "utf-16be") as "utf-16le");
}

/** @param cut whether the bytes may end within a letter */
function isPlain(bytes: Uint8Array, cut: boolean): boolean {
  if (bytes.includes(0)) return false;
  try {
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes, { stream: cut });
    return true;
  } catch {
    return false;
  }
}
