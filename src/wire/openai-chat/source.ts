import type { MediaSource } from "../../spec/message.ts";

const DATA_URL = /^data:([^;,\s]+);base64,/i;

/** A data URL (RFC 2397) in base64 becomes its bytes; any other address stays one. */
export function sourceOf(url: string): MediaSource {
  const match = url.length > 5 && url.charCodeAt(4) === 58 ? DATA_URL.exec(url.slice(0, 256)) : null;
  if (match === null) return { kind: "url", url };
  return { kind: "base64", mediaType: match[1]!, data: url.slice(match[0].length) };
}
