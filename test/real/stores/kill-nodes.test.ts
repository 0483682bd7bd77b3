/**
 * Two gateway processes on one store, under load, and kill -9 again and again: one dies, the other goes on, the dead one
 * is started again. Then the same load while the servers beneath are killed, paused, emptied and restarted. Whatever
 * happens: an answer that a caller has seen whole is in the ledger once, as finished; nothing is in it twice; no budget is
 * exceeded; what a dead node left open is visible, then charged by rule, once; and counters say what the ledger says.
 *
 *   KILLS=500 npm run test:all -- kill-nodes     for longer
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { SQL } from "bun";
import { mintVirtualKey, parseVirtualKey } from "../../../src/domain/access/virtual-key.ts";
import type { JsonObject } from "../../../src/kernel/json.ts";
import type { UsageRecord } from "../../../src/ports/records.ts";
import { sampleRecord } from "../../../src/store/meter-contract.ts";
import { recordFromText } from "../../../src/store/record-text.ts";
import { chat, messages, post } from "../../support/app.ts";
import { present } from "../../support/parts.ts";
import { POSTGRES_BINARIES, type PrivatePostgres, startPrivatePostgres } from "../../support/postgres.ts";
import { configuration, until } from "../../support/process.ts";
import { type PrivateRedis, REDIS_BINARIES, startPrivateRedis } from "../../support/redis.ts";
import { SharedGateways } from "../../support/shared-gateways.ts";
import { anthropicMessages, openaiChat, startUpstream, type Upstream } from "../../support/upstream.ts";

/** Of the hundred that are meant, as many as fit into this time; the last line says how many. */
const WITHIN_MS = process.env.KILLS === undefined ? 60_000 : Number.POSITIVE_INFINITY;
const KILLS = Number(process.env.KILLS ?? 100);
const LONG = 120_000 + KILLS * 20_000;

/** On each node. */
const CALLERS = 6;
/** Far above what is used here, so that nothing is refused and everything is counted. */
const LIMIT = 1_000_000_000;

/** Budgets in all, each for a few calls: a fresh one is fought for at each kill. */
const SCARCE_USD = 0.0005;
const SCARCE = Array.from({ length: KILLS }, () => mintVirtualKey("live", (count) => randomBytes(count)).text);

/** While a store is away, in the dialects of both fronts. */
const BUSY = ["503 store_unavailable", "503 overloaded_error"];

const JSON_BODY = { "content-type": "application/json" };

const hasRedis = present(REDIS_BINARIES);

const SHAPES = [
  { path: "/v1/chat/completions", make: chat, end: "data: [DONE]" },
  { path: "/v1/messages", make: messages, end: "event: message_stop" },
] as const;

interface Entry {
  id: string;
  request_id: string;
  outcome: string;
  key_id: string;
  record: UsageRecord;
}

/** What is wrong with a ledger, given the answers that callers have seen whole. */
function contradictions(seen: readonly string[], entries: readonly Entry[]): string[] {
  const byRequest = Map.groupBy(entries, ({ request_id }) => request_id);
  const wrong = [...byRequest].filter(([, same]) => same.length > 1).map(([id]) => `${id} is in it twice`);
  for (const id of seen) {
    const outcome = byRequest.get(id)?.[0]?.outcome;
    if (outcome !== "finished") wrong.push(`${id} was seen whole, and is ${outcome ?? "not in it"}`);
  }
  const spent = new Map<string, number>();
  for (const { record, key_id, outcome } of entries) {
    if (record.admittedAt === null) continue;
    spent.set(key_id, (spent.get(key_id) ?? 0) + record.costNanoUsd);
    // By rule: what was reserved. max_tokens, and at most a token for each byte of the prompt.
    const byRule = record.outputTokens === 100 && record.usageSource === "reserved";
    if (outcome === "recovered" && !byRule) wrong.push(`${record.requestId} was not charged by rule`);
  }
  for (const key of SCARCE) {
    const nanoUsd = spent.get(parseVirtualKey(key)!.publicId) ?? 0;
    if (nanoUsd > SCARCE_USD * 1e9) wrong.push(`a budget of $${SCARCE_USD} has lost ${nanoUsd} nano-dollars`);
  }
  return wrong;
}

