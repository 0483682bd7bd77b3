/** src/store/postgres/directory.ts, notifications.ts and migrations/directory-epochs-1-begin.ts: the contracts, and what only a shared directory promises. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { parseDatabaseUrl } from "../../../src/config/shared-store.ts";
import type { Clock } from "../../../src/kernel/clock.ts";
import type { RandomBytes } from "../../../src/kernel/id.ts";
import type { ObjectOwner } from "../../../src/ports/provider-objects.ts";
import { directoryContract } from "../../../src/store/contract.ts";
import { Postgres } from "../../../src/store/postgres/connection.ts";
import { openSharedDirectory } from "../../../src/store/postgres/directory.ts";
import { providerObjectsContract } from "../../../src/store/provider-objects-contract.ts";
import { APPLY, countedBytes, desiredState, ManualClock, SYSTEM } from "../../support/directory.ts";
import { present } from "../../support/parts.ts";
import { POSTGRES, type PostgresServer, startPostgres } from "../../support/postgres.ts";

describe.skipIf(!present(POSTGRES))("the directory on PostgreSQL", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  async function open(url: string, clock: Clock = new ManualClock(), random = countedBytes()) {
    const postgres = await Postgres.open(parseDatabaseUrl(url), { connections: 4 });
    const directory = await openSharedDirectory(postgres, { clock, random });
    const close = async () => {
      await directory.close();
      await postgres.close();
    };
    return { directory, postgres, close };
  }

  /** One database for all tests of the contracts, empty for each: making one takes longer than most tests. */
  let usual: string | undefined;
  async function openEmpty(clock?: Clock, random?: RandomBytes) {
    usual ??= await server.database();
    const opened = await open(usual, clock, random);
    const { postgres } = opened;
    const tables = await postgres.query<{ name: string }>(
      "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'sallyport' AND tablename !~ 'migrations|epochs'",
    );
    await postgres.query(`TRUNCATE ${tables.map(({ name }) => name).join(", ")} RESTART IDENTITY`);
    await postgres.query("UPDATE epochs SET revision = 0, catalog = 0, principals = 0");
    await opened.close();
    return await open(usual, clock, random);
  }

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
});
