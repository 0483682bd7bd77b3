import type { Principal, Subscription } from "../domain/access/principal.ts";
import type { Api, CatalogModel, Plan } from "../domain/catalog/catalog.ts";
import { type ErrorCode, GatewayError } from "../errors.ts";
import { Abort } from "../kernel/abort.ts";
import { IDLE_CONNECTION_SECONDS } from "../kernel/bounds.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Level } from "../ports/meter.ts";
import type { Attempt, VerdictRecord } from "../ports/records.ts";
import type { ModelRequest } from "../spec/request.ts";
import type { Wire } from "../spec/wire.ts";
import type { Match } from "./endpoints.ts";

/** What can be asked of a request's socket. Bun's server is one. */
export interface Sockets {
  /** Closes the socket when for so many seconds nothing has been read from or written to it, whatever is on its way; 0: never. */
  timeout(request: Request, seconds: number): void;
}

/** A request as the listener hands it over. */
export interface Arrival {
  request: Request;
  sockets: Sockets;
  /** Path without the query. */
  path: string;
  query: string;
  /** Address of the socket's other end. */
  peer: string;
}

/**
 * One call from its first to its last byte: identity, time and the abort signal, and what
 * was observed on the way. Decisions do not stand here; they travel in the tickets.
 */
export class Call {
  readonly id: string;
  /** The caller's own `x-request-id` where it was well-formed, else our id. */
  requestId: string;
  /** Wall time of arrival, milliseconds. */
  readonly at: number;
  /** The meter's time, where something was granted until a moment: this machine's clock may be wrong, or go back. */
  countedAt: number | undefined;
  readonly startedTicks: number;
  readonly arrival: Arrival;
  /** Request headers by lower-case name, taken out of the native object once: dozens of look-ups follow. */
  readonly headers: Readonly<Record<string, string>>;
  /** The client's address: the peer's, or what a trusted proxy says. */
  address: string;
  wire: Wire;
  match: Match | null = null;
  /** How the limits stood at the reserve; for the headers. */
  levels: readonly Level[] = [];
  /** Observed for the record; nothing decides by it. */
  readonly observed: Observed = {
    dispatchedTicks: null,
    firstByteTicks: null,
    attempts: [],
    verdicts: [],
    warnings: [],
    shortenedTo: null,
    told: [],
  };

  /** How far it has got, for the record of a refusal. Each ticket notes it as it is made. */
  readonly reached: Reached = { held: false };

  /** Of the targets that were asked. */
  readonly #attempts: Abort[] = [];
  /** Whether a target that is silent for too long ends only its own attempt. */
  #othersMayServe = false;
  readonly #clock: Clock;
  readonly #deadline: number;
  #due: number;
  #dueCode: ErrorCode = "deadline_exceeded";
  #ended = false;
  #lasting = false;
  #hungUp = false;
  readonly #releases: (() => void)[] = [];
  readonly #listeners: ((reason: GatewayError) => void)[] = [];
  #abortedBy: GatewayError | undefined;

  constructor(arrival: Arrival, id: string, wire: Wire, clock: Clock, totalMs: number) {
    this.arrival = arrival;
    this.headers = arrival.request.headers.toJSON();
    this.id = id;
    this.requestId = id;
    this.wire = wire;
    this.address = arrival.peer;
    this.at = clock.now();
    this.startedTicks = clock.ticks();
    this.#clock = clock;
    this.#deadline = this.startedTicks + totalMs;
    this.#due = this.#deadline;
  }

