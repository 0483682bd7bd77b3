import type { Json } from "../../../src/kernel/json.ts";

/** How the connection of a request ended. */
export interface Closing {
  by: "peer" | "upstream";
  /** Whether the answer's script was not yet over. */
  beforeEnd: boolean;
  /** performance.now() */
  at: number;
}

/** One request as it arrived, byte for byte. It is in the list as soon as its head is there. */
export class ReceivedRequest {
  /** Which connection brought it, counted from 0. */
  readonly connection: number;
  /** performance.now() when the head was whole. */
  readonly at: number = performance.now();
  readonly method: string;
  /** The request target as sent, query included. */
  readonly path: string;
  readonly version: string;
  /** Header lines as sent, in order, without their line ends. */
  readonly headerLines: readonly string[];
  /** Everything from the request line on; the body still in its transfer coding. */
  raw: Uint8Array;
  /** Without transfer coding. */
  body: Uint8Array = new Uint8Array(0);
  /** Whether the body arrived whole. */
  complete = false;
  /** Bytes of the answer that the peer's side of the network has taken. Socket buffers may hold some megabytes of them. */
  bytesTaken = 0;
  /** Whether the answer's script was played to its end. */
  answered = false;
  /** Whether the peer closed the connection before the answer was over. */
  left = false;
  /** Settles when the connection has ended, whoever ended it. */
  readonly closed: Promise<Closing>;
  readonly #close: (closing: Closing) => void;

  constructor(connection: number, head: string, raw: Uint8Array) {
    const [requestLine = "", ...headerLines] = head.split("\r\n");
    const [method = "", path = "", version = ""] = requestLine.split(" ");
    this.connection = connection;
    this.method = method;
    this.path = path;
    this.version = version;
    this.headerLines = headerLines;
    this.raw = raw;
    const { promise, resolve } = Promise.withResolvers<Closing>();
    this.closed = promise;
    this.#close = resolve;
  }

  /** Header names in lower case, in order of arrival; a name that came twice is there twice. */
  get headerNames(): string[] {
    return this.headerLines.map((line) => line.slice(0, line.indexOf(":")).toLowerCase());
  }

  /** Every value of a header, in order. */
  headerValues(name: string): string[] {
    const wanted = name.toLowerCase();
    return this.headerLines.flatMap((line) => {
      const colon = line.indexOf(":");
      return line.slice(0, colon).toLowerCase() === wanted ? [line.slice(colon + 1).trim()] : [];
    });
  }

  header(name: string): string | null {
    return this.headerValues(name)[0] ?? null;
  }

  text(): string {
    return new TextDecoder("utf-8", { fatal: true }).decode(this.body);
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies whose shape they know.
  json(): any {
    return JSON.parse(this.text()) as Json;
  }

  /** The raw bytes as Latin-1 text: for searching what must never have left the gateway. */
  rawText(): string {
    return Buffer.from(this.raw).toString("latin1");
  }

  close(closing: Closing): void {
    this.left ||= closing.by === "peer" && closing.beforeEnd;
    this.#close(closing);
  }
}

/** The peer went away, or what it sent is no HTTP/1.1 request. */
export class NoRequest extends Error {
  override readonly name = "NoRequest";
}

/** Bytes that arrive, read as lines and lengths. Keeps what was read since the last `mark`. */
export class ByteSource {
  #pending: Buffer = Buffer.alloc(0);
  #chunks: Buffer[] = [];
  #taken: Buffer[] = [];
  #ended = false;
  #wake: () => void = () => {};

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Forgets what was read so far. */
  mark(): void {
    this.#taken = [];
  }

  /** Everything read since the mark. */
  sinceMark(): Buffer {
    this.#taken = [Buffer.concat(this.#taken)];
    return this.#taken[0]!;
  }

  /** What has arrived and was not read. */
  rest(): Buffer {
    this.#join();
    return this.#pending;
  }

  /** Bytes up to and without `end`, which is read too. Null when nothing at all arrived before the end. */
  async until(end: string): Promise<Buffer | null> {
    for (let from = 0; ; ) {
      this.#join();
      const at = this.#pending.indexOf(end, from);
      if (at >= 0) return this.#take(at + end.length).subarray(0, at);
      from = Math.max(0, this.#pending.length - end.length);
      if (this.#ended && this.#pending.length === 0) return null;
      await this.#more();
    }
  }

  async exactly(count: number): Promise<Buffer> {
    let size = this.#pending.length + this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    while (size < count) {
      const before = this.#chunks.length;
      await this.#more();
      for (const chunk of this.#chunks.slice(before)) size += chunk.length;
    }
    this.#join();
    return this.#take(count);
  }

  #join(): void {
    if (this.#chunks.length === 0) return;
    this.#pending = Buffer.concat([this.#pending, ...this.#chunks]);
    this.#chunks = [];
  }

  #take(count: number): Buffer {
    const taken = this.#pending.subarray(0, count);
    this.#pending = this.#pending.subarray(count);
    this.#taken.push(taken);
    return taken;
  }

  async #more(): Promise<void> {
    if (this.#ended) throw new NoRequest("the peer left in the middle of a request");
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = () => {};
  }
}

/** Reads the next request's head. Null when the connection ended between two requests. */
export async function readHead(source: ByteSource, connection: number): Promise<ReceivedRequest | null> {
  source.mark();
  const head = await source.until("\r\n\r\n");
  if (head === null) return null;
  const text = head.toString("latin1");
  if (!/^[A-Z]+ \S+ HTTP\/1\.[01](\r\n|$)/.test(text)) throw new NoRequest("not an HTTP/1.1 request line");
  return new ReceivedRequest(connection, text, source.sinceMark());
}

/** Reads the body that the head announces (RFC 9112 §6.3), and fills the request. */
export async function readBody(source: ByteSource, request: ReceivedRequest): Promise<void> {
  if (request.headerValues("transfer-encoding").join(",").toLowerCase().includes("chunked")) {
    request.body = await readChunks(source);
  } else {
    const length = Number(request.header("content-length") ?? "0");
    if (!Number.isSafeInteger(length) || length < 0) throw new NoRequest("not a content-length");
    request.body = await source.exactly(length);
  }
  request.raw = source.sinceMark();
  request.complete = true;
}

async function readChunks(source: ByteSource): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (;;) {
    const line = await readLine(source);
    const size = Number.parseInt(line, 16);
    if (Number.isNaN(size)) throw new NoRequest(`not a chunk size: ${line}`);
    if (size === 0) break;
    parts.push(await source.exactly(size));
    await readLine(source);
  }
  while ((await readLine(source)) !== "") {
    // Trailer fields: in the raw bytes for who asks, of no meaning here.
  }
  return Buffer.concat(parts);
}

async function readLine(source: ByteSource): Promise<string> {
  const line = await source.until("\r\n");
  if (line === null) throw new NoRequest("the peer left in the middle of a body");
  return line.toString("latin1");
}
