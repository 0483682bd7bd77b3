/**
 * A thousand races for ten places over two gateway processes that share a store: callers on both at the same moment, each
 * race under a limit of its own, in requests or in money, of a key or of an application. What has reached the
 * provider is counted there. Most races have CALLERS callers, so that a thousand fit into a minute; every CROWDED-th
 * has the full two hundred. RACES=n does n of them.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { SQL } from "bun";
import { mintVirtualKey, parseVirtualKey } from "../../../src/domain/access/virtual-key.ts";
import type { JsonObject } from "../../../src/kernel/json.ts";
import { chat, post } from "../../support/app.ts";
import { present } from "../../support/parts.ts";
import { POSTGRES, type PostgresServer, startPostgres } from "../../support/postgres.ts";
import { configuration, until } from "../../support/process.ts";
import { REDIS, type RedisServer, startRedis } from "../../support/redis.ts";
import { SharedGateways } from "../../support/shared-gateways.ts";
import { openaiChat, type Plan, startUpstream, type Upstream } from "../../support/upstream.ts";

const RACES = Number(process.env.RACES ?? 1_000);
const CALLERS = 12;
const CROWD = 200;
const CROWDED = 100;
/** Races at once; then nobody waits for the slowest caller of one. */
const AT_ONCE = 4;
const PASS = 10;
const LONG = 1_800_000;

const hasRedis = present(REDIS);

/** At two dollars a million, and with a prompt that costs nothing, so that the worst case is what is charged. */
const OUTPUT = 1_000;
const WORST_NANO_USD = 2_000_000;
const BUDGET_USD = (PASS * WORST_NANO_USD) / 1e9;

/** What is limited in a race, whose it is, and how much of the worst case the calls that pass use; 0 for what the caller leaves. */
const KINDS = [
  { limit: { per: "total", requests: PASS }, of: "key", uses: 1 },
  { limit: { per: "month", usd: BUDGET_USD }, of: "application", uses: 1 },
  { limit: { per: "total", usd: BUDGET_USD }, of: "key", uses: 0.5 },
  { limit: { per: "day", requests: PASS }, of: "application", uses: 1 },
  { limit: { per: "month", usd: BUDGET_USD }, of: "key", uses: 1 },
  { limit: { per: "total", usd: BUDGET_USD }, of: "application", uses: 0 },
] as const;
type Kind = (typeof KINDS)[number];

interface Race {
  number: number;
  kind: Kind;
  callers: number;
  /** One for each gateway. */
  keys: [string, string];
}

interface Outcome {
  race: Pick<Race, "number" | "kind" | "callers">;
  /** Requests at the provider. */
  reached: number;
  /** Answers by status. */
  statuses: Record<number, number>;
  /** What the ledger has. */
  charged: { calls: number; nanoUsd: number };
}

/** What is wrong with how a race has ended, if anything. */
export function verdict({ race, reached, statuses, charged }: Outcome): string | undefined {
  const money = "usd" in race.kind.limit;
  const refunds = race.kind.uses < 1;
  const others = Object.keys(statuses).filter((status) => !["200", "429"].includes(status));
  if (others.length > 0) return `answered ${others}`;
  if (reached !== charged.calls) return `${reached} at the provider, and ${charged.calls} in the ledger`;
  if (money && charged.nanoUsd > PASS * WORST_NANO_USD) return `${charged.nanoUsd} nano-dollars were spent`;
  if (!refunds && reached !== PASS) return `${reached} at the provider`;
  // Whoever asks after the refunds is admitted as long as the worst case fits.
  if (refunds && charged.nanoUsd <= (PASS - 1) * WORST_NANO_USD) return `refused, with ${charged.nanoUsd} spent`;
  return undefined;
}

const freshKey = () => mintVirtualKey("live", (count) => new Uint8Array(randomBytes(count))).text;

