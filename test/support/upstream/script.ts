import zlib from "node:zlib";

import type { Json } from "../../../src/kernel/json.ts";

/** What the emulator does with one request. A script is plain data: steps played in order. */
export type Step =
  | { do: "write"; bytes: Uint8Array }
  | { do: "wait"; ms: number }
  /** Goes on when the promise has settled: a test holds an answer without a clock. */
  | { do: "until"; open: Promise<unknown> }
  /** `unit` again and again until `total` bytes are written; never more in memory than one unit. */
  | { do: "fill"; unit: Uint8Array; total: number; everyMs: number }
  /** Says nothing more. Ends when the peer leaves or the emulator stops. */
  | { do: "silence" }
  /** Reads nothing more from the peer. */
  | { do: "stop-reading" }
  /** Closes the connection in good order (FIN). */
  | { do: "close" }
  /** Breaks the connection (RST). */
  | { do: "reset" };

/** When the steps are over, the connection waits for its next request. */
export type Script = readonly Step[];

export type HeaderRows = Record<string, string> | readonly (readonly [string, string])[];

export type Encoding = "identity" | "gzip" | "deflate";

export interface BodyOptions {
  headers?: HeaderRows;
  /** null leaves the header out. */
  contentType?: string | null;
  /** How the end of the body is told: a length, chunked coding, or closing the connection. */
  framing?: "length" | "chunked" | "close";
  /** What Content-Length says, where it shall not be the truth. */
  contentLength?: number;
  encoding?: Encoding;
  /** Size of the body's pieces, each a write and (if chunked) a chunk. Whole without it. */
  split?: Split;
  /** Before each piece but the first. */
  delayMs?: number;
  /** What follows the last piece, instead of the body's proper end. */
  ends?: Cut;
}

export type Cut = "reset" | "close" | "silence";

/** `frames`: as the maker cut them; `bytes`: one by one; a seed: pieces of random size, the same for the same seed. */
export type Split = "frames" | "bytes" | { seed: number; max?: number } | { size: number };

/** One server-sent event; data that is no text is written as JSON. A string is written as it is. */
export type SseFrame = string | { event?: string; data: Json };

export interface SseOptions extends BodyOptions {
  status?: number;
  /** Whether OpenAI's `data: [DONE]` ends the stream. */
  done?: boolean;
}

const REASONS: Record<number, string> = {
  200: "OK",
  302: "Found",
  307: "Temporary Redirect",
  429: "Too Many Requests",
};

/** Bytes as they are: no head is added. */
export function raw(...pieces: (string | Uint8Array)[]): Script {
  return pieces.map((piece) => write(piece));
}

/** The status line and the headers, with the blank line. */
export function head(status: number, headers: HeaderRows): Step {
  const rows: readonly (readonly [string, string])[] = Array.isArray(headers) ? headers : Object.entries(headers);
  const lines = rows.map(([name, value]) => `${name}: ${value}\r\n`);
  return write(`HTTP/1.1 ${status} ${REASONS[status] ?? "Status"}\r\n${lines.join("")}\r\n`);
}

export function json(status: number, value: Json, options: BodyOptions = {}): Script {
  return body(status, [JSON.stringify(value)], { contentType: "application/json", ...options });
}

export function text(status: number, value: string | Uint8Array, options: BodyOptions = {}): Script {
  return body(status, [value], { contentType: "text/plain; charset=utf-8", ...options });
}

/** A stream of server-sent events, chunked unless told otherwise. */
export function sse(frames: readonly SseFrame[], options: SseOptions = {}): Script {
  const texts = frames.map(frameText);
  if (options.done) texts.push("data: [DONE]\n\n");
  return body(options.status ?? 200, texts, {
    contentType: "text/event-stream; charset=utf-8",
    framing: "chunked",
    split: "frames",
    ...options,
  });
}

