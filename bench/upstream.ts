/**
 * The bench's provider: a process of its own that answers canned OpenAI chat completions over raw TCP, as
 * cheaply as this runtime can, so that it is not what the bench measures. The body chooses the answer:
 *
 *   "stream":true            60 events, one write each, one event-loop turn apart
 *   "model":"…-every-<ms>"   the same, one event every <ms> milliseconds
 *   else                     one JSON answer
 *
 * `GET /stats` answers with counters: calls taken, streams open now, streams that the peer left early.
 * It trusts its peers: requests with a Content-Length, no pipelining. Usage: bun bench/upstream.ts <port>
 */
import type { Socket } from "bun";
import { jsonAnswer, jsonResponse, streamAnswer } from "./answers.ts";

const JSON_ANSWER = jsonAnswer();
const PIECES = streamAnswer();
const STREAM_FLAG = Buffer.from('"stream":true');
const EVERY_FLAG = Buffer.from("-every-");
const HEAD_END = Buffer.from("\r\n\r\n");
const LENGTH = /\r\ncontent-length: *(\d+)/i;

/** One connection: the request that is arriving, and the stream that is leaving. */
class Peer {
  arriving: Buffer | undefined;
  /** Index of the next piece, or -1 when no stream is running. */
  next = -1;
  /** What the socket did not take yet of the piece before. */
  rest: Buffer | undefined;
  /** The stream of a peer that left is dropped at its next turn. */
  gone = false;
}

type PeerSocket = Socket<Peer>;
const stats = { calls: 0, open: 0, left: 0 };

/** Streams that write in the next turn of the event loop. */
let everyTurn: PeerSocket[] = [];

function turn(): void {
  const due = everyTurn;
  everyTurn = [];
  for (const socket of due) if (writeNext(socket)) everyTurn.push(socket);
  if (everyTurn.length > 0) setImmediate(turn);
}

/** A ring of slots turned by one timer: each stream of this pace writes when its slot comes up. */
class Wheel {
  readonly #slots: PeerSocket[][];
  #at = 0;

  constructor(everyMs: number) {
    const slots = Math.min(everyMs, 50);
    this.#slots = Array.from({ length: slots }, () => []);
    setInterval(() => this.#tick(), everyMs / slots);
  }

  add(socket: PeerSocket): void {
    this.#slots[this.#at]!.push(socket);
  }

  #tick(): void {
    this.#at = (this.#at + 1) % this.#slots.length;
    const due = this.#slots[this.#at]!;
    if (due.length > 0) this.#slots[this.#at] = due.filter(writeNext);
  }
}

const wheels = new Map<number, Wheel>();

function wheel(everyMs: number): Wheel {
  const found = wheels.get(everyMs) ?? new Wheel(everyMs);
  wheels.set(everyMs, found);
  return found;
}

/** Writes the stream's next piece; false when the stream is over. A full socket skips its turn. */
function writeNext(socket: PeerSocket): boolean {
  const peer = socket.data;
  if (peer.gone) return false;
  const piece = peer.rest ?? PIECES[peer.next++]!;
  const written = socket.write(piece);
  peer.rest = written < piece.length ? piece.subarray(Math.max(written, 0)) : undefined;
  if (peer.rest !== undefined || peer.next < PIECES.length) return true;
  peer.next = -1;
  stats.open--;
  return false;
}

function answer(socket: PeerSocket, request: Buffer, bodyStart: number): void {
  if (request[0] === 71 /* G, of GET */) {
    socket.write(jsonResponse(stats));
    return;
  }
  stats.calls++;
  if (request.indexOf(STREAM_FLAG, bodyStart) < 0) {
    socket.write(JSON_ANSWER);
    return;
  }
  stats.open++;
  socket.data.next = 0;
  const every = request.indexOf(EVERY_FLAG, bodyStart);
  if (every >= 0) {
    const pace = Number.parseInt(
      request.toString("latin1", every + EVERY_FLAG.length, every + EVERY_FLAG.length + 6),
      10,
    );
    // The first token comes right behind the event that only names the role, as from a model.
    if (writeNext(socket) && writeNext(socket)) wheel(pace).add(socket);
  } else {
    everyTurn.push(socket);
    if (everyTurn.length === 1) setImmediate(turn);
  }
}

function receive(socket: PeerSocket, data: Buffer): void {
  const peer = socket.data;
  const request = peer.arriving === undefined ? data : Buffer.concat([peer.arriving, data]);
  const headEnd = request.indexOf(HEAD_END);
  if (headEnd < 0) {
    peer.arriving = request;
    return;
  }
  const bodyStart = headEnd + HEAD_END.length;
  const length = LENGTH.exec(request.toString("latin1", 0, headEnd));
  if (request.length - bodyStart < Number(length?.[1] ?? 0)) {
    peer.arriving = request;
    return;
  }
  peer.arriving = undefined;
  answer(socket, request, bodyStart);
}

function leave(socket: PeerSocket): void {
  const peer = socket.data;
  peer.gone = true;
  if (peer.next < 0) return;
  peer.next = -1;
  stats.open--;
  stats.left++;
}

Bun.listen<Peer>({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  socket: {
    open(socket) {
      socket.data = new Peer();
      socket.setNoDelay(true);
    },
    data: receive,
    // Half-closed is closed: every peer here that ends its side has gone away.
    end(socket) {
      socket.end();
    },
    close: leave,
    error() {},
  },
});
