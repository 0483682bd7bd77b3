import { describe, expect, test } from "bun:test";
import type { LogFields } from "../../ports/log.ts";
import type { ChargeFacts, ProviderObject } from "../../ports/provider-objects.ts";
import type { Attempt, UsageRecord } from "../../ports/records.ts";
import type { Usage } from "../../spec/usage.ts";
import { sampleRecord } from "../../store/meter-contract.ts";
import type { Call } from "../call.ts";
import { giveBack } from "./refund.ts";
import type { Told } from "./told-usage.ts";

const attempt = (inputTokens: number, outputTokens: number, costNanoUsd: number): Attempt => {
  return { provider: "up", model: "m", status: 200, error: null, ms: 1, inputTokens, outputTokens, costNanoUsd };
};
/** 1 nano-dollar a token read, 2 for one that is written. */
const rates = { input: 0.001, output: 0.002, cacheRead: 0, source: "list" };
const reserved = (over: Partial<UsageRecord> = {}) =>
  sampleRecord({
    ...{ usageSource: "reserved", admittedAt: 5, inputTokens: 1_000, outputTokens: 500, costNanoUsd: 2_000 },
    attempts: [attempt(1_000, 500, 2_000)],
    ...over,
  });
const object = (charged: UsageRecord, facts: Partial<ChargeFacts> = {}, over: Partial<ProviderObject> = {}) =>
  ({
    ...{ id: "resp_1", kind: "response", provider: "up", api: "chat/v1", model: "small", purpose: null, judged: null },
    ...{ batch: null, told: {}, createdAt: 1 },
    charge: { record: charged.id, attempt: 0, model: "m", rates, tier: null, prompt: 40, ...facts },
    ...over,
  }) as ProviderObject;

/** A ledger with one charge. */
function ledger(charged: UsageRecord | undefined) {
  const refunds: UsageRecord[] = [];
  const warnings: string[] = [];
  const state = { away: false };
  const logged: (string | undefined)[] = [];
  const ports = {
    log: { write: (_level: string, _message: string, fields: LogFields = {}) => void logged.push(fields.detail) },
    records: { find: async (id: string) => (charged?.id === id ? charged : undefined) },
    meter: {
      refund: async (record: UsageRecord) => {
        if (state.away) throw new Error("away");
        if (refunds.some(({ id }) => id === record.id)) return false;
        refunds.push(record);
        return true;
      },
    },
  };
  const call = { id: "call_9", requestId: "r", at: 9, address: "::1", observed: { warnings } } as unknown as Call;
  const tell = (what: ProviderObject, used: Partial<Usage>[], ofEachCall = false) =>
    giveBack(call, what, { used, ofEachCall } satisfies Told, ports);
  return { refunds, warnings, logged, state, tell };
}

const USED = { input: 100, output: 50 };
const gaveBack = async (charged: UsageRecord | undefined, what: ProviderObject, ...told: Partial<Usage>[]) => {
  const { refunds, tell } = ledger(charged);
  await tell(what, told);
  return refunds.map(({ inputTokens, outputTokens, costNanoUsd }) => [inputTokens, outputTokens, costNanoUsd]);
};

test("gives back the difference between what was charged and what was used, once", async () => {
  const charged = reserved();
  const { refunds, tell } = ledger(charged);
  await Promise.all([tell(object(charged), [USED]), tell(object(charged), [USED])]);
  expect(refunds).toHaveLength(1);
  expect(refunds[0]).toMatchObject({
    ...{ id: `${charged.id}-refund`, refundOf: charged.id, requestId: "r", at: 9, admittedAt: 5 },
    ...{ inputTokens: -900, outputTokens: -450, costNanoUsd: -1_800, usageSource: "reported" },
    attempts: [{ provider: "up", model: "m", inputTokens: -900, outputTokens: -450, costNanoUsd: -1_800 }],
  });
});

