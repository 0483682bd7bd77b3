import { Database } from "bun:sqlite";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

/** How often to look, in milliseconds. */
const EVERY_MS = 250;

/** A log of fewer pages that are not in the database yet is left as it is. */
const WORTH_PAGES = 1_000;

/** Names the work in the thread's data, so that this file does nothing in any other thread. */
const WORK = "sallyport checkpointer";

/**
 * Moves what is in a write-ahead log into its database, in a thread of its own. Doing so
 * waits for the disk (fsync), tens of milliseconds on a busy one, and whoever commits the
 * page too many would wait: here nobody does. A passive checkpoint takes no lock that a
 * writer needs.
 * @param failed told if the thread ends by itself; the writer's own checkpoints go on.
 * @returns what ends the thread.
 */
export function startCheckpointer(path: string, failed: (cause: unknown) => void): () => Promise<void> {
  const worker = new Worker(import.meta.path, { workerData: { work: WORK, path } });
  worker.on("error", failed);
  worker.unref();
  return async () => {
    worker.off("error", failed);
    await worker.terminate();
  };
}

interface Log {
  /** Pages in the log, and those of them that are in the database. */
  log: number;
  checkpointed: number;
}

/** Looks once. @returns whether there was something worth doing. */
export function checkpointOnce(db: Database, worth = WORTH_PAGES): boolean {
  const { log, checkpointed } = db.query("PRAGMA wal_checkpoint(NOOP)").get() as Log;
  if (log - checkpointed < worth) return false;
  db.query("PRAGMA wal_checkpoint(PASSIVE)").get();
  return true;
}

if (!isMainThread && (workerData as { work?: unknown } | null)?.work === WORK) {
  const db = new Database((workerData as { path: string }).path, { readwrite: true });
  const timer = setInterval(() => {
    try {
      checkpointOnce(db);
    } catch {
      // A disk that is full, or busy: the commits tell of it, and the next look may find it better.
    }
  }, EVERY_MS);
  parentPort?.once("close", () => clearInterval(timer));
}
