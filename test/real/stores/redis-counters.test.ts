/** What Redis loses while it is filled. Proves redis/counters.ts, redis/layout.ts, redis/script.ts and redis/script-accounts.ts. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { parseRedisUrl } from "../../../src/config/shared-store.ts";
import { Account } from "../../../src/domain/plans/account.ts";
import type { LedgerAccounts } from "../../../src/store/postgres/ledger-accounts.ts";
import { RedisConnection } from "../../../src/store/redis/connection.ts";
import { RedisCounters } from "../../../src/store/redis/counters.ts";
import { stored } from "../../../src/store/redis/layout.ts";
import { SCRIPT } from "../../../src/store/redis/script.ts";
import { present } from "../../support/parts.ts";
import { type PrivateRedis, REDIS_BINARIES, startPrivateRedis } from "../../support/redis.ts";

describe.skipIf(!present(REDIS_BINARIES))("counters that are written anew", () => {
  let redis: PrivateRedis;
  let client: Bun.RedisClient;
  let connection: RedisConnection;
  let counters: RedisCounters;
  let epoch = 0;

  beforeAll(async () => {
    redis = await startPrivateRedis();
    client = new Bun.RedisClient(redis.url);
    connection = new RedisConnection(parseRedisUrl(redis.url), SCRIPT);
    counters = new RedisCounters(connection, {} as LedgerAccounts, { installation: "i" });
  });
  afterAll(async () => {
    connection?.close();
    client?.close();
    await redis?.stop();
  });
  beforeEach(async () => {
    epoch++;
    await connection.connect();
  });

  const account = (scope: string) => ({ [scope]: stored(Account.from(new Account(scope, "UTC", 1).save(1)).share(1)) });
  const hold = { 7: [1, 1, [], []] as const };
  const keys = { counters: () => `{sallyport:i}:counters:${epoch}`, holds: () => `{sallyport:i}:holds:${epoch}` };

  test.each<[string, number, () => Promise<unknown>]>([
    ["everything after the first accounts", 1, () => client.send("FLUSHALL", [])],
    ["everything after the last account", 2, () => client.send("FLUSHALL", [])],
    ["everything after the Holds", 3, () => client.send("FLUSHALL", [])],
    ["the accounts", 3, () => client.send("DEL", [keys.counters()])],
    ["the Holds", 3, () => client.send("DEL", [keys.holds()])],
  ])("are not there where Redis has lost %s", async (_, after, lose) => {
    const parts = [
      () => counters.fill(epoch, account("key:a"), {}),
      () => counters.fill(epoch, account("key:b"), {}),
      () => counters.fill(epoch, {}, hold),
    ];
    for (const [i, write] of parts.entries()) {
      await write();
      if (i + 1 === after) await lose();
    }
    await expect(counters.begin(epoch, { accounts: 2, holds: 1 }, 1)).rejects.toThrow("has lost a part");
    expect(await counters.has(epoch)).toBe(false);
  });

  test.each([
    ["whole", true],
    ["empty", false],
  ])("are there when they are %s", async (_, some) => {
    if (some) {
      await counters.fill(epoch, { ...account("key:a"), ...account("key:b") }, {});
      await counters.fill(epoch, {}, hold);
    }
    await counters.begin(epoch, some ? { accounts: 2, holds: 1 } : { accounts: 0, holds: 0 }, 1);
    expect(await counters.has(epoch)).toBe(true);
  });
});
