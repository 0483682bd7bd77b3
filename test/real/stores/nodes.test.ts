/** Several gateways that share one PostgreSQL, as their operators run them (src/store/postgres/shared.ts, src/compose.ts). */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "../../../src/kernel/json.ts";
import { chat, post } from "../../support/app.ts";
import { present } from "../../support/parts.ts";
import { POSTGRES_BINARIES, type PrivatePostgres, startPrivatePostgres } from "../../support/postgres.ts";
import { configuration, type GatewayProcess, Installation, until } from "../../support/process.ts";

setDefaultTimeout(90_000);

describe.skipIf(!present(POSTGRES_BINARIES))("nodes that share PostgreSQL", () => {
  let server: PrivatePostgres;
  const places: Installation[] = [];

  beforeAll(async () => {
    server = await startPrivatePostgres();
  });
  afterAll(async () => {
    await Promise.all(places.map((each) => each.remove()));
    await server?.stop();
  });

  const freshMasterKey = () => randomBytes(32).toString("base64");

  /** The variables that all nodes of an installation have. */
  async function sharing(): Promise<{ DATABASE_URL: string; SALLYPORT_MASTER_KEY: string }> {
    return { DATABASE_URL: await server.database(), SALLYPORT_MASTER_KEY: freshMasterKey() };
  }

  function place(env: Record<string, string>, config: JsonObject | null = null): Installation {
    const made = new Installation(config);
    Object.assign(made.env, env);
    places.push(made);
    return made;
  }

  /** Two nodes under one configuration. */
  async function pair(config = configuration({ upstream: "http://127.0.0.1:9" })) {
    const env = await sharing();
    const first = place(env, config);
    const second = place({ ...env, CALLER_KEY: first.key }, config);
    return { env, first: await first.start(), second: await second.start(), key: first.key };
  }

  const ask = (node: GatewayProcess, key: string) => post({ url: node.url, key }, { body: chat({ model: "demo" }) });
  const status = async (node: GatewayProcess, key: string) => (await ask(node, key)).status;

  test("that start for the first time at once tell their newcomer once, and all serve the key that was told", async () => {
    const env = await sharing();
    const nodes = await Promise.all([1, 2, 3].map(() => place(env).start()));
    const told = nodes.map((node) => node.plain.join("\n")).filter((text) => text.includes("first start"));
    expect(told).toHaveLength(1);
    const key = /sp_live_\w+/.exec(told[0]!)![0];
    const token = /Admin token +(\S+)/.exec(told[0]!)![1]!;
    for (const node of nodes) {
      expect(await status(node, key)).toBe(200);
      const admin = await fetch(`${node.adminUrl}/api/v1/keys`, { headers: { authorization: `Bearer ${token}` } });
      expect(((await admin.json()) as { items: unknown[] }).items).toHaveLength(1);
    }
    for (const node of nodes) expect(await node.stop()).toBe(0);
  });

  test("refuse a key within a second of its revocation on one of them", async () => {
    const { first, second, key } = await pair();
    expect(await status(first, key)).toBe(200);
    expect(await status(second, key)).toBe(200);
    const id = key.split("_")[2];
    const revoked = await first.admin(`/api/v1/keys/${id}/revoke`, { method: "POST" });
    expect(revoked.status).toBe(200);
    expect(await status(first, key)).toBe(401);
    expect(await until(async () => (await status(second, key)) === 401, 1_000)).toBe(true);
    expect((await ask(second, key)).status).toBe(401);
  });

  test("answer 503 while the database is silent, and are not ready; then they go on", async () => {
    const { first, key } = await pair();
    expect(await status(first, key)).toBe(200);
    server.pause();
    try {
      const away = async () => (await ask(first, key)).status === 503;
      expect(await until(away, 5_000)).toBe(true);
      const body = (await (await ask(first, key)).json()) as { error: { code: string } };
      expect(body.error.code).toBe("store_unavailable");
      expect((await fetch(`${first.url}/readyz`)).status).toBe(503);
      expect((await fetch(`${first.url}/livez`)).status).toBe(200);
    } finally {
      server.resume();
    }
    expect(await until(async () => (await status(first, key)) === 200, 5_000)).toBe(true);
    await first.said("the database answers again");
    expect((await fetch(`${first.url}/readyz`)).status).toBe(200);
    expect(first.stdout + first.stderr).not.toContain(new URL(server.url).password);
  });

  test("are refused with another master key, or none, and nothing is made", async () => {
    const env = await sharing();
    await place(env).start();
    const other = place({ ...env, SALLYPORT_MASTER_KEY: freshMasterKey() }).spawn();
    expect(await other.exited).toBe(1);
    expect(other.stderr).toMatch(
      /SALLYPORT_MASTER_KEY is not the master key .* set SALLYPORT_MASTER_KEY to that of the others/,
    );
    const without = place({ DATABASE_URL: env.DATABASE_URL });
    const started = without.spawn();
    expect(await started.exited).toBe(1);
    expect(started.stderr).toMatch(/is missing, and this installation was made with one; all its nodes have the same/);
    expect(existsSync(join(without.dataDir, "master.key"))).toBe(false);
  });

  test("say in one line what is wrong with the database, without its password", async () => {
    const url = new URL(await server.database());
    const rows: [Partial<URL>, RegExp][] = [
      [
        { port: "1" },
        /^sallyport serve: DATABASE_URL: names postgres:.* which cannot be used: .*ECONNREFUSED.*is PostgreSQL running there/,
      ],
      [{ password: "hunter2" }, /which cannot be used: .*password authentication failed/],
      [{ pathname: "/nowhere" }, /which cannot be used: .*database "nowhere" does not exist/],
    ];
    for (const [change, message] of rows) {
      const wrong: URL = Object.assign(new URL(url), change);
      const node = place({ DATABASE_URL: wrong.href }).spawn();
      expect(await node.exited).toBe(1);
      expect(node.stderr).toMatch(message);
      expect(node.stderr.trim().split("\n")).toHaveLength(1);
      for (const secret of [url.password, "hunter2"]) expect(node.stdout + node.stderr).not.toContain(secret);
    }
  });

  test("apply one configuration once, whoever starts first", async () => {
    const { first, second } = await pair();
    for (const node of [first, second]) {
      const page = (await (await node.admin("/api/v1/audit-entries")).json()) as { items: { action: string }[] };
      expect(page.items.filter(({ action }) => action === "config.apply")).toHaveLength(1);
    }
  });
});
