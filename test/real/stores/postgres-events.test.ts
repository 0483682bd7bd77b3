/** The contract of events on src/store/postgres/events.ts: two nodes on one database. */
import { afterAll, beforeAll, describe } from "bun:test";
import { parseDatabaseUrl } from "../../../src/config/shared-store.ts";
import { eventsContract } from "../../../src/store/events-contract.ts";
import { Postgres } from "../../../src/store/postgres/connection.ts";
import { openSharedEvents } from "../../../src/store/postgres/events.ts";
import { ManualClock } from "../../support/directory.ts";
import { present } from "../../support/parts.ts";
import { POSTGRES, type PostgresServer, startPostgres } from "../../support/postgres.ts";

describe.skipIf(!present(POSTGRES))("events on PostgreSQL", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  eventsContract("PostgreSQL", async () => {
    const url = await server.database();
    const nodes: Postgres[] = [];
    const again = async () => {
      const postgres = await Postgres.open(parseDatabaseUrl(url), { connections: 4 });
      nodes.push(postgres);
      return await openSharedEvents(postgres, new ManualClock());
    };
    return {
      events: await again(),
      again,
      async close() {
        for (const node of nodes) await node.close();
      },
    };
  });
});
