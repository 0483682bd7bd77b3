import { Secret } from "../kernel/secret.ts";
import { didYouMean } from "./nearest.ts";
import { isLoopback } from "./network.ts";
import { Refusal } from "./problem.ts";

/** How far a connection is protected. `verified` checks the certificate and the name in it. */
export type StoreTls = "off" | "unverified" | "verified";

/** Where PostgreSQL is, as DATABASE_URL says. */
export interface DatabaseAddress {
  /** A name, an address, or the folder of a Unix socket. */
  host: string;
  port: number;
  user: string;
  /** undefined: by other means (peer, certificate, `.pgpass`). */
  password: Secret<string> | undefined;
  database: string;
  tls: StoreTls;
  /** PEM file of the authorities that are believed; undefined: the system's. */
  rootCertificate: string | undefined;
  /** The URL without its password, for messages. */
  shown: string;
  /** Whether what is asked and answered crosses a network readable. */
  exposed: boolean;
}

/** Where Redis or Valkey is, as REDIS_URL says. */
export interface RedisAddress {
  /** With the password in it. */
  url: Secret<string>;
  /** The URL without its password, for messages. */
  shown: string;
  exposed: boolean;
}

/**
 * libpq's words (PostgreSQL documentation, section "SSL Support"). `require` and `verify-ca` check the
 * certificate and its name too, which libpq does not: encryption with whoever answers is no protection.
 */
const SSL_MODES: Readonly<Record<string, StoreTls>> = {
  disable: "off",
  "no-verify": "unverified",
  require: "verified",
  "verify-ca": "verified",
  "verify-full": "verified",
};

const DATABASE_PARAMETERS = ["sslmode", "sslrootcert", "host"];

/** `postgres://user:password@host:port/database?sslmode=verify-full`, never repeated in a message. @throws Refusal */
export function parseDatabaseUrl(text: string): DatabaseAddress {
  const url = readUrl(text, ["postgres:", "postgresql:"], "postgres://user:password@host:5432/database");
  const parameters = readParameters(url, DATABASE_PARAMETERS);
  const host = parameters.get("host") ?? withoutBrackets(decode(url.hostname));
  const database = decode(url.pathname.slice(1));
  const user = decode(url.username);
  if (host === "") throw new Refusal("must name a host");
  if (user === "") throw new Refusal("must name a user");
  if (database === "" || database.includes("/")) throw new Refusal("must name one database, after the host");
  const password = decode(url.password);
  const tls = readSslMode(parameters.get("sslmode"));
  const rootCertificate = parameters.get("sslrootcert");
  if (rootCertificate !== undefined && tls !== "verified") {
    throw new Refusal("has sslrootcert, which says nothing without sslmode=verify-full");
  }
  const local = host.startsWith("/") || isLoopback(host);
  return Object.freeze({
    host,
    port: url.port === "" ? 5432 : Number(url.port),
    user,
    password: password === "" ? undefined : new Secret(password),
    database,
    tls,
    rootCertificate,
    shown: withoutPassword(url),
    exposed: tls === "off" && !local,
  });
}

/** `redis://user:password@host:port/number`, or `rediss://…` over TLS. @throws Refusal */
export function parseRedisUrl(text: string): RedisAddress {
  const url = readUrl(text, ["redis:", "rediss:"], "redis://:password@host:6379");
  readParameters(url, []);
  const host = withoutBrackets(url.hostname);
  if (host === "") throw new Refusal("must name a host");
  if (!/^(?:\/\d{0,4})?$/.test(url.pathname))
    throw new Refusal("may have the number of a database after the host only");
  return Object.freeze({
    url: new Secret(url.href),
    shown: withoutPassword(url),
    exposed: url.protocol === "redis:" && !isLoopback(host),
  });
}

function readUrl(text: string, protocols: readonly string[], form: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !protocols.includes(url.protocol) || url.hash !== "" || /[\s\0]/.test(text)) {
    throw new Refusal(
      `must be a URL of the form ${form}; characters of the password that have a meaning there are written as %23 for # and the like`,
    );
  }
  return url;
}

function readParameters(url: URL, known: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of url.searchParams) {
    if (!known.includes(name)) throw new Refusal(`has a parameter that is not taken${didYouMean(name, known)}`);
    if (found.has(name)) throw new Refusal(`has ${name} twice`);
    if (value === "") throw new Refusal(`has ${name} without a value`);
    found.set(name, value);
  }
  return found;
}

function readSslMode(mode: string | undefined): StoreTls {
  if (mode === undefined) return "off";
  const tls = Object.hasOwn(SSL_MODES, mode) ? SSL_MODES[mode] : undefined;
  if (tls === undefined) {
    throw new Refusal(`has an sslmode that is not taken; it must be one of ${Object.keys(SSL_MODES).join(", ")}`);
  }
  return tls;
}

/** Percent-decoded. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Refusal("has a % that is not followed by two hexadecimal digits");
  }
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}

function withoutPassword(url: URL): string {
  const shown = new URL(url);
  shown.password = "";
  return shown.href;
}
