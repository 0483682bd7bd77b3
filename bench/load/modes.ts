/** The four ways of loading a target. Each resolves when its window is over. */
import { Connection, requestBytes } from "./connection.ts";
import type { Job, Outcome } from "./job.ts";
import { Window } from "./window.ts";

type JobOf<Mode extends Job["mode"]> = Job & { mode: Mode };

/** `connections` callers, each of which sends its next request when its last was answered: the most a target can do. */
export async function closed(job: JobOf<"closed">): Promise<Outcome> {
  const window = new Window(job);
  const request = requestBytes(job.route, job.body);
  let running = true;
  const loop = (connection: Connection): void => {
    const sentAt = performance.now();
    connection.send(request, (end) => {
      if (end === 200) window.good(performance.now() - sentAt);
      else window.bad(String(end));
      // A peer that refuses connections is asked again a little later, not as fast as the loop can turn.
      if (running) typeof end === "number" ? loop(connection) : setTimeout(() => loop(connection), 20);
    });
  };
  // Callers start one after the other: in step, they would end in bursts, and a window would cut a burst off.
  for (let i = 0; i < job.connections; i++) {
    setTimeout(() => loop(new Connection(job.route.port)), (i / job.connections) * (job.warmupMs / 2));
  }
  await Bun.sleep(job.warmupMs);
  window.start();
  await Bun.sleep(job.durationMs);
  running = false;
  return window.outcome();
}

/**
 * A fixed rate of calls, whatever becomes of them. Latency counts from the time at which a call was due, so a
 * target that stalls is charged for every call that it made wait (no coordinated omission). The event loop is
 * turned without rest, because timers of a millisecond are too coarse for what is measured here.
 */
export async function open(job: JobOf<"open">): Promise<Outcome> {
  const window = new Window(job);
  const request = requestBytes(job.route, job.body);
  const idle: Connection[] = [];
  const intervalMs = 1000 / job.ratePerSecond;
  const call = (dueAt: number): void => {
    const connection = idle.pop() ?? new Connection(job.route.port);
    connection.send(request, (end) => {
      if (end === 200) window.good(performance.now() - dueAt);
      else window.bad(String(end));
      idle.push(connection);
    });
  };
  const start = performance.now();
  let due = start + intervalMs;
  let measuring = false;
  await new Promise<void>((resolve) => {
    const turn = (): void => {
      const now = performance.now();
      for (; due <= now; due += intervalMs) call(due);
      if (!measuring && now >= start + job.warmupMs) {
        measuring = true;
        window.start();
      }
      if (now < start + job.warmupMs + job.durationMs) setImmediate(turn);
      else resolve();
    };
    turn();
  });
  return window.outcome();
}

/** Opens streams at a steady pace until `connections` are open, holds them all, counts the living, then hangs up. */
export async function hold(job: JobOf<"hold">): Promise<Outcome> {
  const window = new Window(job);
  const request = requestBytes(job.route, job.body);
  const alive = new Set<Connection>();
  window.start();
  const startedAt = performance.now();
  for (let opened = 0; opened < job.connections; ) {
    const due = Math.min(job.connections, ((performance.now() - startedAt) / 1000) * job.opensPerSecond + 1);
    for (; opened < due; opened++) openStream(job.route.port, request, alive, window);
    await Bun.sleep(5);
  }
  await Bun.sleep(job.holdMs);
  const living = [...alive].filter((connection) => connection.reader.status === 200 && connection.reader.bytes > 0);
  const outcome = window.outcome(living.length);
  for (const connection of living) connection.leave(true);
  return outcome;
}

function openStream(port: number, request: Buffer, alive: Set<Connection>, window: Window): void {
  const connection = new Connection(port);
  const sentAt = performance.now();
  alive.add(connection);
  // The first piece is what a caller waits for: its latency is the one that counts here.
  connection.onBytes = () => {
    window.good(performance.now() - sentAt);
    connection.onBytes = undefined;
  };
  connection.send(request, (end) => {
    alive.delete(connection);
    if (end !== "left") window.bad(`a stream ended early: ${end}`);
  });
}

/** A long mix of JSON calls and streams, of which a share is left at random: before the first byte, or anywhere later. */
export async function soak(job: JobOf<"soak">): Promise<Outcome> {
  const window = new Window(job);
  const json = requestBytes(job.route, job.jsonBody);
  const stream = requestBytes(job.route, job.streamBody);
  let left = 0;
  const over = () => window.calls + left + window.failures >= job.calls && window.elapsedMs >= job.atLeastMs;
  const loop = (connection: Connection, done: () => void): void => {
    const sentAt = performance.now();
    const streamed = Math.random() < job.streams;
    const timer = streamed && Math.random() < job.aborts ? planToLeave(connection) : undefined;
    connection.send(streamed ? stream : json, (end) => {
      clearTimeout(timer);
      connection.onBytes = undefined;
      if (end === 200) window.good(performance.now() - sentAt);
      else if (end === "left") left++;
      else window.bad(String(end));
      if (over()) done();
      else if (end === "refused" || end === "cut") setTimeout(() => loop(connection, done), 20);
      else loop(connection, done);
    });
  };
  window.start();
  const callers = Array.from({ length: job.connections }, () => new Connection(job.route.port));
  await Promise.all(callers.map((caller) => new Promise<void>((resolve) => loop(caller, resolve))));
  return window.outcome(left);
}

/** About the size of the whole stream; where a target sends more, the stream just ends first now and then. */
const STREAM_BYTES = 15_000;

/** A fifth of the impatient leave when the first byte comes, or before it; the others after some bytes. */
function planToLeave(connection: Connection): Timer | undefined {
  const abruptly = Math.random() < 0.5;
  if (Math.random() < 0.2) {
    connection.onBytes = () => connection.leave(abruptly);
    return setTimeout(() => connection.leave(abruptly), Math.random() * 20);
  }
  const after = Math.random() * STREAM_BYTES;
  connection.onBytes = () => {
    if (connection.reader.bytes >= after) connection.leave(abruptly);
  };
  return undefined;
}
