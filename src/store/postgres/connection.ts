import { readFileSync } from "node:fs";
import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from "kysely";
import pg from "pg";
import type { DatabaseAddress } from "../../config/shared-store.ts";
import { PostgresError, translated } from "./error.ts";

/** Everything of ours is in one schema, so that a database may have other tables too. */
export const SCHEMA = "sallyport";

/** A statement that takes longer is ended by the server. Milliseconds. */
const STATEMENT_MS = 10_000;

/** When the server has said nothing for so long after that, it is not there, and its connection is given up. */
const SILENCE_MS = 2_000;

/** How long a node may leave a transaction open without a word: what it holds, others wait for. */
const IDLE_IN_TRANSACTION_MS = 10_000;

/** How long a call may wait for a connection: a new one, or a free one of the pool. */
const CONNECT_MS = 3_000;

const CONNECTIONS = 10;

/** Session locks by number, under one number of our own; a database may have other users of them. */
const LOCK_CLASS = 0x53_41_4c_4c;
const LOCKS = { migrations: 1, start: 2, ledger: 3, meter: 4 } as const;

/** How long a node waits for another one that migrates, or starts, before it gives up. */
const LOCK_MS = 60_000;

/** query_canceled: the statement's time is up. */
const WAITED_TOO_LONG = "57014";

export type Value = string | number | boolean | null | Uint8Array | readonly (string | number | null)[];

/** Runs one statement with values for `$1`, `$2`, …; gives its rows. @throws PostgresError */
export type Query = <R extends object>(text: string, values?: readonly Value[]) => Promise<R[]>;

export interface PostgresOptions {
  /** Told of connections that broke while nobody was using them. They are replaced by themselves. */
  onTrouble?(error: PostgresError): void;
  /** Connections at most. */
  connections?: number;
  statementMs?: number;
}

/**
 * The connections of one node to PostgreSQL, shared by all stores on it. 64-bit integers are
 * numbers here; one beyond 2^53 − 1 fails its statement. Every failure is a PostgresError, and
 * none ends the process. A connection that broke, or was silent for too long, is never used again.
 */
export class Postgres {
  readonly #settings: pg.ClientConfig;
  readonly #options: PostgresOptions;
  #pool: pg.Pool;

  private constructor(address: DatabaseAddress, options: PostgresOptions) {
    this.#options = options;
    this.#settings = settingsFor(address, options.statementMs ?? STATEMENT_MS);
    this.#pool = this.#makePool();
  }

