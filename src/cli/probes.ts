import { accessSync, constants, existsSync, readFileSync, statfsSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { type Environment, parseMasterKey } from "../config/environment.ts";
import type { Problem } from "../config/problem.ts";
import { Refusal } from "../config/problem.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Secret } from "../kernel/secret.ts";
import type { Upstream } from "../ports/upstream.ts";
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
  inspectLock(dataDir: string): { held: boolean; pid: number | null };
  /** Whether this master key opens the sealed key of this account. */
  opens(masterKey: Secret<Uint8Array>, provider: ProviderFacts): boolean;
  /** Everything that is wrong with a configuration file. */
  checkConfiguration(file: string): Promise<readonly Problem[]>;
  upstream: Upstream;
  /** Where a kind of provider lives, if its accounts need no base URL. */
  baseUrlOf(kind: string): string | null;
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
    opens(environment, provider) {
      const key =
        environment.masterKey ?? parseMasterKey(readFileSync(join(environment.dataDir, parts.masterKeyFile), "utf8"));
      return parts.opens(key, provider);
    },
    configuration: (file) => parts.checkConfiguration(file),
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

async function reach(parts: ProbeParts, provider: ProviderFacts): Promise<ReachFacts> {
  const baseUrl = provider.baseUrl ?? parts.baseUrlOf(provider.kind);
  if (baseUrl === null) return { reached: false, why: "the account has no address" };
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
