import { expect, test } from "bun:test";
import { adminPlane, BOT, NOW } from "../../test/support/admin-plane.ts";
import { NOTHING } from "../domain/plans/amounts.ts";
import type { Limit } from "../kernel/limit.ts";
import { spending } from "../store/meter-contract.ts";

const TENANT = `tenant:${BOT.tenant.id}`;
const APPLICATION = `application:${BOT.id}`;
const BUDGET: Limit = { dimension: "usd", window: "month", amount: 5_000_000_000 };

/** A plane whose application has spent on two models, and has a call under way. */
async function spent() {
  const plane = adminPlane();
  const demand = (usd: number) => ({
    scopes: [TENANT, APPLICATION].map((scope) => {
      return { scope, zone: "Europe/Berlin", limits: [], amounts: { ...NOTHING, requests: 1, usd } };
    }),
    anyOf: [],
  });
  const own = { tenantId: BOT.tenant.id, applicationId: BOT.id, timeZone: "Europe/Berlin" };
  const attempt = { model: "m", status: 200, error: null, ms: 1, inputTokens: 10, outputTokens: 5 };
  const reserve = async (usd: number) => {
    const held = await plane.meter.reserve(demand(usd), spending(0, 0, usd, own));
    if (!held.admitted) throw new Error("refused");
    return held.hold;
  };
  for (const [provider, cost] of [
    ["up", 1_500_000_001],
    ["other", 250_000_000],
    ["up", 1],
  ] as const) {
    const attempts = [{ ...attempt, provider, costNanoUsd: cost }];
    await plane.meter.settle(await reserve(cost), spending(10, 5, cost, { ...own, attempts }));
  }
  await reserve(700_000_000);
  return plane;
}

test("usage tells what was spent and what is reserved, to the nano-dollar, in the tenant's calendar", async () => {
  const { call } = await spent();
  const { status, body } = await call("GET", `/api/v1/usage?scope=${APPLICATION}`);
  expect(status).toBe(200);
  expect(body).toMatchObject({ scope: APPLICATION, name: "bot", timeZone: "Europe/Berlin", running: 1 });
  expect(body.periods.day).toEqual({
    start: "2026-11-21T23:00:00.000Z",
    end: "2026-11-22T23:00:00.000Z",
    spent: { requests: 3, inputTokens: 30, outputTokens: 15, usd: "1.750000002" },
    reserved: { requests: 1, inputTokens: 0, outputTokens: 0, usd: "0.7" },
  });
  expect(body.periods.total).toMatchObject({ end: null, spent: { requests: 3 } });
});

test("a tenant, team, application or subscription may be called by its names", async () => {
  const { call, administration } = await spent();
  administration.limits.set("subscription:sub_1", [BUDGET]);
  const named = await call("GET", "/api/v1/usage?scope=application:acme/research/bot");
  expect(named.body).toMatchObject({ scope: APPLICATION, periods: { total: { spent: { usd: "1.750000002" } } } });
  expect((await call("GET", "/api/v1/usage?scope=tenant:acme")).body.scope).toBe(TENANT);
  const limits = await call("GET", "/api/v1/limits?scope=subscription:acme/research/bot/chat/v1");
  expect(limits.body.items).toMatchObject([{ scope: "subscription:sub_1", dimension: "usd" }]);
  const statement = "/api/v1/statements?scope=tenant:acme&since=2026-11-22&until=2026-11-23";
  expect((await call("GET", statement)).body).toMatchObject({ scope: TENANT, total: { usd: "1.750000002" } });
});

test("limits tell how a scope stands, and everyone who pays as well", async () => {
  const { call, administration } = await spent();
  administration.limits.set(TENANT, [BUDGET, { dimension: "concurrent", window: null, amount: 4 }]);
  administration.limits.set(APPLICATION, [{ dimension: "requests", window: "minute", amount: 60, burst: 5 }]);
  const { body } = await call("GET", `/api/v1/limits?scope=${APPLICATION}`);
  expect(body.items).toMatchObject([
    { scope: APPLICATION, dimension: "requests", window: "minute", limit: "60", burst: "5" },
    {
      scope: TENANT,
      name: "acme",
      dimension: "usd",
      window: "month",
      limit: "5",
      remaining: "2.549999998",
      burst: null,
    },
    { scope: TENANT, dimension: "concurrent", window: null, limit: "4", remaining: "3", resetAt: null },
  ]);
});

test("a budget resets at the very end of its period, whatever time passed between the store's clock and ours", async () => {
  const { call, administration, deps, meter } = await spent();
  administration.limits.set(TENANT, [BUDGET]);
  const late = async (...demands: Parameters<typeof meter.levels>) =>
    (await meter.levels(...demands)).map((level) => ({ ...level, resetMs: level.resetMs - 2 }));
  deps.meter = { levels: late, usage: (scope, zone) => meter.usage(scope, zone) };
  const { body } = await call("GET", `/api/v1/limits?scope=${TENANT}`);
  expect(body.items[0].resetAt).toBe("2026-11-30T23:00:00.000Z");
});

test("a statement adds up to the nano-dollar, and takes what was admitted in its time", async () => {
  const { call } = await spent();
  const at = (days: number) => new Date(NOW + days * 86_400_000).toISOString();
  const statement = (scope: string, since: string, until: string) =>
    call("GET", `/api/v1/statements?scope=${scope}&since=${since}&until=${until}`);
  const { body } = await statement(TENANT, at(-1), at(1));
  expect(body.total).toEqual({ requests: 3, inputTokens: 30, outputTokens: 15, usd: "1.750000002" });
  expect(body.lines).toMatchObject([
    { provider: "up", requests: 2, usd: "1.500000002" },
    { provider: "other", requests: 1, usd: "0.25" },
  ]);
  expect((await statement(TENANT, at(1), at(2))).body).toMatchObject({ lines: [], total: { usd: "0" } });
  expect((await statement(TENANT, at(1), at(0))).body.errors[0]).toMatchObject({ field: "until" });
  expect((await statement(TENANT, "2020-01-01", "2026-01-01")).body.errors[0]).toMatchObject({ field: "until" });
});

test("a scope that does not exist and one that is none are told apart from nothing else", async () => {
  const { call } = await spent();
  for (const path of ["usage", "limits"]) {
    expect((await call("GET", `/api/v1/${path}?scope=tenant:ten_other`)).status).toBe(404);
    expect((await call("GET", `/api/v1/${path}?scope=provider:none`)).status).toBe(404);
    expect((await call("GET", `/api/v1/${path}?scope=somebody`)).status).toBe(400);
    expect((await call("GET", `/api/v1/${path}`)).status).toBe(400);
  }
});

test("a recount reports what differs, sets it right if asked, and leaves an entry", async () => {
  const { call, meter, administration } = await spent();
  meter.accounts.of(TENANT, "UTC", NOW).charge({ ...NOTHING, usd: 9 }, NOW, NOW, NOW);
  const { body } = await call("POST", "/api/v1/ledger/recount", { body: {} });
  expect(body).toMatchObject({ entries: 3, found: 4, mended: false });
  expect(body.differences[0]).toEqual({
    scope: TENANT,
    period: "day",
    of: "usd",
    counted: "1.750000011",
    ledger: "1.750000002",
  });
  expect((await call("POST", "/api/v1/ledger/recount", { body: { mend: true } })).body).toMatchObject({ mended: true });
  expect((await call("POST", "/api/v1/ledger/recount", { body: {} })).body.found).toBe(0);
  expect(administration.entries[0]).toMatchObject({ action: "ledger.recount", subject: "ledger" });
});
