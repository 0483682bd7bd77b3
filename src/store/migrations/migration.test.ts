import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { type Kysely, sql } from "kysely";
import { kyselyOn } from "../sqlite/open.ts";
import { DIRECTORY_MIGRATIONS } from "./directory.ts";
import { begin } from "./directory-1-begin.ts";
import { accountOptions } from "./directory-2-account-options.ts";
import { routing } from "./directory-3-routing.ts";
import { providerObjects } from "./directory-4-provider-objects.ts";
import { tenantPrices } from "./directory-5-tenant-prices.ts";
import { limits } from "./directory-6-limits.ts";
import { limitRequests } from "./directory-7-limit-requests.ts";
import { expiringObjects } from "./directory-8-expiring-objects.ts";
import { planSettings } from "./directory-9-plan-settings.ts";
import { chargedObjects } from "./directory-10-charged-objects.ts";
import { type Migration, MigrationError, migrate } from "./migration.ts";

function memory(): Kysely<unknown> {
  return kyselyOn<unknown>(new Database(":memory:"));
}

function table(id: number, name: string): Migration {
  return { id, name, up: (db) => db.schema.createTable(name).addColumn("id", "integer").execute() };
}

async function tables(db: Kysely<unknown>): Promise<string[]> {
  return (await db.introspection.getTables()).map((found) => found.name).sort();
}

test("the directory's steps are numbered without gaps", () => {
  expect(DIRECTORY_MIGRATIONS[0]).toBe(begin);
  expect(DIRECTORY_MIGRATIONS.map((step) => step.id)).toEqual(DIRECTORY_MIGRATIONS.map((_, at) => at + 1));
});

test("accounts of a directory that knew no options have none", async () => {
  const db = memory();
  await migrate(db, [begin], 0);
  await sql`INSERT INTO providers (name, origin, kind, allow_private_network, prices) VALUES ('up', 'config', 'openai', 0, '[]')`.execute(
    db,
  );
  expect(await migrate(db, DIRECTORY_MIGRATIONS, 0)).toContain(accountOptions);
  const { rows } = await sql<{ options: string }>`SELECT options FROM providers`.execute(db);
  expect(rows).toEqual([{ options: "{}" }]);
});

test("models and APIs of a directory that knew no routing demand nothing", async () => {
  const db = memory();
  await migrate(db, [begin, accountOptions], 0);
  await sql`INSERT INTO models (name, origin, targets, fallbacks) VALUES ('m', 'config', '[]', '[]')`.execute(db);
  expect(await migrate(db, DIRECTORY_MIGRATIONS, 0)).toContain(routing);
  const { rows } = await sql<{ routing: string }>`SELECT routing FROM models`.execute(db);
  expect(rows).toEqual([{ routing: "{}" }]);
});

test("a directory from before provider objects gets an empty table, whose rows need an application", async () => {
  const db = memory();
  await migrate(db, [begin, accountOptions, routing], 0);
  expect(await migrate(db, DIRECTORY_MIGRATIONS, 0)).toContain(providerObjects);
  await sql`PRAGMA foreign_keys = ON`.execute(db);
  const orphan = sql`INSERT INTO provider_objects (tenant_id, application_id, provider, id, kind, api, model, told, created_at)
    VALUES ('t', 'a', 'up', 'file-1', 'file', 'chat/v1', 'small', '{}', 0)`;
  await expect(orphan.execute(db)).rejects.toThrow(/FOREIGN KEY/);
});

test("tenants of a directory that knew no prices of theirs have none", async () => {
  const db = memory();
  await migrate(db, [begin, accountOptions, routing, providerObjects], 0);
  await sql`INSERT INTO tenants (id, name, origin, created_at) VALUES ('ten_1', 'acme', 'config', 0)`.execute(db);
  expect(await migrate(db, DIRECTORY_MIGRATIONS, 0)).toContain(tenantPrices);
  const { rows } = await sql<{ prices: string }>`SELECT prices FROM tenants`.execute(db);
  expect(rows).toEqual([{ prices: "[]" }]);
});

