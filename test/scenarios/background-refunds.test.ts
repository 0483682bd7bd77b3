/**
 * A response in the background is charged its worst case when it begins, and gets back what it has not used from
 * whichever answer tells first what it used. Proves gateway/objects/refund.ts, gateway/objects/charge-facts.ts and
 * gateway/objects/told-usage.ts; for batches, which give back in the same way, see files-batches.test.ts and
 * message-batches.test.ts.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type OpenAI from "openai";
import type { JsonObject } from "../../src/kernel/json.ts";
import type { UsageRecord } from "../../src/ports/records.ts";
import { openJournal } from "../../src/store/sqlite/journal.ts";
import type { AppOptions } from "../support/app.ts";
import { FileScene, refusal } from "../support/file-scene.ts";
import { MemoryObjects } from "../support/memory-objects.ts";
import { ResponseProvider } from "../support/response-provider.ts";
import * as responses from "../support/upstream/openai-responses.ts";
import { json, sse } from "../support/upstream.ts";

/** US dollars per million tokens, which are nano-dollars per thousandth of one. */
const PRICES = [
  {
    model: "*",
    ...{ inputPerMTokUsd: 1, outputPerMTokUsd: 2, cacheReadPerMTokUsd: 0.1, reasoningPerMTokUsd: 3 },
    tiers: { flex: { inputPerMTokUsd: 0.5, outputPerMTokUsd: 1, reasoningPerMTokUsd: 1 } },
  },
];
const USAGE = { input: 18, output: 9, cacheRead: 8, reasoning: 4 };
/** 10 tokens read, 8 of the cache, 5 written, 4 thought. */
const COST = 10 * 1_000 + 8 * 100 + 5 * 2_000 + 4 * 3_000;

const caller = { tenant: { id: "ten_1", name: "acme" }, application: { id: "app_1", name: "bot" } };
const stranger = { tenant: { id: "ten_2", name: "ten_2" }, application: { id: "app_9", name: "app_9" } };
const OPTIONS: AppOptions = { prices: PRICES, others: [caller, stranger] };

let scene: FileScene;
let owner: OpenAI;
let provider: ResponseProvider;
beforeAll(async () => {
  scene = await FileScene.begin(OPTIONS);
  ({ owner } = scene);
});
afterAll(() => scene.stop());
beforeEach(() => {
  provider = new ResponseProvider(`_${crypto.randomUUID().slice(0, 8)}`);
  scene.up.plan((request) => provider.answer(request));
});

/** Another gateway before the same provider. */
async function another(options: AppOptions): Promise<FileScene> {
  const other = await FileScene.begin({ ...OPTIONS, ...options });
  other.up.plan((request) => provider.answer(request));
  return other;
}

type Ask = Partial<OpenAI.Responses.ResponseCreateParamsNonStreaming>;
const begin = async (over: Ask = {}, by = owner, at = scene) => {
  const asked = { model: "gpt", input: "Say hello.", max_output_tokens: 100, background: true, ...over };
  const { id } = await by.responses.create(asked);
  return { id, charged: await at.lastRecord() };
};
/** As the provider keeps it from now on. */
const becomes = (id: string, over: JsonObject = {}, usage = USAGE) =>
  Object.assign(provider.kept.get(id)!, responses.body({ text: "Done.", usage }), { id, ...over });
const refundsOf = async ({ id }: UsageRecord, at = scene) =>
  (await at.app.records()).filter(({ refundOf }) => refundOf === id);
const rest = (charged: UsageRecord, refund: UsageRecord | undefined) => [
  charged.inputTokens + (refund?.inputTokens ?? 0),
  charged.outputTokens + (refund?.outputTokens ?? 0),
  charged.costNanoUsd + (refund?.costNanoUsd ?? 0),
];

test("nothing is given back before it has ended; then what it has not used is, exactly and once", async () => {
  const { id, charged } = await begin();
  expect(charged).toMatchObject({ usageSource: "reserved", outputTokens: 100 });
  for (const status of ["queued", "in_progress"]) {
    Object.assign(provider.kept.get(id)!, { status, usage: { input_tokens: 1, output_tokens: 1 } });
    await owner.responses.retrieve(id);
    expect(await refundsOf(charged)).toEqual([]);
  }
  becomes(id);
  const told = await owner.responses.retrieve(id).withResponse();
  expect(told.data.output_text).toBe("Done.");
  expect(told.response.headers.get("x-sallyport-warnings")).toContain("18 input and 9 output tokens");
  expect(await scene.lastRecord()).toMatchObject({ endpoint: "responses.retrieve", costNanoUsd: 0 });
  await owner.responses.retrieve(id);
  const [refund, ...others] = await refundsOf(charged);
  expect(others).toEqual([]);
  expect(rest(charged, refund)).toEqual([18, 9, COST]);
  expect(refund).toMatchObject({
    ...{ usageSource: "reported", cacheReadTokens: 8, reasoningTokens: 4, priceSource: charged.priceSource },
    ...{ admittedAt: charged.admittedAt, keyId: charged.keyId, provider: "oai", providerModel: "gpt-2026" },
  });
  expect(refund!.attempts).toMatchObject([{ provider: "oai", costNanoUsd: refund!.costNanoUsd }]);
});

