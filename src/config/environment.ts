import { Secret } from "../kernel/secret.ts";
import { didYouMean } from "./nearest.ts";
import { formatListenAddress, isLoopback, type ListenAddress, parseListenAddress, parseNetwork } from "./network.ts";
import { ConfigurationError, type Problem, Refusal } from "./problem.ts";
import { type DatabaseAddress, parseDatabaseUrl, parseRedisUrl, type RedisAddress } from "./shared-store.ts";

export type LedgerSync = "normal" | "full";
export type LogFormat = "json" | "pretty";
export type LogThreshold = "debug" | "info" | "warn" | "error";

/** A certificate or key: a file that may be read again when it changes, or the PEM text itself. */
export type PemSource = { file: string } | { text: Secret<string> };

/** Where a value was written: in the variable itself, or in the file that its `_FILE` twin names. */
interface Source {
  file: string | null;
}

/** One environment variable. */
export interface Variable<T = unknown> {
  name: string;
  meaning: string;
  /** What holds when it is not set, for the reader of the documentation. */
  default: string;
  /** Whether its value is a secret, which no message may repeat. */
  secret: boolean;
  /** @throws Refusal with the rest of a sentence that begins with the variable's name. */
  parse(text: string, source: Source): T;
}

function variable<T>(name: string, fallback: string, meaning: string, parse: Variable<T>["parse"]): Variable<T> {
  return { name, meaning, default: fallback, secret: false, parse };
}

function secret<T>(name: string, fallback: string, meaning: string, parse: Variable<T>["parse"]): Variable<T> {
  return { name, meaning, default: fallback, secret: true, parse };
}

/** Every variable that the process reads. The page docs/config.md is made from this table. */
const TABLE = {
  listen: variable(
    "SALLYPORT_LISTEN",
    "127.0.0.1:8080",
    "Address and port of the gateway listener, which applications call. Port 0 lets the system choose.",
    parseListenAddress,
  ),
  adminListen: variable(
    "SALLYPORT_ADMIN_LISTEN",
    "127.0.0.1:8081",
    "Address and port of the admin listener: admin API, metrics, console.",
    parseListenAddress,
  ),
  dataDir: variable(
    "SALLYPORT_DATA_DIR",
    "./data",
    "Folder of the embedded store and the master key. It belongs to one gateway at a time.",
    parsePath,
  ),
  configFile: variable(
    "SALLYPORT_CONFIG",
    "none",
    "Declarative configuration file, applied at every start.",
    parsePath,
  ),
  ledgerSync: variable(
    "SALLYPORT_LEDGER_SYNC",
    "normal",
    "When the embedded ledger waits for the disk: normal (a loss of power may take the records of the last moments; no crash of the process does) or full (at each commit).",
    oneOf<LedgerSync>("normal", "full"),
  ),
  adminToken: secret(
    "SALLYPORT_ADMIN_TOKEN",
    "generated at the first start",
    "Bearer token of the bootstrap administrator, at least 16 characters, more than a few of them different. It counts while the variable is set, in place of the first one.",
    parseAdminToken,
  ),
  masterKey: secret(
    "SALLYPORT_MASTER_KEY",
    "a file in the data folder, made at the first start",
    "Key-encryption key: base64 of exactly 32 random bytes. Every other key of the installation is derived from it or sealed under it.",
    parseMasterKey,
  ),
  tlsCert: variable(
    "SALLYPORT_TLS_CERT",
    "none",
    "PEM file with the certificate chain of both listeners (or the PEM text itself). Read again when the file changes. TLS 1.2 or later is served.",
    parsePem,
  ),
  tlsKey: variable(
    "SALLYPORT_TLS_KEY",
    "none",
    "PEM file with the private key of SALLYPORT_TLS_CERT (or the PEM text itself).",
    parsePem,
  ),
  trustedProxies: variable(
    "SALLYPORT_TRUSTED_PROXIES",
    "none",
    "Networks (CIDR, separated by commas) of the proxies whose forwarding headers count.",
    parseNetworks,
  ),
  insecureHttp: variable(
    "SALLYPORT_INSECURE_HTTP",
    "0",
    "1 allows plain HTTP on addresses that other machines can reach. Keys and prompts then cross the network readable.",
    parseSwitch,
  ),
  log: variable(
    "SALLYPORT_LOG",
    "pretty on a terminal, else json",
    "Form of the log lines: json or pretty.",
    oneOf<LogFormat>("json", "pretty"),
  ),
  logLevel: variable(
    "SALLYPORT_LOG_LEVEL",
    "info",
    "Least level that is logged: debug, info, warn or error.",
    oneOf<LogThreshold>("debug", "info", "warn", "error"),
  ),
  url: variable(
    "SALLYPORT_URL",
    "http://127.0.0.1:8081",
    "Where the command line finds the admin listener.",
    parseAdminUrl,
  ),
  token: secret("SALLYPORT_TOKEN", "none", "Admin token that the command line shows.", parseToken),
  databaseUrl: secret(
    "DATABASE_URL",
    "the embedded store",
    "Shared store (PostgreSQL 13 or later), so that several gateways are one installation: postgres://user:password@host:5432/database. With ?sslmode=verify-full the connection is encrypted and the certificate checked (require and verify-ca mean the same here); sslrootcert names a PEM file with the authorities; no-verify encrypts only; disable does neither, which is what holds without sslmode.",
    parseDatabaseUrl,
  ),
  redisUrl: secret(
    "REDIS_URL",
    "in the shared store, or in process",
    "Shared counters of limits (Redis 7 or Valkey) beside DATABASE_URL: redis://user:password@host:6379, or rediss:// for TLS.",
    parseRedisUrl,
  ),
} as const satisfies Record<string, Variable>;

