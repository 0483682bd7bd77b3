import type { Environment, PemSource } from "../config/environment.ts";
import type { Checked } from "../config/load.ts";
import type { ListenAddress } from "../config/network.ts";
import type { DatabaseAddress } from "../config/shared-store.ts";
import type { AccountOptions } from "../spec/adapter.ts";

/**
 * What the doctor asks of this machine. Each method looks and changes nothing; it gives
 * facts, and judges none of them. A method may throw: then its check says that it could not
 * be made, and the others go on.
 */
export interface Probes {
  now(): number;
  bun(): { running: string /** null where no package.json names one. */; pinned: string | null };
  /** The user that this process runs as; null where the system has no such number. */
  user(): number | null;
  folder(path: string): FolderFacts;
  /** Whether a gateway holds the data folder. */
  lock(dataDir: string): { held: boolean /** null where it is not written down. */; pid: number | null };
  masterKey(environment: Environment): MasterKeyFacts;
  /** The database of tenants, keys and providers; undefined before the first start. */
  directory(dataDir: string): DirectoryFacts | undefined;
  /** The database that nodes share. Rejects, with the reason, where it cannot be asked. */
  shared(address: DatabaseAddress): Promise<SharedFacts>;
  /** The database of Holds and usage records; undefined before the first start. */
  ledger(dataDir: string): LedgerFacts | undefined;
  /** Whether the master key at hand is the one with which this installation was made; null where it remembers none. */
  masterKeyBelongs(environment: Environment, directory: StoreFacts): boolean | null;
  /** Whether the installation's master key opens the sealed key of this account. */
  opens(environment: Environment, provider: ProviderFacts): boolean;
  /** Everything that is wrong with the configuration file, with or without following its references to secrets. */
  configuration(file: string, withSecrets: boolean): Checked;
  port(address: ListenAddress, tls: boolean): Promise<PortFacts>;
  certificate(cert: PemSource, key: PemSource): CertificateFacts;
  /** Calls the account's address without its key: any HTTP answer will do. */
  reach(provider: ProviderFacts): Promise<ReachFacts>;
  /** Files and sockets that the gateway may have open at once; null where that cannot be told. */
  openFiles(): number | null;
}

export interface FileFacts {
  exists: boolean;
  /** Permission bits. */
  mode: number;
  owner: number;
  readable: boolean;
}

export interface FolderFacts extends FileFacts {
  isFolder: boolean;
  writable: boolean;
  /** null where that cannot be told. */
  freeBytes: number | null;
  /** Whether it could be made, where it does not exist. */
  couldBeMade: boolean;
}

export type MasterKeyFacts = { source: "environment" } | MasterKeyFileFacts;

export interface MasterKeyFileFacts {
  source: "file";
  path: string;
  file: FileFacts;
  /** What is wrong with its content; null where nothing is. */
  fault: string | null;
}

export interface DatabaseFacts {
  path: string;
  file: FileFacts;
  /** What SQLite's quick_check found; empty where all is well. */
  faults: readonly string[];
  /** Steps of the schema that were applied, and that this version knows. */
  schema: { applied: number; known: number };
  /** The newest time written in it, milliseconds since 1970. */
  latestAt: number | null;
}

export interface ProviderFacts {
  name: string;
  kind: string;
  baseUrl: string | null;
  options: AccountOptions;
  sealedKey: string | null;
  allowPrivateNetwork: boolean;
}

/** What the directory says, wherever it stands. */
export interface StoreFacts {
  schema: { applied: number; known: number };
  latestAt: number | null;
  providers: readonly ProviderFacts[];
  /** What the installation keeps for itself. */
  settings: Readonly<Record<string, string>>;
}

export interface DirectoryFacts extends DatabaseFacts, StoreFacts {}

export interface SharedFacts {
  /** `15.18` */
  version: string;
  /** Whether it follows another server, and takes no changes itself. */
  standby: boolean;
  /** The server's clock, milliseconds since 1970. */
  farClock: number;
  /** Whether the tables are there, or this role may make them. */
  mayBegin: boolean;
  /** undefined before the first start. */
  directory: StoreFacts | undefined;
}

export interface LedgerFacts extends DatabaseFacts {
  /** Calls that were admitted and not yet charged. */
  openHolds: number;
}

export type PortFacts =
  | { state: "free" }
  | { state: "sallyport"; ready: boolean; detail: string }
  | { state: "other" /** Its name and process, where the system tells. */; program: string | null }
  /** It is free, and still this user may not listen there. */
  | { state: "forbidden"; why: string };

export interface CertificateFacts {
  /** What keeps the pair from being used; null where nothing does. */
  fault: string | null;
  /** Milliseconds since 1970. */
  notBefore: number;
  notAfter: number;
  /** Names and addresses that it is good for. */
  names: string;
}

export type ReachFacts =
  | {
      reached: true;
      status: number /** The far clock, milliseconds since 1970, where it was told. */;
      farClock: number | null;
    }
  | { reached: false; why: string };
