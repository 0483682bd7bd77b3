import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { parseMasterKey } from "../config/environment.ts";
import { Refusal } from "../config/problem.ts";
import { deriveKey, equalInConstantTime, hmac } from "../kernel/digest.ts";
import type { RandomBytes } from "../kernel/id.ts";
import { Secret } from "../kernel/secret.ts";

/** Name of the master key's file in the data folder. */
export const MASTER_KEY_FILE = "master.key";

/** The setting under which an installation remembers the fingerprint of its master key. */
export const MASTER_KEY_SETTING = "master-key-fingerprint";

/** The master key cannot be used. The message says what to do. */
export class MasterKeyError extends Error {
  override readonly name = "MasterKeyError";
}

export interface KeyringOptions {
  /** SALLYPORT_MASTER_KEY, where it is set: then there is no file. */
  value: Secret<Uint8Array> | undefined;
  /** Where the key lies otherwise. */
  file: string;
  /** What this installation remembers of its key; undefined before the first start. */
  expected: string | undefined;
  /** Whether other nodes use the same store, and so the same key. */
  shared?: boolean;
  random: RandomBytes;
}

/** The installation's master key, and the keys derived from it. */
export interface Keyring {
  /** 32 bytes. */
  readonly master: Secret<Uint8Array>;
  /** Tells master keys apart, and nothing about them. To be remembered as MASTER_KEY_SETTING. */
  readonly fingerprint: string;
  /** Whether the key was made just now. */
  readonly created: boolean;
  /** 32 bytes for one purpose. */
  derive(purpose: string): Uint8Array;
}

/**
 * Reads the master key, or makes it at the first start. An installation that has had a key
 * is never given a new one: with another key its secrets could not be opened and none of its
 * virtual keys would be known.
 * @throws MasterKeyError
 */
export function openKeyring(options: KeyringOptions): Keyring {
  const found = options.value ?? readKeyFile(options.file);
  if (found === undefined && options.expected !== undefined) {
    const mend = options.shared
      ? "all its nodes have the same: set SALLYPORT_MASTER_KEY, on each of them, to the content of the first one's file"
      : "restore the file from its backup, or set SALLYPORT_MASTER_KEY to its content";
    throw new MasterKeyError(
      `the master key ${options.file} is missing, and this installation was made with one; ${mend}`,
    );
  }
  const master = found ?? makeKeyFile(options.file, options.random);
  const fingerprint = fingerprintOf(master);
  if (options.expected !== undefined && !equalInConstantTime(fingerprint, options.expected)) {
    const source = options.value === undefined ? options.file : "SALLYPORT_MASTER_KEY";
    const mend = options.shared
      ? "All its nodes have the same: set SALLYPORT_MASTER_KEY to that of the others"
      : "Bring back the first key, or start with an empty data folder";
    throw new MasterKeyError(
      `${source} is not the master key with which this installation was made; its secrets could not be opened with it, so nothing was started. ${mend}`,
    );
  }
  return Object.freeze({
    master,
    fingerprint,
    created: found === undefined,
    derive: (purpose: string) => deriveKey(master.reveal(), purpose),
  });
}

/** Tells master keys apart, and nothing about them. */
export function fingerprintOf(master: Secret<Uint8Array>): string {
  return hmac(deriveKey(master.reveal(), "fingerprint"), "master key");
}

/** @returns undefined where there is no such file. */
function readKeyFile(file: string): Secret<Uint8Array> | undefined {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if ((stat.mode & 0o077) !== 0) {
    const mode = (stat.mode & 0o777).toString(8).padStart(4, "0");
    throw new MasterKeyError(
      `the master key ${file} has mode ${mode}, so that others than its owner may read it; run: chmod 600 ${file}`,
    );
  }
  try {
    return parseMasterKey(readFileSync(file, "utf8"));
  } catch (error) {
    const message = error instanceof Refusal ? error.message : `cannot be read: ${(error as Error).message}`;
    throw new MasterKeyError(`the master key ${file} ${message}`);
  }
}

/** Written whole or not at all, and on the disk before anything is sealed under it. */
function makeKeyFile(file: string, random: RandomBytes): Secret<Uint8Array> {
  const master = random(32);
  const draft = `${file}.new`;
  try {
    rmSync(draft, { force: true });
    const descriptor = openSync(draft, "wx", 0o600);
    try {
      writeSync(descriptor, `${Buffer.from(master).toString("base64")}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(draft, file);
    syncFolder(dirname(file));
  } catch (error) {
    throw new MasterKeyError(`the master key ${file} cannot be written: ${(error as Error).message}`);
  }
  return new Secret(master);
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