test("many ask at once, by several keys of the application, and it is given back to the key that was charged", async () => {
  const { id, charged } = await begin();
  becomes(id);
  const [colleague] = scene.strangers;
  await Promise.all(Array.from({ length: 12 }, (_, n) => (n % 2 ? owner : colleague!).responses.retrieve(id)));
  const refunds = await refundsOf(charged);
  expect(refunds.map((refund) => rest(charged, refund))).toEqual([[18, 9, COST]]);
  expect(refunds[0]!.keyId).toBe(charged.keyId);
});

test("another application's key gives nothing back", async () => {
  const { id, charged } = await begin();
  becomes(id);
  expect((await refusal(scene.strangers[1]!.responses.retrieve(id))).status).toBe(404);
  expect(await refundsOf(charged)).toEqual([]);
});

describe("by the state in which it ended", () => {
  const failed = (code: string) => ({ status: "failed", output: [], usage: null, error: { code, message: "x" } });
  test.each<[string, JsonObject, number[] | "all" | "nothing"]>([
    ["incomplete, with its usage", { status: "incomplete" }, [18, 9, COST]],
    ["cancelled, with its usage", { status: "cancelled" }, [18, 9, COST]],
    [
      "failed, with its usage",
      { ...failed("server_error"), usage: responses.body({ usage: USAGE }).usage! },
      [18, 9, COST],
    ],
    // It may have thought to its last moment, and whoever reads along and stops it would read for nothing.
    ["cancelled, and nobody tells what it used", { status: "cancelled", usage: null, output: [] }, "nothing"],
    ["completed, and nobody tells what it used", { usage: null }, "nothing"],
    [
      "failed behind its first word, likewise",
      { ...failed("server_error"), output: [{ type: "reasoning" }] },
      "nothing",
    ],
    // As a caller is charged who waits for it: "Say hello." in OpenAI's tokens, and what stands around it.
    ["failed before its first word", failed("server_error"), [7, 0, 7_000]],
    ["refused", failed("invalid_prompt"), "all"],
    ["completed, with counts that cannot be", { usage: { input_tokens: -1, output_tokens: 2 } }, "nothing"],
    ["completed, by a server that counts nothing", { usage: { input_tokens: 0, output_tokens: 0 } }, "nothing"],
  ])("%s", async (_, over, left) => {
    const { id, charged } = await begin();
    becomes(id, over);
    await owner.responses.retrieve(id);
    const [refund] = await refundsOf(charged);
    if (left === "nothing") expect(refund).toBeUndefined();
    else expect(rest(charged, refund)).toEqual(left === "all" ? [0, 0, 0] : left);
  });

  test("what is told too late is given back then", async () => {
    const { id, charged } = await begin();
    becomes(id, { status: "cancelled", usage: null });
    await owner.responses.retrieve(id);
    becomes(id, { status: "cancelled" });
    await owner.responses.retrieve(id);
    expect(rest(charged, (await refundsOf(charged))[0])).toEqual([18, 9, COST]);
  });
});

test("the answer to its being stopped tells as well", async () => {
  const { id, charged } = await begin();
  becomes(id, { status: "in_progress" });
  await owner.responses.cancel(id);
  expect(rest(charged, (await refundsOf(charged))[0])).toEqual([18, 9, COST]);
});

test("a way of being served is priced as the provider tells it, or as it was asked for", async () => {
  const flex = 10 * 500 + 8 * 100 + 5 * 1_000 + 4 * 1_000;
  for (const [over, served, cost] of [
    [{ service_tier: "flex" }, {}, flex],
    [{ service_tier: "flex" }, { service_tier: "default" }, COST],
    [{}, { service_tier: "flex" }, flex],
  ] as [Ask, JsonObject, number][]) {
    const { id, charged } = await begin(over);
    becomes(id, served);
    await owner.responses.retrieve(id);
    expect(rest(charged, (await refundsOf(charged))[0])).toEqual([18, 9, cost]);
  }
});

