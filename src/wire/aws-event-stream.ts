import { MAX_FRAME_BYTES } from "../kernel/bounds.ts";
import { crc32OfBytes } from "../kernel/digest.ts";
import { MalformedAnswer } from "../spec/adapter.ts";
import type { Framer, RawFrame } from "./framing.ts";
import { appended } from "./growing.ts";

/** Total length, length of the headers, and the checksum of these two. */
const PRELUDE = 12;
/** The prelude and the checksum of all that stands before it. */
const OVERHEAD = PRELUDE + 4;
/** The bound that the format itself sets. */
const MAX_HEADER_BYTES = 128 * 1024;

const EMPTY = new Uint8Array(0);
const decoder = new TextDecoder("utf-8");

/**
 * Cuts a byte stream into the messages of AWS's event streams
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html), however the
 * network has chunked it. Both checksums of every message are checked, the first before a byte
 * of what it announces is kept. Memory is bounded by MAX_FRAME_BYTES.
 *
 * The frame's `event` is the event's type, its `data` the payload. A message of type `exception`
 * or `error` is `failed`, and its `event` says how; an `error`, which has no payload, gets one
 * like an exception's: `{"message": …}`.
 */
export class AwsEventStreamFramer implements Framer {
  /** The message that is not whole yet. */
  #tail = EMPTY;
  #length = 0;

  push(chunk: Uint8Array): RawFrame[] {
    const frames: RawFrame[] = [];
    let data = chunk;
    if (this.#length > 0) {
      this.#append(chunk);
      data = this.#tail.subarray(0, this.#length);
    }
    let start = 0;
    for (let end = endOf(data, start); end !== undefined && end <= data.length; end = endOf(data, start)) {
      frames.push(readMessage(data, start, end));
      start = end;
    }
    // Frames own the buffer under them, so what is left moves to another one.
    if (start > 0 || this.#length === 0) {
      this.#tail = start === data.length ? EMPTY : data.slice(start);
      this.#length = data.length - start;
    }
    return frames;
  }

  /** A message that never became whole says nothing; whoever reads the answer knows that it lacks its end. */
  close(): RawFrame[] {
    this.#tail = EMPTY;
    this.#length = 0;
    return [];
  }

  #append(chunk: Uint8Array): void {
    this.#tail = appended(this.#tail, this.#length, chunk);
    this.#length += chunk.length;
  }
}

/** Where the message that begins at `start` ends; undefined where its prelude is not there yet. @throws MalformedAnswer */
function endOf(data: Uint8Array, start: number): number | undefined {
  if (data.length - start < PRELUDE) return undefined;
  if (crc32OfBytes(data, start, start + 8) !== uint32(data, start + 8)) {
    throw new MalformedAnswer("the prelude of an event-stream message fails its checksum");
  }
  const total = uint32(data, start);
  const headers = uint32(data, start + 4);
  if (total < OVERHEAD || total > MAX_FRAME_BYTES || headers > Math.min(total - OVERHEAD, MAX_HEADER_BYTES)) {
    throw new MalformedAnswer(`an event-stream message of ${total} bytes with ${headers} of headers`);
  }
  return start + total;
}

/** @throws MalformedAnswer */
function readMessage(source: Uint8Array, start: number, end: number): RawFrame {
  if (crc32OfBytes(source, start, end - 4) !== uint32(source, end - 4)) {
    throw new MalformedAnswer("an event-stream message fails its checksum");
  }
  const body = start + PRELUDE + uint32(source, start + 4);
  const headers = readHeaders(source, start + PRELUDE, body);
  const data = decoder.decode(source.subarray(body, end - 4));
  const place = { source, start, end };
  switch (headers.get(":message-type") ?? "event") {
    case "event":
      return { event: headers.get(":event-type") ?? "", data, ...place };
    case "exception":
      return { event: headers.get(":exception-type") ?? "", data: data || "{}", failed: true, ...place };
    case "error": {
      const message = headers.get(":error-message") ?? "";
      return { event: headers.get(":error-code") ?? "", data: JSON.stringify({ message }), failed: true, ...place };
    }
    default:
      throw new MalformedAnswer("an event-stream message of an unknown type");
  }
}

/** Length of a header's value by its type; types 6 and 7, bytes and text, say their length themselves. */
const VALUE_BYTES: readonly (number | undefined)[] = [0, 0, 1, 2, 4, 8, undefined, undefined, 8, 16];
const TEXT = 7;

/** The headers that are text; the others are skipped. @throws MalformedAnswer */
function readHeaders(source: Uint8Array, start: number, end: number): Map<string, string> {
  const headers = new Map<string, string>();
  let at = start;
  while (at < end) {
    const nameEnd = at + 1 + source[at]!;
    const type = source[nameEnd]!;
    const fixed = VALUE_BYTES[type];
    const value = nameEnd + 1 + (fixed === undefined ? 2 : 0);
    const valueEnd = value + (fixed ?? (source[nameEnd + 1]! << 8) + source[nameEnd + 2]!);
    if (type >= VALUE_BYTES.length || !(valueEnd <= end))
      throw new MalformedAnswer("a header of an event-stream message");
    if (type === TEXT) {
      headers.set(decoder.decode(source.subarray(at + 1, nameEnd)), decoder.decode(source.subarray(value, valueEnd)));
    }
    at = valueEnd;
  }
  return headers;
}

function uint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
