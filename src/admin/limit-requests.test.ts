/** Proves limit-requests.ts and limit-request-view.ts. */
import { expect, test } from "bun:test";
import { adminPlane, BOT, NOW } from "../../test/support/admin-plane.ts";
import type { Limit } from "../kernel/limit.ts";
import type { Actor } from "../ports/actor.ts";

const SCOPE = `application:${BOT.id}`;
const perDay = (amount: number): Limit => ({ dimension: "requests", window: "day", amount });
const ASKED = { scope: SCOPE, limit: { per: "day", requests: 500 }, reason: "a launch" };
const PATH = "/api/v1/limit-requests";

/** A plane whose application may make a hundred requests a day, ten a minute and forty at once, and spend 5 dollars. */
function limited(overrides: Parameters<typeof adminPlane>[0] = {}) {
  const plane = adminPlane(overrides);
  plane.administration.limits.set(SCOPE, [
    perDay(100),
    { dimension: "requests", window: "minute", amount: 10, burst: 40 },
    { dimension: "usd", window: "month", amount: 5_000_000_000 },
  ]);
  plane.administration.limits.set("subscription:sub_1", [perDay(100)]);
  const ask = async (over: object = {}, headers: Record<string, string> = {}) =>
    plane.call("POST", PATH, { body: { ...ASKED, ...over }, headers });
  const act = (id: string, verb: string, body: object = {}, headers: Record<string, string> = {}) =>
    plane.call("POST", `${PATH}/${id}/${verb}`, { body, headers });
  return { ...plane, ask, act };
}

test("201: what is asked for is kept with who asked, and leaves its entry", async () => {
  const { ask, call, administration } = limited();
  const { status, body, headers } = await ask({ until: "2026-12-01" });
  expect(status).toBe(201);
  expect(body).toEqual({
    id: body.id,
    state: "requested",
    scope: SCOPE,
    name: "acme/research/bot",
    tenantId: BOT.tenant.id,
    applicationId: BOT.id,
    limit: { per: "day", requests: 500 },
    until: "2026-12-01T00:00:00.000Z",
    reason: "a launch",
    createdAt: "2026-11-22T12:00:00.000Z",
    createdBy: { kind: "admin-token", id: "bootstrap" },
    decision: null,
    withdrawnAt: null,
  });
  expect(headers.get("location")).toBe(`${PATH}/${body.id}`);
  expect((await call("GET", `${PATH}/${body.id}`)).body).toEqual(body);
  expect(administration.entries[0]).toMatchObject({
    action: "limit-request.create",
    subject: `limit-request:${body.id}`,
    tenantId: BOT.tenant.id,
    actor: { kind: "admin-token", id: "bootstrap" },
    detail: { scope: SCOPE, limit: { per: "day", requests: 500 }, reason: "a launch" },
  });
});

test("201: application and subscription may be given by names, and a key or a subscription be the scope", async () => {
  const { ask, call, administration } = limited();
  expect((await ask({ scope: "application:acme/research/bot" })).body.scope).toBe(SCOPE);
  expect((await ask({ scope: "subscription:acme/research/bot/chat/v1" })).body.scope).toBe("subscription:sub_1");
  const key = (await call("POST", "/api/v1/keys", { body: { application: BOT.id, name: "ci" } })).body;
  administration.limits.set(`key:${key.id}`, [perDay(10)]);
  expect(await ask({ scope: `key:${key.id}` })).toMatchObject({ status: 201, body: { applicationId: BOT.id } });
  expect(await ask({ scope: "subscription:sub_1" })).toMatchObject({ status: 201, body: { applicationId: BOT.id } });
});