/** Races, what the gateways are given for them, and where the keys of each stand. */
function prepare(count: number, upstream: string) {
  const races = Array.from({ length: count }, (_, number): Race => {
    const callers = number % CROWDED === 0 ? CROWD : CALLERS;
    const kind = KINDS[number % KINDS.length]!;
    const key = freshKey();
    return { number, kind, callers, keys: [key, kind.of === "application" ? freshKey() : key] };
  });
  const config = configuration({ upstream }) as JsonObject & { providers: JsonObject[]; tenants: JsonObject[] };
  for (const provider of config.providers)
    if (provider.name !== "demo") provider.prices = [{ model: "*", inputPerMTokUsd: 0, outputPerMTokUsd: 2 }];
  const env: Record<string, string> = {};
  const [tenant] = config.tenants as [{ teams: [{ applications: JsonObject[] }] }];
  const [bot] = tenant.teams[0].applications as [JsonObject];
  for (const { number, kind, keys } of races) {
    const limits = [kind.limit];
    const imported = [...new Set(keys)].map((key, i) => {
      env[`RACE_${number}_${i}`] = key;
      const own = kind.of === "key" ? { limits } : {};
      return { name: `race ${number}, ${i}`, import: { env: `RACE_${number}_${i}` }, ...own };
    });
    tenant.teams[0].applications.push({
      ...{ name: `race-${number}`, subscriptions: bot.subscriptions!, keys: imported },
      ...(kind.of === "application" ? { limits } : {}),
    } as unknown as JsonObject);
  }
  return { races, config: config as JsonObject, env };
}

/** What is left by its caller has said half of what it may at once, and then goes on slowly: what was streamed is charged. */
function replyOf(uses: number): Plan {
  if (uses > 0) return openaiChat.replies({ text: "Hi.", usage: { input: 5, output: OUTPUT * uses } });
  const text = [" word".repeat(OUTPUT / 2), ...Array.from({ length: 200 }, () => " word")];
  return openaiChat.replies({ text, usage: { input: 5, output: 700 } }, { stream: { delayMs: 5 } });
}

/** One call. @returns its status, when its answer is over or has been left */
async function call(nodes: SharedGateways, { number, kind, keys }: Race, i: number): Promise<number> {
  const leaves = kind.uses === 0;
  const body = chat({
    ...{ model: "small", max_tokens: OUTPUT, stream: leaves || i % 3 === 0 },
    messages: [{ role: "user", content: `race ${number}` }],
  });
  const left = new AbortController();
  const response = await post(nodes.node(i % 2), { body, key: keys[i % 2]!, signal: left.signal });
  if (response.status !== 200 || !leaves) {
    await response.text();
    return response.status;
  }
  const reader = response.body!.getReader();
  for (let length = 0; length < 5 * (OUTPUT / 2); ) length += (await reader.read()).value!.length;
  left.abort();
  await reader.cancel().catch(() => {});
  return response.status;
}

/** The races of one store. */
class Course {
  readonly #nodes: SharedGateways;
  /** Where it is counted: one database, unless something is wrong. */
  readonly #ledgers: readonly SQL[];
  readonly #up: Upstream;
  /** Requests at the provider, by race. */
  readonly #reached = new Map<number, number>();
  readonly #statuses = new Map<number, Record<number, number>>();
  /** How often the store was away. */
  away = 0;

  constructor(nodes: SharedGateways, ledgers: readonly SQL[], up: Upstream) {
    this.#nodes = nodes;
    this.#ledgers = ledgers;
    this.#up = up;
    const replies = new Map(KINDS.map(({ uses }) => [uses, replyOf(uses)]));
    up.plan((request) => {
      const body = request.json() as { messages: { content: string }[] };
      const race = Number(/^race (\d+)/.exec(body.messages[0]!.content)![1]);
      this.#reached.set(race, (this.#reached.get(race) ?? 0) + 1);
      return replies.get(KINDS[race % KINDS.length]!.uses)!(request);
    });
  }

