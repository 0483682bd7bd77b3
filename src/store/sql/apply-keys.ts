import { createHash } from "node:crypto";
import type { Kysely, Selectable } from "kysely";
import { GatewayError } from "../../errors.ts";
import { randomText } from "../../kernel/id.ts";
import type { DesiredKey, Origin } from "../../ports/administration.ts";
import type { ChangeSheet } from "./change-sheet.ts";
import type { Tables } from "./tables.ts";

export interface DesiredKeyOfApplication extends DesiredKey {
  application: { tenantId: string; id: string; path: string };
}

type KeyRecord = Selectable<Tables["keys"]>;

/** Makes and changes the desired keys. A key is what its digest is; its name and place may change. */
export async function applyKeys(
  db: Kysely<Tables>,
  wanted: readonly DesiredKeyOfApplication[],
  origin: Origin,
  sheet: ChangeSheet,
  now: number,
): Promise<void> {
  const existing = await findByDigest(
    db,
    wanted.map((key) => key.digest),
  );
  for (const key of wanted) {
    const subject = `key ${key.application.path}/${key.name}`;
    const found = existing.get(key.digest);
    if (found === undefined) {
      await create(db, key, origin, now);
      sheet.tenancy("create", subject);
      continue;
    }
    if (found.application_id !== key.application.id && found.origin !== origin) {
      throw new GatewayError("conflict", `${subject} is already issued to another application, as ${found.id}.`);
    }
    // An administrator's revocation stands: a leaked key must not come back by a restart.
    if (found.revoked_at !== null && found.revoked_by !== origin) continue;
    const columns = {
      tenant_id: key.application.tenantId,
      application_id: key.application.id,
      name: key.name,
      allow_from: JSON.stringify(key.allowFrom),
      expires_at: key.expiresAt,
      revoked_at: null,
      revoked_by: null,
      limits: JSON.stringify(key.limits ?? []),
    } satisfies Partial<KeyRecord>;
    const differs = Object.entries(columns).some(([column, value]) => found[column as keyof KeyRecord] !== value);
    if (!differs) continue;
    await db.updateTable("keys").set(columns).where("seq", "=", found.seq).execute();
    sheet.tenancy("update", subject);
  }
}

/** Fewer than SQLite's least bound of variables in a statement. */
const DIGESTS_AT_ONCE = 500;

async function findByDigest(db: Kysely<Tables>, digests: readonly string[]): Promise<Map<string, KeyRecord>> {
  const found = new Map<string, KeyRecord>();
  for (let at = 0; at < digests.length; at += DIGESTS_AT_ONCE) {
    const some = digests.slice(at, at + DIGESTS_AT_ONCE);
    for (const row of await db.selectFrom("keys").selectAll().where("digest", "in", some).execute()) {
      found.set(row.digest, row);
    }
  }
  return found;
}

async function create(db: Kysely<Tables>, key: DesiredKeyOfApplication, origin: Origin, now: number): Promise<void> {
  const id = key.publicId ?? publicIdOf(key.digest);
  const taken = await db.selectFrom("keys").select("seq").where("id", "=", id).executeTakeFirst();
  if (taken !== undefined) {
    throw new GatewayError(
      "conflict",
      `key ${key.application.path}/${key.name} has the public id ${id}, which another key has.`,
    );
  }
  await db
    .insertInto("keys")
    .values({
      id,
      tenant_id: key.application.tenantId,
      application_id: key.application.id,
      name: key.name,
      mode: key.mode,
      digest: key.digest,
      allow_from: JSON.stringify(key.allowFrom),
      origin,
      created_at: now,
      expires_at: key.expiresAt,
      revoked_at: null,
      revoked_by: null,
      limits: JSON.stringify(key.limits ?? []),
    })
    .execute();
}

/** The public id of a key whose own form has none: always the same for the same key, and no way back to it. */
function publicIdOf(digest: string): string {
  const bytes = createHash("sha256").update(`public id ${digest}`).digest();
  return randomText((count) => bytes.subarray(0, count), 12);
}

/** Revokes the keys that this origin made and no longer names; a rotated key's predecessor is one of them. */
export async function pruneKeys(
  db: Kysely<Tables>,
  wanted: ReadonlySet<string>,
  origin: Origin,
  sheet: ChangeSheet,
  now: number,
): Promise<void> {
  const live = await db
    .selectFrom("keys as k")
    .innerJoin("applications as a", "a.id", "k.application_id")
    .innerJoin("teams as m", "m.id", "a.team_id")
    .innerJoin("tenants as t", "t.id", "a.tenant_id")
    .select(["k.seq", "k.digest", "k.name", "a.name as application", "m.name as team", "t.name as tenant"])
    .where("k.origin", "=", origin)
    .where("k.revoked_at", "is", null)
    .orderBy("k.seq")
    .execute();
  for (const key of live) {
    if (wanted.has(key.digest)) continue;
    await db.updateTable("keys").set({ revoked_at: now, revoked_by: origin }).where("seq", "=", key.seq).execute();
    sheet.tenancy("remove", `key ${key.tenant}/${key.team}/${key.application}/${key.name}`);
  }
}
