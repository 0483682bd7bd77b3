import { expect, test } from "bun:test";
import { adminPlane, NOW } from "../../test/support/admin-plane.ts";
import type { UsageRecord } from "../ports/records.ts";

function record(id: string, rest: Partial<UsageRecord> = {}): UsageRecord {
  return {
    id,
    requestId: id,
    at: NOW,
    admittedAt: NOW + 1,
    outcome: "finished",
    status: 200,
    errorCode: null,
    endpoint: "/v1/chat/completions",
    dialect: "openai-chat",
    stream: true,
    address: "192.0.2.7",
    tenantId: "ten_acme",
    teamId: "team_research",
    applicationId: "app_bot",
    keyId: "abcdefghjkmn",
    subscriptionId: "sub_1",
    api: "chat/v1",
    plan: "free",
    model: "small",
    catalogModel: "small",
    timeZone: "UTC",
    mayHaveAsked: [],
    heldFor: 1,
    refundOf: null,
    provider: "up",
    providerModel: "small-2026",
    inputTokens: 12,
    outputTokens: 30,
    cacheReadTokens: 4,
    cacheWriteTokens: 2,
    reasoningTokens: 5,
    usageSource: "reported",
    costNanoUsd: 1_500,
    priceSource: "configured",
    queueMs: 0.4,
    firstByteMs: 12.5,
    totalMs: 80,
    attempts: [
      {
        provider: "up",
        model: "small-2026",
        status: 200,
        error: null,
        ms: 12,
        inputTokens: 12,
        outputTokens: 30,
        costNanoUsd: 1_500,
      },
    ],
    verdicts: [{ guardrail: "pii", direction: "input", action: "mask", count: 2 }],
    warnings: [],
    captured: null,
    ...rest,
  };
}

function withRecords() {
  const plane = adminPlane();
  plane.records.push(
    record("call_1", { captured: { request: { prompt: "tell no one" }, answer: { text: "never" } } }),
    record("call_2", { tenantId: "ten_other", keyId: "other", outcome: "refused", requestId: "mine-1" }),
    record("call_3", { outcome: "cut", firstByteMs: null, admittedAt: null }),
  );
  return plane;
}

test("200: a record is told with exact dollars and times, without the prompt", async () => {
  const { call } = withRecords();
  const { body, text } = await call("GET", "/api/v1/usage-records/call_1");
  expect(body).toMatchObject({
    at: "2026-11-22T12:00:00.000Z",
    admittedAt: "2026-11-22T12:00:00.001Z",
    tokens: { input: 12, output: 30, cacheRead: 4, cacheWrite: 2, reasoning: 5 },
    costUsd: "0.0000015",
    captured: true,
    attempts: [{ provider: "up", status: 200, tokens: { input: 12, output: 30 }, costUsd: "0.0000015" }],
    verdicts: [{ guardrail: "pii", count: 2 }],
  });
  expect(text).not.toContain("tell no one");
});

test("200: the list may be cut by tenant, key, outcome and id, and has no prompt", async () => {
  const { call } = withRecords();
  const idsOf = async (query: string) =>
    (await call("GET", `/api/v1/usage-records${query}`)).body.items.map(({ id }: { id: string }) => id);
  expect(await idsOf("")).toEqual(["call_1", "call_2", "call_3"]);
  expect(await idsOf("?tenant=ten_other")).toEqual(["call_2"]);
  expect(await idsOf("?tenant=other"), "by its name").toEqual(["call_2"]);
  expect(await idsOf("?key=abcdefghjkmn")).toEqual(["call_1", "call_3"]);
  expect(await idsOf("?outcome=cut")).toEqual(["call_3"]);
  expect(await idsOf("?id=call_3")).toEqual(["call_3"]);
  expect((await call("GET", "/api/v1/usage-records")).text).not.toContain("tell no one");
});

test("200: what was captured is read by its own operation and its own permission", async () => {
  const { call, records } = withRecords();
  expect((await call("GET", "/api/v1/usage-records/call_1/capture")).body).toEqual(records[0]!.captured as never);
});

test("403: who may read usage may not read prompts", async () => {
  const plane = adminPlane({ may: (_actor, permission) => permission === "usage.read" });
  plane.records.push(record("call_1", { captured: { request: "tell no one", answer: "" } }));
  expect((await plane.call("GET", "/api/v1/usage-records/call_1")).status).toBe(200);
  expect((await plane.call("GET", "/api/v1/usage-records/call_1/capture")).status).toBe(403);
});

test("404: an unknown record, and one of which nothing was captured", async () => {
  const { call } = withRecords();
  expect((await call("GET", "/api/v1/usage-records/call_9")).status).toBe(404);
  expect((await call("GET", "/api/v1/usage-records/call_2/capture")).status).toBe(404);
});

test("400: an outcome that there is not", async () => {
  const { call } = withRecords();
  expect(await call("GET", "/api/v1/usage-records?outcome=fine")).toMatchObject({
    status: 400,
    body: { param: "outcome" },
  });
});

test("401: no token", async () => {
  const { call } = withRecords();
  for (const path of ["", "/call_1", "/call_1/capture"]) {
    expect((await call("GET", `/api/v1/usage-records${path}`, { token: null })).status).toBe(401);
  }
});

test("400: a cursor that no page gave, which must not look like the first page", async () => {
  const { call } = withRecords();
  const answer = await call("GET", "/api/v1/usage-records?cursor=garbage");
  expect(answer).toMatchObject({ status: 400, body: { param: "cursor" } });
});