test("a ledger is contradicted by what is missing, by what is in it twice, and by what was spent", () => {
  const key = parseVirtualKey(SCARCE[0]!)!.publicId;
  const entry = (requestId: string, over: Partial<UsageRecord> = {}): Entry => {
    const record = sampleRecord({ requestId, keyId: key, admittedAt: 1, costNanoUsd: 100_000, ...over });
    return { id: record.id, request_id: requestId, outcome: record.outcome, key_id: key, record };
  };
  const left = entry("b", { outcome: "recovered", outputTokens: 100, usageSource: "reserved" });
  expect(contradictions(["a"], [entry("a"), left])).toEqual([]);
  expect(contradictions(["a", "c"], [entry("a")])).toEqual(["c was seen whole, and is not in it"]);
  expect(contradictions(["b"], [left])).toEqual(["b was seen whole, and is recovered"]);
  expect(contradictions([], [entry("a"), entry("a")])).toEqual(["a is in it twice"]);
  expect(contradictions([], [entry("b", { outcome: "recovered" })])).toEqual(["b was not charged by rule"]);
  expect(contradictions([], [entry("a", { costNanoUsd: 500_001 })])).toHaveLength(1);
});

/** Callers of two gateways, who go on whatever happens to these. */
class Load {
  /** Ids of answers that were whole, by node. */
  readonly seen = [new Set<string>(), new Set<string>()] as const;
  /** Answers that say no: status and code. */
  readonly refusals = new Map<string, number>();
  readonly #nodes: SharedGateways;
  readonly #callers: Promise<void>[] = [];
  #stopped = false;
  #scarce: string | undefined;

  constructor(nodes: SharedGateways) {
    this.#nodes = nodes;
    for (const node of [0, 1] as const) {
      for (let i = 0; i < CALLERS; i++) this.#callers.push(this.#call(node, i));
      for (let i = 0; i < 2; i++) this.#callers.push(this.#spend(node));
    }
  }

  get whole(): number {
    return this.seen[0].size + this.seen[1].size;
  }

  /** From now on this budget is fought for. */
  fightFor(key: string): void {
    this.#scarce = key;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#callers);
  }

