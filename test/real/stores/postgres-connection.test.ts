/** src/store/postgres/connection.ts on a server that is restarted, crashed and paused. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { parseDatabaseUrl } from "../../../src/config/shared-store.ts";
import { Postgres } from "../../../src/store/postgres/connection.ts";
import { PostgresError } from "../../../src/store/postgres/error.ts";
import { selfSigned } from "../../support/certificate.ts";
import { present } from "../../support/parts.ts";
import { POSTGRES_BINARIES, type PrivatePostgres, startPrivatePostgres } from "../../support/postgres.ts";
import { until } from "../../support/process.ts";

describe.skipIf(!present(POSTGRES_BINARIES))("connections to PostgreSQL", () => {
  let server: PrivatePostgres;
  let postgres: Postgres;
  const mishaps: unknown[] = [];
  const mishap = (error: unknown) => mishaps.push(error);

  beforeAll(async () => {
    process.on("uncaughtException", mishap).on("unhandledRejection", mishap);
    server = await startPrivatePostgres();
    postgres = await Postgres.open(parseDatabaseUrl(await server.database()), { statementMs: 200 });
  });
  afterAll(async () => {
    await postgres?.close();
    await server?.stop();
    process.off("uncaughtException", mishap).off("unhandledRejection", mishap);
    expect(mishaps).toEqual([]);
  });

  test("give 64-bit integers as numbers, and fail rather than round", async () => {
    expect(
      await postgres.query("SELECT $1::bigint AS n, max(x) AS most FROM generate_series(1::bigint, 3) x", [
        2 ** 53 - 1,
      ]),
    ).toEqual([{ n: 2 ** 53 - 1, most: 3 }]);
    await expect(postgres.query("SELECT 9007199254740993::bigint AS n")).rejects.toThrow(/beyond 2\^53/);
    expect(await postgres.query("SELECT 1::bigint AS n")).toEqual([{ n: 1 }]);
  });

  test("put everything into a schema of our own", async () => {
    await postgres.query("CREATE TABLE place (id bigint)");
    expect(await postgres.query("SELECT schemaname FROM pg_tables WHERE tablename = 'place'")).toEqual([
      { schemaname: "sallyport" },
    ]);
  });

  test("commit a transaction whole or not at all", async () => {
    await postgres.query("CREATE TABLE whole (id bigint PRIMARY KEY)");
    const insert = "INSERT INTO whole VALUES ($1)";
    await postgres.transaction((query) => query(insert, [1]));
    const failing = postgres.transaction(async (query) => {
      await query(insert, [2]);
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    const swallowing = postgres.transaction(async (query) => {
      await query(insert, [3]);
      await query(insert, [1]).catch(() => {});
    });
    await expect(swallowing).rejects.toThrow(/a statement of the transaction had failed/);
    expect(await postgres.query("SELECT id FROM whole")).toEqual([{ id: 1 }]);
    await expect(postgres.query(insert, [1])).rejects.toMatchObject({ sqlState: "23505", unavailable: false });
  });

  test("let the server find out within half a minute that a node's machine is gone", async () => {
    const [row] = await postgres.query(
      "SELECT current_setting('tcp_keepalives_idle') AS idle, current_setting('tcp_user_timeout') AS most",
    );
    expect(row).toEqual({ idle: "10", most: "25000" });
  });

  test("let one node at a time through a lock", async () => {
    const order: string[] = [];
    const first = postgres.alone("start", async () => {
      order.push("first");
      await until(() => order.includes("waiting"));
      await Bun.sleep(100);
      order.push("first is done");
    });
    await until(() => order.length > 0);
    order.push("waiting");
    await Promise.all([first, postgres.alone("start", async () => order.push("second"))]);
    expect(order).toEqual(["first", "waiting", "first is done", "second"]);
  });

  test("end a statement that takes too long, and go on", async () => {
    await expect(postgres.query("SELECT pg_sleep(5)")).rejects.toMatchObject({ sqlState: "57014" });
    expect(await postgres.query("SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  test("are made anew after a restart and a crash, by callers that knew nothing of it", async () => {
    const ask = () => postgres.query<{ one: number }>("SELECT 1 AS one");
    const kysely = postgres.kysely<object>();
    await Promise.all([ask(), ask(), ask()]);
    await server.crash();
    await expect(ask()).rejects.toMatchObject({ unavailable: true });
    await expect(sql`SELECT 1`.execute(kysely)).rejects.toBeInstanceOf(PostgresError);
    await server.start();
    expect(await ask()).toEqual([{ one: 1 }]);
    await server.shutdown();
    await server.start();
    expect(
      await until(() =>
        ask().then(
          () => true,
          () => false,
        ),
      ),
    ).toBe(true);
    expect((await sql`SELECT 1 AS one`.execute(kysely)).rows).toEqual([{ one: 1 }]);
  });

  test("that are silent are given up, and no later answer is taken for another's", async () => {
    await postgres.query("SELECT 1 AS n");
    server.pause();
    try {
      await expect(postgres.query("SELECT 2 AS n")).rejects.toMatchObject({ unavailable: true });
    } finally {
      server.resume();
    }
    const numbers = Array.from({ length: 30 }, (_, i) => i + 10);
    const answers = await Promise.all(numbers.map((n) => postgres.query("SELECT $1::integer AS n", [n])));
    expect(answers.flat()).toEqual(numbers.map((n) => ({ n })));
  });

  test("to where nobody is, or with a wrong password, fail with a reason and no secret", async () => {
    const address = new URL(server.url);
    for (const [change, reason] of [
      [{ port: "1" }, /ECONNREFUSED|connect/],
      [{ password: "hunter2" }, /password authentication failed/],
      [{ pathname: "/nowhere" }, /"nowhere" does not exist/],
    ] as const) {
      const url: URL = Object.assign(new URL(address), change);
      const failure = await Postgres.open(parseDatabaseUrl(url.href)).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(PostgresError);
      expect((failure as PostgresError).message).toMatch(reason);
      expect(String((failure as PostgresError).stack) + JSON.stringify(failure)).not.toContain("hunter2");
    }
  });
});

describe.skipIf(!present(POSTGRES_BINARIES))("connections to PostgreSQL over TLS", () => {
  let folder: string;
  const day = 24 * 3_600_000;
  const certificate = () => selfSigned(new Date(Date.now() - day), new Date(Date.now() + day));
  const ours = certificate();
  let server: PrivatePostgres;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "sallyport-tls-"));
    writeFileSync(join(folder, "ours.pem"), ours.cert);
    writeFileSync(join(folder, "other.pem"), certificate().cert);
    server = await startPrivatePostgres(ours);
  });
  afterAll(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true });
  });

  async function encrypted(query: string, host = "127.0.0.1"): Promise<boolean> {
    const url = server.url.replace("@127.0.0.1:", `@${host}:`) + query;
    const postgres = await Postgres.open(parseDatabaseUrl(url));
    const [row] = await postgres.query<{ ssl: boolean }>("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
    await postgres.close();
    return row?.ssl === true;
  }

  test("are made where the certificate is by somebody who is believed, and for this name", async () => {
    expect(await encrypted(`?sslmode=verify-full&sslrootcert=${join(folder, "ours.pem")}`)).toBe(true);
    expect(await encrypted(`?sslmode=verify-full&sslrootcert=${join(folder, "ours.pem")}`, "localhost")).toBe(true);
    expect(await encrypted("?sslmode=no-verify")).toBe(true);
    expect(await encrypted("")).toBe(false);
  });

  const refused: [string, string, string][] = [
    ["by nobody who is believed", "?sslmode=require", "127.0.0.1"],
    ["by somebody else", "?sslmode=verify-full&sslrootcert=other", "127.0.0.1"],
    ["for another name", "?sslmode=verify-full&sslrootcert=ours", "[::ffff:127.0.0.1]"],
  ];
  for (const [what, query, host] of refused) {
    test(`are refused where the certificate is ${what}`, async () => {
      const asked = query.replace(/sslrootcert=(.*)$/, (_, name) => `sslrootcert=${join(folder, `${name}.pem`)}`);
      await expect(encrypted(asked, host)).rejects.toThrow(/certificate|altnames|self.signed/i);
    });
  }

  test("are not tried without the authorities that were named", async () => {
    await expect(encrypted("?sslmode=verify-full&sslrootcert=/nowhere.pem")).rejects.toMatchObject({
      name: "PostgresError",
      message: expect.stringContaining("sslrootcert cannot be read"),
    });
  });
});
