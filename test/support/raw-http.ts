/**
 * HTTP/1.1 by hand, for what no client library would send: two Host headers, a body that
 * never ends, bytes that are no text. It counts what it could send before it was refused.
 */
import { connect, type Socket } from "node:net";

export interface RawAnswer {
  status: number;
  /** Header lines as they came, without their line ends. */
  headerLines: string[];
  /** The first header of that name. */
  header(name: string): string | null;
  /** Without transfer coding. */
  text: string;
  /** Whether the other side has closed the connection, within the time given to it. */
  closed: boolean;
  /** Bytes of the request that the network took. Socket buffers on both sides hold some megabytes of them. */
  sent: number;
}

export interface RawOptions {
  /** How long to wait for the answer, milliseconds. */
  answerMs?: number;
  /** How long to go on sending and waiting after the answer, for the connection to close, milliseconds. */
  closeMs?: number;
}

/** Pieces of a request; a generator is asked for the next one when the network has taken the one before. */
export type Pieces = Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>;

/** Sends these bytes to a listener and reads one answer. A request may be answered before it is whole. */
export async function sendRaw(url: string, pieces: Pieces, options: RawOptions = {}): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  const socket = connect({ port: Number(port), host: hostname, noDelay: true });
  const answer = new Incoming(socket);
  let sent = 0;
  let finished = false;
  let wake: () => void = () => {};
  void answer.ended.then(() => wake());
  const sending = (async () => {
    for await (const piece of pieces) {
      const bytes = typeof piece === "string" ? Buffer.from(piece, "latin1") : piece;
      if (answer.over || finished) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
        socket.write(bytes, (failure) => {
          if (!failure) sent += bytes.length;
          resolve();
        });
      });
    }
  })();
  await within(options.answerMs ?? 5_000, answer.ready);
  if (options.closeMs !== undefined) await within(options.closeMs, answer.ended);
  const { over } = answer;
  finished = true;
  wake();
  socket.destroy();
  await sending;
  return { ...answer.read(), closed: over, sent };
}

/** A request with its headers in the order given, and the body with its length unless the headers say how long it is. */
export function requestText(line: string, headers: readonly string[], body = ""): string {
  const framed = headers.some((header) => /^(content-length|transfer-encoding):/i.test(header));
  const length = framed || body === "" ? [] : [`Content-Length: ${Buffer.byteLength(body, "latin1")}`];
  return `${[line, ...headers, ...length].join("\r\n")}\r\n\r\n${body}`;
}

async function within(ms: number, event: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([event, late]);
  clearTimeout(timer);
}

/** What comes back on a socket: interim answers (100 Continue) are skipped. */
class Incoming {
  over = false;
  whole = false;
  /** The answer is whole, or the connection is over. */
  readonly ready: Promise<void>;
  readonly ended: Promise<void>;
  #bytes = Buffer.alloc(0);

  constructor(socket: Socket) {
    const ready = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    this.ready = ready.promise;
    this.ended = ended.promise;
    socket.on("data", (bytes: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes]);
      this.#skipInterim();
      this.whole ||= this.#isWhole();
      if (this.whole) ready.resolve();
    });
    socket.on("error", () => {});
    for (const event of ["end", "close"] as const) {
      socket.on(event, () => {
        this.over = true;
        ready.resolve();
        ended.resolve();
      });
    }
  }

  read(): Omit<RawAnswer, "closed" | "sent"> {
    const { head, body } = this.#split();
    const [statusLine = "", ...headerLines] = head.split("\r\n");
    const header = (name: string) => headerOf(headerLines, name);
    const chunked = header("transfer-encoding") === "chunked";
    const text = chunked ? unchunk(body) : body;
    return { status: Number(statusLine.split(" ")[1] ?? 0), headerLines, header, text: text.toString("utf8") };
  }

  #split(): { head: string; body: Buffer } {
    const end = this.#bytes.indexOf("\r\n\r\n");
    if (end === -1) return { head: this.#bytes.toString("latin1"), body: Buffer.alloc(0) };
    return { head: this.#bytes.toString("latin1", 0, end), body: this.#bytes.subarray(end + 4) };
  }

  #skipInterim(): void {
    while (/^HTTP\/1\.1 1\d\d [^\r]*\r\n/.test(this.#bytes.toString("latin1", 0, 64))) {
      const end = this.#bytes.indexOf("\r\n\r\n");
      if (end === -1) return;
      this.#bytes = this.#bytes.subarray(end + 4);
    }
  }

  #isWhole(): boolean {
    if (!this.#bytes.includes("\r\n\r\n")) return false;
    const { head, body } = this.#split();
    const lines = head.split("\r\n").slice(1);
    const length = headerOf(lines, "content-length");
    if (length !== null) return body.length >= Number(length);
    return headerOf(lines, "transfer-encoding") === "chunked" && /(?:^|\r\n)0\r\n\r\n$/.test(body.toString("latin1"));
  }
}

function headerOf(lines: readonly string[], name: string): string | null {
  const line = lines.find((each) => each.slice(0, each.indexOf(":")).toLowerCase() === name);
  return line === undefined ? null : line.slice(line.indexOf(":") + 1).trim();
}

function unchunk(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = bytes.indexOf("\r\n", at);
    const size = Number.parseInt(bytes.toString("latin1", at, end), 16);
    if (end === -1 || Number.isNaN(size) || size === 0) return Buffer.concat(parts);
    parts.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}
