import { expect, test } from "bun:test";
import { TargetHealth } from "../../domain/routing/health.ts";
import { GatewayError } from "../../errors.ts";
import type { UsageRecord } from "../../ports/records.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { Call } from "../call.ts";
import { draftRecord, refusalRecord } from "../record.ts";
import type { Asked, Hold } from "../reserve.ts";
import { Closing } from "./closing.ts";
import { Tally } from "./tally.ts";

const clock = { now: () => 1_000, ticks: () => 5 };
const request = openaiChat.decode({ model: "m", messages: [{ role: "user", content: "x".repeat(40) }] });
const account = {
  name: "up",
  kind: "k",
  baseUrl: null,
  options: {},
  sealedKey: null,
  allowPrivateNetwork: false,
  prices: [],
};

function setUp(owed: boolean, settle?: () => Promise<void>, rates?: () => never) {
  const arrival = { request: new Request("http://a/"), path: "/", query: "", peer: "::1", sockets: { timeout() {} } };
  const call = new Call(arrival, "call_1", openaiChat, clock, 1_000);
  const attempt = {
    provider: "up",
    model: "m-2026",
    status: 200,
    error: null,
    ms: 1,
    inputTokens: 0,
    outputTokens: 0,
    costNanoUsd: 0,
  };
  const health = new TargetHealth();
  const asked: Asked = {
    target: { account, model: "m-2026" },
    tally: new Tally(request, false),
    owed,
    attempt,
    health,
  };
  const grant = {
    call,
    caller: { principal: { tenant: { id: "ten_1", name: "acme" } } },
    request,
    bodyBytes: 200,
    model: { name: "m", targets: [{ provider: "up", model: "m-2026", weight: 1 }], fallbacks: [] },
    catalog: { providers: new Map([["up", account]]) },
  };
  const worst = { input: 200, output: 128_000, usd: 0 };
  const open = new Set(["provider:up"]);
  const hold = { call, grant, number: 7, asked: [asked], worst, reserved: 2, again: [], open } as unknown as Hold;
  const settled: { hold: number; record: UsageRecord }[] = [];
  const told: UsageRecord[] = [];
  const reasons: (string | undefined)[] = [];
  const logged: string[] = [];
  const closing = new Closing(hold, {
    meter: {
      reserve: () => Promise.reject(new Error("unused")),
      extend: () => Promise.reject(new Error("unused")),
      refund: () => Promise.reject(new Error("unused")),
      settle: async (number, record) => {
        await settle?.();
        settled.push({ hold: number, record });
      },
    },
    prices: { rates: rates ?? (() => ({ input: 1, output: 2, source: "test" })), contextTokens: () => undefined },
    adapter: () => undefined,
    tokenizer: { count: () => undefined, loading: () => undefined },
    log: { write: (_level, message) => void logged.push(message) },
    onRecord: (record, _, reason) => {
      told.push(record);
      reasons.push(reason);
    },
  });
  return { call, closing, settled, told, logged, reasons };
}

test("the first end counts; later ones find it done", async () => {
  const { closing, settled, told } = setUp(true);
  await closing.close("finished", null);
  await closing.close("cancelled", new GatewayError("client_closed", "x"));
  expect(settled).toHaveLength(1);
  expect(told).toHaveLength(1);
  expect(settled[0]).toMatchObject({ hold: 7, record: { outcome: "finished", status: 200 } });
});

test("why a call failed is told beside its record", async () => {
  const { closing, reasons } = setUp(true);
  await closing.close("failed", new GatewayError("upstream_unreachable", "x", { internal: "ECONNREFUSED" }));
  expect(reasons).toEqual(["ECONNREFUSED"]);
});

test("a prompt that was sent is charged though no answer came; one that never arrived is not", async () => {
  const sent = setUp(true);
  await sent.closing.close("cancelled", new GatewayError("client_closed", "x"));
  expect(sent.settled[0]!.record).toMatchObject({
    provider: "up",
    inputTokens: 14,
    outputTokens: 4_096,
    usageSource: "reserved",
    costNanoUsd: 14 * 1_000 + 4_096 * 2_000,
  });
  const never = setUp(false);
  await never.closing.close("failed", new GatewayError("upstream_unreachable", "x"));
  expect(never.settled[0]!.record).toMatchObject({
    provider: null,
    inputTokens: 0,
    costNanoUsd: 0,
    usageSource: "none",
  });
});

test("what cannot be counted leaves no Hold open: it is charged all that was held", async () => {
  const { closing, settled, logged } = setUp(true, undefined, () => {
    throw new TypeError("a price that is none");
  });
  await closing.close("cancelled", new GatewayError("client_closed", "x"));
  expect(logged).toHaveLength(1);
  expect(settled).toMatchObject([
    {
      hold: 7,
      record: { outcome: "cancelled", inputTokens: 400, outputTokens: 256_000, heldFor: 2, mayHaveAsked: ["up"] },
    },
  ]);
});

test("a record that cannot be committed is told, and is not taken for committed", async () => {
  const { call, closing, logged, told } = setUp(true, () => Promise.reject(new Error("disk full")));
  let over = false;
  call.onEnd(() => {
    over = true;
  });
  await expect(closing.close("finished", null)).rejects.toThrow("disk full");
  expect(closing.record).toBeUndefined();
  expect(logged).toHaveLength(1);
  expect(told).toHaveLength(1);
  expect(over).toBe(true);
});

test("a draft is charged at the worst, a refusal not at all", () => {
  const { call } = setUp(false);
  expect(draftRecord(call, { input: 5, output: 6, usd: 7 })).toMatchObject({
    outcome: "recovered",
    inputTokens: 5,
    outputTokens: 6,
    costNanoUsd: 7,
    usageSource: "reserved",
  });
  const error = new GatewayError("not_found", "There is nothing at /x.");
  expect(refusalRecord(call, error)).toMatchObject({
    outcome: "refused",
    status: 404,
    errorCode: "not_found",
    costNanoUsd: 0,
  });
});