export const VARIABLES: readonly Variable[] = Object.values(TABLE);

type Settings = { [K in keyof typeof TABLE]: ReturnType<(typeof TABLE)[K]["parse"]> | undefined };

/** The process's settings, checked, with their defaults in place. */
export interface Environment {
  listen: ListenAddress;
  adminListen: ListenAddress;
  dataDir: string;
  /** Of the embedded store. */
  ledgerSync: LedgerSync;
  configFile: string | undefined;
  adminToken: Secret<string> | undefined;
  /** 32 bytes; undefined: the file in the data folder. */
  masterKey: Secret<Uint8Array> | undefined;
  /** undefined: plain HTTP. */
  tls: { cert: PemSource; key: PemSource } | undefined;
  /** CIDRs in canonical form. */
  trustedProxies: readonly string[];
  insecureHttp: boolean;
  /** undefined: pretty on a terminal, else JSON. */
  log: LogFormat | undefined;
  logLevel: LogThreshold;
  /** Without a trailing slash. */
  url: string;
  token: Secret<string> | undefined;
  /** undefined: the embedded store. */
  database: DatabaseAddress | undefined;
  /** Only beside a database. */
  redis: RedisAddress | undefined;
}

export interface EnvironmentOptions {
  /** Whether listeners will be opened. The commands that only speak to a running gateway do not judge its listeners. */
  serving?: boolean;
}

/**
 * Reads the environment. A variable that is empty counts as not set.
 * @param readFile gives a file's text, for the `_FILE` twins; it throws when it cannot.
 * @throws ConfigurationError with every problem at once.
 */
export function readEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string,
  options: EnvironmentOptions = {},
): Environment {
  const problems: Problem[] = unknownVariables(env);
  const settings: Record<string, unknown> = {};
  for (const [field, row] of Object.entries(TABLE) as [string, Variable][])
    settings[field] = readVariable(row, env, readFile, problems);
  const environment = withDefaults(settings as unknown as Settings, problems);
  if (problems.length === 0 && (options.serving ?? true)) problems.push(...listenerProblems(environment));
  if (problems.length > 0) throw new ConfigurationError(problems);
  return Object.freeze(environment);
}

function readVariable<T>(
  row: Variable<T>,
  env: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string,
  problems: Problem[],
): T | undefined {
  const twin = `${row.name}_FILE`;
  const direct = env[row.name] || undefined;
  const file = env[twin] || undefined;
  if (direct !== undefined && file !== undefined) {
    problems.push({ where: row.name, message: `is set and ${twin} is set too; only one of them may be` });
    return undefined;
  }
  const where = file === undefined ? row.name : twin;
  try {
    if (direct !== undefined) return row.parse(direct, { file: null });
    if (file === undefined) return undefined;
    return row.parse(readTwin(file, readFile), { file });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    problems.push({ where, message: error.message });
    return undefined;
  }
}

