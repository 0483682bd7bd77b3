/**
 * kill -9 in the middle of everything, again and again: what a caller has seen completed is
 * on record exactly once, what was open is charged by rule, no limit is forgotten, and each
 * account that was saved is the sum of the ledger up to the entry that it names.
 *
 *   KILLS=500 npm test -- test/process/kill.test.ts     for longer
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { mintVirtualKey } from "../../src/domain/access/virtual-key.ts";
import { PERIODS } from "../../src/domain/plans/account.ts";
import { type Amounts, NOTHING, plus } from "../../src/domain/plans/amounts.ts";
import { chargesOf } from "../../src/domain/plans/charges.ts";
import type { JsonObject } from "../../src/kernel/json.ts";
import { MemoryMeter } from "../../src/store/memory/meter.ts";
import { SqliteJournal } from "../../src/store/sqlite/journal.ts";
import { chat, messages, post } from "../support/app.ts";
import { configuration, type GatewayProcess, Installation, until } from "../support/process.ts";
import { anthropicMessages, openaiChat, startUpstream, type Upstream } from "../support/upstream.ts";

/** Of the hundred that are meant where everything is tried, as many as fit into three minutes; the last line says how many. */
const WITHIN_MS = process.env.KILLS === undefined ? 170_000 : Number.POSITIVE_INFINITY;
const KILLS = Number(process.env.KILLS ?? (process.env.TEST_ALL === "1" ? 100 : 10));
const CALLERS = 16;
/** Far above what is used here, so that nothing is refused and everything is counted. */
const LIMIT = 1_000_000_000;
const RECOVERED = "Holds that were open when the process last ended have been charged as reserved";

/** The budget in all of another key: for a few calls, and fewer than it makes. */
const SCARCE_USD = 0.001;
const SCARCE_KEY = mintVirtualKey("live", (count) => new Uint8Array(randomBytes(count))).text;

let up: Upstream;
let installation: Installation;
beforeAll(async () => {
  up = await startUpstream();
  const answer = { text: Array.from({ length: 12 }, (_, i) => `word${i} `), usage: { input: 7, output: 12 } };
  const slowly = { stream: { delayMs: 4 } };
  const replies = [openaiChat.replies(answer, slowly), anthropicMessages.replies(answer, slowly)] as const;
  up.plan((request) => replies[request.path.endsWith("/messages") ? 1 : 0](request));
  const limits = [
    { per: "month", requests: LIMIT },
    { per: "month", tokens: LIMIT },
    { per: "month", usd: 1_000 },
    { per: "hour", requests: LIMIT },
    { per: "total", tokens: LIMIT },
  ];
  const config = configuration({ upstream: up.url, limits });
  const [{ teams }] = config.tenants as [{ teams: [{ applications: [{ keys: JsonObject[] }] }] }];
  const scarce = { name: "scarce", import: { env: "SCARCE_KEY" }, limits: [{ per: "total", usd: SCARCE_USD }] };
  teams[0].applications[0].keys.push(scarce);
  installation = new Installation(config);
  installation.env.SCARCE_KEY = SCARCE_KEY;
});
afterAll(async () => {
  await installation.remove();
  await up.stop();
});

const SHAPES = [
  { path: "/v1/chat/completions", make: chat, end: "data: [DONE]" },
  { path: "/v1/messages", make: messages, end: "event: message_stop" },
] as const;

/** Calls again and again until the gateway is gone, and keeps the ids of the answers that were whole. */
async function call(gateway: GatewayProcess, caller: string, seen: Set<string>): Promise<void> {
  for (let turn = 0; gateway.running; turn++) {
    const { path, make, end } = SHAPES[turn % 2]!;
    const stream = turn % 3 !== 0;
    const id = `${caller}-${turn}`;
    const body = make({ model: turn % 5 < 3 ? "small" : "claude", stream, max_tokens: 100 });
    try {
      const response = await post(gateway, { path, body, headers: { "x-request-id": id } });
      const text = await response.text();
      if (response.status !== 200) throw new Error(`${id}: ${response.status} ${text}`);
      if (stream ? text.includes(end) : JSON.parse(text)) seen.add(id);
    } catch (thrown) {
      // A connection that broke is what is meant; an answer that says no is not.
      if ((thrown as Error).message.startsWith(id)) throw thrown;
      return;
    }
  }
}

/** Calls on the other key until the gateway is gone. @returns how many were refused for its budget */
async function spendAll(gateway: GatewayProcess): Promise<number> {
  for (let refused = 0; ; ) {
    try {
      const response = await post(gateway, { body: chat({ max_tokens: 100 }), key: SCARCE_KEY });
      await response.text();
      if (response.status === 429) refused++;
    } catch {
      return refused;
    }
  }
}

/** How the month's requests and tokens stand, by the RateLimit header of one more call. */
async function used(gateway: GatewayProcess): Promise<{ requests: number; tokens: number }> {
  const response = await post(gateway, { body: chat({ model: "demo", max_tokens: 1 }) });
  const states = response.headers.get("ratelimit")!;
  const left = (name: string) => LIMIT - Number(new RegExp(`"${name}";r=(\\d+)`).exec(states)![1]);
  await response.text();
  return { requests: left("month") - 1, tokens: left("month-tokens") };
}

