import { expect, test } from "bun:test";
import { adminPlane } from "../../test/support/admin-plane.ts";
import { threshold } from "../store/events-contract.ts";

async function raised() {
  const plane = adminPlane();
  await plane.events.raise(threshold({ at: Date.UTC(2026, 0, 1), periodStart: 0, periodEnd: Date.UTC(2026, 0, 2) }));
  await plane.events.raise(
    threshold({
      scope: "model:small",
      tenantId: null,
      limit: { dimension: "tokens", window: "total", amount: 1_000 },
      threshold: 100,
      used: 1_000,
      periodStart: null,
      periodEnd: null,
    }),
  );
  return plane;
}

test("200: events are listed newest first, with exact dollars and times", async () => {
  const { call } = await raised();
  const { status, body } = await call("GET", "/api/v1/events");
  expect(status).toBe(200);
  expect(body).toEqual({
    items: [
      {
        id: 2,
        type: "limit.threshold",
        at: "1970-01-01T00:00:01.000Z",
        scope: "model:small",
        tenantId: null,
        limit: { per: "total", tokens: 1_000 },
        threshold: 100,
        used: "1000",
        periodStart: null,
        periodEnd: null,
      },
      {
        id: 1,
        type: "limit.threshold",
        at: "2026-01-01T00:00:00.000Z",
        scope: "key:a",
        tenantId: "ten_1",
        limit: { per: "day", usd: 5 },
        threshold: 50,
        used: "2.500000001",
        periodStart: "1970-01-01T00:00:00.000Z",
        periodEnd: "2026-01-02T00:00:00.000Z",
      },
    ],
    next: null,
  });
});

test("200: the list may be cut by type, scope and tenant, and is paged", async () => {
  const { call } = await raised();
  const idsOf = async (query: string) =>
    (await call("GET", `/api/v1/events${query}`)).body.items.map(({ id }: { id: number }) => id);
  expect(await idsOf("?type=limit.threshold")).toEqual([2, 1]);
  expect(await idsOf("?scope=key:a")).toEqual([1]);
  expect(await idsOf("?tenant=ten_1")).toEqual([1]);
  expect(await idsOf("?scope=key:b")).toEqual([]);
  expect(await idsOf("?tenant=acme"), "ids of other tenants").toEqual([]);
  const { next } = (await call("GET", "/api/v1/events?limit=1")).body;
  expect(await idsOf(`?limit=1&cursor=${next}`)).toEqual([1]);
});

test.each([
  ["a type that there is not", "?type=party", "type"],
  ["a cursor that no page gave", "?cursor=x", "cursor"],
  ["a filter that there is not", "?threshold=50", "threshold"],
])("400: %s", async (_case, query, field) => {
  const { call } = await raised();
  expect(await call("GET", `/api/v1/events${query}`)).toMatchObject({ status: 400, body: { param: field } });
});
