/** Ends of messages on a kept-alive connection. */
const HEAD_END = Buffer.from("\r\n\r\n");
const LAST_CHUNK = Buffer.from("\r\n0\r\n\r\n");
const LENGTH = /\r\ncontent-length: *(\d+)/i;
const CHUNKED = /\r\ntransfer-encoding: *chunked/i;
const CLOSE = /\r\nconnection: *close/i;

/**
 * Finds the end of HTTP/1.1 responses (RFC 9112) with as little work as can be: the load generator shares its
 * core with the upstream, so what it costs the bench cannot measure. Of a chunked body it only looks at the end:
 * no answer here holds a bare CR LF 0 CR LF CR LF, and nobody pipelines. Trailers are not understood.
 */
export class ResponseReader {
  status = 0;
  /** Bytes of this response, head included. */
  bytes = 0;
  /** Whether the peer announced that it closes the connection after this response. */
  closes = false;
  #inBody = false;
  #chunked = false;
  #left = 0;
  #before: Buffer | undefined;

  /** Forgets the response; the next byte is the first of another. */
  reset(): void {
    this.status = 0;
    this.bytes = 0;
    this.#inBody = false;
    this.#before = undefined;
  }

  /** Whether these bytes complete the response. */
  feed(data: Buffer): boolean {
    this.bytes += data.length;
    return this.#inBody ? this.#body(data) : this.#head(data);
  }

  #head(data: Buffer): boolean {
    const seen = this.#before === undefined ? data : Buffer.concat([this.#before, data]);
    const end = seen.indexOf(HEAD_END);
    if (end < 0) {
      this.#before = seen;
      return false;
    }
    const head = seen.toString("latin1", 0, end);
    this.status = Number.parseInt(head.slice(9, 12), 10);
    this.closes = CLOSE.test(head);
    this.#chunked = CHUNKED.test(head);
    // Neither chunked nor a length: the body ends with the connection, which the owner of the socket sees.
    this.#left = Number(LENGTH.exec(head)?.[1] ?? (this.status === 204 ? 0 : Number.POSITIVE_INFINITY));
    this.#inBody = true;
    this.#before = undefined;
    // The head's own CR LF may be the one before the last chunk.
    return this.#chunked ? this.#body(seen.subarray(end + 2)) : this.#body(seen.subarray(end + 4));
  }

  #body(data: Buffer): boolean {
    if (!this.#chunked) {
      this.#left -= data.length;
      return this.#left <= 0;
    }
    if (data.length >= LAST_CHUNK.length) {
      this.#before = data;
      return endsWithLastChunk(data);
    }
    this.#before = this.#before === undefined ? data : Buffer.concat([this.#before.subarray(-6), data]);
    return endsWithLastChunk(this.#before);
  }
}

function endsWithLastChunk(data: Buffer): boolean {
  // Most pieces fail at the first look, without a call into native code.
  const size = data.length;
  if (size < 7 || data[size - 5] !== 48 || data[size - 1] !== 10) return false;
  return data.subarray(size - 7).equals(LAST_CHUNK);
}
