import type { Kysely } from "kysely";
import type { Subscription } from "../../domain/access/principal.ts";
import { GatewayError } from "../../errors.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { RandomBytes } from "../../kernel/id.ts";
import type {
  Actor,
  Administration,
  ApplicationRow,
  AuditEntry,
  AuditedAction,
  DesiredState,
  DirectoryWriter,
  KeyRow,
  LimitedScope,
  Page,
  PlannedChange,
} from "../../ports/administration.ts";
import type { LimitRequestQuery, LimitRequestRow } from "../../ports/limit-requests.ts";
import { readCatalog } from "./catalog.ts";
import { ChangeSheet } from "./change-sheet.ts";
import { orUnavailable } from "./fault.ts";
import { limitRequestsOf, toLimitRequest } from "./limit-requests.ts";
import { toApplication, toAuditEntry, toKey } from "./rows.ts";
import { chargedScopes } from "./scopes.ts";
import type { Tables } from "./tables.ts";
import { SqlWriter } from "./writer.ts";

const MAX_PAGE = 200;

/** What has been committed. */
export interface Committed {
  /** Id of its audit entry; later changes have higher ones. */
  revision: number;
  /** The new one, where it is another. */
  catalog: Awaited<ReturnType<typeof readCatalog>> | undefined;
  /** Whether a principal that is kept in memory may be another one now. */
  principals: boolean;
}

/** Undoes the transaction in which a plan was made. */
class PlanMade extends Error {}

/** What the control plane asks, in statements that every database of ours understands. */
export abstract class SqlAdministration implements Administration {
  protected readonly writer: Kysely<Tables>;
  /** Sees what has been committed, also in the middle of a change. */
  protected readonly reader: Kysely<Tables>;
  readonly #clock: Clock;
  readonly #random: RandomBytes;

  constructor(writer: Kysely<Tables>, reader: Kysely<Tables>, options: { clock: Clock; random: RandomBytes }) {
    this.writer = writer;
    this.reader = reader;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  /** Runs `fn` in a transaction. They wait for one another, on whatever node. */
  protected abstract transaction<T>(fn: (transaction: Kysely<Tables>) => Promise<T>): Promise<T>;

  /** Called in the transaction, as its last act. */
  protected abstract announce(transaction: Kysely<Tables>, change: Committed): Promise<void>;

  /** Called after the commit; when it has ended, look-ups on this node see the change. */
  protected abstract changed(change: Committed): void | Promise<void>;

  async change<T>(actor: Actor, action: AuditedAction, fn: (writer: DirectoryWriter) => Promise<T>): Promise<T> {
    const { value, change } = await this.#transaction(async (transaction) => {
      const now = this.#clock.now();
      const sheet = new ChangeSheet();
      const value = await fn(new SqlWriter(transaction, sheet, now, this.#random));
      if (sheet.isEmpty) return { value, change: undefined };
      const revision = await this.#audit(transaction, now, actor, action, sheet.planned);
      const catalog = sheet.touchedCatalog ? await readCatalog(transaction, revision) : undefined;
      const change = { revision, catalog, principals: sheet.touchedPrincipals };
      await this.announce(transaction, change);
      return { value, change };
    });
    if (change !== undefined) await this.changed(change);
    return value;
  }

  async plan(desired: DesiredState): Promise<PlannedChange[]> {
    const sheet = new ChangeSheet();
    try {
      await this.#transaction(async (transaction) => {
        await new SqlWriter(transaction, sheet, this.#clock.now(), this.#random).apply(desired);
        if (sheet.touchedCatalog) await readCatalog(transaction, 0);
        throw new PlanMade();
      });
    } catch (error) {
      if (!(error instanceof PlanMade)) throw error;
    }
    return sheet.planned;
  }

  async applications(): Promise<ApplicationRow[]> {
    const found = this.reader
      .selectFrom("applications as a")
      .innerJoin("teams as m", "m.id", "a.team_id")
      .innerJoin("tenants as t", "t.id", "a.tenant_id")
      .select([
        "a.id",
        "a.name",
        "m.id as team_id",
        "m.name as team_name",
        "t.id as tenant_id",
        "t.name as tenant_name",
      ])
      .where("a.removed_at", "is", null)
      .orderBy("t.name")
      .orderBy("m.name")
      .orderBy("a.name");
    return (await read(() => found.execute())).map(toApplication);
  }

  subscriptions(applicationId: string): Promise<Subscription[]> {
    const found = this.reader.selectFrom("subscriptions").select(["id", "api", "plan", "state"]).orderBy("seq");
    return read(() => found.where("application_id", "=", applicationId).execute()) as Promise<Subscription[]>;
  }

