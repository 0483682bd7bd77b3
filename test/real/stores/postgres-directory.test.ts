/**
 * The contracts on src/store/postgres/directory.ts, and with it postgres/notifications.ts, postgres/shared.ts,
 * sql/provider-objects.ts and migrations/directory-epochs-1-begin.ts; and what only a shared directory promises.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { parseDatabaseUrl } from "../../../src/config/shared-store.ts";
import { GatewayError } from "../../../src/errors.ts";
import type { Clock } from "../../../src/kernel/clock.ts";
import type { RandomBytes } from "../../../src/kernel/id.ts";
import type { Limit } from "../../../src/kernel/limit.ts";
import type { KeyRow } from "../../../src/ports/administration.ts";
import type { ObjectOwner } from "../../../src/ports/provider-objects.ts";
import { directoryContract } from "../../../src/store/contract.ts";
import { Postgres } from "../../../src/store/postgres/connection.ts";
import {
  openSharedDirectory,
  type PostgresDirectory,
  type SharedDirectoryOptions,
} from "../../../src/store/postgres/directory.ts";
import { inspectShared } from "../../../src/store/postgres/inspect.ts";
import { providerObjectsContract } from "../../../src/store/provider-objects-contract.ts";
import { ADMIN, APPLY, countedBytes, desiredState, keyAction, ManualClock, SYSTEM } from "../../support/directory.ts";
import { present } from "../../support/parts.ts";
import {
  POSTGRES,
  POSTGRES_BINARIES,
  type PostgresServer,
  type PrivatePostgres,
  startPostgres,
  startPrivatePostgres,
} from "../../support/postgres.ts";
import { until } from "../../support/process.ts";

describe.skipIf(!present(POSTGRES))("the directory on PostgreSQL", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });

  async function open(url: string, clock: Clock = new ManualClock(), random = countedBytes()) {
    const postgres = await Postgres.open(parseDatabaseUrl(url), { connections: 4 });
    const directory = await openSharedDirectory(postgres, { clock, random });
    const close = async () => {
      await directory.close();
      await postgres.close();
    };
    return { directory, postgres, close };
  }

  /** One database, and one pool, for all tests of the contracts, empty for each: making one takes longer than most tests. */
  let usual: Postgres | undefined;
  async function openEmpty(clock: Clock = new ManualClock(), random: RandomBytes = countedBytes()) {
    if (usual === undefined) {
      const first = await open(await server.database());
      await first.directory.close();
      usual = first.postgres;
    }
    const tables = await usual.query<{ name: string }>(
      "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'sallyport' AND tablename !~ 'migrations|epochs'",
    );
    await usual.query(`TRUNCATE ${tables.map(({ name }) => name).join(", ")} RESTART IDENTITY`);
    await usual.query("UPDATE epochs SET revision = 0, catalog = 0, principals = 0");
    const directory = await openSharedDirectory(usual, { clock, random });
    return { directory, close: () => directory.close() };
  }
  afterAll(async () => {
    await usual?.close();
    await server.stop();
  });

  directoryContract("PostgreSQL", async (clock, random) => {
    const { directory, close } = await openEmpty(clock, random);
    return { store: directory, close };
  });

  providerObjectsContract("PostgreSQL", async () => {
    const { directory, close } = await openEmpty();
    const desired = desiredState();
    const [team] = desired.tenants[0]!.teams;
    team!.applications.push({ ...team!.applications[0]!, name: "second", keys: [] });
    await directory.change(SYSTEM, APPLY, (writer) => writer.apply(desired));
    const owners = (await directory.applications()).map(
      ({ id, tenant }): ObjectOwner => ({ tenantId: tenant.id, applicationId: id }),
    );
    return { objects: directory.objects, one: owners[0]!, beside: owners[1]!, other: owners[2]!, close };
  });

  test("is made once by nodes that begin at the same moment, and all of them see the same", async () => {
    const url = await server.database();
    const nodes = await Promise.all(Array.from({ length: 5 }, () => open(url)));
    await nodes[0]!.directory.change(SYSTEM, APPLY, (writer) => writer.apply(desiredState()));
    const [first] = nodes;
    const steps = await first!.postgres.query("SELECT id FROM directory_migrations ORDER BY id");
    expect(steps.length).toBeGreaterThan(4);
    for (const node of nodes) expect(await node.directory.plan(desiredState())).toEqual([]);
    await Promise.all(nodes.map((node) => node.close()));
  });

  test("can be looked at without making or changing anything", async () => {
    const url = await server.database();
    const look = () => inspectShared(parseDatabaseUrl(url));
    expect(await look()).toMatchObject({ standby: false, mayBegin: true, directory: undefined });
    expect(await look()).toMatchObject({ directory: undefined });
    const { directory, close } = await open(url);
    await directory.change(SYSTEM, APPLY, (writer) => writer.apply(desiredState()));
    await directory.setSetting("a", "b");
    const found = await look();
    expect(found.version).toMatch(/^\d+(?:\.\d+)?$/);
    expect(Math.abs(found.farClock - Date.now())).toBeLessThan(60_000);
    expect(found.directory).toMatchObject({ settings: { a: "b" }, providers: [{ name: "up", sealedKey: "sealed-1" }] });
    expect(found.directory!.schema.applied).toBe(found.directory!.schema.known);
    expect(found.directory!.latestAt).toBe(new ManualClock().now());
    await close();
  });

  test("takes changes of several nodes at once one after the other, each with its entry", async () => {
    const url = await server.database();
    const nodes = await Promise.all([open(url), open(url), open(url)]);
    await nodes[0]!.directory.change(SYSTEM, APPLY, (writer) => writer.apply(desiredState()));
    const owner = await keyOf(nodes[0]!.directory, "acme");
    const made = Array.from({ length: 30 }, (_, i) => i);
    await Promise.all(made.map((i) => createKey(nodes[i % 3]!.directory, { ...owner, id: `key${i}` }, `digest-${i}`)));
    const { items } = await nodes[1]!.directory.audit(null, 30);
    const { items: keys } = await nodes[2]!.directory.keys(null, null, 30);
    expect(items.map((entry) => entry.subject)).toEqual(keys.map((key) => `key:${key.id}`));
    expect(new Set(keys.map((key) => key.id)).size).toBe(30);
    await Promise.all(nodes.map((node) => node.close()));
  });
});