describe("more than was held", () => {
  test("is not charged, and the record says so: nobody had reserved it", async () => {
    const { id, charged } = await begin();
    becomes(id, {}, { ...USAGE, input: 90_000, output: 90_000 });
    await owner.responses.retrieve(id);
    expect(await refundsOf(charged)).toEqual([]);
    expect((await scene.lastRecord()).warnings.join()).toContain("cost more than was held");
  });

  test("of one kind takes nothing from what is given back of another", async () => {
    const { id, charged } = await begin();
    becomes(id, {}, { input: 10, output: 101, cacheRead: 0, reasoning: 0 });
    await owner.responses.retrieve(id);
    const [refund] = await refundsOf(charged);
    expect(rest(charged, refund)).toEqual([10, 100, 10 * 1_000 + 101 * 2_000]);
    expect((await scene.lastRecord()).warnings.join()).toContain("used more than was held");
  });
});

describe("a stream", () => {
  type Events = AsyncIterable<OpenAI.Responses.ResponseStreamEvent>;
  const stream = async () => {
    const events = await owner.responses.create({
      ...{ model: "gpt", input: "Say hello.", max_output_tokens: 100, background: true, stream: true },
    });
    return events as Events;
  };
  /** Its caller leaves behind the first event. */
  const begun = async () => {
    const all = responses.events({ text: "Done.", usage: USAGE });
    const id = `resp_${crypto.randomUUID()}`;
    scene.up.plan(() => framed(all.slice(0, 4), { id }));
    await Array.fromAsync(await stream()).catch(() => {});
    const charged = await scene.lastRecord();
    expect(charged).toMatchObject({ usageSource: "reserved", outputTokens: 100, outcome: "cut" });
    return { id, charged, all };
  };
  const framesOf = (events: readonly JsonObject[], over: JsonObject) =>
    events.map((data) => {
      const { response } = data as { response?: JsonObject };
      return { event: String(data.type), data: response ? { ...data, response: { ...response, ...over } } : data };
    });
  const framed = (...of: Parameters<typeof framesOf>) => sse(framesOf(...of));

  test("that broke off tells when it is read again to its end, and not before", async () => {
    const { id, charged, all } = await begun();
    scene.up.plan(() => framed(all.slice(0, -1), { id }));
    await Array.fromAsync(await owner.responses.retrieve(id, { stream: true })).catch(() => {});
    expect(await refundsOf(charged)).toEqual([]);
    for (const from of [4, 0]) {
      scene.up.plan(() => framed(all.slice(from), { id }));
      const options = from === 0 ? ({ stream: true } as const) : ({ stream: true, starting_after: from - 1 } as const);
      expect((await Array.fromAsync(await owner.responses.retrieve(id, options))).at(-1)!.type).toBe(
        "response.completed",
      );
    }
    expect((await refundsOf(charged)).map((refund) => rest(charged, refund))).toEqual([[18, 9, COST]]);
  });

  test.each([
    ["tells an error of the stream", { type: "error", code: "server_error", message: "x", param: null }],
    ["tells what is no event", "{"],
  ])("that %s goes on at the provider, and is charged its worst case", async (_, event) => {
    const id = `resp_${crypto.randomUUID()}`;
    const begun = responses.events({ text: "Done." }).slice(0, 6);
    scene.up.plan(() => sse([...framesOf(begun, { id }), { data: event }]));
    await Array.fromAsync(await stream()).catch(() => {});
    const charged = await scene.lastRecord();
    expect(charged).toMatchObject({ usageSource: "reserved", outputTokens: 100 });
    provider.kept.set(id, { ...responses.body({ text: "Done.", usage: USAGE }), id });
    scene.up.plan((request) => provider.answer(request));
    await owner.responses.retrieve(id);
    expect(rest(charged, (await refundsOf(charged))[0])).toEqual([18, 9, COST]);
  });

  test.each([
    [
      "response.failed",
      { response: { ...responses.body({}), status: "failed", error: { code: "server_error" }, usage: null } },
    ],
    ["error", { code: "server_error", message: "x", param: null }],
  ])("that tells by %s that the answer failed before its first word is charged as it is told", async (type, event) => {
    const [created] = responses.events({ text: "" });
    scene.up.plan(() => framed([created!, { type, ...event }], {}));
    await stream().then(Array.fromAsync, () => {});
    expect(await scene.lastRecord()).toMatchObject({ usageSource: "counted", inputTokens: 7, outputTokens: 0 });
  });

  test.each<[string, JsonObject]>([
    ["zeros", { usage: { input_tokens: 0, output_tokens: 0 } }],
    ["nothing", { usage: null }],
    ["of another response", { id: "resp_other" }],
  ])("that tells %s gives nothing back", async (_, over) => {
    const { id, charged, all } = await begun();
    scene.up.plan(() => framed(all, { id, ...over }));
    await Array.fromAsync(await owner.responses.retrieve(id, { stream: true })).catch(() => {});
    expect(await refundsOf(charged)).toEqual([]);
  });

  test("that was read to its end was charged what it used, of which nothing is left", async () => {
    const events = await Array.fromAsync(await stream());
    const { id } = (events[0] as { response: { id: string } }).response;
    const charged = await scene.lastRecord();
    expect(charged.usageSource).toBe("reported");
    becomes(id, {}, { ...USAGE, input: 1, output: 1, cacheRead: 0, reasoning: 0 });
    await owner.responses.retrieve(id);
    expect(await refundsOf(charged)).toEqual([]);
  });
});

