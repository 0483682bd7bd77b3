/**
 * Answers of HTTP/1.1 (RFC 9112), as a client has to read them: bytes in, a head and content out. Strict,
 * because on a connection that is used again whoever reads an answer otherwise than its sender meant it
 * gives one call's answer to another.
 */

/** What a provider sent is no HTTP/1.1, or not such as it may be. Says what is wrong, and quotes nothing. */
export class NoHttp extends Error {}

/** One head. Providers' have one to four kilobytes. */
export const MAX_HEAD_BYTES = 64 * 1024;
const MAX_FIELDS = 256;
/** Interim answers (RFC 9110, section 15.2) before the final one. */
const MAX_INTERIM = 8;
/** What chunk extensions and trailers may take in one answer. Nobody reads them. */
const MAX_UNREAD_BYTES = 64 * 1024;
/** Hexadecimal digits of a chunk's size: four gigabytes, more than any reader here takes. */
const MAX_SIZE_DIGITS = 8;

export interface AnswerHead {
  status: number;
  /** By lower-case name; a name that comes twice has both values, joined by a comma. Has no prototype. */
  headers: Readonly<Record<string, string>>;
  /** Bytes of content where they are told beforehand. */
  length: number | undefined;
}

const CR = 0x0d;
const LF = 0x0a;
const SEMICOLON = 0x3b;
const SPACE = 0x20;
const TAB = 0x09;

/** Where in an answer the next byte belongs. */
type Place =
  | "head"
  | "content"
  | "to-the-end"
  | "size"
  | "size-space"
  | "extension"
  | "size-end"
  | "chunk"
  | "chunk-cr"
  | "chunk-lf"
  | "trailer-line"
  | "trailer"
  | "trailer-lf"
  | "last-lf"
  | "over";

/** Reads one answer after another from the bytes of one connection. */
export class AnswerParser {
  /** Of the answer that is being read, once it is known. */
  head: AnswerHead | undefined;
  /** Whether the connection may be used again when the answer is over. */
  keepsOpen = false;
  #place: Place = "head";
  /** The beginning of a head that is not whole. */
  #begun: Buffer | undefined;
  #interim = 0;
  /** Bytes that are still to come of the content or the chunk. */
  #left = 0;
  #digits = 0;
  #unread = 0;

  get over(): boolean {
    return this.#place === "over";
  }

  /** For the next answer on the same connection. */
  next(): void {
    this.head = undefined;
    this.keepsOpen = false;
    this.#place = "head";
    this.#begun = undefined;
    this.#interim = 0;
    this.#unread = 0;
  }

