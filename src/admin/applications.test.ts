import { expect, test } from "bun:test";
import { adminPlane, BOT, CRAWLER } from "../../test/support/admin-plane.ts";
import { findApplication } from "./applications.ts";

test("200: applications come with team and tenant, by tenant if asked", async () => {
  const { call } = adminPlane();
  expect((await call("GET", "/api/v1/applications")).body).toEqual({ items: [BOT, CRAWLER], next: null });
  expect((await call("GET", "/api/v1/applications?tenant=other")).body.items).toEqual([CRAWLER]);
  expect((await call("GET", "/api/v1/applications?tenant=ten_acme")).body.items).toEqual([BOT]);
  expect((await call("GET", "/api/v1/applications?tenant=nobody")).body.items).toEqual([]);
});

test("pages end where the rows end, also when a row has gone in between", async () => {
  const { call, administration } = adminPlane();
  administration.apps = [1, 2, 3, 4].map((n) => ({ ...BOT, id: `app_${n}`, name: `a${n}` }));
  const first = await call("GET", "/api/v1/applications?limit=2");
  expect(first.body.items.map(({ id }: { id: string }) => id)).toEqual(["app_1", "app_2"]);
  administration.apps = administration.apps.filter(({ id }) => id !== "app_2");
  const second = await call("GET", `/api/v1/applications?limit=2&cursor=${first.body.next}`);
  expect(second.body).toMatchObject({ items: [{ id: "app_3" }, { id: "app_4" }], next: null });
});

test("400: a cursor that no page gave", async () => {
  const { call } = adminPlane();
  for (const cursor of ["%27%20OR%201", "garbage"]) {
    const answer = await call("GET", `/api/v1/applications?cursor=${cursor}`);
    expect(answer).toMatchObject({ status: 400, body: { param: "cursor" } });
  }
});

test("401: no token", async () => {
  const { call } = adminPlane();
  expect((await call("GET", "/api/v1/applications", { token: null })).status).toBe(401);
});

test("403: no permission", async () => {
  const { call } = adminPlane({ may: (_actor, permission) => permission !== "application.read" });
  expect((await call("GET", "/api/v1/applications")).status).toBe(403);
});

test("a text means an application by id, or by all three names", () => {
  const rows = [BOT, CRAWLER];
  expect(findApplication(rows, "app_bot")).toBe(BOT);
  expect(findApplication(rows, "other/search/crawler")).toBe(CRAWLER);
  for (const text of ["bot", "research/bot", "acme/research", "Acme/research/bot", "acme/research/bot/", ""]) {
    expect(findApplication(rows, text)).toBeUndefined();
  }
});