  /** Connects, and makes the schema where there is none. @throws PostgresError */
  static async open(address: DatabaseAddress, options: PostgresOptions = {}): Promise<Postgres> {
    const postgres = new Postgres(address, options);
    try {
      if (await postgres.#hasSchema()) return postgres;
      await postgres.alone("migrations", async () => {
        if (!(await postgres.#hasSchema())) await postgres.query(`CREATE SCHEMA ${SCHEMA}`);
      });
      return postgres;
    } catch (error) {
      await postgres.close();
      throw error;
    }
  }

  /** One statement by itself. Texts that recur are prepared once for each connection: never build them from values. */
  readonly query: Query = async <R extends object>(text: string, values: readonly Value[] = []) => {
    const client = await this.#checkOut();
    return await client.run<R>(text, values).finally(() => client.release());
  };

  /**
   * Commits what `fn` did, or nothing where it throws. When this throws a PostgresError that is
   * `unavailable` after the commit was sent, nobody knows whether it happened.
   */
  async transaction<T>(fn: (query: Query) => Promise<T>): Promise<T> {
    const client = await this.#checkOut();
    try {
      await client.run("BEGIN", []);
      const value = await fn((text, values = []) => client.run(text, values));
      await client.commit();
      return value;
    } catch (error) {
      await client.rollBack();
      throw error;
    } finally {
      client.release();
    }
  }

  /** Kysely on the pool. Not to be destroyed: `close` does. */
  kysely<T>(): Kysely<T> {
    const pool: PostgresPool = {
      connect: async () => (await this.#checkOut()).forKysely,
      end: async () => {},
    };
    return new Kysely<T>({ dialect: new PostgresDialect({ pool }) });
  }

  /**
   * Runs `fn` while no other node runs one under this lock; one that dies holds it no longer.
   * @throws PostgresError after a minute of waiting.
   */
  async alone<T>(lock: keyof typeof LOCKS, fn: () => Promise<T>): Promise<T> {
    const client = await this.connect({ statement_timeout: LOCK_MS, query_timeout: LOCK_MS + SILENCE_MS });
    try {
      await client.query("SELECT pg_advisory_lock($1, $2)", [LOCK_CLASS, LOCKS[lock]]).catch((error) => {
        const failure = translated(error);
        if (failure.sqlState !== WAITED_TOO_LONG) throw failure;
        throw new PostgresError(`another node has held the lock ${lock} for ${LOCK_MS / 1_000} s`, WAITED_TOO_LONG);
      });
      return await fn();
    } finally {
      await disconnect(client);
    }
  }

  /** A connection of its own, beside the pool; whoever asks for it ends it, and listens for its `error`. */
  connect(overrides: Partial<pg.ClientConfig> = {}): Promise<pg.Client> {
    return connected({ ...this.#settings, ...overrides });
  }

  /** From now on new connections are used; those that there are end when what runs on them has. */
  retire(): void {
    const old = this.#pool;
    this.#pool = this.#makePool();
    void old.end().catch(() => {});
  }

  /** Waits for what runs, a while, and ends every connection. */
  async close(): Promise<void> {
    await Promise.race([this.#pool.end().catch(() => {}), Bun.sleep(CONNECT_MS)]);
  }

  #makePool(): pg.Pool {
    const max = this.#options.connections ?? CONNECTIONS;
    const pool = new pg.Pool({ ...this.#settings, max, idleTimeoutMillis: 60_000 });
    pool.on("error", (error) => this.#options.onTrouble?.(translated(error)));
    // Without a listener the event of a broken connection would be an exception that nobody catches.
    pool.on("connect", (client) => client.on("error", () => {}));
    return pool;
  }

  async #hasSchema(): Promise<boolean> {
    const [row] = await this.query<{ found: boolean }>("SELECT to_regnamespace($1) IS NOT NULL AS found", [SCHEMA]);
    return row?.found === true;
  }

  async #checkOut(): Promise<CheckedOut> {
    try {
      return new CheckedOut(await this.#pool.connect());
    } catch (error) {
      throw translated(error);
    }
  }
}

/** A connection of the pool while somebody uses it. It goes back only if it is whole. */
class CheckedOut {
  readonly #client: pg.PoolClient;
  #broken: PostgresError | undefined;

  constructor(client: pg.PoolClient) {
    this.#client = client;
  }

  async run<R extends object>(text: string, values: readonly Value[]): Promise<R[]> {
    return (await this.#query<R>({ text, values: [...values], name: nameOf(text) })).rows;
  }

  /** What failed in a transaction without anybody's notice would be rolled back by a commit that says it is well. */
  async commit(): Promise<void> {
    const { command } = await this.#query({ text: "COMMIT" });
    if (command !== "COMMIT") throw new PostgresError("a statement of the transaction had failed", undefined);
  }

  async rollBack(): Promise<void> {
    // Where even this fails the connection is given up, which rolls back too.
    await this.#query({ text: "ROLLBACK" }).catch(() => {});
  }

  release(): void {
    this.#client.release(this.#broken);
  }

  /** Kysely's texts are many (lists of every length), so they are not prepared. */
  get forKysely(): PostgresPoolClient {
    const query = (text: string, values: readonly unknown[]) => this.#query({ text, values: [...values] });
    return { query, release: () => this.release() } as unknown as PostgresPoolClient;
  }

  async #query<R extends object>(config: pg.QueryConfig): Promise<pg.QueryResult<R>> {
    if (this.#broken !== undefined) throw this.#broken;
    try {
      return await this.#client.query<R>(config);
    } catch (error) {
      const failure = translated(error);
      // After a silence its answer may still come, and be taken for another statement's.
      if (failure.unavailable) this.#broken = failure;
      throw failure;
    }
  }
}

/** One connection, without a pool: for a look. @throws PostgresError */
export function dial(address: DatabaseAddress): Promise<pg.Client> {
  return connected(settingsFor(address, STATEMENT_MS));
}

async function connected(config: pg.ClientConfig): Promise<pg.Client> {
  const client = new pg.Client(config);
  client.on("error", () => {});
  try {
    await client.connect();
    return client;
  } catch (error) {
    await disconnect(client);
    throw translated(error);
  }
}

/** Ends a connection, whatever state it is in. */
export async function disconnect(client: pg.Client): Promise<void> {
  await Promise.race([client.end().catch(() => {}), Bun.sleep(500)]);
}

const names = new Map<string, string>();

/** The name under which a text is prepared. There are as many as there are texts in the source. */
function nameOf(text: string): string {
  let name = names.get(text);
  if (name === undefined) {
    name = `s${names.size}`;
    names.set(text, name);
  }
  return name;
}

/** How the server finds out, within half a minute, that a node's machine is gone: what its session holds, others wait for. */
const GONE = [
  "tcp_keepalives_idle=10",
  "tcp_keepalives_interval=5",
  "tcp_keepalives_count=3",
  "tcp_user_timeout=25000",
];

function settingsFor(address: DatabaseAddress, statementMs: number): pg.ClientConfig {
  return {
    host: address.host,
    port: address.port,
    user: address.user,
    ...(address.password === undefined ? {} : { password: address.password.reveal() }),
    database: address.database,
    ssl: tlsOf(address),
    application_name: "sallyport",
    options: [`search_path=${SCHEMA}`, ...GONE].map((setting) => `-c ${setting}`).join(" "),
    connectionTimeoutMillis: CONNECT_MS,
    statement_timeout: statementMs,
    query_timeout: statementMs + SILENCE_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: TYPES,
  };
}

function tlsOf({ tls, rootCertificate }: DatabaseAddress): pg.ClientConfig["ssl"] {
  if (tls === "off") return false;
  if (tls === "unverified") return { rejectUnauthorized: false };
  if (rootCertificate === undefined) return { rejectUnauthorized: true };
  try {
    return { rejectUnauthorized: true, ca: readFileSync(rootCertificate, "utf8") };
  } catch (error) {
    throw new PostgresError(`sslrootcert cannot be read: ${(error as Error).message}`, undefined, error);
  }
}

const INT8 = 20;

/** 64-bit integers come as text, because not all of them are numbers; all of ours are. */
const TYPES: pg.CustomTypesConfig = {
  getTypeParser(id: number, format?: "text" | "binary") {
    if (id === INT8 && format !== "binary") return safeInteger;
    return pg.types.getTypeParser(id, format as "text");
  },
};

function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new Error(`the integer ${text} is beyond 2^53 - 1`);
  return value;
}