export function frameText(frame: SseFrame): string {
  if (typeof frame === "string") return frame;
  const data = typeof frame.data === "string" ? frame.data : JSON.stringify(frame.data);
  return `${frame.event === undefined ? "" : `event: ${frame.event}\n`}data: ${data}\n\n`;
}

/** An answer that was recorded from a provider: the `response` of an exchange. */
export function recorded(
  response: { status: number; headers?: Record<string, string>; json?: Json; text?: string; b64?: string },
  options: BodyOptions = {},
): Script {
  const bytes =
    response.b64 !== undefined
      ? Buffer.from(response.b64, "base64")
      : (response.text ?? (response.json === undefined ? "" : JSON.stringify(response.json)));
  const kept = Object.entries(response.headers ?? {}).filter(
    ([name]) => !["content-length", "transfer-encoding", "content-encoding", "connection"].includes(name.toLowerCase()),
  );
  const streamed = kept.some(
    ([name, value]) => name.toLowerCase() === "content-type" && value.includes("event-stream"),
  );
  return body(response.status, [bytes], {
    contentType: null,
    headers: kept,
    framing: streamed ? "chunked" : "length",
    ...options,
  });
}

/** A redirect. Nobody should follow it. */
export function redirect(status: number, location: string): Script {
  return body(status, [""], { headers: { location }, contentType: null });
}

/** Accepts the request and never answers. */
export function silence(): Script {
  return [{ do: "silence" }];
}

/** Ends the connection before the first byte of an answer. */
export function hangUp(how: "reset" | "close" = "reset"): Script {
  return [{ do: how }];
}

/** Sends the head of an answer and then cuts. */
export function hangUpAfterHead(how: Cut = "reset", contentType = "application/json"): Script {
  return [head(200, { "content-type": contentType, "transfer-encoding": "chunked" }), { do: how }];
}

/** Says that a chunk of 1000 bytes follows, sends ten of them, and cuts. */
export function hangUpInChunk(how: Cut = "reset", contentType = "text/event-stream"): Script {
  return [
    head(200, { "content-type": contentType, "transfer-encoding": "chunked" }),
    write("3e8\r\n: ten byte"),
    { do: how },
  ];
}

/** `frame` for ever, or `total` bytes of it. The peer's reading sets the pace, or `everyMs` where it is slower. */
export function endless(
  frame: SseFrame,
  options: { total?: number; everyMs?: number; contentType?: string } = {},
): Script {
  const text = frameText(frame);
  const everyMs = options.everyMs ?? 0;
  const unit = everyMs > 0 ? text : text.repeat(Math.max(1, Math.floor(65_536 / text.length)));
  return [
    head(200, { "content-type": options.contentType ?? "text/event-stream", "transfer-encoding": "chunked" }),
    { do: "fill", unit: chunk(bytesOf(unit)), total: options.total ?? Number.POSITIVE_INFINITY, everyMs },
    write("0\r\n\r\n"),
  ];
}

/** One line of `total` bytes that no newline ends: `start`, then the letter a. Made while it is sent. */
export function longLine(total: number, options: { start?: string; contentType?: string } = {}): Script {
  const start = options.start ?? "data: ";
  const unit = Buffer.alloc(Math.min(65_536, total), "a");
  return [
    head(200, { "content-type": options.contentType ?? "text/event-stream", connection: "close" }),
    write(start),
    { do: "fill", unit, total: total - Buffer.byteLength(start), everyMs: 0 },
    { do: "close" },
  ];
}

/** A gzip body of few bytes that unpacks to `megabytes` of the letter a within a JSON string. */
export function bomb(megabytes: number): Script {
  const unpacked = Buffer.alloc(megabytes * 1_048_576, "a");
  unpacked.write('{"id":"', 0);
  return body(200, [unpacked], { contentType: "application/json", encoding: "gzip" });
}

/** The same answer, later. */
export function after(ms: number, script: Script): Script {
  return [{ do: "wait", ms }, ...script];
}

/** The same answer once `open` has settled. */
export function gated(open: Promise<unknown>, script: Script): Script {
  return [{ do: "until", open }, ...script];
}

