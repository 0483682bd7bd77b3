import { accessSync, constants, existsSync, readFileSync, statfsSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { type Environment, parseMasterKey } from "../config/environment.ts";
import { type Checked, checkConfig, checkConfigWithoutSecrets } from "../config/load.ts";
import { Refusal } from "../config/problem.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Secret } from "../kernel/secret.ts";
import type { Upstream } from "../ports/upstream.ts";
import type { ProviderAdapter } from "../spec/adapter.ts";
import { lookAtCertificate } from "./certificate-probe.ts";
import { lookAtPort } from "./port-probe.ts";
import type {
  DatabaseFacts,
  DirectoryFacts,
  FileFacts,
  FolderFacts,
  LedgerFacts,
  MasterKeyFacts,
  Probes,
  ProviderFacts,
  ReachFacts,
} from "./probe.ts";

/** What the store says of one of its files; its permissions are looked at here. */
type Inspected<T extends DatabaseFacts> = Omit<T, "file">;

/** What the probes cannot know by themselves, because it belongs to rooms that only compose may open. */
export interface ProbeParts {
  clock: Clock;
  bun: { running: string; pinned: string | null };
  /** Name of the master key's file in the data folder. */
  masterKeyFile: string;
  inspectDirectory(path: string): Inspected<DirectoryFacts> | undefined;
  inspectLedger(path: string): Inspected<LedgerFacts> | undefined;
  inspectShared: Probes["shared"];
  inspectLock(dataDir: string): { held: boolean; pid: number | null };
  /** Whether this master key opens the sealed key of this account. */
  opens(masterKey: Secret<Uint8Array>, provider: ProviderFacts): boolean;
  /** The setting under which an installation remembers its master key, and what it remembers of one. */
  masterKeySetting: string;
  fingerprint(masterKey: Secret<Uint8Array>): string;
  env: Readonly<Record<string, string | undefined>>;
  readFile(path: string): string;
  /** The adapters that there are. */
  kinds: readonly ProviderAdapter[];
  upstream: Upstream;
}

/** How long a provider may take to answer a stranger, in milliseconds. */
const REACH_WITHIN_MS = 5_000;

/** The probes of this machine. */
export function createProbes(parts: ProbeParts): Probes {
  const directory = once((dataDir) => withFile(parts.inspectDirectory(join(dataDir, "directory.db"))));
  const ledger = once((dataDir) => withFile(parts.inspectLedger(join(dataDir, "ledger.db"))));
  return {
    now: () => parts.clock.now(),
    bun: () => parts.bun,
    user: () => process.getuid?.() ?? null,
    folder: lookAtFolder,
    lock: (dataDir) => parts.inspectLock(dataDir),
    masterKey: (environment) => lookAtMasterKey(environment, parts.masterKeyFile),
    directory,
    ledger,
    shared: (address) => parts.inspectShared(address),
    masterKeyBelongs(environment, { settings }) {
      const remembered = settings[parts.masterKeySetting];
      return remembered === undefined ? null : parts.fingerprint(keyOf(environment, parts)) === remembered;
    },
    opens: (environment, provider) => parts.opens(keyOf(environment, parts), provider),
    configuration: (file, withSecrets) => checkConfiguration(file, withSecrets, parts),
    port: lookAtPort,
    certificate: lookAtCertificate,
    reach: (provider) => reach(parts, provider),
    openFiles,
  };
}

/** Several checks look at one database; one look is enough. */
function once<T>(look: (dataDir: string) => T): (dataDir: string) => T {
  const seen = new Map<string, T>();
  return (dataDir) => {
    if (!seen.has(dataDir)) seen.set(dataDir, look(dataDir));
    return seen.get(dataDir)!;
  };
}

function withFile<T extends { path: string }>(facts: T | undefined): (T & { file: FileFacts }) | undefined {
  return facts && { ...facts, file: lookAtFile(facts.path) };
}

function lookAtFile(path: string): FileFacts {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return { exists: false, mode: 0, owner: 0, readable: false };
  return { exists: true, mode: stat.mode & 0o777, owner: stat.uid, readable: may(path, constants.R_OK) };
}

function lookAtFolder(path: string): FolderFacts {
  const home = nearestExisting(path);
  const stat = statSync(path, { throwIfNoEntry: false });
  return {
    ...lookAtFile(path),
    isFolder: stat?.isDirectory() ?? false,
    writable: stat !== undefined && may(path, constants.W_OK | constants.X_OK),
    couldBeMade: stat === undefined && may(home, constants.W_OK | constants.X_OK),
    freeBytes: freeBytes(home),
  };
}

function nearestExisting(path: string): string {
  let folder = resolve(path);
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

function freeBytes(path: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    return null;
  }
}

function may(path: string, access: number): boolean {
  try {
    accessSync(path, access);
    return true;
  } catch {
    return false;
  }
}

function lookAtMasterKey(environment: Environment, name: string): MasterKeyFacts {
  if (environment.masterKey !== undefined) return { source: "environment" };
  const path = join(environment.dataDir, name);
  const file = lookAtFile(path);
  if (!file.readable) return { source: "file", path, file, fault: null };
  try {
    parseMasterKey(readFileSync(path, "utf8"));
    return { source: "file", path, file, fault: null };
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw thrown;
    return { source: "file", path, file, fault: thrown.message };
  }
}

function keyOf(environment: Environment, { masterKeyFile }: ProbeParts): Secret<Uint8Array> {
  return environment.masterKey ?? parseMasterKey(readFileSync(join(environment.dataDir, masterKeyFile), "utf8"));
}

function checkConfiguration(file: string, withSecrets: boolean, parts: ProbeParts): Checked {
  return withSecrets ? checkConfig(file, parts) : checkConfigWithoutSecrets(file, parts);
}

async function reach(parts: ProbeParts, provider: ProviderFacts): Promise<ReachFacts> {
  const baseUrl = provider.baseUrl ?? parts.kinds.find(({ kind }) => kind === provider.kind)?.baseUrl;
  if (baseUrl === undefined || baseUrl === null) return { reached: false, why: "the account has no address" };
  try {
    const answer = await parts.upstream.send({
      baseUrl,
      path: "/",
      headers: { "content-type": "application/json" },
      body: "{}",
      allowPrivateNetwork: provider.allowPrivateNetwork,
      signal: AbortSignal.timeout(REACH_WITHIN_MS),
    });
    answer.discard();
    const date = Date.parse(answer.header("date") ?? "");
    return { reached: true, status: answer.status, farClock: Number.isNaN(date) ? null : date };
  } catch (thrown) {
    const { message, internal, name } = thrown as { message: string; internal?: string; name?: string };
    if (name === "TimeoutError") return { reached: false, why: `no answer within ${REACH_WITHIN_MS / 1000} s` };
    return { reached: false, why: internal === undefined ? message : `${message} (${internal})` };
  }
}

function openFiles(): number | null {
  const shell = Bun.spawnSync(["sh", "-c", "ulimit -n"], { stderr: "ignore" });
  const text = shell.stdout.toString().trim();
  if (text === "unlimited") return Number.MAX_SAFE_INTEGER;
  return /^\d+$/.test(text) ? Number(text) : null;
}
