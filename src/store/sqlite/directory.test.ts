import { Database } from "bun:sqlite";
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { countedBytes, desiredState, ManualClock } from "../../../test/support/directory.ts";
import { directoryContract } from "../contract.ts";
import { MigrationError } from "../migrations/migration.ts";
import { openDirectory } from "./directory.ts";

const folder = mkdtempSync(join(tmpdir(), "sallyport-directory-"));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;
const freshFile = () => join(folder, `${files++}.db`);

// The contract (contract.ts) goes through directory.ts and all that it is made of: open.ts, principals.ts,
// sql/administration.ts, sql/writer.ts, sql/change-sheet.ts, sql/apply-catalog.ts, sql/apply-tenancy.ts,
// sql/apply-keys.ts, sql/catalog.ts, sql/limit-requests.ts, sql/scopes.ts, sql/principal-cache.ts, sql/rows.ts,
// sql/tables.ts and sql/fault.ts.
directoryContract("SQLite", async (clock, random) => {
  const store = await openDirectory(freshFile(), { clock, random });
  return { store, close: () => store.close() };
});

const options = () => ({ clock: new ManualClock(), random: countedBytes() });
const SYSTEM = { kind: "system", id: "test" } as const;
const APPLY = { action: "config.apply", subject: "config", tenantId: null, detail: {} };

describe("the directory's file", () => {
  test("keeps everything over a restart, the revision included", async () => {
    const file = freshFile();
    const first = await openDirectory(file, options());
    await first.change(SYSTEM, APPLY, (writer) => writer.apply(desiredState()));
    const principal = first.findPrincipal("digest-acme");
    const catalog = first.catalog();
    await first.close();
    const second = await openDirectory(file, options());
    expect(second.findPrincipal("digest-acme")).toEqual(principal!);
    expect(second.catalog()).toEqual(catalog);
    expect(await second.plan(desiredState())).toEqual([]);
    await second.close();
  });

  test("can be read by its owner only, and so can the files beside it", async () => {
    const file = freshFile();
    const store = await openDirectory(file, options());
    await store.setSetting("a", "b");
    for (const part of ["", "-wal", "-shm"]) expect(statSync(file + part).mode & 0o777).toBe(0o600);
    await store.close();
  });

  test("is refused when a newer version made it", async () => {
    const file = freshFile();
    await (await openDirectory(file, options())).close();
    const db = new Database(file);
    db.exec("INSERT INTO migrations VALUES (90, 'later', 0), (91, 'much later', 0)");
    db.close();
    await expect(openDirectory(file, options())).rejects.toThrow(MigrationError);
    await expect(openDirectory(file, options())).rejects.toThrow(/newer than this version/);
  });

  test("that is no database is refused by name, and stays as it is", async () => {
    const file = freshFile();
    writeFileSync(file, "not a database".repeat(1_000));
    await expect(openDirectory(file, options())).rejects.toThrow(`the database ${file} cannot be used`);
    expect(statSync(file).size).toBe(14_000);
  });

  test("holds no row that hangs under another tenant's parent", async () => {
    const file = freshFile();
    const store = await openDirectory(file, options());
    await store.change(SYSTEM, APPLY, (writer) => writer.apply(desiredState()));
    await store.close();
    const db = new Database(file);
    db.exec("PRAGMA foreign_keys = ON");
    const foreign = "(SELECT id FROM tenants WHERE name = 'umbrella')";
    for (const table of ["applications", "keys", "subscriptions", "memberships"]) {
      const move = `UPDATE ${table} SET tenant_id = ${foreign} WHERE tenant_id <> ${foreign}`;
      expect(() => db.exec(move), table).toThrow(/FOREIGN KEY/);
    }
    db.close();
  });

  test("that cannot be written refuses the change as store_unavailable", async () => {
    const file = freshFile();
    const store = await openDirectory(file, options());
    const other = new Database(file);
    other.exec("DROP TABLE audit");
    other.close();
    const change = store.change(SYSTEM, APPLY, (writer) => writer.apply(desiredState()));
    await expect(change).rejects.toMatchObject({ code: "store_unavailable" });
    expect(store.catalog().providers.size).toBe(0);
    await store.close();
  });
});

const CHANGER = `
  import { openDirectory } from ${JSON.stringify(join(import.meta.dir, "directory.ts"))};
  const random = (count) => crypto.getRandomValues(new Uint8Array(count));
  const store = await openDirectory(process.argv.at(-1), { clock: { now: Date.now, ticks: Date.now }, random });
  const [owner] = await store.applications();
  for (let i = 0; ; i++) {
    const key = { id: "key" + i, tenantId: owner.tenant.id, applicationId: owner.id, name: "k", mode: "live",
      createdAt: 1, expiresAt: null, revokedAt: null, allowFrom: [] };
    const action = { action: "key.create", subject: "key:" + key.id, tenantId: owner.tenant.id, detail: {} };
    await store.change({ kind: "system", id: "test" }, action, (writer) => writer.createKey(key, "digest-" + i));
    process.stdout.write(i + "\\n");
  }
`;

test("a kill in the middle of changes loses none that was acknowledged, and parts none from its audit entry", async () => {
  const file = freshFile();
  const first = await openDirectory(file, options());
  await first.change(SYSTEM, APPLY, (writer) => writer.apply(desiredState()));
  await first.close();
  const child = Bun.spawn([process.execPath, "-e", CHANGER, file], { stdout: "pipe" });
  let told = "";
  for await (const chunk of child.stdout) {
    told += new TextDecoder().decode(chunk);
    if (told.split("\n").length > 5) child.kill("SIGKILL");
  }
  await child.exited;
  const acknowledged = told.trim().split("\n").map(Number).filter(Number.isInteger);
  const store = await openDirectory(file, options());
  expect(acknowledged.length).toBeGreaterThanOrEqual(5);
  expect(acknowledged.filter((i) => store.findPrincipal(`digest-${i}`) === undefined)).toEqual([]);
  const audited = (await store.audit(null, 200)).items.filter((entry) => entry.action === "key.create");
  const made = (await store.keys(null, null, 200)).items.filter((key) => key.name === "k");
  expect(audited.map((entry) => entry.subject)).toEqual(made.map((key) => `key:${key.id}`));
  await store.close();
}, 30_000);

test("closing waits for the change that has begun", async () => {
  const file = freshFile();
  const store = await openDirectory(file, options());
  const change = store.change(SYSTEM, APPLY, (writer) => writer.apply(desiredState()));
  await store.close();
  expect((await change).length).toBeGreaterThan(0);
});
