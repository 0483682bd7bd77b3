import { GatewayError } from "../errors.ts";
import type { UpstreamAnswer } from "../ports/upstream.ts";
import { codingOf, decoded } from "./content-coding.ts";
import type { AnswerHead } from "./http1.ts";

/** What an answer needs of the connection that it comes on. */
export interface Source {
  pause(): void;
  resume(): void;
  /** Closes the connection at once. */
  cut(): void;
}

type Read = IteratorResult<Uint8Array, undefined>;
const NOTHING: Read = { done: true, value: undefined };

/** So much may lie here unread before the connection is told to wait. */
const HIGH_WATER_BYTES = 64 * 1024;

/** How long, and how far, a provider may go on after nobody reads it any more. */
const LINGER_MS = 1_000;
const LINGER_BYTES = 64 * 1024;

/** One answer on one connection. Content is queued as it comes, and no further than the reader keeps up with. */
export class SocketAnswer implements UpstreamAnswer {
  readonly status: number;
  readonly #head: AnswerHead;
  readonly #source: Source;
  #queue: Uint8Array[] = [];
  #queued = 0;
  #paused = false;
  #over = false;
  /** Why there is no more. */
  #broken: unknown;
  #waiting: { resolve(read: Read): void; reject(cause: unknown): void } | undefined;
  /** Bytes that may still be thrown away, when nobody reads any more. */
  #lingers: number | undefined;
  #lingering: ReturnType<typeof setTimeout> | undefined;

  constructor(head: AnswerHead, source: Source) {
    this.status = head.status;
    this.#head = head;
    this.#source = source;
  }

  header(name: string): string | null {
    return this.#head.headers[name.toLowerCase()] ?? null;
  }

  headers(): Readonly<Record<string, string>> {
    return this.#head.headers;
  }

  /** For the connection: content has come. */
  arrived(bytes: Uint8Array): void {
    if (this.#lingers !== undefined) {
      this.#lingers -= bytes.length;
      if (this.#lingers < 0) this.#source.cut();
      return;
    }
    const waiting = this.#waiting;
    if (waiting !== undefined) {
      this.#waiting = undefined;
      waiting.resolve({ done: false, value: bytes });
      return;
    }
    this.#queue.push(bytes);
    this.#queued += bytes.length;
    if (this.#queued > HIGH_WATER_BYTES && !this.#paused) {
      this.#paused = true;
      this.#source.pause();
    }
  }

  /** For the connection: the answer is whole. */
  ended(): void {
    this.#over = true;
    // The connection may serve the next call before this answer has been read.
    if (this.#paused) this.#resume();
    clearTimeout(this.#lingering);
    this.#waiting?.resolve(NOTHING);
    this.#waiting = undefined;
  }

  /** For the connection: there will be no more. What has come can still be read, unless it was our own abort. */
  broke(cause: unknown, aborted: boolean): void {
    if (this.#over || this.#broken !== undefined) return;
    this.#broken = cause;
    if (aborted) this.#queue = [];
    clearTimeout(this.#lingering);
    this.#waiting?.reject(cause);
    this.#waiting = undefined;
  }

  chunks(): AsyncIterableIterator<Uint8Array> {
    const coding = codingOf(this.#head.headers);
    if (coding !== undefined) return decoded(coding, this.#raw());
    return this.#raw();
  }

  #raw(): AsyncIterableIterator<Uint8Array> {
    // Not a generator: one more of them would be paid for at every read.
    return {
      next: () => this.#read(),
      return: () => {
        this.#letGo();
        return Promise.resolve(NOTHING);
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  #read(): Promise<Read> {
    const bytes = this.#queue.shift();
    if (bytes !== undefined) {
      this.#queued -= bytes.length;
      if (this.#paused && this.#queued === 0) this.#resume();
      return Promise.resolve({ done: false, value: bytes });
    }
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    if (this.#over || this.#lingers !== undefined) return Promise.resolve(NOTHING);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  #resume(): void {
    this.#paused = false;
    this.#source.resume();
  }

  async bytes(max: number): Promise<Uint8Array> {
    if ((this.#head.length ?? 0) > max) {
      this.discard();
      throw tooLong(max);
    }
    // Most answers have come with their head.
    if (this.#over && this.#queue.length === 1 && this.#queued <= max && codingOf(this.#head.headers) === undefined) {
      return this.#queue[0]!;
    }
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of this.chunks()) {
      size += chunk.length;
      if (size > max) throw tooLong(max);
      parts.push(chunk);
    }
    return parts.length === 1 ? parts[0]! : new Uint8Array(Buffer.concat(parts, size));
  }

  discard(): void {
    this.#queue = [];
    if (!this.#over) this.#source.cut();
  }

  /**
   * Lets go of a body before its end. A provider whose answer was whole has only to end it in
   * good order, and then its connection serves the next call; so it gets a moment. One that
   * goes on is cut off, or it would write for ever.
   */
  #letGo(): void {
    this.#queue = [];
    if (this.#over || this.#broken !== undefined || this.#lingers !== undefined) return;
    this.#lingers = LINGER_BYTES;
    this.#waiting?.resolve(NOTHING);
    this.#waiting = undefined;
    this.#lingering = setTimeout(() => this.#source.cut(), LINGER_MS);
    this.#lingering.unref();
    if (this.#paused) this.#resume();
  }
}

function tooLong(max: number): GatewayError {
  return new GatewayError("upstream_malformed", "The provider's answer is larger than this gateway takes.", {
    internal: `the answer is longer than ${max} bytes`,
  });
}
