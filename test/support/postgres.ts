/**
 * A PostgreSQL server for suites that need one: that of TEST_DATABASE_URL, or a private one from
 * the binaries of this machine. Every suite works in databases of its own.
 *
 *   describe.skipIf(!present(POSTGRES))("…", () => {
 *     let postgres: PostgresServer;
 *     beforeAll(async () => (postgres = await startPostgres()));
 *     afterAll(() => postgres.stop());
 *     … await postgres.database() …
 *
 * Suites that stop, crash or pause the server need `POSTGRES_BINARIES` and `startPrivatePostgres`.
 */
import { randomBytes } from "node:crypto";
import { existsSync, globSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import type { Part } from "./parts.ts";
import { freePort, OwnServer, removeFolder } from "./private-server.ts";

const HOW = "apt-get install postgresql, or set TEST_DATABASE_URL to a server where databases may be made";

/** Some server. */
export const POSTGRES: Part = {
  name: "PostgreSQL",
  found: process.env.TEST_DATABASE_URL !== undefined || binaries() !== undefined,
  how: HOW,
};

/** A server that the suite may do anything to. */
export const POSTGRES_BINARIES: Part = {
  name: "PostgreSQL's own binaries",
  found: binaries() !== undefined,
  how: "apt-get install postgresql (initdb and postgres on PATH or in /usr/lib/postgresql)",
};

export interface PostgresServer {
  /** Makes an empty database. @returns its URL, with the password in it. */
  database(): Promise<string>;
  /** Removes the databases that were made here, or the whole server where it is private. */
  stop(): Promise<void>;
}

/** The server of TEST_DATABASE_URL, or a private one. */
export function startPostgres(): Promise<PostgresServer> {
  const url = process.env.TEST_DATABASE_URL;
  return url === undefined ? startPrivatePostgres() : Promise.resolve(new SharedPostgres(url));
}

class SharedPostgres implements PostgresServer {
  readonly #url: string;
  readonly #made: string[] = [];

  constructor(url: string) {
    this.#url = url;
  }

  async database(): Promise<string> {
    const name = freshName();
    await execute(this.#url, `CREATE DATABASE ${name}`);
    this.#made.push(name);
    return withDatabase(this.#url, name);
  }

  async stop(): Promise<void> {
    for (const name of this.#made.splice(0)) await execute(this.#url, `DROP DATABASE ${name} WITH (FORCE)`);
  }
}

/** A certificate and its key, in PEM. */
export interface Tls {
  cert: string;
  key: string;
}

/** A server of our own, on a port that stays the same over restarts. What was committed is found again after a crash. */
export class PrivatePostgres extends OwnServer implements PostgresServer {
  protected readonly crashSignal = "SIGQUIT";
  readonly #bin: string;
  readonly #password = randomBytes(12).toString("hex");
  readonly #tls: Tls | undefined;

  private constructor(bin: string, port: number, tls: Tls | undefined) {
    super("postgres", "postgres", port);
    this.#bin = bin;
    this.#tls = tls;
  }

  static async open(tls?: Tls): Promise<PrivatePostgres> {
    const bin = binaries();
    if (bin === undefined) throw new Error(`there is no PostgreSQL: ${HOW}`);
    const postgres = new PrivatePostgres(bin, await freePort(), tls);
    return await postgres.begin(async () => {
      postgres.#initialize();
      await postgres.start();
    });
  }

  /** URL of the database that is there before any other. */
  get url(): string {
    return `postgres://sallyport:${this.#password}@127.0.0.1:${this.port}/postgres`;
  }

  async database(): Promise<string> {
    const name = freshName();
    await execute(this.url, `CREATE DATABASE ${name}`);
    return withDatabase(this.url, name);
  }

  /** Starts it again, after `shutdown` or `crash`. @param standby as one that follows a primary, which is nowhere. */
  async start({ standby = false } = {}): Promise<void> {
    const data = join(this.folder, "data");
    const signal = join(data, "standby.signal");
    if (standby) this.runner.write(signal, "");
    else removeFolder(signal);
    // Nothing survives a loss of power here, but everything a crash of the server.
    const settings = ["fsync=off", "full_page_writes=off", "listen_addresses=127.0.0.1", `port=${this.port}`];
    settings.push("unix_socket_directories=", "max_connections=200", "shared_buffers=32MB", "max_wal_size=256MB");
    if (this.#tls !== undefined)
      settings.push("ssl=on", `ssl_cert_file=${this.#file("cert")}`, `ssl_key_file=${this.#file("key")}`);
    const program = [join(this.#bin, "postgres"), "-D", data, ...settings.flatMap((setting) => ["-c", setting])];
    const ready = /database system is ready to accept (?:read-only )?connections/;
    await this.run({ command: program, signal: "INT", ready });
  }

  #file(name: "cert" | "key"): string {
    return join(this.folder, `${name}.pem`);
  }

  #initialize(): void {
    const passwordFile = join(this.folder, "password");
    this.runner.write(passwordFile, this.#password);
    const options = ["--no-sync", "-U", "sallyport", "-A", "scram-sha-256", `--pwfile=${passwordFile}`];
    const locale = ["-E", "UTF8", "--locale=C", "-D", join(this.folder, "data")];
    const command = [...this.runner.prefix, join(this.#bin, "initdb"), ...options, ...locale];
    const { exitCode, stderr } = Bun.spawnSync(command, { env: { ...process.env, LC_ALL: "C" } });
    removeFolder(passwordFile);
    if (this.#tls !== undefined) {
      this.runner.write(this.#file("cert"), this.#tls.cert);
      this.runner.write(this.#file("key"), this.#tls.key);
    }
    if (exitCode !== 0) throw new Error(`initdb failed: ${stderr.toString()}`);
  }
}

/** @param tls that it serves, for those who ask for it. */
export function startPrivatePostgres(tls?: Tls): Promise<PrivatePostgres> {
  return PrivatePostgres.open(tls);
}

/** One statement, on a connection of its own. */
async function execute(url: string, statement: string): Promise<void> {
  const sql = new SQL(url, { max: 1 });
  try {
    await sql.unsafe(statement);
  } finally {
    await sql.close({ timeout: 1 });
  }
}

function freshName(): string {
  return `sallyport_test_${randomBytes(8).toString("hex")}`;
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

/** The folder of initdb and postgres; undefined where there are none. Debian keeps them off the PATH. */
function binaries(): string | undefined {
  const onPath = (process.env.PATH ?? "").split(":");
  const debian = globSync("/usr/lib/postgresql/*/bin").sort().reverse();
  return [...debian, ...onPath].find((folder) =>
    ["initdb", "postgres"].every((name) => existsSync(join(folder, name))),
  );
}
