import type { Socket, SocketHandler } from "bun";
import { GatewayError } from "../errors.ts";
import type { Abortable } from "../kernel/abort.ts";
import type { UpstreamAnswer } from "../ports/upstream.ts";
import { SocketAnswer, type Source } from "./answer.ts";
import type { PinnedAddress } from "./egress.ts";
import { AnswerParser, NoHttp } from "./http1.ts";
import type { Question } from "./question.ts";

/** Probes of TCP on a connection that is silent: a provider may think for minutes, and a dead one would never tell. */
const KEEP_ALIVE_MS = 60_000;

/** RFC 7301: the only protocol that is spoken here, with its length before it. */
const ALPN = Buffer.from("\x08http/1.1", "latin1");

/** RFC 2068, section 19.7.1.1: no standard any more, and still what servers say. */
const KEPT_FOR = /(?:^|[,\s])timeout=(\d{1,6})(?:$|[,\s])/i;

/** One connection to a provider, which asks one question at a time. */
export class Connection implements Source {
  /** Told once when the connection can take the next question, and once when it is gone. */
  onIdle: ((connection: Connection) => void) | undefined;
  onClosed: ((connection: Connection) => void) | undefined;
  /** How long the provider says that it keeps a connection that rests. */
  keptForSeconds: number | undefined;
  readonly #socket: Socket<Connection>;
  readonly #parser = new AnswerParser();
  #closed = false;
  /** Whether it was closed in good order before anything came back for its last question. */
  unheard = false;
  #endedFirst = false;
  /** Whether anything has come back for the question that is asked. */
  #heard = false;
  /** What of the question the socket has not taken yet. */
  #unsent: Uint8Array | undefined;
  #asking: { resolve(answer: UpstreamAnswer): void; reject(cause: unknown): void } | undefined;
  #answer: SocketAnswer | undefined;
  #signal: Abortable | undefined;

  constructor(socket: Socket<Connection>) {
    this.#socket = socket;
  }