/** The same bytes, head included, `size` at a time with a pause before each. */
export function drip(script: Script, size: number, everyMs: number): Script {
  return script.flatMap((step): Step[] => {
    if (step.do !== "write") return [step];
    return pieces(step.bytes, { size }).flatMap((piece): Step[] => [{ do: "wait", ms: everyMs }, write(piece)]);
  });
}

/** The first `count` bytes of an answer, head included, and then a cut. */
export function cutAfter(script: Script, count: number, how: Cut): Script {
  const kept: Step[] = [];
  let left = count;
  for (const step of script) {
    if (step.do !== "write") {
      kept.push(step);
      continue;
    }
    kept.push(write(step.bytes.subarray(0, left)));
    left -= step.bytes.length;
    if (left <= 0) break;
  }
  return [...kept, { do: how }];
}

function body(status: number, parts: readonly (string | Uint8Array)[], options: BodyOptions): Script {
  const framing = options.framing ?? "length";
  const encoded =
    parts.length === 1 || options.encoding ? [encode(Buffer.concat(parts.map(bytesOf)), options)] : parts.map(bytesOf);
  const size = encoded.reduce((sum, part) => sum + part.length, 0);
  const split = options.split ?? "frames";
  const cut = split === "frames" ? encoded : pieces(Buffer.concat(encoded), split);
  const steps: Step[] = [head(status, bodyHeaders(framing, size, options))];
  for (const [index, part] of cut.entries()) {
    if (index > 0 && options.delayMs) steps.push({ do: "wait", ms: options.delayMs });
    if (part.length > 0) steps.push(write(framing === "chunked" ? chunk(part) : part));
  }
  if (options.ends) return [...steps, { do: options.ends }];
  if (framing === "chunked") return [...steps, write("0\r\n\r\n")];
  return framing === "close" ? [...steps, { do: "close" }] : steps;
}

function bodyHeaders(framing: string, size: number, options: BodyOptions): [string, string][] {
  const rows: [string, string][] = [];
  if (options.contentType) rows.push(["content-type", options.contentType]);
  if (options.encoding && options.encoding !== "identity") rows.push(["content-encoding", options.encoding]);
  if (options.contentLength !== undefined) rows.push(["content-length", String(options.contentLength)]);
  else if (framing === "length") rows.push(["content-length", String(size)]);
  if (framing === "chunked") rows.push(["transfer-encoding", "chunked"]);
  if (framing === "close") rows.push(["connection", "close"]);
  const given = options.headers ?? {};
  for (const [name, value] of Array.isArray(given) ? given : Object.entries(given)) rows.push([name, value]);
  return rows;
}

function encode(bytes: Uint8Array<ArrayBuffer>, options: BodyOptions): Uint8Array {
  if (options.encoding === "gzip") return Bun.gzipSync(bytes);
  // HTTP's "deflate" is the zlib format (RFC 9110 §8.4.1.2), not bare deflate.
  if (options.encoding === "deflate") return zlib.deflateSync(bytes);
  return bytes;
}

function pieces(bytes: Uint8Array, split: Exclude<Split, "frames">): Uint8Array[] {
  const parts: Uint8Array[] = [];
  const next =
    split === "bytes" ? () => 1 : "size" in split ? () => split.size : randomSizes(split.seed, split.max ?? 64);
  for (let at = 0; at < bytes.length; ) {
    const size = next();
    parts.push(bytes.subarray(at, at + size));
    at += size;
  }
  return parts;
}

/** Sizes from 1 to `max`, the same for the same seed (a 32-bit xorshift). */
function randomSizes(seed: number, max: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return 1 + ((state >>> 0) % max);
  };
}

function chunk(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]);
}

function write(piece: string | Uint8Array): Step {
  return { do: "write", bytes: bytesOf(piece) };
}

function bytesOf(piece: string | Uint8Array): Uint8Array<ArrayBuffer> {
  return Buffer.from(piece as string);
}
