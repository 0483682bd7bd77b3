/**
 * What a response in the background has not used is given back once, whichever of several gateways hears of it,
 * and also of a charge by rule after the one that had begun it was killed (src/gateway/objects/refund.ts,
 * src/gateway/objects/charge-facts.ts).
 */
import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { SQL } from "bun";
import type { JsonObject } from "../../../src/kernel/json.ts";
import type { UsageRecord } from "../../../src/ports/records.ts";
import { post } from "../../support/app.ts";
import { present } from "../../support/parts.ts";
import { POSTGRES, type PostgresServer, startPostgres } from "../../support/postgres.ts";
import { configuration, until } from "../../support/process.ts";
import { ResponseProvider } from "../../support/response-provider.ts";
import { SharedGateways } from "../../support/shared-gateways.ts";
import * as responses from "../../support/upstream/openai-responses.ts";
import { sse, startUpstream, type Upstream } from "../../support/upstream.ts";

setDefaultTimeout(120_000);

const USAGE = { input: 18, output: 9 };
const COST = 18 * 1_000 + 9 * 2_000;
const PROVIDER = { name: "oai", kind: "openai", allowPrivateNetwork: true, apiKey: { env: "PROVIDER_KEY" } };

describe.skipIf(!present(POSTGRES))("two gateways on one store", () => {
  let postgres: PostgresServer;
  let up: Upstream;
  let nodes: SharedGateways;
  let ledger: SQL;
  const provider = new ResponseProvider();

  beforeAll(async () => {
    [postgres, up] = await Promise.all([startPostgres(), startUpstream()]);
    const limits = [{ usd: 1, per: "day" }];
    const config = configuration({ upstream: up.url, limits }) as JsonObject & {
      providers: JsonObject[];
      models: JsonObject[];
      apis: { models: string[] }[];
    };
    const prices = [{ model: "*", inputPerMTokUsd: 1, outputPerMTokUsd: 2 }];
    config.providers.push({ ...PROVIDER, baseUrl: `${up.url}/v1`, prices });
    config.models.push({ name: "gpt", targets: [{ provider: "oai", model: "gpt-2026" }] });
    config.apis[0]!.models.push("gpt");
    const url = await postgres.database();
    nodes = await SharedGateways.start(config, { DATABASE_URL: url });
    ledger = new SQL(url, { max: 1 });
  });
  afterAll(async () => {
    await ledger?.close();
    await nodes?.remove();
    await up?.stop();
    await postgres?.stop();
  });
  beforeEach(() => up.plan((request) => provider.answer(request)));

  const ask = (node: number, over: JsonObject = {}) => {
    const body = { model: "gpt", input: "Say hello.", max_output_tokens: 100, background: true, ...over };
    return post({ url: nodes.node(node).url, key: nodes.key }, { path: "/v1/responses", body });
  };
  const read = async (node: number, id: string) => {
    const headers = { authorization: `Bearer ${nodes.key}` };
    const answer = await fetch(`${nodes.node(node).url}/v1/responses/${id}`, { headers });
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining("Done.")]);
  };
  const entries = async () => {
    const rows = await ledger`SELECT record FROM sallyport.usage_records WHERE admitted_at IS NOT NULL`;
    const all = (rows as { record: string }[]).map(({ record }) => JSON.parse(record) as Partial<UsageRecord>);
    return all.filter(({ endpoint }) => endpoint === "responses");
  };
  /** Charge and refunds of what was begun since. */
  const since = async (before: readonly Partial<UsageRecord>[]) => {
    const known = new Set(before.map(({ id }) => id));
    const all = (await entries()).filter(({ id }) => !known.has(id));
    return { charges: all.filter(({ refundOf }) => !refundOf), refunds: all.filter(({ refundOf }) => refundOf) };
  };
  const sumOf = (all: readonly Partial<UsageRecord>[]) =>
    all.reduce((sum, { costNanoUsd = 0 }) => sum + costNanoUsd, 0);

  test("that are asked at once give it back once", async () => {
    const before = await entries();
    const { id } = (await (await ask(0)).json()) as { id: string };
    Object.assign(provider.kept.get(id)!, responses.body({ text: "Done.", usage: USAGE }), { id });
    await Promise.all(Array.from({ length: 16 }, (_, n) => read(n % 2, id)));
    const { charges, refunds } = await since(before);
    expect([charges.length, refunds.length]).toEqual([1, 1]);
    expect(charges[0]!.usageSource).toBe("reserved");
    expect(sumOf([...charges, ...refunds])).toBe(COST);
  });

  test("of which one is killed give back from what is charged by rule", async () => {
    const before = await entries();
    const id = "resp_killed";
    const all = responses.events({ text: "Done.", usage: USAGE });
    const frames = all.slice(0, 5).map((data) => {
      const { response } = data as { response?: JsonObject };
      return { event: String(data.type), data: response ? { ...data, response: { ...response, id } } : data };
    });
    up.plan(() => sse(frames, { ends: "silence" }));
    const answer = await ask(0, { stream: true });
    await answer.body!.getReader().read();
    await nodes.kill(0);
    provider.kept.set(id, { ...responses.body({ text: "Done.", usage: USAGE }), id });
    up.plan((request) => provider.answer(request));
    await nodes.restart(0);
    // Nothing is given back of what is not charged yet.
    expect(await until(async () => (await since(before)).charges.length === 1, 60_000)).toBe(true);
    await read(1, id);
    await read(0, id);
    const { charges, refunds } = await since(before);
    expect(charges[0]).toMatchObject({ outcome: "recovered", usageSource: "reserved" });
    expect(refunds).toHaveLength(1);
    expect(sumOf([...charges, ...refunds])).toBe(COST);
  });
});
