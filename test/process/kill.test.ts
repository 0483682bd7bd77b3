/**
 * kill -9 in the middle of everything, again and again: what a caller has seen completed is
 * on record exactly once, what was open is charged by rule, and no limit is forgotten.
 *
 *   KILLS=500 npm test -- test/process/kill.test.ts     for longer
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { JsonObject } from "../../src/kernel/json.ts";
import { chat, messages, post } from "../support/app.ts";
import { configuration, type GatewayProcess, Installation } from "../support/process.ts";
import { anthropicMessages, openaiChat, startUpstream, type Upstream } from "../support/upstream.ts";

const KILLS = Number(process.env.KILLS ?? 10);
const CALLERS = 16;
/** Far above what is used here, so that nothing is refused and everything is counted. */
const LIMIT = 1_000_000_000;
const RECOVERED = "Holds that were open when the process last ended have been charged as reserved";

let up: Upstream;
let installation: Installation;
beforeAll(async () => {
  up = await startUpstream();
  const answer = { text: Array.from({ length: 12 }, (_, i) => `word${i} `), usage: { input: 7, output: 12 } };
  const slowly = { stream: { delayMs: 4 } };
  const replies = [openaiChat.replies(answer, slowly), anthropicMessages.replies(answer, slowly)] as const;
  up.plan((request) => replies[request.path.endsWith("/messages") ? 1 : 0](request));
  const limits = [
    { per: "hour", requests: LIMIT },
    { per: "hour", tokens: LIMIT },
  ];
  installation = new Installation(configuration({ upstream: up.url, limits }));
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

/** How the hour's requests and tokens stand, by the RateLimit header of one more call. */
async function used(gateway: GatewayProcess): Promise<{ requests: number; tokens: number }> {
  const response = await post(gateway, { body: chat({ model: "demo", max_tokens: 1 }) });
  const states = response.headers.get("ratelimit")!;
  const left = (name: string) => LIMIT - Number(new RegExp(`"${name}";r=(\\d+)`).exec(states)![1]);
  await response.text();
  return { requests: left("hour") - 1, tokens: left("hour-tokens") };
}

test(
  `${KILLS} kills under load`,
  async () => {
    const seen = new Set<string>();
    const restarts: number[] = [];
    let recovered = 0;
    let gateway = await installation.start();
    for (let kill = 0; kill < KILLS; kill++) {
      const calling = Array.from({ length: CALLERS }, (_, caller) => call(gateway, `k${kill}c${caller}`, seen));
      await Bun.sleep(100 + Math.random() * 250);
      gateway.kill("SIGKILL");
      await gateway.exited;
      await Promise.all(calling);
      gateway = await installation.start();
      restarts.push(gateway.readyMs);
      recovered += Number(gateway.lines.find(({ message }) => message === RECOVERED)?.count ?? 0);
    }

    const records = await gateway.records();
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
    const spent = admitted.reduce((sum, { tokens }) => sum + tokensOf(tokens as JsonObject), 0);
    expect(requests).toBe(admitted.length);
    expect(tokens).toBeGreaterThanOrEqual(spent);
    expect(tokens - spent).toBeLessThan(2_000);

    const slowest = Math.round(Math.max(...restarts));
    console.log(
      `${KILLS} kills: ${seen.size} answers seen whole, ${records.length} records, ${recovered} recovered; slowest restart ${slowest} ms`,
    );
    // A run in which nothing was under way proves nothing.
    expect(seen.size).toBeGreaterThan(KILLS * 5);
    expect(recovered).toBeGreaterThan(KILLS);
    expect(await gateway.stop()).toBe(0);
    const clean = await installation.start();
    expect(clean.lines.map(({ message }) => message)).not.toContain(RECOVERED);
  },
  60_000 + KILLS * 10_000,
);

function tokensOf({ input, output }: JsonObject): number {
  return Number(input) + Number(output);
}
