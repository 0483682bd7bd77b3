/** Random lives beside the model, on the meters that nodes share: test/support/meter-properties.ts. METER_SEED repeats a run. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { parseDatabaseUrl, parseRedisUrl } from "../../../src/config/shared-store.ts";
import type { MeterUnderTest } from "../../../src/store/meter-contract.ts";
import { Postgres } from "../../../src/store/postgres/connection.ts";
import { openPostgresMeter, type SharedBooks } from "../../../src/store/postgres/meter.ts";
import { openRedisMeter } from "../../../src/store/redis/meter.ts";
import { meterHolds, SEED } from "../../support/meter-properties.ts";
import { present } from "../../support/parts.ts";
import { POSTGRES, type PostgresServer, startPostgres } from "../../support/postgres.ts";
import { REDIS, type RedisServer, startRedis } from "../../support/redis.ts";
import { declareDead, ledgerOf, type OpenMeter } from "../../support/shared-meter.ts";

const LIVES = Number(process.env.LIVES ?? 40);

/** The model reads the order of what was decided from the numbers of the Holds; shared counters may decide in another. */
function inOrder(meter: SharedBooks["meter"]): SharedBooks["meter"] {
  const reserve = meter.reserve.bind(meter);
  let last: Promise<unknown> = Promise.resolve();
  meter.reserve = (demand, draft) => {
    const next = last.then(() => reserve(demand, draft));
    last = next.catch(() => {});
    return next;
  };
  return meter;
}

describe.skipIf(!present(POSTGRES) || !present(REDIS))(`${LIVES} lives with seed ${SEED}`, () => {
  let server: PostgresServer;
  let redis: RedisServer;
  let postgres: Postgres;

  beforeAll(async () => {
    server = await startPostgres();
    redis = await startRedis();
    postgres = await Postgres.open(parseDatabaseUrl(await server.database()));
  });
  afterAll(async () => {
    await postgres?.close();
    await redis?.stop();
    await server?.stop();
  });

  /** A store with nothing in it, on the same tables. */
  async function empty(open: OpenMeter): Promise<MeterUnderTest> {
    const nodes: SharedBooks[] = [await open(postgres, {})];
    await nodes[0]!.meter.close();
    await postgres.query("TRUNCATE usage_records, holds, nodes, accounts, counters");
    await postgres.query("UPDATE meter SET counted_in = '', seq = 0, at = 0");
    return {
      async start(clock) {
        nodes.push(await open(postgres, { clock }));
        return inOrder(nodes.at(-1)!.meter);
      },
      kill: () => declareDead(postgres),
      records: () => ledgerOf(nodes[0]!),
      async remove() {
        for (const { meter } of nodes.slice(1)) await meter.close();
      },
    };
  }

  test.each<[string, () => OpenMeter]>([
    ["PostgreSQL alone", () => openPostgresMeter],
    ["PostgreSQL and Redis", () => (node, options) => openRedisMeter(node, parseRedisUrl(redis.url), options)],
  ])(
    "spent and reserved are what they must be, and never above a limit, on %s",
    async (_, open) => {
      await meterHolds(() => empty(open()), { runs: LIVES });
      expect(LIVES).toBeGreaterThan(0);
    },
    1_200_000,
  );
});
