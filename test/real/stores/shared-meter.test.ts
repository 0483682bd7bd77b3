/** Two nodes on one store: what is spent when nodes die, Redis forgets and PostgreSQL restarts, under load. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { parseRedisUrl } from "../../../src/config/shared-store.ts";
import { chargesOf } from "../../../src/domain/plans/charges.ts";
import type { Limit } from "../../../src/kernel/limit.ts";
import type { Demand } from "../../../src/ports/meter.ts";
import { limit, ManualClock, sampleRecord, scopeDemand, spending } from "../../../src/store/meter-contract.ts";
import { openPostgresMeter } from "../../../src/store/postgres/meter.ts";
import { openRedisMeter } from "../../../src/store/redis/meter.ts";
import { present } from "../../support/parts.ts";
import { POSTGRES_BINARIES, type PrivatePostgres, startPrivatePostgres } from "../../support/postgres.ts";
import { until } from "../../support/process.ts";
import { type PrivateRedis, REDIS_BINARIES, startPrivateRedis } from "../../support/redis.ts";
import { declareDead, ledgerOf, type OpenMeter, startNode, type TestNode } from "../../support/shared-meter.ts";

const here = present(POSTGRES_BINARIES) && present(REDIS_BINARIES);

/** A day is long enough for every test, and a limit in total never comes back. */
const TOTAL = (amount: number) => [limit("requests", "total", amount)];
const of = (limits: Limit[], over: Partial<Demand> = {}): Demand => {
  return { scopes: [scopeDemand(limits), scopeDemand([], {}, { scope: "tenant:ten_1" })], anyOf: [], ...over };
};