test.each([
  ["no scope", { scope: undefined }, "scope"],
  ["a scope that does not exist", { scope: "key:nosuchkey000" }, "scope"],
  ["an application that does not exist", { scope: "application:acme/research/nobody" }, "scope"],
  ["a tenant, which nobody raises by asking", { scope: `tenant:${BOT.tenant.id}` }, "scope"],
  ["no limit", { limit: undefined }, "limit"],
  ["a limit of nothing", { limit: { per: "day" } }, "limit"],
  ["a limit without a window", { limit: { requests: 500 } }, "limit.per"],
  ["a negative limit", { limit: { per: "day", requests: -5 } }, "limit.requests"],
  ["a limit that overflows", { limit: { per: "day", requests: 1e308 } }, "limit.requests"],
  ["a limit as a text", { limit: { per: "day", requests: "500" } }, "limit.requests"],
  ["a limit that is lower than the one in force", { limit: { per: "day", requests: 99 } }, "limit"],
  ["the limit in force", { limit: { per: "day", requests: 100 } }, "limit"],
  ["a window that nothing limits", { limit: { per: "week", requests: 500 } }, "limit"],
  ["a dimension that nothing limits", { limit: { per: "day", tokens: 500 } }, "limit"],
  ["less at once than there is", { limit: { per: "minute", requests: 20, burst: 30 } }, "limit.burst"],
  ["less at once than there is, unsaid", { limit: { per: "minute", requests: 20 } }, "limit.burst"],
  ["fractions of nano-dollars", { limit: { per: "month", usd: 1e-10 } }, "limit.usd"],
  ["no reason", { reason: undefined }, "reason"],
  ["an empty reason", { reason: "" }, "reason"],
  ["a reason of spaces", { reason: "  " }, "reason"],
  ["a NUL in the reason", { reason: "a\0b" }, "reason"],
  ["a reason that is turned around", { reason: "a\u202eb" }, "reason"],
  ["a long reason", { reason: "a".repeat(1_001) }, "reason"],
  ["a time that has been", { until: "2026-11-22" }, "until"],
  ["no time", { until: "soon" }, "until"],
  ["a state of the caller's choice", { state: "approved" }, "state"],
  ["a tenant beside the scope", { tenantId: "ten_other" }, "tenantId"],
])("400: %s", async (_case, over, field) => {
  const { ask, administration } = limited();
  const answer = await ask(over);
  expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request", param: field } });
  expect(administration.requests).toEqual([]);
  expect(administration.entries).toEqual([]);
});

test("400: what is no application's own answers like what does not exist", async () => {
  const { ask } = limited();
  const scopes = ["application:app_nobody", "application:app_crawler", "key:nosuchkey000", "subscription:sub_2"];
  scopes.push(
    "application:acme/research/bot/chat",
    "subscription:acme/research/bot",
    "subscription:acme/research/bot/chat/v2",
  );
  const answers = await Promise.all(scopes.map((scope) => ask({ scope })));
  expect(answers.map(({ body }) => body.errors)).toEqual(
    scopes.map(() => [{ in: "body", field: "scope", message: "there is no such scope" }]),
  );
});

test("200: what is approved is what was asked for, unless the approver says less, and for how long", async () => {
  const { ask, act, administration } = limited();
  const { id } = (await ask()).body;
  const { status, body } = await act(id, "approve", {
    limit: { per: "day", requests: 300 },
    until: "2026-12-01",
    note: "for the launch",
  });
  expect(status).toBe(200);
  expect(body).toMatchObject({
    state: "approved",
    limit: { per: "day", requests: 500 },
    decision: {
      by: { kind: "admin-token", id: "bootstrap" },
      note: "for the launch",
      granted: { limit: { per: "day", requests: 300 }, until: "2026-12-01T00:00:00.000Z" },
    },
  });
  expect(administration.entries[0]).toMatchObject({
    action: "limit-request.approve",
    detail: { scope: SCOPE, limit: { per: "day", requests: 300 }, until: "2026-12-01T00:00:00.000Z" },
  });
  const usual = (await ask({ limit: { per: "month", usd: 7.5 }, until: "2026-12-01" })).body;
  expect((await act(usual.id, "approve")).body.decision.granted).toEqual({
    limit: { per: "month", usd: 7.5 },
    until: "2026-12-01T00:00:00.000Z",
  });
  const forGood = (await ask({ limit: { per: "day", requests: 900 }, until: "2026-12-01" })).body;
  expect((await act(forGood.id, "approve", { until: null })).body.decision.granted.until).toBeNull();
});

