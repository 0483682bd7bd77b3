import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Kysely } from "kysely";
import { DIRECTORY_MIGRATIONS } from "../migrations/directory.ts";
import { migrate } from "../migrations/migration.ts";
import { kyselyOn, openReader, openWriter } from "./open.ts";
import { Principals } from "./principals.ts";

let folder: string;
let close: () => void;
let principals: Principals;
let execute: (sql: string) => void;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "sallyport-principals-"));
  const file = join(folder, "directory.db");
  const writer = openWriter(file);
  await migrate(kyselyOn<unknown>(writer) as Kysely<unknown>, DIRECTORY_MIGRATIONS, 0);
  execute = (sql) => writer.exec(sql);
  execute("INSERT INTO tenants (id, name, origin, created_at) VALUES ('t', 'T', 'admin', 0)");
  execute("INSERT INTO teams (id, name, origin, created_at, tenant_id) VALUES ('m', 'M', 'admin', 0, 't')");
  execute(
    "INSERT INTO applications (id, name, origin, created_at, tenant_id, team_id) VALUES ('a', 'A', 'admin', 0, 't', 'm')",
  );
  for (let i = 0; i < 10; i++) {
    execute(
      `INSERT INTO keys (id, tenant_id, application_id, name, mode, digest, allow_from, origin, created_at)
       VALUES ('k${i}', 't', 'a', 'K', 'live', 'd${i}', '[]', 'admin', 0)`,
    );
  }
  const reader = openReader(file);
  principals = new Principals(reader, 4);
  close = () => {
    reader.close();
    writer.close();
  };
});
afterEach(() => {
  close();
  rmSync(folder, { recursive: true });
});

test("never more principals are kept than the capacity", () => {
  for (let i = 0; i < 10; i++) expect(principals.find(`d${i}`)?.key.id).toBe(`k${i}`);
  expect(principals.size).toBeLessThanOrEqual(4);
});

test("what is in use stays while others come and go", () => {
  const used = principals.find("d0");
  for (let i = 1; i < 10; i++) {
    principals.find(`d${i}`);
    expect(principals.find("d0")).toBe(used!);
  }
});

test("a principal is remembered until the cache is cleared", () => {
  const before = principals.find("d0");
  execute("UPDATE keys SET revoked_at = 5 WHERE digest = 'd0'");
  expect(principals.find("d0")).toBe(before!);
  principals.clear();
  expect(principals.find("d0")?.revokedAt).toBe(5);
});

test("digests that nobody has take no room", () => {
  for (let i = 0; i < 100; i++) expect(principals.find(`guess ${i}`)).toBeUndefined();
  expect(principals.size).toBe(0);
});