  /**
   * For one target: aborted with the call, by whoever holds it, and, as long as `answering` has not
   * been said, when nothing is heard for too long, so that the next one may be asked.
   */
  attempt(): Abort {
    const attempt = new Abort();
    if (this.#abortedBy !== undefined) attempt.abort(this.#abortedBy);
    this.#attempts.push(attempt);
    this.#othersMayServe = true;
    return attempt;
  }

  /** A target has begun to answer: there is no other from now on. */
  answering(): void {
    this.#othersMayServe = false;
  }

  /** A wait of so long, which can be cancelled. `over` rejects with the reason when the call is aborted first. */
  wait(ms: number): { over: Promise<void>; cancel(): void } {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    const cancel = () => {
      clearTimeout(timer);
      resolve();
    };
    this.onAbort((reason) => {
      clearTimeout(timer);
      reject(reason);
    });
    promise.catch(() => {});
    return { over: promise, cancel };
  }

  get aborted(): GatewayError | undefined {
    return this.#abortedBy;
  }

  /** Calls `tell` once when the call is aborted; at once where it already is. Far cheaper than an event listener. */
  onAbort(tell: (reason: GatewayError) => void): void {
    if (this.#abortedBy !== undefined) tell(this.#abortedBy);
    else this.#listeners.push(tell);
  }

  /** Ends the call wherever it is: the connection to the provider is closed and every wait ends. The first reason stays. */
  abort(reason: GatewayError): void {
    if (this.#ended || this.#abortedBy !== undefined) return;
    this.#abortedBy = reason;
    for (const attempt of this.#attempts) attempt.abort(reason);
    for (const tell of this.#listeners.splice(0)) tell(reason);
  }

  /** From now on the call waits for something that must come within `ms`; otherwise it is aborted with `code`. */
  expect(code: ErrorCode, ms: number): void {
    const due = this.#clock.ticks() + ms;
    if (due < this.#deadline) {
      this.#due = due;
      this.#dueCode = code;
    } else {
      this.#due = this.#deadline;
      this.#dueCode = "deadline_exceeded";
    }
  }

  /**
   * For the watch: the call is still open after a sweep. Only now is its request asked to tell
   * when the caller leaves: that costs more than all of identify, it tells of a caller who has
   * left already, and most calls that fail or are short never get here. From now on the
   * call's own deadlines hold: a provider may think for longer than a connection may idle.
   */
  lasts(): void {
    if (this.#lasting) return;
    this.#lasting = true;
    const { request, sockets } = this.arrival;
    sockets.timeout(request, 0);
    const { signal } = request;
    const leave = () => this.abort(new GatewayError("client_closed", CLIENT_LEFT));
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true });
  }

  /** For the watch: aborts the call if what it waits for is overdue. */
  checkDue(ticks: number): void {
    if (ticks < this.#due) return;
    const overdue = new GatewayError(this.#dueCode, DUE_MESSAGES[this.#dueCode] ?? "The call took too long.");
    if (this.#dueCode === "upstream_timeout" && this.#othersMayServe) {
      this.#due = this.#deadline;
      this.#dueCode = "deadline_exceeded";
      for (const attempt of this.#attempts) attempt.abort(overdue);
    } else this.abort(overdue);
  }

  /** Runs when the call is over, whatever became of it; at once where it already is. */
  onEnd(release: () => void): void {
    if (this.#ended) release();
    else this.#releases.push(release);
  }

  /** The call is over: nothing can abort it any more, and what it held is given back, once. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#lasting && !this.#hungUp) {
      this.arrival.sockets.timeout(this.arrival.request, IDLE_CONNECTION_SECONDS);
    }
    for (const release of this.#releases) release();
  }

  /**
   * Closes the connection of a caller that has stopped reading. An answer that is ended does
   * not: its end would wait behind what the caller does not read. The timer of the socket
   * does, after one to five seconds of silence.
   */
  hangUp(): void {
    this.#hungUp = true;
    this.arrival.sockets.timeout(this.arrival.request, 1);
  }

  elapsed(): number {
    return this.#clock.ticks() - this.startedTicks;
  }

  ticks(): number {
    return this.#clock.ticks();
  }
}

/** What the stages before the Hold have found out. */
export interface Reached {
  principal?: Principal;
  /** Whose key was sent, where the key may not be used (any more): for the record alone, it opens nothing. */
  turnedAway?: Principal;
  request?: ModelRequest;
  granted?: { subscription: Subscription; api: Api; plan: Plan; model: CatalogModel };
  /** Whether there is a Hold, which settle ends and records. */
  held: boolean;
}

export interface Observed {
  dispatchedTicks: number | null;
  firstByteTicks: number | null;
  attempts: Attempt[];
  verdicts: VerdictRecord[];
  warnings: string[];
  /** To how many output tokens the call was shortened, so that its limits afford it; null where it was not. */
  shortenedTo: number | null;
  /** What providers said beside their answers, by the attempt, as headers for the caller. */
  told: { attempt: Attempt; headers: Record<string, string> }[];
}

export const CLIENT_LEFT = "The caller left before the answer was whole.";

const DUE_MESSAGES: Partial<Record<ErrorCode, string>> = {
  body_timeout: "The request's body did not arrive in time.",
  upstream_timeout: "The provider was silent for too long.",
  client_closed: "The caller stopped reading the answer.",
  deadline_exceeded: "The call took longer than calls may take.",
};
