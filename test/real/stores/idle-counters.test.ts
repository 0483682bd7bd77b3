/** Counters of accounts that nobody uses any more are forgotten, and found again as they were. Proves postgres/idle-counters.ts. */
import { afterAll, describe, expect, test } from "bun:test";
import { RedisClient } from "bun";
import { parseRedisUrl } from "../../../src/config/shared-store.ts";
import { holdOf, limit, ManualClock, sampleRecord, scopeDemand, spending } from "../../../src/store/meter-contract.ts";
import type { Postgres } from "../../../src/store/postgres/connection.ts";
import { openPostgresMeter } from "../../../src/store/postgres/meter.ts";
import { openRedisMeter } from "../../../src/store/redis/meter.ts";
import { present } from "../../support/parts.ts";
import { POSTGRES, type PostgresServer, startPostgres } from "../../support/postgres.ts";
import { REDIS, type RedisServer, startRedis } from "../../support/redis.ts";
import { type OpenMeter, startNode } from "../../support/shared-meter.ts";

const here = present(POSTGRES) && present(REDIS);
const HOUR = 3_600_000;

describe.skipIf(!here)("counters", () => {
  let postgres: Promise<PostgresServer> | undefined;
  let redis: Promise<RedisServer> | undefined;
  afterAll(async () => {
    await (await postgres)?.stop();
    await (await redis)?.stop();
  });
  const onRedis: OpenMeter = async (node, options) => {
    redis ??= startRedis();
    return await openRedisMeter(node, parseRedisUrl((await redis).url), options);
  };
  const inRows = async (node: Postgres) => {
    const rows = await node.query<{ scope: string }>("SELECT scope FROM counters");
    return rows.map(({ scope }) => scope);
  };
  const inRedis = async () => {
    const client = new RedisClient((await redis)!.url);
    const [key] = await client.keys("*:counters:*");
    const scopes = (await client.send("HKEYS", [key!])) as string[];
    client.close();
    return scopes;
  };
  const stores: [string, OpenMeter, (node: Postgres) => Promise<string[]>][] = [
    ["PostgreSQL alone", openPostgresMeter, inRows],
    ["PostgreSQL and Redis", onRedis, inRedis],
  ];

  test.each(stores)("that nobody uses are forgotten when their sums are saved, on %s", async (_, open, scopesIn) => {
    postgres ??= startPostgres();
    const clock = new ManualClock();
    const node = await startNode(await (await postgres).database(), open, clock);
    const { meter } = node;
    const inTotal = [limit("requests", "total", 2), limit("requests", "hour", 5)];
    const demand = (key: string) => ({ scopes: [scopeDemand(inTotal, {}, { scope: `key:${key}` })], anyOf: [] });
    const spend = async (key: string) => {
      const hold = holdOf(await meter.reserve(demand(key), sampleRecord()));
      await meter.settle(hold, spending(5, 0, 7, { keyId: key }));
    };
    for (let i = 0; i < 40; i++) await spend(`old_${i}`);
    const open_ = holdOf(await meter.reserve(demand("running"), sampleRecord()));
    const counted = async () => (await scopesIn(node.postgres)).filter((scope) => scope.startsWith("key:"));
    expect(await counted()).toHaveLength(41);

    // Not yet: a rate may miss something of them, or nobody has saved their sums.
    clock.at += 24 * HOUR;
    await spend("young");
    await meter.save();
    expect(await counted()).toHaveLength(42);
    clock.at += 2 * HOUR;
    await spend("young");
    await meter.save();
    await meter.save();
    // Who was used, and who runs.
    expect((await counted()).sort()).toEqual(["key:running", "key:young"]);

    expect((await meter.usage("key:old_7", "UTC")).periods.total.spent).toMatchObject({ requests: 1, usd: 7 });
    await spend("old_7");
    expect(await meter.reserve(demand("old_7"), sampleRecord())).toMatchObject({ admitted: false });
    await meter.settle(open_, spending(5, 0, 7, { keyId: "running" }));
    expect(await meter.recount(false)).toMatchObject({ found: 0 });
    await node.stop();
  });
});
