/**
 * The meters that several nodes share keep the promises of src/store/meter-contract.ts. On PostgreSQL alone:
 * postgres/meter.ts, postgres/meter-shared.ts, postgres/meter-counting.ts, postgres/meter-node.ts,
 * postgres/ledger.ts, postgres/ledger-accounts.ts, postgres/ledger-batch.ts, postgres/ledger-schema.ts,
 * postgres/ledger-recount.ts. With Redis also: redis/meter.ts, redis/counting.ts, redis/counters.ts,
 * redis/connection.ts, redis/script.ts.
 */
import { afterAll, describe } from "bun:test";
import { parseRedisUrl } from "../../../src/config/shared-store.ts";
import { meterContract } from "../../../src/store/meter-contract.ts";
import { openPostgresMeter } from "../../../src/store/postgres/meter.ts";
import { openRedisMeter } from "../../../src/store/redis/meter.ts";
import { present } from "../../support/parts.ts";
import { POSTGRES, type PostgresServer, startPostgres } from "../../support/postgres.ts";
import { REDIS, type RedisServer, startRedis } from "../../support/redis.ts";
import { meterUnderTest } from "../../support/shared-meter.ts";

const hasPostgres = present(POSTGRES);
const hasRedis = present(REDIS);

describe.skipIf(!hasPostgres)("shared stores", () => {
  let postgres: Promise<PostgresServer> | undefined;
  let redis: Promise<RedisServer> | undefined;
  const database = async () => {
    postgres ??= startPostgres();
    return await (await postgres).database();
  };
  afterAll(async () => {
    await (await postgres)?.stop();
    await (await redis)?.stop();
  });
  if (!hasPostgres) return;
  meterContract("PostgreSQL alone", async () => await meterUnderTest(await database(), openPostgresMeter));
  if (!hasRedis) return;
  meterContract("PostgreSQL and Redis", async () => {
    redis ??= startRedis();
    const address = parseRedisUrl((await redis).url);
    return await meterUnderTest(await database(), (node, options) => openRedisMeter(node, address, options));
  });
});