test(
  `kills under load, ${KILLS} of them`,
  async () => {
    const seen = new Set<string>();
    const restarts: number[] = [];
    let recovered = 0;
    let refused = 0;
    let gateway = await installation.start();
    let kills = 0;
    for (const begun = performance.now(); kills < KILLS && performance.now() - begun < WITHIN_MS; kills++) {
      const calling = Array.from({ length: CALLERS }, (_, caller) => call(gateway, `k${kills}c${caller}`, seen));
      const spending = spendAll(gateway);
      const before = seen.size;
      await Bun.sleep(100 + Math.random() * 250);
      // On a machine that is busy with other things a quarter of a second may be nothing.
      await until(() => seen.size > before + CALLERS, 3_000);
      gateway.kill("SIGKILL");
      await gateway.exited;
      await Promise.all(calling);
      refused += await spending;
      gateway = await installation.start();
      restarts.push(gateway.readyMs);
      recovered += Number(gateway.lines.find(({ message }) => message === RECOVERED)?.count ?? 0);
    }

    const records = await gateway.records();
    // Whatever was killed: the budget was used up to the last call that fits, and never exceeded.
    const scarce = records.filter(({ keyId }) => SCARCE_KEY.includes(String(keyId)));
    const spent = scarce.reduce((sum, { costUsd }) => sum + Number(costUsd), 0);
    expect(Math.round(spent * 1e9)).toBeLessThanOrEqual(SCARCE_USD * 1e9);
    if (kills >= 5) expect(refused).toBeGreaterThan(0);

    const byRequest = Map.groupBy(records, (record) => String(record.requestId));
    const wrong = [...seen].filter(
      (id) => byRequest.get(id)?.length !== 1 || byRequest.get(id)![0]!.outcome !== "finished",
    );
    expect(wrong, "answers that a caller saw whole, and that are not on record once, as finished").toEqual([]);
    expect(new Set(records.map(({ id }) => id)).size).toBe(records.length);
    expect([...byRequest.values()].filter((same) => same.length > 1)).toEqual([]);

    const left = records.filter(({ outcome }) => outcome === "recovered");
    expect(left).toHaveLength(recovered);
    for (const record of left) {
      expect(record).toMatchObject({ status: 500, errorCode: "internal", usageSource: "reserved" });
      // By rule: what was reserved. max_tokens, and at most a token for each byte of the prompt.
      const { input, output } = record.tokens as { input: number; output: number };
      expect(output).toBe(100);
      expect(input).toBeGreaterThan(0);
    }

    const admitted = records.filter(({ admittedAt }) => admittedAt !== null);
    const { requests, tokens } = await used(gateway);
    const asked = admitted.reduce((sum, { tokens }) => sum + tokensOf(tokens as JsonObject), 0);
    expect(requests).toBe(admitted.length);
    expect(tokens).toBeGreaterThanOrEqual(asked);
    expect(tokens - asked).toBeLessThan(2_000);

    const slowest = Math.round(Math.max(...restarts));
    console.log(
      `${kills} of ${KILLS} kills: ${seen.size} answers seen whole, ${records.length} records, ${recovered} recovered; slowest restart ${slowest} ms`,
    );
    // A run in which nothing was under way proves nothing.
    expect(seen.size).toBeGreaterThan(kills * 5);
    expect(recovered).toBeGreaterThan(kills);
    // Once more without a good end, so that saved accounts and the ledger stand as a kill leaves them.
    gateway.kill("SIGKILL");
    await gateway.exited;
    expect(await recount(join(installation.dataDir, "ledger.db"))).toBeGreaterThan(8);
    gateway = await installation.start();
    expect(await gateway.stop()).toBe(0);
    const clean = await installation.start();
    expect(clean.lines.map(({ message }) => message)).not.toContain(RECOVERED);
  },
  60_000 + KILLS * 10_000,
);

function tokensOf({ input, output }: JsonObject): number {
  return Number(input) + Number(output);
}

/**
 * Adds up the ledger by the rule of whom it charges, and compares: each saved account with the entries up to the one
 * it names, and what a meter says that starts there with all of them. @returns how many accounts were compared
 */
async function recount(file: string): Promise<number> {
  const journal = new SqliteJournal(file);
  try {
    const sum = (upto: number) => {
      const sums = new Map<string, Amounts>();
      for (const { record } of journal.entries(0, upto))
        for (const { scope, amounts } of chargesOf(record)) sums.set(scope, plus(sums.get(scope) ?? NOTHING, amounts));
      return sums;
    };
    const saved = [...journal.accounts()];
    for (const { scope, upto, spent } of saved) {
      const { requests, input, output, usd } = sum(upto).get(scope)!;
      expect(spent.slice(-4), `${scope}, as it was saved`).toEqual([requests, input, output, usd]);
    }
    const meter = new MemoryMeter(journal, { now: () => Date.now(), ticks: () => performance.now() });
    const all = sum(journal.lastEntry());
    for (const [scope, amounts] of all) {
      const { periods, running } = await meter.usage(scope, "UTC");
      expect(running).toBe(0);
      for (const period of PERIODS) expect(periods[period].reserved, `${scope}, held by nobody`).toEqual(NOTHING);
      expect(periods.total.spent, `${scope}, in total`).toEqual(amounts);
    }
    return all.size;
  } finally {
    journal.shut();
  }
}