describe.skipIf(!here)("nodes on one store", () => {
  let server: PrivatePostgres;
  let redis: PrivateRedis;
  let nodes: TestNode[] = [];
  const mishaps: unknown[] = [];
  const mishap = (error: unknown) => mishaps.push(error);

  beforeAll(async () => {
    process.on("uncaughtException", mishap).on("unhandledRejection", mishap);
    [server, redis] = await Promise.all([startPrivatePostgres(), startPrivateRedis()]);
  });
  afterEach(async () => {
    await Promise.all(nodes.splice(0).map((node) => node.stop()));
    expect(mishaps).toEqual([]);
  });
  afterAll(async () => {
    await redis?.stop();
    await server?.stop();
    process.off("uncaughtException", mishap).off("unhandledRejection", mishap);
  });

  const onRedis =
    (unchecked = false): OpenMeter =>
    (postgres, options) =>
      openRedisMeter(postgres, parseRedisUrl(redis.url), { ...options, unchecked });
  const stores: [string, () => OpenMeter][] = [
    ["PostgreSQL alone", () => openPostgresMeter],
    ["PostgreSQL and Redis", () => onRedis()],
  ];
  async function start(open: OpenMeter, count: number): Promise<TestNode[]> {
    const url = await server.database();
    nodes = [];
    for (let i = 0; i < count; i++) nodes.push(await startNode(url, open));
    return nodes;
  }

  test.each(stores)("of 200 parallel reserves over two nodes exactly 10 are admitted, on %s", async (_, open) => {
    const both = await start(open(), 2);
    for (const limits of [TOTAL(10), [limit("concurrent", null, 10)]]) {
      const demand = of(limits, { scopes: [scopeDemand(limits, {}, { scope: `key:${limits[0]!.dimension}` })] });
      const all = await Promise.all(
        Array.from({ length: 200 }, (__, i) => both[i % 2]!.meter.reserve(demand, sampleRecord())),
      );
      expect(all.filter(({ admitted }) => admitted)).toHaveLength(10);
    }
  });

  test.each(stores)(
    "Holds of a node that died go on counting, and are charged once by another, on %s",
    async (_, open) => {
      const [dying, living] = (await start(open(), 2)) as [TestNode, TestNode];
      const draft = () => sampleRecord({ outcome: "recovered", inputTokens: 50, outputTokens: 0 });
      for (let i = 0; i < 3; i++) await dying.meter.reserve(of(TOTAL(5)), draft());
      const paused = await dying.meter.reserve(of(TOTAL(5)), draft());
      expect(await living.meter.usage("subscription:sub_1", "UTC")).toMatchObject({ running: 4 });
      expect(await living.meter.recover()).toEqual([]);
      await dying.postgres.query("UPDATE nodes SET beat = '-infinity' WHERE id = (SELECT min(node) FROM holds)");
      const recovered = await Promise.all([living.meter.recover(), living.meter.recover()]);
      expect(recovered.flat()).toHaveLength(4);
      // It was only paused: it finds out that its call is charged already, and counts nothing again.
      if (paused.admitted) await dying.meter.settle(paused.hold, spending(1, 1, 1));
      expect(dying.meter.recoveredMeanwhile).toBe(1);
      const usage = await living.meter.usage("subscription:sub_1", "UTC");
      expect(usage).toMatchObject({
        running: 0,
        periods: { total: { spent: { requests: 4, input: 200 }, reserved: { requests: 0 } } },
      });
      expect(await ledgerOf(living)).toHaveLength(4);
      expect((await dying.meter.reserve(of(TOTAL(5)), draft())).admitted).toBe(true);
      expect((await living.meter.reserve(of(TOTAL(5)), draft())).admitted).toBe(false);
    },
  );

  /**
   * Callers on two nodes against a limit in total, while something goes wrong; then whatever is left is settled.
   * @returns how many calls the ledger has, and how many were told that they are settled
   */
  async function underLoad(open: OpenMeter, amount: number, disturb: () => Promise<void>) {
    const both = await start(open, 2);
    let stopped = false;
    const settled = new Set<string>();
    const errors = new Set<string>();
    const caller = async (node: TestNode) => {
      while (!stopped) {
        const record = spending(1, 1, 1);
        try {
          const reserved = await node.meter.reserve(of(TOTAL(amount)), record);
          if (!reserved.admitted) return;
          await node.meter.settle(reserved.hold, record);
          settled.add(record.id);
        } catch (error) {
          errors.add(String((error as { code?: unknown }).code));
          await Bun.sleep(20);
        }
      }
    };
    const callers = Array.from({ length: 16 }, (_, i) => caller(both[i % 2]!));
    // Amid the calls, however fast the machine is: some have been charged, and most are still to come.
    await until(() => settled.size >= amount / 8, 20_000);
    await disturb();
    await Promise.race([Promise.all(callers), Bun.sleep(8_000)]);
    stopped = true;
    await Promise.all(callers);
    await until(async () => {
      const [one, other] = await Promise.all(both.map(({ meter }) => meter.retry()));
      return one!.left + other!.left === 0;
    });
    await declareDead(both[0]!.postgres);
    await both[0]!.meter.recover();
    const records = await ledgerOf(both[0]!);
    const ids = records.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of settled) expect(ids).toContain(id);
    expect([...errors].filter((code) => code !== "store_unavailable")).toEqual([]);
    return { both, records, settled };
  }

  /** Counters and ledger say the same. */
  async function expectEqual({ both, records }: Awaited<ReturnType<typeof underLoad>>): Promise<void> {
    const sums = { requests: 0, input: 0, output: 0, usd: 0 };
    for (const record of records) {
      for (const { scope, amounts } of chargesOf(record)) {
        if (scope !== "subscription:sub_1") continue;
        for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += amounts[name];
      }
    }
    await until(async () => {
      const { periods, running } = await both[0]!.meter.usage("subscription:sub_1", "UTC");
      return running === 0 && Bun.deepEquals(periods.total.spent, sums);
    });
    expect(await both[0]!.meter.recount(false)).toMatchObject({ found: 0 });
  }

  /** Nothing is overspent, and nothing is lost: as much is left as the ledger has not. */
  async function expectLeft({ both, records }: Awaited<ReturnType<typeof underLoad>>): Promise<void> {
    expect(records.length).toBeLessThanOrEqual(AMOUNT);
    expect(records.length).toBeGreaterThan(AMOUNT / 2);
    const reserve = async () => (await both[1]!.meter.reserve(of(TOTAL(AMOUNT)), sampleRecord())).admitted;
    for (let left = AMOUNT - records.length; left > 0; left--) expect(await reserve()).toBe(true);
    expect(await reserve()).toBe(false);
  }

  const flush = async () => {
    const client = new Bun.RedisClient(redis.url);
    await client.send("FLUSHALL", []);
    client.close();
  };
  const AMOUNT = 400;
  const mishapsOfRedis: [string, () => Promise<void>][] = [
    ["emptied", flush],
    [
      "killed and restarted",
      async () => {
        await redis.crash();
        await Bun.sleep(300);
        await redis.start();
      },
    ],
    [
      "paused",
      async () => {
        redis.pause();
        await Bun.sleep(800);
        redis.resume();
      },
    ],
  ];
  test.each(mishapsOfRedis)(
    "nothing is overspent when Redis is %s under load, and each call is charged once",
    async (_, disturb) => {
      const outcome = await underLoad(onRedis(), AMOUNT, disturb);
      await expectEqual(outcome);
      await expectLeft(outcome);
    },
  );

  test.each(stores)("rates know of what ran while counters were counted anew, on %s", async (_, open) => {
    const [node] = (await start(open(), 1)) as [TestNode];
    const rates = [limit("requests", "hour", 1), limit("outputTokens", "hour", 10)];
    const ask = async (scope: string, limits: Limit[]) => {
      return await node.meter.reserve({ scopes: [scopeDemand(limits, { output: 10 }, { scope })], anyOf: [] }, draft());
    };
    const draft = () => sampleRecord({ keyId: "key_1", subscriptionId: "sub_1" });
    const calls = [await ask("key:key_1", rates.slice(0, 1)), await ask("subscription:sub_1", rates.slice(1))];
    await node.meter.recount(true);
    expect((await ask("key:key_1", rates.slice(0, 1))).admitted).toBe(false);
    for (const call of calls) if (call.admitted) await node.meter.settle(call.hold, spending(0, 10, 0));
    expect((await ask("subscription:sub_1", rates.slice(1))).admitted).toBe(false);
  });

  test.each(stores)("rates know of what was saved before anybody asked for them again, on %s", async (_, open) => {
    const [node] = (await start(open(), 1)) as [TestNode];
    const rate = [limit("outputTokens", "hour", 10)];
    const ask = () =>
      node.meter.reserve({ scopes: [scopeDemand(rate, { output: 10 }, { scope: "key:key_1" })], anyOf: [] }, draft());
    const draft = () => sampleRecord({ keyId: "key_1" });
    const call = await ask();
    await lose(node);
    if (call.admitted) await node.meter.settle(call.hold, spending(0, 10, 0));
    await node.meter.save();
    await lose(node);
    expect((await ask()).admitted).toBe(false);
  });

  test("rates know of what Redis was not told though others were saved since", async () => {
    const [node] = (await start(onRedis(), 1)) as [TestNode];
    const scopes = [scopeDemand([limit("outputTokens", "hour", 20)], { output: 10 }, { scope: "key:key_1" })];
    const ask = () => node.meter.reserve({ scopes, anyOf: [] }, sampleRecord({ keyId: "key_1" }));
    const record = () => ({ ...spending(0, 10, 0), keyId: "key_1", admittedAt: node.meter.time() });
    const [dying, living] = [await ask(), await ask()];
    if (!dying.admitted || !living.admitted) throw new Error("there was room for both");
    // Its node dies before it tells Redis.
    await node.ledger.close(dying.hold, record());
    await node.meter.save();
    await node.meter.settle(living.hold, record());
    await node.meter.told();
    await node.meter.save();
    await lose(node);
    expect((await ask()).admitted).toBe(false);
  });

  test.each(stores)("nothing is given back by who is outside, on %s", async (_, open) => {
    const [node] = (await start(open(), 1)) as [TestNode];
    const record = { ...spending(0, 10, 50), keyId: "key_1", subscriptionId: null };
    const call = await node.meter.reserve(of([limit("usd", "total", 100)]), sampleRecord());
    if (!call.admitted) throw new Error("there was room");
    await node.meter.settle(call.hold, record);
    await node.meter.told();
    // Somebody has begun to count anew, and may have read the ledger already.
    await node.postgres.query("UPDATE nodes SET epoch = 0");
    const refund = { ...record, outputTokens: -5, costNanoUsd: -25, refundOf: record.id, id: `${record.id}-refund` };
    expect(await node.meter.refund({ ...refund })).toBe(true);
    expect(await node.postgres.query("SELECT 1 FROM nodes WHERE epoch > 0")).toHaveLength(1);
    expect(await node.meter.recount(false)).toMatchObject({ found: 0 });
  });

  test.each(stores)(
    "what a call has left over is there for the next one as soon as it has ended, on %s",
    async (_, open) => {
      const [node] = (await start(open(), 1)) as [TestNode];
      const ask = async () => {
        const record = sampleRecord({ keyId: "key_1", inputTokens: 1, outputTokens: 0, costNanoUsd: 0 });
        const scopes = [scopeDemand([limit("concurrent", null, 1), limit("tokens", "total", 100)], { input: 51 })];
        const call = await node.meter.reserve({ scopes, anyOf: [] }, record);
        if (!call.admitted) throw new Error(`refused by ${JSON.stringify(call.refusedBy)}`);
        await node.meter.settle(call.hold, record);
      };
      // The first has accounts to fetch in between, so that the second overtakes what is told of it.
      for (let i = 0; i < 50; i++) await ask();
    },
  );

  test.each(stores)("a node whose clock is behind charges what a dead one held until now, on %s", async (_, open) => {
    const clock = new ManualClock();
    const url = await server.database();
    const dying = await startNode(url, open(), clock);
    nodes = [dying];
    await dying.meter.reserve(of([]), sampleRecord());
    clock.at += 60_000;
    // What time it is by now, an entry says.
    const later = await dying.meter.reserve(of([]), sampleRecord());
    if (later.admitted) await dying.meter.settle(later.hold, spending(0, 0, 0));
    await declareDead(dying.postgres);
    nodes.push(await startNode(url, open(), new ManualClock()));
    expect(await nodes[1]!.meter.recover()).toMatchObject([{ outcome: "recovered", totalMs: 60_000 }]);
  });

  /** All is counted anew, from what is saved. */
  async function lose({ postgres, meter }: TestNode): Promise<void> {
    await postgres.query("UPDATE meter SET counted_in = ''");
    await postgres.query("UPDATE nodes SET epoch = 0 WHERE epoch > 0");
    await flush();
    await meter.usage("key:key_1", "UTC");
  }

  test("the control: a meter that believes whatever Redis has overspends when it is emptied", async () => {
    const { records } = await underLoad(onRedis(true), AMOUNT, flush);
    expect(records.length).toBeGreaterThan(AMOUNT);
  });

  test.each(stores)(
    "nothing is overspent when PostgreSQL crashes and is restarted under load, on %s",
    async (_, open) => {
      const outcome = await underLoad(open(), AMOUNT, async () => {
        await server.crash();
        await Bun.sleep(200);
        await server.start();
      });
      await expectEqual(outcome);
      await expectLeft(outcome);
    },
  );

  test("Redis has a sequence: what is older than this node has seen is not believed", async () => {
    const [node] = (await start(onRedis(), 1)) as [TestNode];
    const client = new Bun.RedisClient(redis.url);
    const [key] = (await client.send("KEYS", ["*counters*"])) as string[];
    const old = (await client.send("HGETALL", [key!])) as unknown;
    const fields = Array.isArray(old) ? (old as string[]) : Object.entries(old as Record<string, string>).flat();
    for (let i = 0; i < 3; i++) await node.meter.reserve(of(TOTAL(3)), sampleRecord());
    await client.send("DEL", [key!]);
    await client.send("HSET", [key!, ...fields]);
    client.close();
    expect((await node.meter.reserve(of(TOTAL(3)), sampleRecord())).admitted).toBe(false);
  });

  test("while Redis is away a plan may let each node admit a few, never under a limit of money, and they count after", async () => {
    const [node] = (await start(onRedis(), 1)) as [TestNode];
    const whenStoreAway = { scope: "subscription:sub_1", requests: 2 };
    const ask = (limits: Limit[], over: Partial<Demand>) => node.meter.reserve(of(limits, over), sampleRecord());
    await ask(TOTAL(4), {});
    await redis.crash();
    try {
      await expect(ask(TOTAL(4), {})).rejects.toMatchObject({ code: "store_unavailable" });
      await expect(ask([limit("usd", "day", 1_000)], { whenStoreAway })).rejects.toMatchObject({
        code: "store_unavailable",
      });
      expect((await ask(TOTAL(4), { whenStoreAway })).admitted).toBe(true);
      expect((await ask(TOTAL(4), { whenStoreAway })).admitted).toBe(true);
      await expect(ask(TOTAL(4), { whenStoreAway })).rejects.toMatchObject({ code: "store_unavailable" });
    } finally {
      await redis.start();
    }
    await until(() =>
      ask(TOTAL(4), {}).then(
        ({ admitted }) => admitted,
        () => false,
      ),
    );
    expect((await ask(TOTAL(4), {})).admitted).toBe(false);
  });

  test.each(stores)("counters that were changed by hand are found, and set right, on %s", async (name, open) => {
    const [node] = (await start(open(), 1)) as [TestNode];
    for (let i = 0; i < 3; i++) {
      const reserved = await node.meter.reserve(of(TOTAL(9)), sampleRecord());
      if (reserved.admitted) await node.meter.settle(reserved.hold, spending(5, 0, 7));
    }
    expect(await node.meter.recount(false)).toMatchObject({ entries: 3, found: 0 });
    await node.postgres.query(
      "UPDATE usage_records SET record = replace(record, '\"costNanoUsd\":7', '\"costNanoUsd\":8') WHERE seq = 1",
    );
    const found = await node.meter.recount(true);
    expect(found.differences).toContainEqual({
      scope: "key:key_1",
      period: "total",
      of: "usd",
      counted: 21,
      ledger: 22,
    });
    expect(await node.meter.recount(false)).toMatchObject({ found: 0 });
    expect(name).not.toBe("");
  });

  test.each(stores)("what another calendar carried over stays when all is counted anew, on %s", async (_, open) => {
    const clock = new ManualClock();
    clock.at = Date.UTC(2026, 4, 5, 3);
    const node = await startNode(await server.database(), open(), clock);
    nodes = [node];
    const spend = async (zone: string) => {
      const scopes = [scopeDemand([], {}, { scope: "key:key_1", zone })];
      const reserved = await node.meter.reserve({ scopes, anyOf: [] }, sampleRecord());
      if (reserved.admitted) await node.meter.settle(reserved.hold, spending(5, 0, 7, { timeZone: zone }));
    };
    const today = async () => (await node.meter.usage("key:key_1", "UTC")).periods.day.spent.usd;
    await spend("UTC");
    clock.at = Date.UTC(2026, 4, 5, 8);
    await spend("America/Los_Angeles");
    expect(await today()).toBe(14);
    await node.postgres.query(
      "UPDATE usage_records SET record = replace(record, '\"costNanoUsd\":7', '\"costNanoUsd\":8') WHERE seq = 1",
    );
    expect((await node.meter.recount(true)).found).toBeGreaterThan(0);
    expect([await today(), await node.meter.recount(false)]).toMatchObject([15, { found: 0 }]);
  });
});