const NEVER = 1_000_000;

describe.skipIf(!present(POSTGRES_BINARIES))("a node's memory of the shared directory", () => {
  let server: PrivatePostgres;
  let admin: Opened;
  let node: Opened;
  let clock: ManualClock;

  type Opened = Awaited<ReturnType<typeof open>>;
  async function open(url: string, options: Partial<SharedDirectoryOptions> = {}) {
    const postgres = await Postgres.open(parseDatabaseUrl(url), { connections: 4 });
    const directory = await openSharedDirectory(postgres, {
      clock: new ManualClock(),
      random: countedBytes(),
      heartbeatMs: NEVER,
      ...options,
    });
    return { directory, postgres };
  }

  /** Two nodes on a fresh database: the first changes, the second answers calls. */
  async function nodes(options: Partial<SharedDirectoryOptions> = {}): Promise<void> {
    const url = await server.database();
    clock = new ManualClock();
    admin = await open(url);
    await admin.directory.change(SYSTEM, APPLY, (writer) => writer.apply(desiredState()));
    node = await open(url, { clock, ...options });
    expect(await node.directory.findPrincipal("digest-acme")).toMatchObject({ revokedAt: null });
  }

  beforeAll(async () => {
    server = await startPrivatePostgres();
  });
  afterAll(() => server.stop());
  afterEach(async () => {
    for (const { directory, postgres } of [admin, node]) {
      await directory.close();
      await postgres.close();
    }
  });

  const accepted = async (digest = "digest-acme") => (await node.directory.findPrincipal(digest))?.revokedAt === null;
  const refused = async (digest?: string) => !(await accepted(digest));

  async function revoke(digest = "digest-acme"): Promise<void> {
    const { key, tenant } = (await admin.directory.findPrincipal(digest))!;
    const action = { action: "key.revoke", subject: `key:${key.id}`, tenantId: tenant.id, detail: {} };
    await admin.directory.change(ADMIN, action, (writer) => writer.revokeKey(tenant.id, key.id, clock.now()));
  }

  /** Cuts what the node hears by, as a broken network does. */
  async function deafen(): Promise<void> {
    const listening =
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' OR query LIKE '%FROM epochs'";
    // The one who revokes listens too; it asks again by itself.
    await admin.postgres.query(listening);
  }

  test("forgets a revoked key as soon as it is told, without asking by itself", async () => {
    await nodes();
    await revoke();
    expect(await until(() => refused(), 1_000)).toBe(true);
  });

  test("that is told nothing and does not ask still has the revoked key: the control", async () => {
    await nodes();
    await deafen();
    await revoke();
    await Bun.sleep(300);
    expect(await accepted()).toBe(true);
  });

  test("that is told nothing is asked for again by the heartbeat, within a second", async () => {
    await nodes({ heartbeatMs: 200 });
    await deafen();
    await revoke();
    expect(await until(() => refused(), 1_000)).toBe(true);
  });

  test("that is told nothing and does not ask is not trusted once the lease is over: it is read again", async () => {
    await nodes({ leaseMs: 2_000 });
    await deafen();
    await revoke();
    clock.time += 2_000;
    expect(await accepted()).toBe(true);
    clock.time += 1;
    expect(await refused()).toBe(true);
    expect(node.directory.catalog().models.size).toBe(1);
  });

  test("is not trusted while the database is silent: calls are refused, and served again when it answers", async () => {
    const contact: boolean[] = [];
    await nodes({
      heartbeatMs: 100,
      leaseMs: 500,
      clock: REAL,
      onContact: (error) => contact.push(error === undefined),
    });
    server.pause();
    try {
      expect(await accepted()).toBe(true);
      expect(await until(() => node.directory.failing, 3_000)).toBe(true);
      expect(() => node.directory.catalog()).toThrow(expect.objectContaining({ code: "store_unavailable" }));
      await expect(node.directory.findPrincipal("digest-acme")).rejects.toMatchObject({ code: "store_unavailable" });
    } finally {
      server.resume();
    }
    expect(await until(() => accepted().catch(() => false), 5_000)).toBe(true);
    expect(node.directory.catalog().models.has("small")).toBe(true);
    expect(contact).toEqual([false, true]);
  });

  test("outlives a crash of the database, and follows what changed before it could listen again", async () => {
    await nodes({ heartbeatMs: 100, leaseMs: 500, clock: REAL });
    await server.crash();
    expect(await until(() => node.directory.failing, 3_000)).toBe(true);
    await server.start();
    await revoke();
    expect(await until(() => refused().catch(() => false), 3_000)).toBe(true);
  });

  test("is not confirmed by a standby, which may be behind: calls are refused until there is a primary", async () => {
    const told: string[] = [];
    const onContact = (error: Error | undefined) => told.push(error?.message ?? "back");
    await nodes({ heartbeatMs: 100, leaseMs: 500, clock: REAL, onContact });
    await server.shutdown();
    await server.start({ standby: true });
    expect(await until(() => node.directory.failing, 3_000)).toBe(true);
    const refusal = async () => {
      const error: unknown = await Promise.resolve(node.directory.findPrincipal("digest-acme")).catch((why) => why);
      return error instanceof GatewayError && error.code === "store_unavailable" ? error.internal : undefined;
    };
    expect(await until(async () => /standby|recovery/.test((await refusal()) ?? ""), 3_000)).toBe(true);
    expect(() => node.directory.catalog()).toThrow(GatewayError);
    await server.shutdown();
    await server.start();
    expect(await until(() => accepted().catch(() => false), 3_000)).toBe(true);
    expect(told.at(-1)).toBe("back");
  });

  test("keeps its principals when a key is added elsewhere, and knows the new key at once", async () => {
    await nodes();
    const before = await node.directory.findPrincipal("digest-acme");
    await createKey(admin.directory, { ...(await keyOf(admin.directory, "acme")), id: "0123456789ab" }, "digest-new");
    expect(await accepted("digest-new")).toBe(true);
    expect(await node.directory.findPrincipal("digest-acme")).toBe(before);
  });

  test("takes a new catalog from another node", async () => {
    await nodes();
    const edited = desiredState();
    edited.apis[0]!.capture = true;
    await admin.directory.change(SYSTEM, APPLY, (writer) => writer.apply(edited));
    expect(await until(() => node.directory.catalog().apis.get("chat/v1")?.capture === true, 1_000)).toBe(true);
    expect(node.directory.catalog().revision).toBe(admin.directory.catalog().revision);
  });

  test("takes a limit that was granted on another node, and lets it go when it is withdrawn there", async () => {
    await nodes();
    const owner = (await admin.directory.findPrincipal("digest-acme"))!;
    const raises = async () => ((await node.directory.findPrincipal("digest-acme"))?.raises ?? []).length;
    expect(await raises()).toBe(0);
    const [tenantId, applicationId, id] = [owner.tenant.id, owner.application.id, "lreq_1"];
    const limit: Limit = { dimension: "requests", window: "minute", amount: 50 };
    const at = { action: "limit-request.test", subject: id, tenantId, detail: {} };
    await admin.directory.change(ADMIN, at, async (writer) => {
      await writer.createLimitRequest({
        ...{ id, tenantId, applicationId, scope: `application:${applicationId}`, limit, until: null, reason: "more" },
        ...{ state: "requested", createdAt: 0, createdBy: ADMIN, decision: null, withdrawnAt: null },
      });
      const decision = { at: 0, by: ADMIN, note: null, granted: { limit, until: null }, repeatId: null };
      await writer.decideLimitRequest(tenantId, id, decision);
    });
    expect(await until(async () => (await raises()) === 1, 1_000)).toBe(true);
    await admin.directory.change(ADMIN, at, (writer) => writer.withdrawLimitRequest(tenantId, id, 0));
    expect(await until(async () => (await raises()) === 0, 1_000)).toBe(true);
  });

  test("never takes a revoked key back while calls look it up without pause", async () => {
    await nodes({ heartbeatMs: 20, clock: REAL });
    const owner = await keyOf(admin.directory, "acme");
    const digests = Array.from({ length: 20 }, (_, i) => `digest-${i}`);
    for (const [i, digest] of digests.entries()) await createKey(admin.directory, { ...owner, id: `key${i}` }, digest);
    let looking = true;
    const last = new Map<string, boolean>();
    const returned: string[] = [];
    const look = async (digest: string) => {
      while (looking) {
        const now = await accepted(digest);
        if (now && last.get(digest) === false) returned.push(digest);
        last.set(digest, now);
        await Bun.sleep(0);
      }
    };
    const lookers = digests.flatMap((digest) => [look(digest), look(digest)]);
    const late: number[] = [];
    for (const digest of digests) {
      await until(() => last.get(digest) === true);
      await revoke(digest);
      const begun = performance.now();
      expect(await until(() => last.get(digest) === false, 2_000)).toBe(true);
      late.push(performance.now() - begun);
    }
    looking = false;
    await Promise.all(lookers);
    expect(returned).toEqual([]);
    expect(Math.max(...late)).toBeLessThan(1_000);
  });
});

const REAL: Clock = { now: () => Date.now(), ticks: () => performance.now() };

async function keyOf(directory: PostgresDirectory, tenant: string): Promise<KeyRow> {
  const owner = (await directory.applications()).find((row) => row.tenant.name === tenant)!;
  const life = { createdAt: 0, expiresAt: null, revokedAt: null };
  return {
    id: "",
    tenantId: owner.tenant.id,
    applicationId: owner.id,
    name: "n",
    mode: "live",
    ...life,
    allowFrom: [],
  };
}

function createKey(directory: PostgresDirectory, key: KeyRow, digest: string): Promise<void> {
  return directory.change(ADMIN, keyAction("key.create", key), (writer) => writer.createKey(key, digest));
}
