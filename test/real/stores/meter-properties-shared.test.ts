/**
 * Lives of the meters that several nodes share, beside the model, as in meter-properties.test.ts. Several are lived at
 * once, each on tables that are empty when it begins. LIVES=n for more of them; METER_SEED repeats a run.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { parseDatabaseUrl, parseRedisUrl } from "../../../src/config/shared-store.ts";
import { NOTHING } from "../../../src/domain/plans/amounts.ts";
import type { Demand } from "../../../src/ports/meter.ts";
import type { MeterUnderTest } from "../../../src/store/meter-contract.ts";
import { Postgres } from "../../../src/store/postgres/connection.ts";
import { openPostgresMeter, type SharedBooks } from "../../../src/store/postgres/meter.ts";
import type { SharedMeter } from "../../../src/store/postgres/meter-shared.ts";
import { openRedisMeter } from "../../../src/store/redis/meter.ts";
import { isCaught, meterHolds, SEED } from "../../support/meter-properties.ts";
import { present } from "../../support/parts.ts";
import { POSTGRES, type PostgresServer, startPostgres } from "../../support/postgres.ts";
import { REDIS, type RedisServer, startRedis } from "../../support/redis.ts";
import { declareDead, ledgerOf, type OpenMeter, toldAtOnce } from "../../support/shared-meter.ts";

const LONG = 7_200_000;

const LIVES = Number(process.env.LIVES ?? 1_000);

/** Lived at once; one alone spends half of its time waiting for the store. */
const LANES = 4;

interface Store {
  open: OpenMeter;
  /** Loses what is counted, so that it is counted anew from the ledger. */
  lose(postgres: Postgres): Promise<void>;
}

const TABLES = ["usage_records", "holds", "nodes", "accounts", "counters"];

const hasRedis = present(REDIS);

const FAULTS: [string, (meter: SharedMeter) => void][] = [
  [
    "holds nothing of what a call may spend",
    (meter) => {
      const reserve = meter.reserve.bind(meter);
      const free = (all: Demand["scopes"]) =>
        all.map((each) => ({ ...each, amounts: { ...NOTHING, requests: each.amounts.requests } }));
      meter.reserve = (demand, draft) =>
        reserve({ ...demand, scopes: free(demand.scopes), anyOf: free(demand.anyOf) }, draft);
    },
  ],
  [
    "forgets what dead nodes have left open",
    (meter) => {
      meter.recover = async () => [];
    },
  ],
];

describe.skipIf(!present(POSTGRES))("shared stores", () => {
  let server: PostgresServer;
  let redis: RedisServer | undefined;

  beforeAll(async () => {
    server = await startPostgres();
    if (hasRedis) redis = await startRedis();
  });
  afterAll(async () => {
    await redis?.stop();
    await server?.stop();
  }, 120_000);

  /** Runs `fn` on a store that is empty whenever it is made, on the same tables. */
  async function on({ open, lose }: Store, fn: (make: () => Promise<MeterUnderTest>) => Promise<void>): Promise<void> {
    const postgres = await Postgres.open(parseDatabaseUrl(await server.database()), { connections: 4 });
    try {
      const before = await open(postgres, {});
      await before.meter.close();
      await fn(async () => ({ ...(await empty(postgres, before, open)), lose: () => lose(postgres) }));
    } finally {
      await postgres.close();
    }
  }

  async function empty(postgres: Postgres, before: SharedBooks, open: OpenMeter): Promise<MeterUnderTest> {
    const nodes: SharedBooks[] = [];
    // Of so few rows, in a twentieth of the time of TRUNCATE.
    for (const table of TABLES) await postgres.query(`DELETE FROM ${table}`);
    await postgres.query("UPDATE meter SET counted_in = '', seq = 0, at = 0");
    return {
      async start(clock) {
        nodes.push(await open(postgres, { clock }));
        return toldAtOnce(nodes.at(-1)!.meter);
      },
      kill: () => declareDead(postgres),
      records: () => ledgerOf(before),
      async remove() {
        for (const { meter } of nodes) await meter.close();
      },
    };
  }

  const alone: Store = {
    open: openPostgresMeter,
    async lose(postgres) {
      await postgres.query("UPDATE meter SET counted_in = ''");
      await postgres.query("UPDATE nodes SET epoch = 0 WHERE epoch > 0");
    },
  };
  const withRedis: Store = {
    // That Redis is slow on a machine that has much to do is no fault of the meter's.
    open: (postgres, options) => openRedisMeter(postgres, parseRedisUrl(redis!.url), { ...options, answerMs: 10_000 }),
    async lose(postgres) {
      const [meter] = await postgres.query<{ installation: string; epoch: number }>("SELECT * FROM meter");
      const client = new Bun.RedisClient(redis!.url);
      await client.send("DEL", [`{sallyport:${meter!.installation}}:counters:${meter!.epoch}`]);
      client.close();
    },
  };

  async function holds(name: string, store: Store): Promise<void> {
    const begun = performance.now();
    const share = Math.ceil(LIVES / LANES);
    const lane = (seed: number) => on(store, (make) => meterHolds(make, { runs: share, calls: true, seed }));
    await Promise.all(Array.from({ length: LANES }, (_, i) => lane(SEED + i)));
    const seconds = Math.round((performance.now() - begun) / 1_000);
    console.log(`${name}: ${share * LANES} lives in ${seconds} s, with seeds from ${SEED} to ${SEED + LANES - 1}`);
    expect(seconds).toBeGreaterThan(0);
  }

  const PROMISE = `spent and reserved are what they must be, and never above a limit, in ${LIVES} lives from seed ${SEED}`;

  test(`${PROMISE} on PostgreSQL alone`, () => holds("PostgreSQL", alone), LONG);
  test.skipIf(!hasRedis)(`${PROMISE} on PostgreSQL and Redis`, () => holds("PostgreSQL and Redis", withRedis), LONG);

  /** What both have in common fails alike; that the model is asked at all is what these tell. */
  async function isCaughtOn(store: Store, spoil: (meter: SharedMeter) => void): Promise<void> {
    const open: OpenMeter = async (postgres, options) => {
      const books = await store.open(postgres, options);
      spoil(books.meter);
      return books;
    };
    await on({ ...store, open }, async (make) => expect(await isCaught(make, { runs: 200, calls: true })).toBe(true));
  }

  test.each(FAULTS)("a meter that %s is caught on PostgreSQL alone", (_, spoil) => isCaughtOn(alone, spoil), LONG);
  test.skipIf(!hasRedis).each(FAULTS)(
    "a meter that %s is caught on PostgreSQL and Redis",
    (_, spoil) => isCaughtOn(withRedis, spoil),
    LONG,
  );
});