test("an approval that is over is told as expired", async () => {
  const { ask, act, call, clock } = limited();
  const { id } = (await ask({ until: "2026-11-22T12:00:01Z" })).body;
  await act(id, "approve");
  const statesAt = async (state: string) => (await call("GET", `${PATH}?state=${state}`)).body.items.length;
  expect([await statesAt("approved"), await statesAt("expired")]).toEqual([1, 0]);
  clock.wall = NOW + 1_000;
  expect((await call("GET", `${PATH}/${id}`)).body.state).toBe("expired");
  expect([await statesAt("approved"), await statesAt("expired")]).toEqual([0, 1]);
});

test.each([
  ["a limit of another kind", { limit: { per: "week", requests: 500 } }, "limit"],
  ["a limit that raises nothing", { limit: { per: "day", requests: 100 } }, "limit"],
  ["a time that has been", { until: "2026-11-22T11:59:59Z" }, "until"],
  ["a field that there is not", { state: "approved" }, "state"],
  ["a long note", { note: "a".repeat(1_001) }, "note"],
])("400: approving %s", async (_case, body, field) => {
  const { ask, act, call } = limited();
  const { id } = (await ask()).body;
  expect(await act(id, "approve", body)).toMatchObject({ status: 400, body: { param: field } });
  expect((await call("GET", `${PATH}/${id}`)).body.state).toBe("requested");
});

test("400: what has become usual while the request lay there is not granted", async () => {
  const { ask, act, administration } = limited();
  const { id } = (await ask()).body;
  administration.limits.set(SCOPE, [perDay(1_000)]);
  expect(await act(id, "approve")).toMatchObject({ status: 400, body: { param: "limit" } });
});

test("what was granted for a time does not hide what is asked for for longer", async () => {
  const { ask, act } = limited();
  await act((await ask({ until: "2026-12-01" })).body.id, "approve");
  const less = { limit: { per: "day", requests: 300 } };
  expect((await ask({ ...less, until: "2026-11-30" })).body).toMatchObject({ param: "limit" });
  expect((await ask(less)).status).toBe(201);
});

test("200: a rejection says why, and grants nothing", async () => {
  const { ask, act, administration } = limited();
  const { id } = (await ask()).body;
  const { body } = await act(id, "reject", { note: "use the small model" });
  expect(body).toMatchObject({ state: "rejected", decision: { note: "use the small model", granted: null } });
  expect(administration.entries[0]).toMatchObject({ action: "limit-request.reject", subject: `limit-request:${id}` });
});

test("409: two decisions on one request, whichever they are", async () => {
  for (const first of ["approve", "reject"]) {
    for (const second of ["approve", "reject"]) {
      const { ask, act, administration } = limited();
      const { id } = (await ask()).body;
      await act(id, first);
      const entries = administration.entries.length;
      expect(await act(id, second)).toMatchObject({ status: 409, body: { code: "conflict" } });
      expect(administration.entries).toHaveLength(entries);
    }
  }
});

test("200: withdrawing ends what was granted, once; what was rejected cannot be", async () => {
  const { ask, act, administration } = limited();
  const { id } = (await ask()).body;
  await act(id, "approve");
  expect(await act(id, "withdraw")).toMatchObject({ status: 200, body: { state: "withdrawn" } });
  expect(administration.entries[0]).toMatchObject({ action: "limit-request.withdraw", detail: { state: "approved" } });
  const entries = administration.entries.length;
  expect((await act(id, "withdraw")).status).toBe(200);
  expect(administration.entries).toHaveLength(entries);
  const rejected = (await ask()).body.id;
  await act(rejected, "reject");
  expect(await act(rejected, "withdraw")).toMatchObject({ status: 409, body: { code: "conflict" } });
});

test("404: a request that there is not", async () => {
  const { call, act } = limited();
  expect(await call("GET", `${PATH}/lreq_x`)).toMatchObject({
    status: 404,
    body: { detail: "There is no such request." },
  });
  for (const verb of ["approve", "reject", "withdraw"]) expect((await act("lreq_x", verb)).status).toBe(404);
});

test("412: a decision on another state than the one that was seen", async () => {
  const { ask, act, call } = limited();
  const { id } = (await ask()).body;
  const etag = (await call("GET", `${PATH}/${id}`)).headers.get("etag")!;
  for (const verb of ["approve", "reject", "withdraw"])
    expect((await act(id, verb, {}, { "if-match": '"stale"' })).status).toBe(412);
  expect((await act(id, "approve", {}, { "if-match": etag })).status).toBe(200);
});