function readTwin(path: string, readFile: (path: string) => string): string {
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    throw new Refusal(`names ${path}, which cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  const value = text.replace(/\r?\n$/, "");
  if (value === "") throw new Refusal(`names ${path}, which is empty`);
  return value;
}

function unknownVariables(env: Readonly<Record<string, string | undefined>>): Problem[] {
  const names = VARIABLES.map((row) => row.name);
  const known = new Set(names.flatMap((name) => [name, `${name}_FILE`]));
  return Object.keys(env)
    .filter((name) => name.startsWith("SALLYPORT_") && !known.has(name))
    .sort()
    .map((name) => ({ where: name, message: `is not a variable of Sallyport${didYouMean(name, known)}` }));
}

function withDefaults(settings: Settings, problems: Problem[]): Environment {
  const { tlsCert: cert, tlsKey: key } = settings;
  if (problems.length === 0 && (cert === undefined) !== (key === undefined)) {
    const [set, missing] = cert === undefined ? [TABLE.tlsKey, TABLE.tlsCert] : [TABLE.tlsCert, TABLE.tlsKey];
    problems.push({ where: missing.name, message: `is needed too, because ${set.name} is set` });
  }
  if (problems.length === 0 && settings.redisUrl !== undefined && settings.databaseUrl === undefined) {
    problems.push({ where: TABLE.databaseUrl.name, message: `is needed too, because ${TABLE.redisUrl.name} is set` });
  }
  return {
    listen: Object.freeze(settings.listen ?? parseListenAddress(TABLE.listen.default)),
    adminListen: Object.freeze(settings.adminListen ?? parseListenAddress(TABLE.adminListen.default)),
    dataDir: settings.dataDir ?? TABLE.dataDir.default,
    ledgerSync: settings.ledgerSync ?? "normal",
    configFile: settings.configFile,
    adminToken: settings.adminToken,
    masterKey: settings.masterKey,
    tls: cert === undefined || key === undefined ? undefined : Object.freeze({ cert, key }),
    trustedProxies: Object.freeze(settings.trustedProxies ?? []),
    insecureHttp: settings.insecureHttp ?? false,
    log: settings.log,
    logLevel: settings.logLevel ?? "info",
    url: settings.url ?? TABLE.url.default,
    token: settings.token,
    database: settings.databaseUrl,
    redis: settings.redisUrl,
  };
}

function listenerProblems(environment: Environment): Problem[] {
  const problems: Problem[] = [];
  const { listen, adminListen } = environment;
  const listeners = [
    { where: TABLE.listen.name, address: listen },
    { where: TABLE.adminListen.name, address: adminListen },
  ];
  for (const { where, address } of listeners) {
    if (environment.tls !== undefined || environment.insecureHttp || isLoopback(address.host)) continue;
    problems.push({
      where,
      message: `is ${formatListenAddress(address)}, which other machines can reach, and plain HTTP would show them every key; set SALLYPORT_TLS_CERT and SALLYPORT_TLS_KEY, or SALLYPORT_INSECURE_HTTP=1 where something in front serves TLS`,
    });
  }
  if (listen.port !== 0 && listen.port === adminListen.port && listen.host === adminListen.host) {
    problems.push({ where: TABLE.adminListen.name, message: "must not be the address and port of SALLYPORT_LISTEN" });
  }
  return problems;
}

function parsePath(text: string): string {
  if (text.includes("\0")) throw new Refusal("must be a path");
  return text;
}

const MIN_ADMIN_TOKEN = 16;

/** A token that guards everything: no default, no short word, nothing that a header cannot carry. */
function parseAdminToken(text: string): Secret<string> {
  const token = parseToken(text).reveal();
  if (token.length < MIN_ADMIN_TOKEN) throw new Refusal(`must have at least ${MIN_ADMIN_TOKEN} characters`);
  if (new Set(token).size < 6) throw new Refusal("must not be made of a few repeated characters");
  return new Secret(token);
}

/** What may stand in an Authorization header (RFC 9110 section 5.5): visible ASCII, no space. */
function parseToken(text: string): Secret<string> {
  if (!/^[\x21-\x7e]+$/.test(text)) throw new Refusal("must be made of visible ASCII characters, without spaces");
  return new Secret(text);
}

/** Base64 (RFC 4648, either alphabet, padding optional) of exactly 32 bytes. @throws Refusal */
export function parseMasterKey(text: string): Secret<Uint8Array> {
  const compact = text.trim();
  const bytes = Buffer.from(compact, "base64");
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(compact) || bytes.length !== 32) {
    throw new Refusal("must be base64 of exactly 32 bytes; make one with: openssl rand -base64 32");
  }
  if (new Set(bytes).size < 8) throw new Refusal("must be random bytes; make some with: openssl rand -base64 32");
  return new Secret(new Uint8Array(bytes));
}

function parsePem(text: string, source: Source): PemSource {
  if (!text.trimStart().startsWith("-----BEGIN ")) return { file: parsePath(text) };
  return source.file === null ? { text: new Secret(text) } : { file: source.file };
}

function parseNetworks(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map(parseNetwork);
}

const SWITCH: Readonly<Record<string, boolean>> = { "1": true, true: true, "0": false, false: false };

function parseSwitch(text: string): boolean {
  const value = Object.hasOwn(SWITCH, text) ? SWITCH[text] : undefined;
  if (value === undefined) throw new Refusal(`must be 1 or 0; it is ${JSON.stringify(text)}`);
  return value;
}

function oneOf<T extends string>(...words: T[]): (text: string) => T {
  return (text) => {
    const word = words.find((candidate) => candidate === text);
    if (word === undefined) {
      throw new Refusal(`must be one of ${words.join(", ")}; it is ${JSON.stringify(text)}${didYouMean(text, words)}`);
    }
    return word;
  };
}

function parseAdminUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (
    url === undefined ||
    !/^https?:$/.test(url.protocol) ||
    url.username !== "" ||
    url.password !== "" ||
    url.search !== ""
  ) {
    throw new Refusal("must be an http or https URL without credentials and query");
  }
  return url.href.replace(/\/+$/, "");
}