  async run(races: readonly Race[]): Promise<Outcome[]> {
    const waiting = [...races];
    const lane = async () => {
      for (let race = waiting.shift(); race !== undefined; race = waiting.shift()) {
        const { callers } = race;
        await Promise.all(Array.from({ length: callers }, (_, i) => this.#call(race, i)));
        // The emulator keeps every request, and goes through them at each.
        if (race.number % 20 === 0) this.#up.forget();
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    await this.#quiet();
    for (const race of races) {
      if (race.kind.uses < 1 || (this.#reached.get(race.number) ?? 0) < PASS) await this.#fill(race);
    }
    await this.#quiet();
    return await this.#outcomes(races);
  }

  /** Whom the store had no time for, on a machine that is busy, asks again: that was no refusal of the race's. */
  async #call(race: Race, i: number): Promise<number> {
    let status = await call(this.#nodes, race, i);
    for (let tries = 0; status === 503 && tries < 100; tries++, this.away++) {
      await Bun.sleep(50);
      status = await call(this.#nodes, race, i);
    }
    const statuses = this.#statuses.get(race.number) ?? {};
    this.#statuses.set(race.number, { ...statuses, [status]: (statuses[status] ?? 0) + 1 });
    return status;
  }

  /**
   * What came back is there for whoever asks later. Where Redis was away, what ended meanwhile goes on being held
   * until it is told, a second later: a refusal counts when it stays.
   */
  async #fill(race: Race): Promise<void> {
    for (let i = 0, refusals = 0; refusals < 40; i++) {
      if ((await this.#call(race, i)) === 200) continue;
      refusals++;
      await this.#quiet();
      if ((await this.#spent(race)) > (PASS - 1) * WORST_NANO_USD) return;
      await Bun.sleep(100);
    }
  }

  async #spent({ keys }: Race): Promise<number> {
    const ids = keys.map((key) => parseVirtualKey(key)!.publicId);
    const sums = this.#ledgers.map(
      (ledger) => ledger`
        SELECT coalesce(sum((record::json ->> 'costNanoUsd')::int), 0)::int AS spent
        FROM sallyport.usage_records WHERE key_id IN (${ids[0]}, ${ids[1]}) AND admitted_at IS NOT NULL`,
    );
    return (await Promise.all(sums)).flat().reduce((sum: number, row: { spent: number }) => sum + row.spent, 0);
  }

  /** Until nothing is reserved. */
  async #quiet(): Promise<void> {
    const isQuiet = async () => {
      const held = this.#ledgers.map((ledger) => ledger`SELECT FROM sallyport.holds LIMIT 1`);
      return (await Promise.all(held)).every((rows) => rows.length === 0);
    };
    if (!(await until(isQuiet, 10_000))) throw new Error("Holds are left");
  }

  async #outcomes(races: readonly Race[]): Promise<Outcome[]> {
    const sums = this.#ledgers.map(
      (ledger) => ledger`
        SELECT key_id, count(*)::int AS calls, coalesce(sum((record::json ->> 'costNanoUsd')::int), 0)::int AS nano_usd
        FROM sallyport.usage_records WHERE admitted_at IS NOT NULL GROUP BY key_id`,
    );
    const rows = (await Promise.all(sums)).flat() as { key_id: string; calls: number; nano_usd: number }[];
    const charged = Map.groupBy(rows, (row) => row.key_id);
    return races.map((race) => {
      const mine = [...new Set(race.keys)].flatMap((key) => charged.get(parseVirtualKey(key)!.publicId) ?? []);
      const calls = mine.reduce((sum, row) => sum + row.calls, 0);
      const nanoUsd = mine.reduce((sum, row) => sum + row.nano_usd, 0);
      const { number } = race;
      const [reached, statuses] = [this.#reached.get(number) ?? 0, this.#statuses.get(number)!];
      return { race, reached, statuses, charged: { calls, nanoUsd } };
    });
  }
}

const wrong = (outcomes: readonly Outcome[]) =>
  outcomes.flatMap((outcome) => {
    const said = verdict(outcome);
    return said === undefined ? [] : [`race ${outcome.race.number}: ${said}`];
  });

test("a race is judged by what it lets through, what it charges and what it refuses", () => {
  const [requests, , refunds] = KINDS;
  const fair = { reached: PASS, statuses: { 200: PASS, 429: 6 }, charged: { calls: PASS, nanoUsd: 20_000_000 } };
  const of = (kind: Kind, over: Partial<Outcome> = {}) =>
    verdict({ race: { number: 1, kind, callers: 16 }, ...fair, ...over });
  expect(of(requests)).toBeUndefined();
  expect(of(requests, { reached: 11, charged: { calls: 11, nanoUsd: 22_000_000 } })).toMatch(/11 at the provider/);
  expect(of(requests, { reached: 9, charged: { calls: 9, nanoUsd: 18_000_000 } })).toMatch(/9 at the provider/);
  expect(of(requests, { charged: { calls: 9, nanoUsd: 18_000_000 } })).toMatch(/and 9 in the ledger/);
  expect(of(requests, { statuses: { 200: PASS, 429: 5, 503: 1 } })).toBe("answered 503");
  expect(of(refunds)).toBeUndefined();
  expect(of(refunds, { charged: { calls: PASS, nanoUsd: 20_000_001 } })).toMatch(/were spent/);
  expect(of(refunds, { charged: { calls: PASS, nanoUsd: 18_000_000 } })).toMatch(/refused, with 18000000 spent/);
});

describe.skipIf(!present(POSTGRES))("two gateways on one store", () => {
  let postgres: PostgresServer;
  let redis: RedisServer | undefined;
  let up: Upstream;

  beforeAll(async () => {
    [postgres, up] = await Promise.all([startPostgres(), startUpstream()]);
    if (hasRedis) redis = await startRedis();
  });
  afterAll(async () => {
    await up?.stop();
    await redis?.stop();
    await postgres?.stop();
  });

  /** @param own what each gateway is given beside what both are */
  async function race(count: number, env: Record<string, string>, own: Record<string, string>[] = [{}, {}]) {
    const prepared = prepare(count, up.url);
    const nodes = await SharedGateways.start(prepared.config, { ...prepared.env, ...env }, own);
    const urls = [env, ...own].flatMap(({ DATABASE_URL }) => DATABASE_URL ?? []);
    const ledgers = urls.map((url) => new SQL(url, { max: 1 }));
    try {
      const begun = performance.now();
      const course = new Course(nodes, ledgers, up);
      const outcomes = await course.run(prepared.races);
      const seconds = ((performance.now() - begun) / 1_000).toFixed(1);
      const calls = outcomes.flatMap(({ statuses }) => Object.values(statuses)).reduce((a, b) => a + b, 0);
      console.log(
        `${count} races, ${calls} calls in ${seconds} s; asked again for a store that was away: ${course.away}`,
      );
      expect(course.away).toBeLessThan(calls / 2);
      return wrong(outcomes);
    } finally {
      await Promise.all(ledgers.map((ledger) => ledger.close({ timeout: 1 })));
      await nodes.remove();
    }
  }

  const PROMISE = `of ${RACES} races, each over both, none lets more through than its limit, or fewer`;
  const database = async () => ({ DATABASE_URL: await postgres.database() });
  test(`${PROMISE}, on PostgreSQL alone`, async () => expect(await race(RACES, await database())).toEqual([]), LONG);
  test.skipIf(!hasRedis)(
    `${PROMISE}, on PostgreSQL and Redis`,
    async () => expect(await race(RACES, { ...(await database()), REDIS_URL: redis!.url })).toEqual([]),
    LONG,
  );

  test("the control: two that count each for itself let twice as many through", async () => {
    const said = await race(2 * KINDS.length, {}, [await database(), await database()]);
    expect(said).toHaveLength(2 * KINDS.length);
    expect(said[1]).toMatch(/^race 1: (?:1[1-9]|20) at the provider|nano-dollars were spent$/);
  }, 60_000);
});
