/**
 * One process with so many keys in its directory, each with a limit of its own, of which few are in use:
 * `fill <folder> <keys>` makes them, `measure <folder> <keys>` opens them and prints what they weigh and how long a call takes.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Kysely } from "kysely";
import type { Principal } from "../src/domain/access/principal.ts";
import { NOTHING } from "../src/domain/plans/amounts.ts";
import type { Demand } from "../src/ports/meter.ts";
import { MemoryMeter } from "../src/store/memory/meter.ts";
import { sampleRecord } from "../src/store/meter-contract.ts";
import { DIRECTORY_MIGRATIONS } from "../src/store/migrations/directory.ts";
import { migrate } from "../src/store/migrations/migration.ts";
import { openDirectory } from "../src/store/sqlite/directory.ts";
import { SqliteJournal } from "../src/store/sqlite/journal.ts";
import { kyselyOn, openWriter } from "../src/store/sqlite/open.ts";
import { percentile } from "./stats.ts";

/** Keys that call again and again, and keys that call for the first time. */
const ACTIVE = 1_000;
const WAKING = 4_000;
const IDLE_MS = 300_000;

export interface IdleKeys {
  keys: number;
  /** Resident with all keys in the directory, before any call. */
  residentBytes: number;
  /** Milliseconds from a credential's digest to a settled Hold. */
  active: { p50: number; p99: number };
  waking: { p50: number; p99: number };
  /** In memory when active and waking keys have called, and when all of them have been idle. */
  accounts: { used: number; idle: number };
}

async function fill(folder: string, keys: number): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const writer = openWriter(join(folder, "directory.db"));
  await migrate(kyselyOn<unknown>(writer) as Kysely<unknown>, DIRECTORY_MIGRATIONS, 0);
  writer.exec(`
    BEGIN;
    INSERT INTO tenants (id, name, origin, created_at) VALUES ('t', 'T', 'admin', 0);
    INSERT INTO teams (id, name, origin, created_at, tenant_id) VALUES ('m', 'M', 'admin', 0, 't');
    INSERT INTO applications (id, name, origin, created_at, tenant_id, team_id) VALUES ('a', 'A', 'admin', 0, 't', 'm');
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ${keys})
    INSERT INTO keys (id, tenant_id, application_id, name, mode, digest, allow_from, origin, created_at, limits)
      SELECT 'key' || i, 't', 'a', 'K' || i, 'live', printf('%064d', i), '[]', 'admin', 0,
        '[{"dimension":"usd","window":"month","amount":' || (1000000000 + i) || '}]' FROM n;
    COMMIT;`);
  writer.close();
}

function demandOf({ key, application, team, tenant, limits, timeZone: zone }: Principal): Demand {
  const amounts = { ...NOTHING, requests: 1, input: 10, output: 100, usd: 5_000 };
  const of = (scope: string, own: Demand["scopes"][number]["limits"] = []) => ({ scope, zone, limits: own, amounts });
  const parents = [`application:${application.id}`, `team:${team.id}`, `tenant:${tenant.id}`, "subscription:s"];
  return { scopes: [of(`key:${key.id}`, limits.key), ...parents.map((scope) => of(scope)), of("model:m")], anyOf: [] };
}

async function measure(folder: string, keys: number): Promise<IdleKeys> {
  const clock = { at: Date.now(), now: () => clock.at, ticks: () => performance.now() };
  const random = (count: number) => new Uint8Array(randomBytes(count));
  const directory = await openDirectory(join(folder, "directory.db"), { clock, random });
  const journal = new SqliteJournal(join(folder, `ledger-${Date.now()}.db`));
  const meter = new MemoryMeter(journal, clock);
  Bun.gc(true);
  const residentBytes = process.memoryUsage.rss();
  const call = async (number: number): Promise<number> => {
    const begun = performance.now();
    const principal = directory.findPrincipal(String(number).padStart(64, "0"))!;
    const record = sampleRecord({
      keyId: principal.key.id,
      applicationId: "a",
      teamId: "m",
      tenantId: "t",
      subscriptionId: "s",
      catalogModel: "m",
      id: crypto.randomUUID(),
    });
    const held = await meter.reserve(demandOf(principal), record);
    if (!held.admitted) throw new Error("refused");
    await meter.settle(held.hold, record);
    return performance.now() - begun;
  };
  for (let i = 0; i < 20 * ACTIVE; i++) await call(i % ACTIVE);
  const [active, waking]: [number[], number[]] = [[], []];
  const wakes = Math.min(WAKING, keys - ACTIVE);
  for (let i = 0; i < wakes; i++) {
    active.push(await call((i * 7) % ACTIVE));
    waking.push(await call(ACTIVE + Math.floor((i * (keys - ACTIVE)) / Math.max(1, wakes))));
  }
  await meter.sweep();
  const used = meter.accounts.size;
  clock.at += IDLE_MS;
  for (let i = 0; i < 10; i++) await meter.sweep();
  const idle = meter.accounts.size;
  journal.shut();
  await directory.close();
  const of = (times: number[]) => {
    times.sort((a, b) => a - b);
    return { p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
  };
  return { keys, residentBytes, active: of(active), waking: of(waking), accounts: { used, idle } };
}

if (import.meta.main) {
  const [mode, folder = "", keys = "0"] = process.argv.slice(2);
  if (mode === "fill") await fill(folder, Number(keys));
  else console.log(JSON.stringify(await measure(folder, Number(keys))));
}
