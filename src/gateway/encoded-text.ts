/** RFC 2397, as far as bytes are base64: what stands before them. */
export const DATA_URL = /^data:([^,;]*)(?:;[^,;]*)*;base64,/i;

/** Media types of texts that have another name than `text/…`. */
const TEXTS =
  /^(?:text\/|application\/(?:json|xml|yaml|x-yaml|toml|javascript|x-javascript|typescript|sql|rtf|x-sh)\b)|\+(?:json|xml|yaml)\b/i;

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
 * whole UTF-8 without control characters. UTF-16 is read where its mark (RFC 2781) says so.
 */
export function decodeText(data: string, mediaType: string): DecodedText | undefined {
  if (!isBase64(data)) return undefined;
  const named = TEXTS.test(mediaType);
  // Most bytes that are no text show it at once, and need not be decoded whole.
  if (!named && !isPlain(Buffer.from(data.slice(0, 1_024), "base64"), true)) return undefined;
  const bytes = Buffer.from(data, "base64");
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    const encoding = first === 0xff ? "utf-16le" : "utf-16be";
    return named ? { text: new TextDecoder(encoding as "utf-16le").decode(bytes), exact: false } : undefined;
  }
  const exact = isPlain(bytes, false);
  if (!exact && !named) return undefined;
  return { text: bytes.toString("utf8"), exact };
}

/** As `decodeText`, for who only reads. */
export function textOfBase64(data: string, mediaType: string): string | undefined {
  return decodeText(data, mediaType)?.text;
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
