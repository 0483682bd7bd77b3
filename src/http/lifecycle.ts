import type { Log } from "../ports/log.ts";
import type { Listener } from "./listener.ts";

/** What runs, is watched over and is stopped. Times in milliseconds. */
export interface LifecycleParts {
  listeners: readonly Pick<Listener, "pending" | "stop">[];
  /** Calls under way. */
  openCalls(): number;
  /** From now on readiness is red; calls are still taken. */
  unready(): void;
  /** How long that lasts: load balancers need a while to see it, and what they send meanwhile must not fail. */
  drainDelayMs: number;
  /** From now on new calls are refused. */
  drain(): void;
  /** Ends what is still open when the bound has passed. */
  abortAll(): void;
  sweep(): void;
  sweepMs: number;
  /** How long open calls may take to finish. */
  drainMs: number;
  /** Commits and closes what must be; after it nothing is served. */
  close(): Promise<void>;
  log: Log & { flush(): void };
}

export interface Running {
  /** Drains and stops. Asked again, it does not wait for open calls any longer. */
  stop(reason: string): Promise<void>;
  /** Writes down an error that nobody has caught. One call's accident must not be the end of all the others. */
  mishap(thrown: unknown): void;
  /** Settles when everything has stopped. */
  readonly stopped: Promise<void>;
}

/** How long an aborted call may take to tell its caller and settle its Hold. */
const ABORT_GRACE_MS = 2_000;

/** npm passes Ctrl-C on to a process that has had it from the terminal already: two signals so near are one. */
const SAME_SIGNAL_MS = 500;

export function keepRunning(parts: LifecycleParts): Running {
  const { log } = parts;
  const sweeper = setInterval(parts.sweep, parts.sweepMs);
  const done = Promise.withResolvers<void>();
  let stoppingSince: number | undefined;
  let hurried = false;

  /** Calls that are open, or whose answers have not left in full. */
  const unfinished = () =>
    Math.max(
      parts.openCalls(),
      parts.listeners.reduce((sum, listener) => sum + listener.pending, 0),
    );

  async function stop(reason: string): Promise<void> {
    if (stoppingSince !== undefined) {
      if (!hurried && performance.now() - stoppingSince > SAME_SIGNAL_MS) {
        hurried = true;
        log.write("info", "asked again to stop; open calls are not waited for", { signal: reason });
      }
      return done.promise;
    }
    stoppingSince = performance.now();
    parts.unready();
    if (parts.drainDelayMs > 0) {
      log.write("info", "not ready any more; calls are still taken", { signal: reason, count: parts.openCalls() });
      const end = stoppingSince + parts.drainDelayMs;
      while (!hurried && performance.now() < end) await Bun.sleep(Math.min(20, end - performance.now()));
    }
    parts.drain();
    log.write("info", "draining", { signal: reason, count: parts.openCalls() });
    await finished(() => hurried, parts.drainMs);
    if (unfinished() > 0) {
      log.write("warn", "ending the calls that are still open", { count: unfinished() });
      parts.abortAll();
      await finished(() => false, ABORT_GRACE_MS);
    }
    clearInterval(sweeper);
    await Promise.all(parts.listeners.map((listener) => listener.stop(true)));
    await parts.close().then(
      () => {
        log.write("info", "stopped", { signal: reason });
        done.resolve();
      },
      (cause) => {
        mishap(cause);
        done.reject(cause);
      },
    );
    log.flush();
  }

  /** Waits until everything is finished, or `cut` says so, or the time is over. */
  async function finished(cut: () => boolean, ms: number): Promise<void> {
    const end = performance.now() + ms;
    while (unfinished() > 0 && !cut() && performance.now() < end) await Bun.sleep(20);
  }

  function mishap(thrown: unknown): void {
    const detail = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    log.write("error", "an error that nobody caught; the gateway goes on", { detail });
  }

  return { stop, mishap, stopped: done.promise };
}
