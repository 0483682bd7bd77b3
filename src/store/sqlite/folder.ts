import { Database } from "bun:sqlite";
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The data folder cannot be used. The message names the folder and says what to do. */
export class DataFolderError extends Error {
  override readonly name = "DataFolderError";
}

const REMEDY = "; give it to the user that runs the gateway (chown -R), or set SALLYPORT_DATA_DIR to another folder";

/** The folder of the embedded store, held by this process until it is released or dies. */
export interface DataFolder {
  readonly path: string;
  /** A file in it. */
  file(name: string): string;
  release(): void;
}

/** A lock whose folder nobody refers to any more is still held: collecting it as garbage would open the folder to others. */
const held = new Set<Database>();

/**
 * Makes the folder (0700) where it is missing, and holds it for this process alone: two
 * gateways on one folder would each count limits on their own.
 *
 * The lock is SQLite's own lock on an empty database file: the system lets go of it when the
 * process dies, however it dies, so there is no stale lock to be guessed about. The pid
 * beside it only serves the message.
 * @throws DataFolderError
 */
export function openDataFolder(path: string): DataFolder {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    if (!statSync(path).isDirectory()) throw new Error("it is not a folder");
  } catch (error) {
    throw new DataFolderError(`the data folder ${path} cannot be made or read: ${messageOf(error)}${REMEDY}`);
  }
  const lockFile = join(path, "gateway.lock");
  const pidFile = join(path, "gateway.pid");
  const lock = takeLock(path, lockFile, pidFile);
  try {
    makePrivate(pidFile);
    writeFileSync(pidFile, `${process.pid}\n`);
  } catch (error) {
    lock.close();
    throw new DataFolderError(`the data folder ${path} cannot be written: ${messageOf(error)}${REMEDY}`);
  }
  held.add(lock);
  return {
    path,
    file: (name) => join(path, name),
    release() {
      held.delete(lock);
      rmSync(pidFile, { force: true });
      lock.close();
    },
  };
}

function takeLock(path: string, lockFile: string, pidFile: string): Database {
  let lock: Database | undefined;
  try {
    makePrivate(lockFile);
    lock = new Database(lockFile, { create: true, readwrite: true });
    lock.exec("PRAGMA busy_timeout = 250");
    lock.exec("BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock?.close();
    if ((error as { code?: unknown }).code === "SQLITE_BUSY") {
      throw new DataFolderError(
        `the data folder ${path} is in use by another gateway${holder(pidFile)}; stop it, or set SALLYPORT_DATA_DIR to another folder`,
      );
    }
    throw new DataFolderError(`the data folder ${path} cannot be locked: ${messageOf(error)}${REMEDY}`);
  }
}

function holder(pidFile: string): string {
  try {
    return ` (process ${Number.parseInt(readFileSync(pidFile, "utf8"), 10)})`;
  } catch {
    return "";
  }
}

/**
 * Makes sure that the file exists and that only its owner may read it, before anything is
 * written to it. A file that is there is never opened here: closing it would drop every
 * lock that this process has on it (POSIX, fcntl(2)), SQLite's included.
 */
export function makePrivate(file: string): void {
  try {
    closeSync(openSync(file, "wx", 0o600));
  } catch (error) {
    if ((error as { code?: unknown }).code !== "EEXIST") throw error;
    chmodSync(file, 0o600);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