test("one that waits for its caller is charged what it used, of which nothing is left", async () => {
  const { id, charged } = await begin({ background: false });
  becomes(id, {}, { ...USAGE, input: 1, output: 1, cacheRead: 0, reasoning: 0 });
  await owner.responses.retrieve(id);
  expect(await refundsOf(charged)).toEqual([]);
});

test("an answer that is no such response gives nothing back", async () => {
  const { id, charged } = await begin();
  scene.up.plan(() => json(200, { ...responses.body({ text: "Done.", usage: USAGE }), id: "resp_other" }));
  expect((await refusal(owner.responses.retrieve(id))).status).toBe(502);
  expect(await refundsOf(charged)).toEqual([]);
});

test("what is deleted before anybody asked for it stays charged", async () => {
  const { id, charged } = await begin();
  becomes(id);
  await owner.responses.delete(id);
  expect((await refusal(owner.responses.retrieve(id))).status).toBe(404);
  expect(await refundsOf(charged)).toEqual([]);
});

test("only the attempt that began it gives back, not one that failed before it", async () => {
  const models = [
    {
      name: "gpt",
      targets: [{ provider: "oai", model: "gpt-2026", weight: 1 }],
      fallbacks: [{ provider: "oai", model: "gpt-old", weight: 1 }],
    },
  ];
  const other = await another({ models });
  try {
    other.up.plan((request) => {
      const fails = request.method === "POST" && (request.json() as JsonObject).model === "gpt-2026";
      // It may have read the prompt, and charge for it.
      return fails ? json(200, { output: null }) : provider.answer(request);
    });
    const { id, charged } = await begin({}, other.owner, other);
    expect(charged.attempts.map(({ model }) => model)).toEqual(["gpt-2026", "gpt-old"]);
    becomes(id);
    await other.owner.responses.retrieve(id);
    const [refund] = await refundsOf(charged, other);
    const [first, second] = charged.attempts;
    expect(first!.inputTokens).toBeGreaterThan(0);
    expect(second!.inputTokens + refund!.inputTokens).toBe(18);
    expect(rest(charged, refund)).toEqual([
      18 + first!.inputTokens,
      9 + first!.outputTokens,
      COST + first!.costNanoUsd,
    ]);
  } finally {
    await other.stop();
  }
});

test("there is room under a budget again", async () => {
  const limits = [{ dimension: "usd", window: "day", amount: 1_000_000 } as const];
  const poor = await another({ limits });
  try {
    const ask = { max_output_tokens: 200 };
    const { id } = await begin(ask, poor.owner, poor);
    expect((await refusal(begin(ask, poor.owner, poor))).status).toBe(429);
    becomes(id);
    await poor.owner.responses.retrieve(id);
    await begin(ask, poor.owner, poor);
  } finally {
    await poor.stop();
  }
});

test("another node gives it back from the ledger, by the prices of the charge, whatever they are now", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-refunds-"));
  const objects = new MemoryObjects();
  const node = async (prices: NonNullable<AppOptions["prices"]>) => {
    const journal = openJournal(join(folder, "ledger.db"));
    const scene = await another({ prices, objects, journal });
    return { scene, stop: () => scene.stop().then(() => journal.shut()) };
  };
  const first = await node(PRICES);
  const { id, charged } = await begin({}, first.scene.owner, first.scene);
  await first.stop();
  const second = await node([{ model: "*", inputPerMTokUsd: 100, outputPerMTokUsd: 0 }]);
  try {
    becomes(id);
    await second.scene.owner.responses.retrieve(id);
    await second.scene.owner.responses.retrieve(id);
    const refunds = await refundsOf(charged, second.scene);
    expect(refunds.map((refund) => rest(charged, refund))).toEqual([[18, 9, COST]]);
  } finally {
    await second.stop();
    rmSync(folder, { recursive: true });
  }
});