  /**
   * Sends a question; the answer is there when its head is. Undefined where the connection is closed, and
   * so nothing was sent.
   */
  ask({ bytes, length }: Question, signal: Abortable): Promise<UpstreamAnswer> | undefined {
    if (this.#closed) return undefined;
    this.#heard = false;
    this.#parser.next();
    const sent = this.#socket.write(bytes);
    if (sent < 0) {
      this.cut();
      return undefined;
    }
    if (sent < length) this.#unsent = (typeof bytes === "string" ? Buffer.from(bytes) : bytes).subarray(sent);
    this.#signal = signal;
    signal.addEventListener("abort", this);
    return new Promise((resolve, reject) => {
      this.#asking = { resolve, reject };
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** While a connection rests, it keeps no process alive. */
  rest(): void {
    this.#socket.unref();
  }

  wake(): void {
    this.#socket.ref();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  cut(): void {
    this.#socket.terminate();
  }

  /** In good order, for a connection that nobody uses. */
  close(): void {
    this.#socket.end();
  }

  /** The call was aborted. */
  handleEvent(): void {
    this.#fail(this.#signal?.reason, true);
    this.cut();
  }

  /** For the socket. */
  received(bytes: Buffer): void {
    this.#heard = true;
    if (this.#asking === undefined && this.#answer === undefined) {
      // Nobody asked: whatever it is, it must never be the answer to the next question.
      this.cut();
      return;
    }
    try {
      this.#take(bytes);
    } catch (thrown) {
      if (!(thrown instanceof NoHttp)) throw thrown;
      this.#fail(this.#parser.head === undefined ? malformed(thrown) : brokenOff(thrown.message, thrown), false);
      this.cut();
    }
  }

  #take(bytes: Buffer): void {
    const parser = this.#parser;
    const content = parser.push(bytes);
    if (parser.head === undefined) return;
    if (this.#answer === undefined) {
      this.#answer = new SocketAnswer(parser.head, this);
      this.#asking?.resolve(this.#answer);
      this.#asking = undefined;
    }
    if (content !== undefined) this.#answer.arrived(content);
    if (parser.over && !this.#closed) this.#finish();
  }

  /** For the socket. */
  drained(): void {
    if (this.#unsent === undefined) return;
    const sent = this.#socket.write(this.#unsent);
    this.#unsent = sent < this.#unsent.length ? this.#unsent.subarray(Math.max(sent, 0)) : undefined;
  }

  /** For the socket: the other side will send nothing more. */
  ended(): void {
    this.#endedFirst = true;
    if (this.#answer !== undefined && this.#parser.end()) this.#finish();
  }

  /** For the socket. */
  gone(cause: unknown): void {
    this.#closed = true;
    this.unheard = this.#asking !== undefined && !this.#heard && this.#endedFirst;
    this.#fail(
      this.#answer === undefined ? noAnswer(cause) : brokenOff("the connection broke in mid-answer", cause),
      false,
    );
    this.onClosed?.(this);
  }

  #finish(): void {
    const answer = this.#answer;
    this.#signal?.removeEventListener("abort", this);
    this.#signal = undefined;
    this.#answer = undefined;
    answer?.ended();
    const kept = this.#parser.head?.headers["keep-alive"];
    if (kept !== undefined) this.keptForSeconds = secondsOf(kept);
    // A provider that answers before it has heard all is not asked again on the same connection.
    if (this.#parser.keepsOpen && this.#unsent === undefined) this.onIdle?.(this);
    else this.cut();
  }

  #fail(cause: unknown, aborted: boolean): void {
    this.#signal?.removeEventListener("abort", this);
    this.#signal = undefined;
    this.#unsent = undefined;
    this.#asking?.reject(cause);
    this.#asking = undefined;
    this.#answer?.broke(cause, aborted);
    this.#answer = undefined;
  }
}

const HANDLERS: SocketHandler<Connection> = {
  data: (socket, bytes) => socket.data?.received(bytes),
  drain: (socket) => socket.data?.drained(),
  end: (socket) => socket.data?.ended(),
  error: (socket) => socket.terminate(),
};

/** Connects to the address that was checked, and by TLS to nobody but who bears the name. */
export function connect({ address, port, serverName }: PinnedAddress, signal: Abortable): Promise<Connection> {
  const { promise, resolve, reject } = Promise.withResolvers<Connection>();
  const leave = () => reject(signal.reason);
  signal.addEventListener("abort", leave);
  const ready = (socket: Socket<Connection>) => {
    if (signal.aborted) return socket.terminate();
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.data = new Connection(socket);
    resolve(socket.data);
  };
  const failed = (cause: unknown) => reject(unreachable(cause));
  Bun.connect<Connection>({
    hostname: address,
    port,
    socket: {
      ...HANDLERS,
      open(socket) {
        if (signal.aborted) socket.terminate();
        else if (serverName === null) ready(socket);
      },
      ...(serverName !== null && {
        handshake(socket: Socket<Connection>, verified: boolean, fault: Error | null) {
          if (verified && fault === null) return ready(socket);
          failed(fault ?? new Error("the certificate was not verified"));
          socket.terminate();
        },
      }),
      connectError: (_, cause) => failed(cause),
      close(socket, cause) {
        if (socket.data === undefined) failed(cause);
        else socket.data.gone(cause);
      },
    },
    ...(serverName !== null && { tls: { serverName, rejectUnauthorized: true, ALPNProtocols: ALPN } }),
  } as Bun.TCPSocketConnectOptions<Connection>).catch(failed);
  return promise.finally(() => signal.removeEventListener("abort", leave));
}

function secondsOf(kept: string): number | undefined {
  const match = KEPT_FOR.exec(kept);
  return match === null ? undefined : Number(match[1]);
}

const codeOf = (cause: unknown) => {
  const { code } = (cause ?? {}) as { code?: unknown };
  return typeof code === "string" ? code : "the connection failed";
};

function unreachable(cause: unknown): GatewayError {
  return new GatewayError("upstream_unreachable", "The provider could not be reached.", {
    internal: codeOf(cause),
    cause,
  });
}

/**
 * A connection that breaks has been made, so the question may have arrived, and the provider may charge
 * for it: that is another thing than a provider that cannot be reached.
 */
function noAnswer(cause: unknown): GatewayError {
  return new GatewayError("upstream_cut", "The provider closed the connection without an answer.", {
    internal: codeOf(cause),
    cause,
  });
}

function malformed(cause: NoHttp): GatewayError {
  return new GatewayError("upstream_malformed", "The provider sent something that is no answer.", {
    internal: `no HTTP: ${cause.message}`,
    cause,
  });
}

function brokenOff(internal: string, cause?: unknown): GatewayError {
  return new GatewayError("upstream_cut", "The provider's answer broke off before it was whole.", { internal, cause });
}
