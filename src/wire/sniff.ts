import { crc32OfBytes } from "../kernel/digest.ts";
import type { Framing } from "../spec/adapter.ts";

/** So many bytes tell how a body begins. */
export const SNIFFED_BYTES = 64;

/** A field of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), or a comment. */
const EVENT = /^\uFEFF?\s*(?:data|event|id|retry)?:/;
const JSON_VALUE = /^\uFEFF?\s*[{[]/;
const JSON_OBJECT = /^\uFEFF?\s*\{/;

/** Types that say in so many words that no model answered: a page of a proxy's, a file. */
const SOMETHING_ELSE = /^(?:text\/html|application\/(?:xhtml\+xml|xml|pdf|zip)|(?:image|audio|video|font)\/.*)$/;

const utf8 = new TextDecoder();
const OPENING_BRACE = 123;

/** Whether a content type leaves it open that this is an answer. Some servers and proxies name none, or any. */
export function mayAnswer(mediaType: string): boolean {
  return !SOMETHING_ELSE.test(mediaType);
}

/** Whether a body begins like JSON. */
export function beginsLikeJson(bytes: Uint8Array): boolean {
  if (bytes[0] === OPENING_BRACE) return true;
  return JSON_VALUE.test(utf8.decode(bytes.subarray(0, SNIFFED_BYTES)));
}

/**
 * Whether a body begins like a stream of this framing, where its content type does not say so. A line of
 * JSON is told from a whole answer in JSON by the content type alone.
 */
export function beginsLikeStream(framing: Framing, mediaType: string, bytes: Uint8Array): boolean {
  switch (framing) {
    case "sse":
    case "google-sse":
      return EVENT.test(utf8.decode(bytes.subarray(0, SNIFFED_BYTES)));
    case "ndjson":
      return mediaType !== "application/json" && JSON_OBJECT.test(utf8.decode(bytes.subarray(0, SNIFFED_BYTES)));
    case "aws-event-stream":
    case "aws-invoke-stream":
      return hasPrelude(bytes);
  }
}

/** The first twelve bytes of a message of AWS's event streams: two lengths, and their checksum. */
function hasPrelude(bytes: Uint8Array): boolean {
  if (bytes.length < 12) return false;
  const told = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(8);
  return told === crc32OfBytes(bytes, 0, 8);
}