  async #call(node: 0 | 1, caller: number): Promise<void> {
    for (let turn = 0; !this.#stopped; turn++) {
      const { path, make, end } = SHAPES[turn % 2]!;
      const stream = turn % 3 !== 0;
      const id = `n${node}c${caller}t${turn}`;
      const body = make({ model: turn % 5 < 3 ? "small" : "claude", stream, max_tokens: 100 });
      const text = await this.#ask(node, { path, body, headers: { "x-request-id": id } });
      if (text === undefined) await Bun.sleep(10);
      else if (stream ? text.includes(end) : JSON.parse(text)) this.seen[node].add(id);
    }
  }

  async #spend(node: 0 | 1): Promise<void> {
    while (!this.#stopped) {
      const key = this.#scarce;
      if (key === undefined || (await this.#ask(node, { body: chat({ max_tokens: 100 }), key })) === undefined)
        await Bun.sleep(10);
    }
  }

  /** @returns the answer; undefined where there was none, or one that says no */
  async #ask(node: 0 | 1, options: Parameters<typeof post>[1]): Promise<string | undefined> {
    try {
      const { url } = this.#nodes.node(node);
      const response = await post({ url, key: this.#nodes.key }, options);
      const text = await response.text();
      if (response.status === 200) return text;
      const { error } = JSON.parse(text) as { error: JsonObject };
      const refusal = `${response.status} ${error.code ?? error.type}`;
      this.refusals.set(refusal, (this.refusals.get(refusal) ?? 0) + 1);
    } catch {
      // A connection that broke is what is meant.
    }
    return undefined;
  }
}

describe.skipIf(!present(POSTGRES_BINARIES))("two gateways on one store, killed and disturbed", () => {
  let server: PrivatePostgres;
  let redis: PrivateRedis | undefined;
  let up: Upstream;
  let nodes: SharedGateways | undefined;
  let sql: SQL | undefined;

  beforeAll(async () => {
    [server, up] = await Promise.all([startPrivatePostgres(), startUpstream()]);
    if (hasRedis) redis = await startPrivateRedis();
    const answer = { text: Array.from({ length: 12 }, (_, i) => `word${i} `), usage: { input: 7, output: 12 } };
    const slowly = { stream: { delayMs: 4 } };
    const replies = [openaiChat.replies(answer, slowly), anthropicMessages.replies(answer, slowly)] as const;
    up.plan((request) => replies[request.path.endsWith("/messages") ? 1 : 0](request));
  });
  afterEach(async () => {
    await sql?.close({ timeout: 1 });
    await nodes?.remove();
    nodes = undefined;
  });
  afterAll(async () => {
    await up?.stop();
    await redis?.stop();
    await server?.stop();
  });

  async function start(env: Record<string, string>) {
    const limits = [
      { per: "month", requests: LIMIT },
      { per: "month", tokens: LIMIT },
      { per: "month", usd: 1_000 },
      { per: "hour", requests: LIMIT },
      { per: "total", tokens: LIMIT },
    ];
    const config = configuration({ upstream: up.url, limits });
    const [{ teams }] = config.tenants as [{ teams: [{ applications: [{ keys: JsonObject[] }] }] }];
    const keys: Record<string, string> = {};
    for (const [i, key] of SCARCE.entries()) {
      keys[`SCARCE_${i}`] = key;
      const scarce = { name: `scarce ${i}`, import: { env: `SCARCE_${i}` } };
      teams[0].applications[0].keys.push({ ...scarce, limits: [{ per: "total", usd: SCARCE_USD }] });
    }
    const url = await server.database();
    sql = new SQL(url, { max: 1 });
    nodes = await SharedGateways.start(config, { ...keys, ...env, DATABASE_URL: url });
    return { nodes, sql, load: new Load(nodes) };
  }

  /** How many calls run on all nodes, as PostgreSQL has it and as a node says. */
  async function running(node: number) {
    const [{ held }] = (await sql!`SELECT count(*)::int AS held FROM sallyport.holds`) as [{ held: number }];
    const [one] = (await sql!`
      SELECT record::json ->> 'applicationId' AS id FROM sallyport.usage_records WHERE admitted_at IS NOT NULL LIMIT 1
    `) as { id: string }[];
    const answer = await nodes!.node(node).admin(`/api/v1/usage?scope=application:${one!.id}`);
    const usage = (await answer.json()) as { running: number; periods: { total: { reserved: { requests: number } } } };
    return { held, running: usage.running, reserved: usage.periods.total.reserved.requests };
  }

  /** As half a minute after the end of all of them: then one is started, and charges by rule what they have left. */
  async function endAll(): Promise<void> {
    expect(await nodes!.stop()).toEqual([0, 0]);
    await sql!`UPDATE sallyport.nodes SET beat = '-infinity'`;
    await nodes!.restart(0);
    expect(await until(async () => (await running(0)).held === 0, 20_000)).toBe(true);
  }

  /** What must be true of the ledger, whatever has happened. @returns its entries */
  async function expectTrue(load: Load, disturbed: readonly string[]): Promise<Entry[]> {
    const rows = (await sql!`SELECT id, request_id, outcome, key_id, record FROM sallyport.usage_records`) as {
      record: string;
    }[];
    const entries = rows.map((row) => ({ ...row, record: recordFromText(row.record) })) as Entry[];
    expect(contradictions([...load.seen[0], ...load.seen[1]], entries)).toEqual([]);
    const said = [...load.refusals.keys()].filter((refusal) => !disturbed.includes(refusal));
    expect(said, "refusals that nobody has caused").toEqual([]);
    const recount = (await (
      await nodes!.node(0).admin("/api/v1/ledger/recount", { method: "POST", body: "{}", headers: JSON_BODY })
    ).json()) as JsonObject;
    expect(recount).toMatchObject({ found: 0, differences: [] });
    expect(await running(0)).toEqual({ held: 0, running: 0, reserved: 0 });
    return entries;
  }

  async function killing(env: Record<string, string>): Promise<void> {
    const { nodes, load } = await start(env);
    let [kills, starts] = [0, 0];
    for (const begun = performance.now(); kills < KILLS && performance.now() - begun < WITHIN_MS; kills++) {
      const victim = (kills % 2) as 0 | 1;
      const [mine, others] = [load.seen[victim], load.seen[1 - victim]!];
      const before = mine.size;
      load.fightFor(SCARCE[kills]!);
      expect(await until(() => mine.size >= before + CALLERS / 2, 10_000)).toBe(true);
      await Bun.sleep(Math.random() * 60);
      await nodes.kill(victim);
      const alone = others.size;
      await nodes.restart(victim);
      starts = Math.max(starts, nodes.node(victim).readyMs);
      expect(others.size, "the other one goes on").toBeGreaterThan(alone);
    }
    await nodes.kill(1);
    await load.stop();
    // Nobody calls any more: what still runs was the dead one's, and everyone can see it.
    const left = await running(0);
    expect(left.held).toBeGreaterThan(0);
    // Redis may have been told of some more, which died before PostgreSQL was: they were never admitted, and are given back.
    expect(left.running).toBeGreaterThanOrEqual(left.held);
    if (env.REDIS_URL === undefined) expect(left.running).toBe(left.held);
    expect(left.reserved).toBe(left.running);
    await nodes.restart(1);
    await endAll();
    const entries = await expectTrue(load, ["429 insufficient_quota", ...BUSY]);
    // A store that has no time on this machine is away for a moment; not for more than a few calls.
    const away = BUSY.reduce((sum, refusal) => sum + (load.refusals.get(refusal) ?? 0), 0);
    expect(away).toBeLessThan(load.whole / 20);
    const recovered = entries.filter(({ outcome }) => outcome === "recovered").length;
    console.log(
      `${kills} of ${KILLS} kills: ${load.whole} answers seen whole, ${entries.length} records, ${recovered} charged by rule, ${away} refused; slowest start ${Math.round(starts)} ms`,
    );
    // A run in which nothing was under way proves nothing.
    expect(recovered).toBeGreaterThan(kills);
    if (kills >= 5) expect(load.refusals.get("429 insufficient_quota") ?? 0).toBeGreaterThan(0);
  }

  test("kill -9 under load, again and again, on PostgreSQL alone", () => killing({}), LONG);
  test.skipIf(!hasRedis)(
    "kill -9 under load, again and again, on PostgreSQL and Redis",
    () => killing({ REDIS_URL: redis!.url }),
    LONG,
  );

  const emptied = async () => {
    const client = new Bun.RedisClient(redis!.url);
    await client.send("FLUSHALL", []);
    client.close();
  };
  const crashed = async (each: PrivatePostgres | PrivateRedis) => {
    await each.crash();
    await Bun.sleep(200);
    await each.start();
  };
  const paused = async (each: PrivatePostgres | PrivateRedis) => {
    each.pause();
    await Bun.sleep(700);
    each.resume();
  };

  async function disturbing(env: Record<string, string>, mishaps: (() => Promise<void>)[]): Promise<void> {
    const { load } = await start(env);
    for (const [i, mishap] of [...mishaps, ...mishaps].entries()) {
      load.fightFor(SCARCE[i % KILLS]!);
      const before = load.whole;
      expect(await until(() => load.whole > before + 2 * CALLERS, 20_000), "they go on").toBe(true);
      await mishap();
    }
    const before = load.whole;
    expect(await until(() => load.whole > before + 2 * CALLERS, 20_000), "they go on").toBe(true);
    await load.stop();
    await endAll();
    const entries = await expectTrue(load, [...BUSY, "429 insufficient_quota"]);
    const refusals = [...load.refusals].map(([what, count]) => `${count} × ${what}`).join(", ");
    console.log(
      `${2 * mishaps.length} mishaps: ${load.whole} answers seen whole, ${entries.length} records; ${refusals}`,
    );
  }

  test(
    "PostgreSQL crashes, is restarted and paused under load",
    () => disturbing({}, [() => crashed(server), () => paused(server)]),
    LONG,
  );
  test.skipIf(!hasRedis)(
    "Redis is killed, paused and emptied, and PostgreSQL crashes under load",
    () =>
      disturbing({ REDIS_URL: redis!.url }, [
        () => crashed(redis!),
        () => paused(redis!),
        emptied,
        () => crashed(server),
      ]),
    LONG,
  );
});
