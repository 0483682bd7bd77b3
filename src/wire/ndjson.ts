import { MAX_FRAME_BYTES } from "../kernel/bounds.ts";
import { MalformedAnswer } from "../spec/adapter.ts";
import type { Framer, RawFrame } from "./framing.ts";
import { appended } from "./growing.ts";

const LF = 10;
const EMPTY = new Uint8Array(0);
const decoder = new TextDecoder("utf-8");

/**
 * Cuts a byte stream into lines of JSON (newline-delimited JSON, as Ollama streams it), however
 * the network has chunked it. Lines end in LF or CRLF; blank ones are nothing. Memory is
 * bounded by MAX_FRAME_BYTES: a longer line is a MalformedAnswer.
 */
export class NdjsonFramer implements Framer {
  /** The line that has not ended yet. */
  #tail = EMPTY;
  #length = 0;

  push(chunk: Uint8Array): RawFrame[] {
    const frames: RawFrame[] = [];
    let start = 0;
    if (this.#length > 0) {
      const end = chunk.indexOf(LF) + 1;
      this.#append(end === 0 ? chunk : chunk.subarray(0, end));
      if (end === 0) return frames;
      this.#take(frames);
      start = end;
    }
    for (let end = chunk.indexOf(LF, start) + 1; end > 0; end = chunk.indexOf(LF, start) + 1) {
      addLine(frames, chunk, start, end);
      start = end;
    }
    if (start < chunk.length) this.#append(chunk.subarray(start));
    return frames;
  }

  /** What stands after the last line end, as a line: relayed without one, it would run into whatever follows. */
  close(): RawFrame[] {
    const frames: RawFrame[] = [];
    if (this.#length === 0) return frames;
    this.#append(Uint8Array.of(LF));
    this.#take(frames);
    return frames;
  }

  /** The frame owns the buffer from now on. */
  #take(frames: RawFrame[]): void {
    addLine(frames, this.#tail, 0, this.#length);
    this.#tail = EMPTY;
    this.#length = 0;
  }

  #append(bytes: Uint8Array): void {
    const needed = this.#length + bytes.length;
    if (needed > MAX_FRAME_BYTES) throw new MalformedAnswer(`a line is longer than ${MAX_FRAME_BYTES} bytes`);
    this.#tail = appended(this.#tail, this.#length, bytes);
    this.#length = needed;
  }
}

function addLine(frames: RawFrame[], source: Uint8Array, start: number, end: number): void {
  if (end - start > MAX_FRAME_BYTES) throw new MalformedAnswer(`a line is longer than ${MAX_FRAME_BYTES} bytes`);
  const data = decoder.decode(source.subarray(start, end)).trim();
  if (data !== "") frames.push({ event: "", data, source, start, end });
}