const repeat = { "idempotency-key": "ask-1" };

test("a repeated request makes no second one, also of ten at once", async () => {
  const { ask, administration } = limited();
  const answers = await Promise.all(Array.from({ length: 10 }, () => ask({}, repeat)));
  expect(answers.map(({ status }) => status).sort()).toEqual([...Array(9).fill(200), 201]);
  expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
  expect(administration.requests).toHaveLength(1);
  expect(administration.entries).toHaveLength(1);
  const other = await ask({ reason: "another" }, repeat);
  expect(other).toMatchObject({ status: 409, body: { param: "idempotency-key" } });
});

test("a repeated decision is told what the first one did; with another body it is refused", async () => {
  const { ask, act, administration } = limited();
  const { id } = (await ask()).body;
  const first = await act(id, "approve", { note: "yes" }, repeat);
  const again = await act(id, "approve", { note: "yes" }, repeat);
  expect(again).toMatchObject({ status: 200, body: first.body });
  expect(again.headers.get("idempotency-replayed")).toBe("true");
  expect(administration.entries).toHaveLength(2);
  expect(await act(id, "approve", { note: "no" }, repeat)).toMatchObject({
    status: 409,
    body: { param: "idempotency-key" },
  });
  expect((await act(id, "reject", {}, repeat)).status).toBe(409);
});

test("a list is paged, newest first, and may be cut by tenant and state", async () => {
  const { ask, act, call } = limited();
  const ids: string[] = [];
  for (let i = 0; i < 3; i++) ids.unshift((await ask()).body.id);
  await act(ids[1]!, "reject");
  const idsOf = async (query: string) =>
    (await call("GET", `${PATH}${query}`)).body.items.map(({ id }: { id: string }) => id);
  expect(await idsOf("")).toEqual(ids);
  expect(await idsOf("?state=rejected")).toEqual([ids[1]!]);
  expect(await idsOf("?state=requested&limit=1")).toEqual([ids[0]!]);
  expect(await idsOf("?tenant=ten_other")).toEqual([]);
  expect([await idsOf("?tenant=acme"), await idsOf("?tenant=other")], "by its name").toEqual([ids, []]);
  expect(await call("GET", `${PATH}?state=open`)).toMatchObject({ status: 400, body: { param: "state" } });
});

test("403: to ask, to see and to decide are different rights", async () => {
  const owner = limited({ may: (_actor, permission) => permission === "limit-request.create" });
  const { status, body } = await owner.ask();
  expect(status).toBe(201);
  for (const verb of ["approve", "reject", "withdraw"]) expect((await owner.act(body.id, verb)).status).toBe(403);
  expect((await owner.call("GET", PATH)).status).toBe(403);
  expect(owner.administration.requests[0]?.state).toBe("requested");
});

test("403: nobody grants what they have asked for; another does, and who asked may withdraw it", async () => {
  const actors: Record<string, Actor> = {
    ann: { kind: "admin-token", id: "ann" },
    bob: { kind: "admin-token", id: "bob" },
  };
  const { ask, act, administration } = limited({ verifyToken: (text) => actors[text] });
  const as = (name: string) => ({ authorization: `Bearer ${name}` });
  const { id } = (await ask({}, as("ann"))).body;
  const before = administration.entries.length;
  expect(await act(id, "approve", {}, as("ann"))).toMatchObject({ status: 403, body: { code: "not_allowed" } });
  expect(await act(id, "approve", { limit: { per: "day", requests: 200 } }, as("ann"))).toMatchObject({ status: 403 });
  expect(administration.entries).toHaveLength(before);
  expect(await act(id, "approve", {}, as("bob"))).toMatchObject({ status: 200, body: { state: "approved" } });
  expect(await act(id, "withdraw", {}, as("ann"))).toMatchObject({ status: 200 });
});

test("the admin token of the installation may be in several hands, so it asks and grants", async () => {
  const { ask, act } = limited();
  const { id } = (await ask()).body;
  expect(await act(id, "approve")).toMatchObject({ status: 200, body: { state: "approved" } });
});
