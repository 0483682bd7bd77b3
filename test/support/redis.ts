/**
 * A Redis or Valkey server for suites that need one: that of TEST_REDIS_URL, or a private one
 * from the binaries of this machine, which keeps nothing on disk.
 *
 *   describe.skipIf(!present(REDIS))("…", () => {
 *     let redis: RedisServer;
 *     beforeAll(async () => (redis = await startRedis()));
 *     afterAll(() => redis.stop());
 *
 * Suites that stop, crash, pause or empty the server need `REDIS_BINARIES` and `startPrivateRedis`.
 */
import { randomBytes } from "node:crypto";
import type { Part } from "./parts.ts";
import { freePort, OwnServer } from "./private-server.ts";

const PROGRAM = Bun.which("valkey-server") ?? Bun.which("redis-server") ?? undefined;

const HOW = "apt-get install redis-server (or valkey-server), or set TEST_REDIS_URL";

/** Some server; others may keep things in it. */
export const REDIS: Part = {
  name: "Redis or Valkey",
  found: process.env.TEST_REDIS_URL !== undefined || PROGRAM !== undefined,
  how: HOW,
};

/** A server that the suite may do anything to. */
export const REDIS_BINARIES: Part = {
  name: "Redis's or Valkey's own binary",
  found: PROGRAM !== undefined,
  how: "apt-get install redis-server (or valkey-server)",
};

export interface RedisServer {
  /** `redis://…`, with the password in it. */
  readonly url: string;
  /** Ends it where it is private. */
  stop(): Promise<void>;
}

/** The server of TEST_REDIS_URL, or a private one. */
export async function startRedis(): Promise<RedisServer> {
  const url = process.env.TEST_REDIS_URL;
  return url === undefined ? await startPrivateRedis() : { url, stop: async () => {} };
}

/** A server of our own, on a port that stays the same over restarts. It forgets everything at each. */
export class PrivateRedis extends OwnServer implements RedisServer {
  protected readonly crashSignal = "SIGKILL";
  readonly #program: string;
  readonly #password = randomBytes(12).toString("hex");

  private constructor(program: string, port: number) {
    super("redis", "nobody", port);
    this.#program = program;
  }

  static async open(): Promise<PrivateRedis> {
    if (PROGRAM === undefined) throw new Error(`there is no Redis: ${HOW}`);
    const redis = new PrivateRedis(PROGRAM, await freePort());
    return await redis.begin(() => redis.start());
  }

  get url(): string {
    return `redis://:${this.#password}@127.0.0.1:${this.port}`;
  }

  /** Starts it again, empty, after `shutdown` or `crash`. */
  async start(): Promise<void> {
    const place = ["--bind", "127.0.0.1", "--port", String(this.port), "--dir", this.folder];
    const keeping = ["--save", "", "--appendonly", "no", "--requirepass", this.#password];
    const command = [this.#program, ...place, ...keeping];
    await this.run({ command, signal: "TERM", ready: /Ready to accept connections/ });
  }
}

export function startPrivateRedis(): Promise<PrivateRedis> {
  return PrivateRedis.open();
}
