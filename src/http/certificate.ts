import { readFileSync, watch } from "node:fs";
import { dirname } from "node:path";
import type { PemSource } from "../config/environment.ts";
import type { Log } from "../ports/log.ts";
import type { Listener, Tls } from "./listener.ts";

/** Certificate and key by their settings. */
export interface TlsSources {
  cert: PemSource;
  key: PemSource;
}

/** @throws where a file cannot be read. */
export function readTls({ cert, key }: TlsSources): Tls {
  return { cert: readPem(cert), key: readPem(key) };
}

function readPem(source: PemSource): string {
  return "file" in source ? readFileSync(source.file, "utf8") : source.text.reveal();
}

/** A certificate and its key are two files and change together, so a change is looked at when it has been quiet for a moment… */
const QUIET_MS = 200;

/** …but no later than this after it began: other files of the folder may change without end. */
const LATEST_MS = 2_000;

/** Not every file system tells of changes. */
const LOOK_MS = 30_000;

/**
 * Serves the new certificate on every listener when its files have changed, or keeps the
 * old one and says why.
 * @param serving what is served now.
 * @returns what ends the watching.
 */
export function watchCertificate(
  sources: TlsSources,
  serving: Tls,
  listeners: readonly Pick<Listener, "renew">[],
  log: Log,
): () => void {
  const files = [sources.cert, sources.key].flatMap((source) => ("file" in source ? [source.file] : []));
  if (files.length === 0) return () => {};
  let seen = identify(serving);

  const look = () => {
    try {
      const tls = readTls(sources);
      if (identify(tls) === seen) return;
      seen = identify(tls);
      for (const listener of listeners) listener.renew(tls);
      log.write("info", "the certificate has changed; new connections get the new one", { file: files[0]! });
    } catch (cause) {
      const detail = cause instanceof Error ? cause.message : String(cause);
      log.write("error", "the new certificate cannot be used; the old one stays", { file: files[0]!, detail });
    }
  };
  return watchFolders(new Set(files.map((file) => dirname(file))), look);
}

function identify({ cert, key }: Tls): string {
  return `${cert}\n${key}`;
}

/** Folders are watched, not files: a file that is replaced, or a link that is turned, takes its watcher with it. */
function watchFolders(folders: ReadonlySet<string>, look: () => void): () => void {
  let quiet: ReturnType<typeof setTimeout> | undefined;
  let latest: ReturnType<typeof setTimeout> | undefined;
  const clear = () => {
    clearTimeout(quiet);
    clearTimeout(latest);
    quiet = undefined;
    latest = undefined;
  };
  const settle = () => {
    clear();
    look();
  };
  const changed = () => {
    clearTimeout(quiet);
    quiet = setTimeout(settle, QUIET_MS);
    latest ??= setTimeout(settle, LATEST_MS);
  };
  const watchers = [...folders].flatMap((folder) => {
    try {
      return [watch(folder, changed).on("error", () => {})];
    } catch {
      // Out of watches, or a file system without them: looking now and then remains.
      return [];
    }
  });
  const now = setInterval(look, LOOK_MS);
  return () => {
    clear();
    clearInterval(now);
    for (const watcher of watchers) watcher.close();
  };
}
