import type { Socket } from "bun";
import type { Route } from "./job.ts";
import { ResponseReader } from "./response-reader.ts";

/** A whole HTTP/1.1 request, ready to be written again and again. */
export function requestBytes(route: Route, body: string): Buffer {
  const headers = {
    Host: `127.0.0.1:${route.port}`,
    "Content-Type": "application/json",
    "Content-Length": String(Buffer.byteLength(body)),
    ...route.headers,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`POST ${route.path} HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
}

/** What became of a request: the answer's status, or why there is none. */
export type End = number | "refused" | "cut" | "left";

/**
 * One caller on one kept-alive connection, with one request at a time. It connects when it is first needed and
 * again when the peer has closed.
 */
export class Connection {
  readonly reader = new ResponseReader();
  readonly #port: number;
  #socket: Socket<Connection> | undefined;
  #request: Buffer | undefined;
  #onEnd: ((end: End) => void) | undefined;
  /** Called after each piece of an answer; it may call `leave`. */
  onBytes: (() => void) | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  /** Sends a request; `onEnd` is called once, when its answer is whole or cannot become so. */
  send(request: Buffer, onEnd: (end: End) => void): void {
    this.#onEnd = onEnd;
    this.reader.reset();
    if (this.#socket !== undefined) {
      this.#socket.write(request);
      return;
    }
    this.#request = request;
    Bun.connect<Connection>({ hostname: "127.0.0.1", port: this.#port, data: this, socket: HANDLERS }).catch(() =>
      this.#end("refused"),
    );
  }

  /** Hangs up in the middle of a call; `abruptly` with a reset instead of an orderly close. Not while connecting. */
  leave(abruptly: boolean): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#socket = undefined;
    if (abruptly) socket.terminate();
    else socket.end();
    this.#end("left");
  }

  opened(socket: Socket<Connection>): void {
    socket.setNoDelay(true);
    this.#socket = socket;
    if (this.#request !== undefined) socket.write(this.#request);
    this.#request = undefined;
  }

  received(socket: Socket<Connection>, data: Buffer): void {
    if (socket !== this.#socket || this.#onEnd === undefined) return;
    const whole = this.reader.feed(data);
    if (!whole) {
      this.onBytes?.();
      return;
    }
    if (this.reader.closes) {
      this.#socket = undefined;
      socket.end();
    }
    this.#end(this.reader.status);
  }

  closed(socket: Socket<Connection>): void {
    if (socket !== this.#socket) return;
    this.#socket = undefined;
    this.#end("cut");
  }

  #end(end: End): void {
    const onEnd = this.#onEnd;
    this.#onEnd = undefined;
    onEnd?.(end);
  }
}

const HANDLERS = {
  open: (socket: Socket<Connection>) => socket.data.opened(socket),
  data: (socket: Socket<Connection>, data: Buffer) => socket.data.received(socket, data),
  end: (socket: Socket<Connection>) => {
    socket.end();
  },
  close: (socket: Socket<Connection>) => socket.data.closed(socket),
  error: () => {},
};
