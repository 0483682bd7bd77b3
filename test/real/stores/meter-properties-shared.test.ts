/**
 * Lives of the meters that several nodes share, beside the model, as in meter-properties.test.ts. Each begins in an
 * empty database; LIVES=n for more of them. METER_SEED repeats a run.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { parseRedisUrl } from "../../../src/config/shared-store.ts";
import { openPostgresMeter } from "../../../src/store/postgres/meter.ts";
import { openRedisMeter } from "../../../src/store/redis/meter.ts";
import { meterHolds, SEED } from "../../support/meter-properties.ts";
import { present } from "../../support/parts.ts";
import { POSTGRES, type PostgresServer, startPostgres } from "../../support/postgres.ts";
import { REDIS, type RedisServer, startRedis } from "../../support/redis.ts";
import { meterUnderTest, type OpenMeter } from "../../support/shared-meter.ts";

const LIVES = Number(process.env.LIVES ?? 40);

const [hasPostgres, hasRedis] = [present(POSTGRES), present(REDIS)];

describe.skipIf(!hasPostgres)("shared stores", () => {
  let postgres: PostgresServer | undefined;
  let redis: RedisServer | undefined;
  afterAll(async () => {
    await postgres?.stop();
    await redis?.stop();
  }, 120_000);

  async function holds(name: string, open: OpenMeter): Promise<void> {
    postgres ??= await startPostgres();
    const server = postgres;
    const begun = performance.now();
    await meterHolds(async () => await meterUnderTest(await server.database(), open), { runs: LIVES, calls: true });
    const seconds = Math.round((performance.now() - begun) / 1_000);
    console.log(`${name}: ${LIVES} lives in ${seconds} s, with seed ${SEED}`);
    expect(seconds).toBeGreaterThan(0);
  }

  test("spent and reserved are what they must be, and never above a limit, on PostgreSQL alone", async () => {
    await holds("PostgreSQL", openPostgresMeter);
  }, 1_200_000);

  test.skipIf(!hasRedis)(
    "the same with Redis",
    async () => {
      redis ??= await startRedis();
      const address = parseRedisUrl(redis.url);
      await holds("PostgreSQL and Redis", (node, options) => openRedisMeter(node, address, options));
    },
    1_200_000,
  );
});