  /**
   * Takes what was read, which belongs to the parser from now on: content that came in chunks is
   * moved together in place. Gives the content in it. Bytes after the end of the answer make the connection
   * one that is not used again.
   * @throws NoHttp
   */
  push(read: Buffer): Buffer | undefined {
    let bytes = read;
    let at = 0;
    if (this.#place === "head") {
      if (this.#begun !== undefined) bytes = Buffer.concat([this.#begun, read]);
      at = this.#readHeads(bytes);
      if (this.#place === "head") return undefined;
    }
    const { length } = bytes;
    if (at === length) return undefined;
    if (this.#place === "to-the-end") return at === 0 ? bytes : bytes.subarray(at);
    if (this.#place === "content") {
      const end = at + this.#left;
      if (end > length) {
        this.#left = end - length;
        return at === 0 ? bytes : bytes.subarray(at);
      }
      this.#place = "over";
      if (end < length) this.keepsOpen = false;
      return bytes.subarray(at, end);
    }
    if (this.#place === "over") {
      this.keepsOpen = false;
      return undefined;
    }
    return this.#readChunks(bytes, at);
  }

  /** The other side has ended the connection in good order. True where that makes an answer whole, or there is none. */
  end(): boolean {
    if (this.#place === "to-the-end") this.#place = "over";
    return this.#place === "over" || (this.#place === "head" && this.#begun === undefined);
  }

  /** Reads the head, and interim ones before it. Gives where the content begins. */
  #readHeads(bytes: Buffer): number {
    let at = 0;
    for (;;) {
      const end = bytes.indexOf("\r\n\r\n", at, "latin1");
      if ((end < 0 ? bytes.length : end) - at > MAX_HEAD_BYTES) throw new NoHttp("a head of more than 64 kB");
      if (end < 0) {
        if (!couldBegin(bytes, at)) throw new NoHttp("no status line");
        this.#begun = at === 0 ? bytes : bytes.subarray(at);
        return at;
      }
      const head = this.#take(bytes.toString("latin1", at, end));
      at = end + 4;
      if (head.status >= 200) {
        this.head = head;
        this.#begun = undefined;
        return at;
      }
      if (head.status === 101) throw new NoHttp("a switch to another protocol, which nobody asked for");
      if (++this.#interim > MAX_INTERIM) throw new NoHttp(`more than ${MAX_INTERIM} interim answers`);
    }
  }

  #take(text: string): AnswerHead {
    const firstEnd = text.indexOf("\r\n");
    if (!STATUS_LINE.test(firstEnd < 0 ? text : text.slice(0, firstEnd))) throw new NoHttp("no status line");
    const minor = text.charAt(7);
    const status = Number(text.slice(9, 12));
    const headers = firstEnd < 0 ? NO_FIELDS : readFields(text, firstEnd + 2);
    const head: AnswerHead = { status, headers, length: undefined };
    if (status < 200) return head;
    const codings = headers["transfer-encoding"];
    const lengths = headers["content-length"];
    if (codings !== undefined && (minor === "0" || codings.toLowerCase() !== "chunked")) {
      throw new NoHttp("a transfer coding that is not known");
    }
    if (codings !== undefined && lengths !== undefined) throw new NoHttp("a length and a transfer coding");
    if (lengths !== undefined) head.length = readLength(lengths);
    const { connection } = headers;
    this.keepsOpen = minor === "1" && (connection === undefined || !LAST.test(connection));
    // RFC 9112, section 6.3.
    if (status === 204 || status === 304 || head.length === 0) this.#place = "over";
    else if (codings !== undefined) {
      this.#place = "size";
      this.#left = 0;
      this.#digits = 0;
    } else if (head.length !== undefined) {
      this.#place = "content";
      this.#left = head.length;
    } else {
      this.#place = "to-the-end";
      this.keepsOpen = false;
    }
    return head;
  }

  /** Content of chunks (RFC 9112, section 7.1), moved together. */
  #readChunks(bytes: Buffer, begin: number): Buffer | undefined {
    const { length } = bytes;
    let from = -1;
    let to = -1;
    let at = begin;
    while (at < length) {
      if (this.#place === "chunk") {
        const end = Math.min(at + this.#left, length);
        this.#left -= end - at;
        if (from < 0) [from, to] = [at, end];
        else {
          bytes.copyWithin(to, at, end);
          to += end - at;
        }
        at = end;
        if (this.#left === 0) this.#place = "chunk-cr";
      } else if (this.#place === "over") {
        this.keepsOpen = false;
        break;
      } else this.#place = this.#after(bytes[at++]!);
    }
    return from < 0 ? undefined : bytes.subarray(from, to);
  }

  /** Takes one byte of what is around the chunks. Gives where the next one belongs. */
  #after(byte: number): Place {
    switch (this.#place) {
      case "size":
        return this.#afterDigit(byte);
      case "size-space":
        return isBlank(byte) ? this.#unreadIn("size-space", byte) : afterSize(byte);
      case "extension":
        return byte === CR ? "size-end" : this.#unreadIn("extension", byte);
      case "size-end":
        return expected(byte, LF, this.#left === 0 ? "trailer-line" : "chunk");
      case "chunk-cr":
        return expected(byte, CR, "chunk-lf");
      case "chunk-lf":
        this.#digits = 0;
        return expected(byte, LF, "size");
      case "trailer-line":
        return byte === CR ? "last-lf" : this.#unreadIn("trailer", byte);
      case "trailer":
        return byte === CR ? "trailer-lf" : this.#unreadIn("trailer", byte);
      case "trailer-lf":
        return expected(byte, LF, "trailer-line");
      default:
        return expected(byte, LF, "over");
    }
  }

  #afterDigit(byte: number): Place {
    const digit = hexadecimal(byte);
    if (digit >= 0) {
      if (++this.#digits > MAX_SIZE_DIGITS) throw new NoHttp("a chunk that is too large");
      this.#left = this.#left * 16 + digit;
      return "size";
    }
    if (this.#digits === 0) throw new NoHttp("a chunk without a size");
    return isBlank(byte) ? "size-space" : afterSize(byte);
  }

  #unreadIn(place: Place, byte: number): Place {
    if (byte === LF || byte === 0) throw new NoHttp("a line that does not end in CR LF");
    if (++this.#unread > MAX_UNREAD_BYTES) throw new NoHttp("more than 64 kB of chunk extensions and trailers");
    return place;
  }
}

function afterSize(byte: number): Place {
  if (byte === CR) return "size-end";
  if (byte === SEMICOLON) return "extension";
  throw new NoHttp("a chunk size that is none");
}

function expected(byte: number, only: number, next: Place): Place {
  if (byte !== only) throw new NoHttp("a line that does not end in CR LF");
  return next;
}

/** RFC 9112, section 4. The space before a reason that is empty is often forgotten. */
const STATUS_LINE = /^HTTP\/1\.[01] [1-9]\d\d(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const LAST = /(?:^|,)[ \t]*close[ \t]*(?:,|$)/i;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** What may stand in no line and between no two (RFC 9110, section 5.5). */
const UNFIT = /[^\t\n\r\x20-\x7e\x80-\xff]/;

const NO_FIELDS: Readonly<Record<string, string>> = Object.freeze(Object.create(null));

const BEGINNING = Buffer.from("HTTP/1.");

/** Whether a head may begin so. What is none would otherwise be waited for until the deadline. */
function couldBegin(bytes: Buffer, at: number): boolean {
  const length = Math.min(bytes.length - at, BEGINNING.length);
  if (bytes.compare(BEGINNING, 0, length, at, at + length) !== 0) return false;
  const lineEnd = bytes.indexOf(LF, at);
  return lineEnd < 0 || bytes[lineEnd - 1] === CR;
}

function readFields(text: string, begin: number): Record<string, string> {
  if (UNFIT.test(text)) throw new NoHttp("a header with a control character");
  const fields: Record<string, string> = Object.create(null);
  let count = 0;
  for (let at = begin; at < text.length; ) {
    const feed = text.indexOf("\n", at);
    const end = feed < 0 ? text.length : feed - 1;
    const carriage = text.indexOf("\r", at);
    if (carriage !== (feed < 0 ? -1 : end)) throw new NoHttp("a line that does not end in CR LF");
    const colon = text.indexOf(":", at);
    // A line that begins with a space continues the one before (obs-fold), which only old senders do: no token begins so.
    const name = colon < 0 || colon > end ? undefined : fieldName(text.slice(at, colon));
    if (name === undefined) throw new NoHttp("a header whose name is none");
    if (++count > MAX_FIELDS) throw new NoHttp(`more than ${MAX_FIELDS} headers`);
    const value = trimmed(text, colon + 1, end);
    const before = fields[name];
    fields[name] = before === undefined ? value : `${before}, ${value}`;
    at = end + 2;
  }
  return fields;
}

/** Without the spaces and tabs around it, and nothing else: `trim` takes more, and a length or a coding is what it is. */
function trimmed(text: string, begin: number, end: number): string {
  let from = begin;
  let to = end;
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

const names = new Map<string, string>();

/** Lower-case; undefined where it is no token. Providers use few names, so they are kept. */
function fieldName(text: string): string | undefined {
  let name = names.get(text);
  if (name === undefined) {
    if (!TOKEN.test(text)) return undefined;
    name = text.toLowerCase();
    if (names.size > 1_000) names.clear();
    if (text.length < 100) names.set(text, name);
  }
  return name;
}

const LENGTH = /^\d{1,15}$/;

/** The same length twice is one length (RFC 9110, section 8.6). */
function readLength(text: string): number {
  if (LENGTH.test(text)) return Number(text);
  const [first = "", ...others] = text.split(",").map((part) => trimmed(part, 0, part.length));
  if (!LENGTH.test(first) || others.some((other) => other !== first)) throw new NoHttp("a length that is none");
  return Number(first);
}

function hexadecimal(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
