import { MAX_FRAME_BYTES } from "../kernel/bounds.ts";
import { type Frame, MalformedAnswer } from "../spec/adapter.ts";
import { appended } from "./growing.ts";

/** A server-sent event with the bytes that said it, source[start … end), its closing blank line included. */
export interface RawFrame extends Frame {
  source: Uint8Array;
  start: number;
  end: number;
}

/** Cuts what the network brings into frames, however it was chunked. Its memory is bounded. */
export interface Framer {
  /** @throws MalformedAnswer */
  push(chunk: Uint8Array): RawFrame[];
  /** The stream has closed: the frame that had no end. @throws MalformedAnswer */
  close(): RawFrame[];
}

const LF = 10;
const CR = 13;
const decoder = new TextDecoder("utf-8");

/**
 * Cuts a byte stream into server-sent events (WHATWG HTML, "Server-sent events"), however
 * the network has chunked it. Lines may end in LF, CRLF or CR. Comments and unknown fields
 * stay in `bytes`, so a relayed stream loses nothing. Memory is bounded by MAX_FRAME_BYTES:
 * a longer event is a MalformedAnswer.
 */
export class SseFramer implements Framer {
  /** Bytes of the event that has not ended yet. */
  #tail = new Uint8Array(0);
  #length = 0;
  /** Up to here the tail has no event end; scanning goes on from the line that was open. */
  #lineStart = 0;
  /** Up to here the open line has no end. Searched again at every read, a long line would take quadratic time. */
  #searched = 0;
  #sawCr = false;

  push(chunk: Uint8Array): RawFrame[] {
    if (chunk.length === 0) return [];
    if (this.#length === 0 && chunk[chunk.length - 1] === LF && chunk[chunk.length - 2] === LF) {
      const whole = cutText(chunk);
      if (whole !== undefined) return whole;
    }
    this.#sawCr ||= chunk.includes(CR);
    const data = this.#length === 0 ? chunk : this.#append(chunk);
    const frames: RawFrame[] = [];
    const rest = this.#sawCr ? this.#cutAnyLineEnd(data, frames) : this.#cutLf(data, frames);
    this.#keep(data, rest);
    return frames;
  }

  /**
   * What stands after the last blank line, as an event. The line ends that it lacks are added
   * to its bytes: relayed without them, it would run into whatever is written after it.
   */
  close(): RawFrame[] {
    const length = this.#length;
    if (length === 0) return [];
    const missing = this.#missingLineEnds();
    const bytes = new Uint8Array(length + missing).fill(LF, length);
    bytes.set(this.#tail.subarray(0, length));
    this.#length = 0;
    this.#lineStart = 0;
    this.#searched = 0;
    return [parseFrame(bytes, 0, bytes.length)];
  }

  /** LFs that end the tail's open line and give it its blank line. After a last CR, the first of them only makes it a CRLF. */
  #missingLineEnds(): 0 | 1 | 2 {
    if (this.#lineStart === this.#length) return 1;
    return this.#lineStart === this.#length - 1 && this.#tail[this.#lineStart] === CR ? 0 : 2;
  }

  #append(chunk: Uint8Array): Uint8Array {
    const needed = this.#length + chunk.length;
    if (needed > MAX_FRAME_BYTES) throw new MalformedAnswer(`an event is longer than ${MAX_FRAME_BYTES} bytes`);
    this.#tail = appended(this.#tail, this.#length, chunk);
    this.#length = needed;
    return this.#tail.subarray(0, needed);
  }

  /** Keeps data[rest…]. Frames that were cut own the buffer under them, so it is never written again. */
  #keep(data: Uint8Array, rest: number): void {
    const left = data.length - rest;
    if (left === 0) {
      this.#length = 0;
      this.#tail = EMPTY;
    } else if (rest > 0 || this.#length === 0) {
      if (left > MAX_FRAME_BYTES) throw new MalformedAnswer(`an event is longer than ${MAX_FRAME_BYTES} bytes`);
      this.#tail = data.slice(rest);
      this.#length = left;
    }
    this.#lineStart -= rest;
    this.#searched -= rest;
  }

  /** The usual case: lines end in LF only, so the search for them is native. Returns where the open event begins. */
  #cutLf(data: Uint8Array, frames: RawFrame[]): number {
    let start = 0;
    let line = this.#lineStart;
    for (let at = data.indexOf(LF, this.#searched); at !== -1; at = data.indexOf(LF, line)) {
      if (at === line) {
        if (line > start) frames.push(parseFrame(data, start, at + 1));
        start = at + 1;
      }
      line = at + 1;
    }
    this.#lineStart = line;
    this.#searched = data.length;
    return start;
  }

  /** Any of LF, CRLF, CR ends a line. A CR that is the last byte waits for what follows it. */
  #cutAnyLineEnd(data: Uint8Array, frames: RawFrame[]): number {
    let start = 0;
    let line = this.#lineStart;
    let at = this.#searched;
    for (; at < data.length; at++) {
      const byte = data[at]!;
      if (byte !== LF && byte !== CR) continue;
      if (byte === CR && at + 1 === data.length) break;
      const end = byte === CR && data[at + 1] === LF ? at + 2 : at + 1;
      if (at === line) {
        if (line > start) frames.push(parseFrame(data, start, end));
        start = end;
      }
      line = end;
      at = end - 1;
    }
    this.#lineStart = line;
    this.#searched = at;
    return start;
  }
}

const EMPTY = new Uint8Array(0);

/**
 * The usual case of the usual case: what the network brought is whole events in ASCII, with
 * LF alone. Then it is decoded once, places in the text are places in the bytes, and
 * searching is native. Undefined where it is anything else.
 */
function cutText(chunk: Uint8Array): RawFrame[] | undefined {
  const text = decoder.decode(chunk);
  if (text.length !== chunk.length || text.indexOf("\r") !== -1) return undefined;
  const frames: RawFrame[] = [];
  for (let start = 0; start < text.length; ) {
    if (text.charCodeAt(start) === LF) {
      start++;
      continue;
    }
    const blank = text.indexOf("\n\n", start);
    const end = blank + 2;
    // Nearly every event of every provider is one `data: ` line.
    if (text.startsWith("data: ", start) && text.indexOf("\n", start) === blank) {
      frames.push({ event: "", data: text.slice(start + 6, blank), source: chunk, start, end });
    } else {
      frames.push({ ...readFields(text.slice(start, blank)), source: chunk, start, end });
    }
    start = end;
  }
  return frames;
}

function parseFrame(source: Uint8Array, start: number, end: number): RawFrame {
  return { ...readFields(decoder.decode(source.subarray(start, end))), source, start, end };
}

function readFields(text: string): Frame {
  let event = "";
  let data = "";
  let lines = 0;
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (line === "" || line.startsWith(":")) continue;
    const colon = line.indexOf(":");
    const name = colon === -1 ? line : line.slice(0, colon);
    let value = colon === -1 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (name === "data") data = lines++ === 0 ? value : `${data}\n${value}`;
    else if (name === "event") event = value;
  }
  return { event, data };
}

/** A comment frame: clients skip it, people and scripts may read it. */
export function sseComment(text: string): string {
  return `: ${text.replace(/[\r\n]+/g, " ")}\n\n`;
}
