/**
 * Two hundred callers at the same moment, over HTTP against a gateway of its own process, with a budget in money for
 * exactly ten: ten reach the provider, and all others are told in their dialect. A key's budget is for one round;
 * RACES=n does n of them. A thousand rounds without HTTP are in test/real/stores/races.test.ts.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mintVirtualKey } from "../../src/domain/access/virtual-key.ts";
import type { JsonObject } from "../../src/kernel/json.ts";
import { chat, messages, post } from "../support/app.ts";
import { configuration, type GatewayProcess, Installation } from "../support/process.ts";
import { openaiChat, startUpstream, type Upstream } from "../support/upstream.ts";

const RACES = Number(process.env.RACES ?? 3);
const CALLERS = 200;
const PASS = 10;
/** At two dollars a million, and with a prompt that costs nothing, so that the worst case is what is charged. */
const OUTPUT = 1_000;
const BUDGET_USD = (PASS * OUTPUT * 2) / 1e6;

const KEYS = Array.from(
  { length: RACES },
  () => mintVirtualKey("live", (count) => new Uint8Array(randomBytes(count))).text,
);

let up: Upstream;
let installation: Installation;
let gateway: GatewayProcess;
beforeAll(async () => {
  up = await startUpstream();
  up.plan(openaiChat.replies({ text: "Hi.", usage: { input: 5, output: OUTPUT } }));
  const config = configuration({ upstream: up.url }) as JsonObject & { providers: JsonObject[]; tenants: JsonObject[] };
  for (const provider of config.providers)
    if (provider.name !== "demo") provider.prices = [{ model: "*", inputPerMTokUsd: 0, outputPerMTokUsd: 2 }];
  const text = JSON.stringify(config.tenants);
  const tenants = JSON.parse(text) as { teams: { applications: { keys: JsonObject[] }[] }[] }[];
  tenants[0]!.teams[0]!.applications[0]!.keys = KEYS.map((_, i) => ({
    name: `race-${i}`,
    import: { env: `RACE_KEY_${i}` },
    limits: [{ per: "month", usd: BUDGET_USD }],
  }));
  installation = new Installation({ ...config, tenants } as unknown as JsonObject);
  Object.assign(installation.env, Object.fromEntries(KEYS.map((key, i) => [`RACE_KEY_${i}`, key])));
  gateway = await installation.start();
});
afterAll(async () => {
  await installation.remove();
  await up.stop();
});

/** A call to either front, streamed or not. */
async function call(key: string, i: number) {
  const stream = i % 4 > 1;
  const of = { model: "small", max_tokens: OUTPUT, stream };
  const openai = i % 2 === 0;
  const shape = openai
    ? { path: "/v1/chat/completions", body: chat(of) }
    : { path: "/v1/messages", body: messages(of) };
  const response = await post(gateway, { ...shape, key });
  return { openai, status: response.status, text: await response.text() };
}

test(
  `of ${CALLERS} calls at once under a budget for ${PASS}, ${PASS} reach the provider, ${RACES} times`,
  async () => {
    for (const key of KEYS) {
      up.forget();
      const answers = await Promise.all(Array.from({ length: CALLERS }, (_, i) => call(key, i)));
      const passed = answers.filter(({ status }) => status === 200);
      expect([passed.length, up.requests.length]).toEqual([PASS, PASS]);
      for (const { openai, status, text } of answers) {
        if (status === 200) continue;
        expect([status, text]).toEqual([429, text]);
        const { error } = JSON.parse(text) as { error: JsonObject };
        if (openai) expect([error.code, error.type]).toEqual(["insufficient_quota", "insufficient_quota"]);
        else
          expect(error).toMatchObject({
            type: "billing_error",
            message: expect.stringContaining("budget of $0.02 per month"),
          });
      }
    }
    const records = await gateway.records();
    const finished = records.filter(({ outcome }) => outcome === "finished");
    expect(finished).toHaveLength(RACES * PASS);
    expect(records).toHaveLength(RACES * CALLERS);
    const byKey = Map.groupBy(finished, ({ keyId }) => String(keyId));
    for (const [key, mine] of byKey) {
      const spent = mine.reduce((sum, { costUsd }) => sum + Number(costUsd), 0);
      expect(Math.round(spent * 1e9), key).toBe(Math.round(BUDGET_USD * 1e9));
    }
  },
  60_000 + RACES * 20_000,
);