test("what a directory that knew no limits of its own has is not limited, and counts in UTC", async () => {
  const db = memory();
  await migrate(db, DIRECTORY_MIGRATIONS.slice(0, 5), 0);
  await sql`INSERT INTO tenants (id, name, origin, created_at) VALUES ('t', 'acme', 'config', 0)`.execute(db);
  expect(await migrate(db, DIRECTORY_MIGRATIONS, 0)).toContain(limits);
  const { rows } = await sql<{ limits: string; time_zone: string }>`SELECT limits, time_zone FROM tenants`.execute(db);
  expect(rows).toEqual([{ limits: "[]", time_zone: "UTC" }]);
});

test("a directory from before requests for more gets an empty table, whose rows need an application", async () => {
  const db = memory();
  await sql`PRAGMA foreign_keys = ON`.execute(db);
  await migrate(db, DIRECTORY_MIGRATIONS.slice(0, 6), 0);
  expect(await migrate(db, DIRECTORY_MIGRATIONS, 0)).toContain(limitRequests);
  const stray = sql`INSERT INTO limit_requests (id, tenant_id, application_id, key_id, scope, wanted, reason, state,
    created_at, created_by) VALUES ('l', 't', 'a', '', 'application:a', '{}', '', 'requested', 0, 'system:x')`;
  await expect(stray.execute(db)).rejects.toThrow(/FOREIGN KEY/);
});

test("responses are found by their age without reading what lies beside them", async () => {
  const db = memory();
  await migrate(db, [begin, accountOptions, routing, providerObjects], 0);
  expect(await migrate(db, DIRECTORY_MIGRATIONS, 0)).toContain(expiringObjects);
  const { rows } = await sql<{ detail: string }>`EXPLAIN QUERY PLAN SELECT seq FROM provider_objects
    WHERE kind = 'response' AND created_at < 1 ORDER BY created_at LIMIT 5`.execute(db);
  expect(rows.map(({ detail }) => detail).join()).toContain("provider_objects_by_age");
  expect(rows).toHaveLength(1);
});

test("only the missing steps are applied, in order", async () => {
  const db = memory();
  expect(await migrate(db, [table(1, "one")], 0)).toHaveLength(1);
  const steps = [table(1, "one"), table(2, "two"), table(3, "three")];
  expect((await migrate(db, steps, 0)).map((step) => step.name)).toEqual(["two", "three"]);
  expect(await migrate(db, steps, 0)).toEqual([]);
  expect(await tables(db)).toEqual(["migrations", "one", "three", "two"]);
});

test("a step that fails leaves none of the steps beside it", async () => {
  const db = memory();
  const failing: Migration = { id: 2, name: "failing", up: () => Promise.reject(new Error("no room")) };
  await expect(migrate(db, [table(1, "one"), failing], 0)).rejects.toThrow("no room");
  expect(await tables(db)).toEqual(["migrations"]);
});

test("a newer database is refused, and so is one with another history", async () => {
  const db = memory();
  await migrate(db, [table(1, "one"), table(2, "two")], 0);
  await expect(migrate(db, [table(1, "one")], 0)).rejects.toThrow(MigrationError);
  await expect(migrate(db, [table(1, "one"), table(2, "other")], 0)).rejects.toThrow(
    /named two, where this version has other/,
  );
});

test("plans that were there before say nothing beside their limits", async () => {
  const db = memory();
  await migrate(db, DIRECTORY_MIGRATIONS.slice(0, 8), 0);
  await sql`INSERT INTO plans (name, origin, limits) VALUES ('old', 'config', '[]')`.execute(db);
  expect(await migrate(db, DIRECTORY_MIGRATIONS.slice(0, 9), 0)).toEqual([planSettings]);
  expect((await sql`SELECT settings FROM plans`.execute(db)).rows).toEqual([{ settings: "{}" }]);
});

test("objects that were there before say nothing of a charge", async () => {
  const db = memory();
  await migrate(db, DIRECTORY_MIGRATIONS.slice(0, 9), 0);
  await sql`INSERT INTO provider_objects (tenant_id, application_id, provider, id, kind, api, model, told, created_at)
    VALUES ('t', 'a', 'up', 'resp_1', 'response', 'chat/v1', 'gpt', '{}', 1)`.execute(db);
  expect(await migrate(db, DIRECTORY_MIGRATIONS, 0)).toEqual([chargedObjects]);
  expect((await sql`SELECT charge FROM provider_objects`.execute(db)).rows).toEqual([{ charge: null }]);
});
