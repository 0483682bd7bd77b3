import { dataUrlOf, percentDecoded } from "../../kernel/data-url.ts";
import type { MediaSource } from "../../spec/message.ts";

const DATA_URL = /^data:([^;,\s]+);base64,/i;

/** What bytes of a text are read as anyway, and that they are bytes. */
const NO_LOSS = /^(?:\s*charset="?(?:utf-?8|us-ascii)"?\s*)?(?:(?:^|;)\s*base64\s*)?$/i;

/**
 * A data URL (RFC 2397) becomes its bytes; any other address stays one, and so does a data URL that says of its bytes
 * what would be lost.
 */
export function sourceOf(url: string): MediaSource {
  if (url.charCodeAt(4) !== 58) return { kind: "url", url };
  const match = DATA_URL.exec(url.slice(0, 256));
  if (match !== null) return { kind: "base64", mediaType: match[1]!, data: url.slice(match[0].length) };
  const read = dataUrlOf(url);
  if (read === undefined || read.anywhere !== read.base64 || !NO_LOSS.test(read.parameters)) {
    return { kind: "url", url };
  }
  if (!read.base64) {
    const data = Buffer.from(percentDecoded(read.data)).toString("base64");
    return { kind: "base64", mediaType: read.mediaType || "text/plain", data };
  }
  // Without a type, some servers look at the bytes instead of taking them for a text.
  return read.mediaType === "" ? { kind: "url", url } : { kind: "base64", mediaType: read.mediaType, data: read.data };
}
