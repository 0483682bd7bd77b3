import { watch } from "node:fs";
import { dirname } from "node:path";
import type { Log } from "../ports/log.ts";
import type { Listener, Tls } from "./listener.ts";

/** What runs, is watched over and is stopped. Times in milliseconds. */
export interface LifecycleParts {
  listeners: readonly { name: string; listener: Listener }[];
  /** Calls under way. */
  openCalls(): number;
  /** From now on readiness is red and new calls are refused. */
  drain(): void;
  /** Ends what is still open when the bound has passed. */
  abortAll(): void;
  sweep(): void;
  sweepMs: number;
  /** How long open calls may take to finish. */
  drainMs: number;
  /** Commits and closes what must be; after it nothing is served. */
  close(): Promise<void>;
  log: Log;
}

export interface Running {
  /** Drains and stops. Called twice, the second call does not wait for open calls. */
  stop(reason: string): Promise<void>;
  /** Settles when everything has stopped. */
  readonly stopped: Promise<void>;
}

/** How long an aborted call may take to tell its caller and settle its Hold. */
const ABORT_GRACE_MS = 2_000;

export function keepRunning(parts: LifecycleParts): Running {
  const { log } = parts;
  const sweeper = setInterval(parts.sweep, parts.sweepMs);
  const done = Promise.withResolvers<void>();
  let stopping = false;
  let hurried = false;

  async function stop(reason: string): Promise<void> {
    if (stopping) {
      hurried = true;
      return done.promise;
    }
    stopping = true;
    parts.drain();
    log.write("info", "draining", { signal: reason, count: parts.openCalls() });
    await idle(() => hurried, parts.drainMs);
    if (parts.openCalls() > 0) {
      log.write("warn", "ending the calls that are still open", { count: parts.openCalls() });
      parts.abortAll();
      await idle(() => false, ABORT_GRACE_MS);
    }
    clearInterval(sweeper);
    await Promise.all(parts.listeners.map(({ listener }) => listener.stop(true)));
    await parts.close();
    log.write("info", "stopped", { signal: reason });
    done.resolve();
  }

  /** Waits until no call is open, or `cut` says so, or the time is over. */
  async function idle(cut: () => boolean, ms: number): Promise<void> {
    const end = performance.now() + ms;
    while (parts.openCalls() > 0 && !cut() && performance.now() < end) await Bun.sleep(20);
    // The last answers may still be on their way into the sockets.
    await Bun.sleep(20);
  }

  return { stop, stopped: done.promise };
}

/**
 * Calls `changed` when one of the files was written, replaced or moved into place, after it
 * has been quiet for a moment: a certificate and its key are two files and change together.
 * @returns what ends the watching.
 */
export function watchFiles(files: readonly string[], changed: () => void, quietMs = 200): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const poke = () => {
    clearTimeout(timer);
    timer = setTimeout(changed, quietMs);
  };
  // The folder is watched, because a file that is replaced takes its watcher with it.
  const watchers = [...new Set(files.map((file) => dirname(file)))].map((folder) => watch(folder, poke));
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}

/** Gives every listener a new certificate, or keeps the old one and says why. */
export function renewTls(listeners: readonly Listener[], read: () => Tls, log: Log): void {
  try {
    const tls = read();
    for (const listener of listeners) listener.renew(tls);
    log.write("info", "the certificate was read again");
  } catch (cause) {
    log.write("error", "the new certificate cannot be used; the old one stays", {
      detail: cause instanceof Error ? cause.message : String(cause),
    });
  }
}