describe("gives back nothing", () => {
  const charged = reserved();
  test.each<[string, UsageRecord | undefined, ProviderObject, Partial<Usage>]>([
    ["of what is not in the ledger yet", undefined, object(charged), USED],
    ["of what was charged as told", reserved({ ...charged, usageSource: "reported" }), object(charged), USED],
    ["of what was counted", reserved({ ...charged, usageSource: "counted" }), object(charged), USED],
    ["of what never counted", reserved({ ...charged, admittedAt: null }), object(charged), USED],
    ["of an attempt that there is none of", charged, object(charged, { attempt: 1 }), USED],
    ["of what is no charge", charged, object(charged, {}, { charge: null }), USED],
    ["where all was used", charged, object(charged), { input: 1_000, output: 500 }],
    ["where more was used", charged, object(charged), { input: 1_001, output: 501 }],
    ["for a count that is none", charged, object(charged), { input: 1.5, output: 1 }],
    ["for a count below nothing", charged, object(charged), { input: 1, output: -1 }],
    ["for a count that is absurd", charged, object(charged), { input: 1, output: 1e300 }],
    ["for words out of nothing", charged, object(charged), { input: 0, output: 5 }],
    ["where nobody tells of the answer", charged, object(charged), { input: 5 }],
    ["where nobody tells of a batch's prompts", charged, object(charged, { prompt: null }), { output: 0 }],
  ])("%s", async (_, entry, what, told) => {
    expect(await gaveBack(entry, what, told)).toEqual([]);
  });
});

test("parts that are larger than their whole make nothing cheaper", async () => {
  const charged = reserved();
  expect(await gaveBack(charged, object(charged), { ...USED, cacheRead: 101 })).toEqual([[-900, -450, -1_800]]);
  expect(await gaveBack(charged, object(charged), { ...USED, cacheRead: 60 })).toEqual([[-900, -450, -1_860]]);
});

test("without a price tokens are given back, and no money", async () => {
  const charged = reserved();
  expect(await gaveBack(charged, object(charged, { rates: null }), USED)).toMatchObject([[-900, -450, 0]]);
});

test("a prompt that nobody tells is that which was counted, and no more than was charged", async () => {
  const charged = reserved();
  expect(await gaveBack(charged, object(charged), { output: 0 })).toEqual([[-960, -500, -1_960]]);
  const most = object(charged, { prompt: 9_999 });
  expect((await gaveBack(charged, most, { output: 0 }))[0]!.slice(0, 2)).toEqual([0, -500]);
});

test("of several attempts only the one that began it gives back", async () => {
  const attempts = [attempt(400, 0, 400), attempt(600, 500, 1_600)];
  const charged = reserved({ attempts });
  expect(await gaveBack(charged, object(charged, { attempt: 1 }), USED)).toEqual([[-500, -450, -1_400]]);
});

test("of what was held for several, and charged by rule after a crash, the part of one", async () => {
  const over = { provider: null, providerModel: null, attempts: [], mayHaveAsked: ["up", "other"], heldFor: 2 };
  const charged = reserved({ ...over, outcome: "recovered" });
  const { refunds, tell } = ledger(charged);
  await tell(object(charged), [USED]);
  expect(refunds).toMatchObject([
    {
      ...{ inputTokens: -400, outputTokens: -200, costNanoUsd: -800, mayHaveAsked: [], heldFor: 1 },
      attempts: [{ provider: "up", model: "m", costNanoUsd: -800 }],
    },
  ]);
});

test("results tell of each call, and give back when all of them are there", async () => {
  const charged = reserved();
  const batch = { url: "", calls: 2, input: 1_000, output: 500, longest: 500 };
  const what = object(charged, { tier: "batch", prompt: null }, { kind: "message-batch", batch });
  const { refunds, tell } = ledger(charged);
  await tell(what, [USED], true);
  expect(refunds).toEqual([]);
  await tell(what, [USED, USED], true);
  expect(refunds).toMatchObject([{ inputTokens: -800, outputTokens: -400, costNanoUsd: -1_600 }]);
});

test("where the books cannot be kept now, whoever asks next gets it, and the log has why", async () => {
  const charged = reserved();
  const { refunds, warnings, logged, state, tell } = ledger(charged);
  state.away = true;
  await tell(object(charged), [USED]);
  expect(warnings).toEqual([expect.stringContaining("ask for it again")]);
  expect(logged).toEqual(["Error: away"]);
  state.away = false;
  await tell(object(charged), [USED]);
  expect(refunds).toHaveLength(1);
});
