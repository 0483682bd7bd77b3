import { expect, test } from "bun:test";
import { adminPlane, BOT, CRAWLER } from "../../test/support/admin-plane.ts";
import type { ReadContext } from "./operation.ts";
import { nameOfScope, scopeByNames, tenantId } from "./scopes.ts";

const rows: [text: string, scope: string | undefined][] = [
  ["tenant:acme", "tenant:ten_acme"],
  ["tenant:ten_acme", undefined],
  ["tenant:nobody", undefined],
  ["team:acme/research", "team:team_research"],
  ["team:other/research", undefined],
  ["team:research", undefined],
  ["application:acme/research/bot", "application:app_bot"],
  ["application:acme/research", undefined],
  ["application:app_bot", undefined],
  ["application:acme/research/bot/more", undefined],
  ["subscription:acme/research/bot/chat/v1", "subscription:sub_1"],
  ["subscription:acme/research/bot/chat/v2", undefined],
  ["subscription:acme/research/nobody/chat/v1", undefined],
  ["subscription:sub_1", undefined],
  // A model may have slashes in its name, and is called by nothing else.
  ["model:acme/research/bot", undefined],
  ["key:acme", undefined],
  ["toString:acme", undefined],
];
for (const [text, scope] of rows) {
  test(`${text} is ${scope ?? "no name"}`, async () => {
    const { administration } = adminPlane();
    expect(await scopeByNames({ administration } as unknown as ReadContext, text)).toBe(scope);
  });
}

test("an id stands before a name that looks like it", async () => {
  const { administration } = adminPlane();
  administration.apps = [BOT, { ...CRAWLER, tenant: { id: "ten_2", name: "ten_acme" } }];
  expect(await scopeByNames({ administration } as unknown as ReadContext, "tenant:ten_acme")).toBeUndefined();
});

test("a tenant is called by its id or its name; of nobody's the text itself, which finds nothing", async () => {
  const context = adminPlane() as unknown as ReadContext;
  const ids = await Promise.all(["acme", "ten_acme", "nobody", "a/b"].map((text) => tenantId(context, text)));
  expect(ids).toEqual(["ten_acme", "ten_acme", "nobody", "a/b"]);
});

test("an application and what belongs to it have the names that people gave", async () => {
  const { administration, call } = adminPlane();
  administration.limits.set(`application:${BOT.id}`, []).set("subscription:sub_1", []);
  const key = (await call("POST", "/api/v1/keys", { body: { application: BOT.id, name: "ci" } })).body;
  administration.limits.set(`key:${key.id}`, []);
  const name = (scope: string) => nameOfScope({ administration } as unknown as ReadContext, scope);
  expect(await name(`application:${BOT.id}`)).toBe("acme/research/bot");
  expect(await name("subscription:sub_1")).toBe("acme/research/bot/chat/v1");
  expect(await name(`key:${key.id}`)).toMatch(/^acme\/research\/bot: /);
  expect(await name("application:app_gone")).toBeNull();
});
