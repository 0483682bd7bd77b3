/** The servers that suites of the shared stores start: support/postgres.ts, support/redis.ts, support/private-server.ts. */
import { describe, expect, test } from "bun:test";
import { RedisClient, SQL } from "bun";
import { present } from "../../support/parts.ts";
import { POSTGRES_BINARIES, startPrivatePostgres } from "../../support/postgres.ts";
import { until } from "../../support/process.ts";
import { REDIS_BINARIES, startPrivateRedis } from "../../support/redis.ts";

describe.skipIf(!present(POSTGRES_BINARIES))("a private PostgreSQL", () => {
  test("comes back on its port after a crash, with what was committed and nothing else", async () => {
    await using server = await disposable(startPrivatePostgres());
    const url = await server.database();
    await run(url, "CREATE TABLE kept (id integer)");
    await server.crash();
    await expect(run(url, "SELECT 1")).rejects.toThrow();
    await server.start();
    expect(await run(url, "SELECT count(*)::integer AS rows FROM kept")).toEqual([{ rows: 0 }]);
  });

  test("asks for its password", async () => {
    await using server = await disposable(startPrivatePostgres());
    const url = new URL(await server.database());
    url.password = "wrong";
    await expect(run(url.href, "SELECT 1")).rejects.toThrow(/password/);
  });

  test("ends with the process that started it, even where that is killed, and leaves no folder", async () => {
    const script = `
      import { startPrivatePostgres } from ${JSON.stringify(`${import.meta.dir}/../../support/postgres.ts`)};
      console.log((await startPrivatePostgres()).url);
      await new Promise(() => setInterval(() => {}, 1000));`;
    const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
    const { value } = await child.stdout.getReader().read();
    const url = new TextDecoder().decode(value).trim();
    await run(url, "SELECT 1");
    child.kill("SIGKILL");
    const gone = () =>
      run(url, "SELECT 1").then(
        () => false,
        () => true,
      );
    expect(await until(gone)).toBe(true);
  });
});

describe.skipIf(!present(REDIS_BINARIES))("a private Redis", () => {
  test("comes back on its port after a crash, empty", async () => {
    await using server = await disposable(startPrivateRedis());
    const value = async () => {
      const client = new RedisClient(server.url);
      try {
        return await client.get("a");
      } finally {
        client.close();
      }
    };
    const client = new RedisClient(server.url);
    await client.set("a", "1");
    client.close();
    expect(await value()).toBe("1");
    await server.crash();
    await server.start();
    expect(await value()).toBeNull();
  });
});

async function disposable<T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T & AsyncDisposable> {
  const server = await starting;
  return Object.assign(server, { [Symbol.asyncDispose]: () => server.stop() });
}

async function run(url: string, statement: string): Promise<unknown> {
  const sql = new SQL(url, { max: 1, connectionTimeout: 5 });
  try {
    return [...(await sql.unsafe(statement))];
  } finally {
    await sql.close({ timeout: 1 });
  }
}
