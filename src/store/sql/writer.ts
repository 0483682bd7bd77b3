import type { Kysely } from "kysely";
import { GatewayError } from "../../errors.ts";
import type { RandomBytes } from "../../kernel/id.ts";
import type { DesiredState, DirectoryWriter, KeyRow, PlannedChange } from "../../ports/administration.ts";
import type { LimitDecision, LimitRequestRow } from "../../ports/limit-requests.ts";
import { applyCatalog, pruneCatalog } from "./apply-catalog.ts";
import { TenancyApplication } from "./apply-tenancy.ts";
import type { ChangeSheet } from "./change-sheet.ts";
import { createLimitRequest, decideLimitRequest, withdrawLimitRequest } from "./limit-requests.ts";
import type { Tables } from "./tables.ts";

/** The writes of one transaction. What it did is on the sheet. */
export class SqlWriter implements DirectoryWriter {
  readonly #db: Kysely<Tables>;
  readonly #sheet: ChangeSheet;
  readonly #now: number;
  readonly #random: RandomBytes;

  constructor(transaction: Kysely<Tables>, sheet: ChangeSheet, now: number, random: RandomBytes) {
    this.#db = transaction;
    this.#sheet = sheet;
    this.#now = now;
    this.#random = random;
  }

  note(): void {
    this.#sheet.added();
  }

  async createKey(key: KeyRow, digest: string): Promise<void> {
    const application = await this.#db
      .selectFrom("applications")
      .select("id")
      .where("tenant_id", "=", key.tenantId)
      .where("id", "=", key.applicationId)
      .where("removed_at", "is", null)
      .executeTakeFirst();
    if (application === undefined) throw new GatewayError("not_found", "There is no such application.");
    const taken = await this.#db
      .selectFrom("keys")
      .select("seq")
      .where((or) => or.or([or("id", "=", key.id), or("digest", "=", digest)]))
      .executeTakeFirst();
    if (taken !== undefined) throw new GatewayError("conflict", "There is such a key already.");
    await this.#db
      .insertInto("keys")
      .values({
        id: key.id,
        tenant_id: key.tenantId,
        application_id: key.applicationId,
        name: key.name,
        mode: key.mode,
        digest,
        allow_from: JSON.stringify(key.allowFrom),
        origin: "admin",
        created_at: key.createdAt,
        expires_at: key.expiresAt,
        revoked_at: key.revokedAt,
        revoked_by: key.revokedAt === null ? null : "admin",
        limits: JSON.stringify(key.limits ?? []),
      })
      .execute();
    this.#sheet.added();
  }

  async revokeKey(tenantId: string, keyId: string, at: number): Promise<boolean> {
    const key = await this.#db
      .selectFrom("keys")
      .select(["seq", "revoked_at", "revoked_by"])
      .where("tenant_id", "=", tenantId)
      .where("id", "=", keyId)
      .executeTakeFirst();
    if (key === undefined) return false;
    if (key.revoked_by === "admin") return true;
    // Also when the file had revoked it already: from now on the file may not restore it.
    const revoked = { revoked_at: key.revoked_at ?? at, revoked_by: "admin" } as const;
    await this.#db.updateTable("keys").set(revoked).where("seq", "=", key.seq).execute();
    this.#sheet.wrote();
    return true;
  }

  createLimitRequest(request: LimitRequestRow): Promise<void> {
    return createLimitRequest(this.#db, this.#sheet, request);
  }

  decideLimitRequest(tenantId: string, id: string, decision: LimitDecision): Promise<boolean> {
    return decideLimitRequest(this.#db, this.#sheet, [tenantId, id], decision);
  }

  withdrawLimitRequest(tenantId: string, id: string, at: number): Promise<boolean> {
    return withdrawLimitRequest(this.#db, this.#sheet, [tenantId, id], at);
  }

  async apply(desired: DesiredState): Promise<PlannedChange[]> {
    const before = this.#sheet.planned.length;
    await applyCatalog(this.#db, desired, this.#sheet);
    await new TenancyApplication(this.#db, desired, this.#sheet, this.#now, this.#random).run();
    await pruneCatalog(this.#db, desired, this.#sheet);
    return this.#sheet.planned.slice(before);
  }
}