  async keys(tenantId: string | null, cursor: string | null, limit: number): Promise<Page<KeyRow>> {
    let query = this.reader.selectFrom("keys").selectAll().orderBy("seq", "desc");
    if (tenantId !== null) query = query.where("tenant_id", "=", tenantId);
    if (cursor !== null) query = query.where("seq", "<", readCursor(cursor));
    const size = pageSize(limit);
    const rows = await read(() => query.limit(size + 1).execute());
    return toPage(rows, size, (row) => row.seq, toKey);
  }

  async key(tenantId: string | null, id: string): Promise<KeyRow | undefined> {
    let query = this.reader.selectFrom("keys").selectAll().where("id", "=", id);
    if (tenantId !== null) query = query.where("tenant_id", "=", tenantId);
    const row = await read(() => query.executeTakeFirst());
    return row && toKey(row);
  }

  async audit(cursor: string | null, limit: number): Promise<Page<AuditEntry>> {
    let query = this.reader.selectFrom("audit").selectAll().orderBy("id", "desc");
    if (cursor !== null) query = query.where("id", "<", readCursor(cursor));
    const size = pageSize(limit);
    const rows = await read(() => query.limit(size + 1).execute());
    return toPage(rows, size, (row) => row.id, toAuditEntry);
  }

  async limitRequests(
    tenantId: string | null,
    which: LimitRequestQuery,
    cursor: string | null,
    limit: number,
  ): Promise<Page<LimitRequestRow>> {
    let query = limitRequestsOf(this.reader, tenantId, which).orderBy("seq", "desc");
    if (cursor !== null) query = query.where("seq", "<", readCursor(cursor));
    const size = pageSize(limit);
    const rows = await read(() => query.limit(size + 1).execute());
    return toPage(rows, size, (row) => row.seq, toLimitRequest);
  }

  async limitRequest(tenantId: string | null, id: string): Promise<LimitRequestRow | undefined> {
    let query = this.reader.selectFrom("limit_requests").selectAll().where("id", "=", id);
    if (tenantId !== null) query = query.where("tenant_id", "=", tenantId);
    const row = await read(() => query.executeTakeFirst());
    return row && toLimitRequest(row);
  }

  chargedScopes(scope: string): Promise<LimitedScope[]> {
    return read(() => chargedScopes(this.reader, scope));
  }

  async setting(name: string): Promise<string | undefined> {
    const found = this.reader.selectFrom("settings").select("value").where("name", "=", name);
    return (await read(() => found.executeTakeFirst()))?.value;
  }

  async setSetting(name: string, value: string): Promise<void> {
    await orUnavailable(NOT_KEPT, () =>
      this.writer
        .insertInto("settings")
        .values({ name, value })
        .onConflict((conflict) => conflict.column("name").doUpdateSet({ value }))
        .execute(),
    );
  }

  #transaction<T>(fn: (transaction: Kysely<Tables>) => Promise<T>): Promise<T> {
    return orUnavailable(NOT_KEPT, () => this.transaction(fn));
  }

  /** @returns the entry's id, which counts the changes. */
  async #audit(
    transaction: Kysely<Tables>,
    at: number,
    actor: Actor,
    action: AuditedAction,
    changes: PlannedChange[],
  ): Promise<number> {
    const detail = changes.length === 0 ? action.detail : { ...action.detail, changes };
    const entry = await transaction
      .insertInto("audit")
      .values({
        at,
        actor_kind: actor.kind,
        actor_id: actor.id,
        action: action.action,
        subject: action.subject,
        tenant_id: action.tenantId,
        detail: JSON.stringify(detail),
      })
      .returning("id")
      .executeTakeFirstOrThrow();
    return entry.id;
  }
}

const NOT_KEPT = "The store could not keep the change.";

function read<T>(run: () => Promise<T>): Promise<T> {
  return orUnavailable("The store could not be read.", run);
}

/** The last change that is on record. */
export async function lastRevision(db: Kysely<Tables>): Promise<number> {
  const row = await db
    .selectFrom("audit")
    .select((select) => select.fn.max("id").as("id"))
    .executeTakeFirst();
  return row?.id ?? 0;
}

function readCursor(cursor: string): number {
  const position = /^\d{1,15}$/.test(cursor) ? Number(cursor) : undefined;
  if (position === undefined)
    throw new GatewayError("invalid_request", "The cursor is not one of ours.", { param: "cursor" });
  return position;
}

function pageSize(limit: number): number {
  return Math.min(Math.max(Math.trunc(limit) || 1, 1), MAX_PAGE);
}

/** One row more than the page was asked for, to know whether there is a next one. */
function toPage<R, T>(rows: R[], size: number, position: (row: R) => number, read: (row: R) => T): Page<T> {
  const shown = rows.slice(0, size);
  const last = shown.at(-1);
  return { items: shown.map(read), next: rows.length > size && last !== undefined ? String(position(last)) : null };
}
