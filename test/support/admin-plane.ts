import { tokenDigest, tokenVerifier } from "../../src/admin/authenticate.ts";
import { OPERATIONS } from "../../src/admin/operations.ts";
import { type AdminDependencies, createAdminPlane } from "../../src/admin/plane.ts";
import type { Subscription } from "../../src/domain/access/principal.ts";
import { keyDigest } from "../../src/domain/access/virtual-key.ts";
import type { Catalog } from "../../src/domain/catalog/catalog.ts";
import { GatewayError } from "../../src/errors.ts";
import type { Limit } from "../../src/kernel/limit.ts";
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
} from "../../src/ports/administration.ts";
import type { LimitRequestQuery, LimitRequestRow } from "../../src/ports/limit-requests.ts";
import type { LogFields, LogLevel } from "../../src/ports/log.ts";
import type { RecordPage, RecordQuery, UsageRecord } from "../../src/ports/records.ts";
import { MemoryMeter } from "../../src/store/memory/meter.ts";
import { MemoryEvents } from "./memory-events.ts";
import { MemoryJournal } from "./memory-journal.ts";

export const ADMIN_TOKEN = "test-admin-token-0123456789";
export const NOW = Date.UTC(2026, 10, 22, 12);

const PEPPER = new Uint8Array(32).fill(7);
const EMPTY: Catalog = {
  revision: 3,
  providers: new Map(),
  models: new Map(),
  patterns: [],
  apis: new Map(),
  plans: new Map(),
  guardrails: new Map(),
};

export const BOT: ApplicationRow = {
  id: "app_bot",
  name: "bot",
  team: { id: "team_research", name: "research" },
  tenant: { id: "ten_acme", name: "acme" },
};
export const CRAWLER: ApplicationRow = {
  id: "app_crawler",
  name: "crawler",
  team: { id: "team_search", name: "search" },
  tenant: { id: "ten_other", name: "other" },
};

/** An Administration in memory that commits like a store: the writes of one change and its entry, or nothing. */
export class MemoryAdministration implements Administration {
  rows: KeyRow[] = [];
  digests = new Map<string, string>();
  requests: LimitRequestRow[] = [];
  entries: AuditEntry[] = [];
  apps: ApplicationRow[] = [BOT, CRAWLER];
  /** By scope. */
  limits = new Map<string, Limit[]>();
  /** Set to let the next commit fail. */
  broken: Error | undefined;

  #last: Promise<unknown> = Promise.resolve();

  /** One change at a time, as in a store. */
  change<T>(actor: Actor, action: AuditedAction, fn: (writer: DirectoryWriter) => Promise<T>): Promise<T> {
    const result = this.#last.then(() => this.#commit(actor, action, fn));
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #commit<T>(actor: Actor, action: AuditedAction, fn: (writer: DirectoryWriter) => Promise<T>): Promise<T> {
    const rows = this.rows.map((row) => ({ ...row }));
    const digests = new Map(this.digests);
    const requests = this.requests.map((row) => ({ ...row }));
    const requestOf = (tenantId: string, id: string) =>
      requests.find((row) => row.id === id && row.tenantId === tenantId);
    let idle = false;
    const writer: DirectoryWriter = {
      createKey: async (key, digest) => {
        if (rows.some(({ id }) => id === key.id)) throw new GatewayError("conflict", "There is such a key already.");
        rows.push({ ...key });
        digests.set(key.id, digest);
      },
      revokeKey: async (tenantId, keyId, at) => {
        const row = rows.find((candidate) => candidate.id === keyId && candidate.tenantId === tenantId);
        if (row === undefined) return false;
        row.revokedAt ??= at;
        return true;
      },
      note: () => {},
      createLimitRequest: async (request) => {
        if (requests.some(({ id }) => id === request.id))
          throw new GatewayError("conflict", "There is such a request already.");
        requests.unshift(request);
      },
      decideLimitRequest: async (tenantId, id, decision) => {
        const row = requestOf(tenantId, id);
        if (row === undefined) return false;
        if (row.state !== "requested") throw new GatewayError("conflict", `The request is ${row.state} already.`);
        Object.assign(row, { decision, state: decision.granted === null ? "rejected" : "approved" });
        return true;
      },
      withdrawLimitRequest: async (tenantId, id, at) => {
        const row = requestOf(tenantId, id);
        if (row === undefined) return false;
        if (row.state === "rejected") throw new GatewayError("conflict", "The request is rejected already.");
        idle = row.state === "withdrawn";
        if (!idle) Object.assign(row, { state: "withdrawn", withdrawnAt: at });
        return true;
      },
      apply: (_desired: DesiredState): Promise<PlannedChange[]> => Promise.reject(new Error("not in this test")),
    };
    const result = await fn(writer);
    if (this.broken !== undefined) throw this.broken;
    this.rows = rows;
    this.digests = digests;
    this.requests = requests;
    if (idle) return result;
    this.entries.unshift({ ...action, id: this.entries.length + 1, at: NOW, actor });
    return result;
  }

  plan = (): Promise<PlannedChange[]> => Promise.reject(new Error("not in this test"));
  applications = async () => [...this.apps];
  subscriptions = async (applicationId: string): Promise<Subscription[]> =>
    applicationId === BOT.id ? [{ id: "sub_1", api: "chat/v1", plan: "free", state: "approved" }] : [];
  keys = async (tenantId: string | null, cursor: string | null, limit: number) =>
    pageOf(
      this.rows.filter((row) => tenantId === null || row.tenantId === tenantId),
      cursor,
      limit,
    );
  key = async (tenantId: string | null, id: string) =>
    this.rows.find((row) => row.id === id && (tenantId === null || row.tenantId === tenantId));
  chargedScopes = async (scope: string): Promise<LimitedScope[]> => {
    const [kind, id] = scope.split(":") as [string, string];
    const of = (scope: string, name: string, applicationId: string): LimitedScope => ({
      ...{ scope, name, applicationId, tenantId: BOT.tenant.id, zone: "Europe/Berlin" },
      limits: this.limits.get(scope) ?? [],
      raises: this.requests.flatMap((row) =>
        row.scope === scope && row.state === "approved" ? [{ scope, ...row.decision!.granted! }] : [],
      ),
    });
    const { applicationId: _, ...tenant } = of(`tenant:${BOT.tenant.id}`, BOT.tenant.name, "");
    if (kind === "tenant" && id === BOT.tenant.id) return [tenant];
    const application = of(`application:${BOT.id}`, BOT.name, BOT.id);
    if (kind === "application" && id === BOT.id) return [application, tenant];
    const key = this.rows.find((row) => kind === "key" && row.id === id);
    if (key !== undefined) return [of(scope, key.name, key.applicationId), application, tenant];
    const subscribed = kind === "subscription" && this.limits.has(scope);
    return subscribed ? [of(scope, "chat/v1 under free", BOT.id), application, tenant] : [];
  };
  limitRequests = async (tenantId: string | null, query: LimitRequestQuery, cursor: string | null, limit: number) =>
    pageOf(
      this.requests.filter((row) => (tenantId === null || row.tenantId === tenantId) && isIn(row, query)),
      cursor,
      limit,
    );
  limitRequest = async (tenantId: string | null, id: string) =>
    this.requests.find((row) => row.id === id && (tenantId === null || row.tenantId === tenantId));
  audit = async (cursor: string | null, limit: number) => pageOf(this.entries, cursor, limit);
  setting = async () => undefined;
  setSetting = async () => undefined;
}

function isIn({ state, decision }: LimitRequestRow, query: LimitRequestQuery): boolean {
  const over = state === "approved" && (decision?.granted?.until ?? Number.POSITIVE_INFINITY) <= query.now;
  return query.state === undefined || query.state === (over ? "expired" : state);
}

function pageOf<T>(all: readonly T[], cursor: string | null, limit: number): Page<T> {
  const from = cursor === null ? 0 : Number(cursor);
  if (!Number.isInteger(from)) throw new GatewayError("invalid_request", "cursor is not one that a page gave");
  const items = all.slice(from, from + limit);
  return { items, next: from + items.length < all.length ? String(from + items.length) : null };
}

export interface LogLine {
  level: LogLevel;
  message: string;
  fields: LogFields | undefined;
}

/** An admin plane over memory, with everything that a test wants to look at or turn. */
export function adminPlane(overrides: Partial<AdminDependencies> = {}) {
  const administration = new MemoryAdministration();
  const records: UsageRecord[] = [];
  const log: LogLine[] = [];
  const events = new MemoryEvents();
  const clock = { wall: NOW };
  const journal = new MemoryJournal();
  const meter = new MemoryMeter(journal, { now: () => clock.wall, ticks: () => clock.wall - NOW });
  const deps: AdminDependencies = {
    administration,
    records: {
      page: async (query) => pageOfRecords(records, query),
      recordOf: async (id) => records.find((each) => each.id === id),
    },
    meter,
    events,
    ledger: { admitted: (since, until) => journal.admitted(since, until), recount: (mend) => meter.recount(mend) },
    directory: { catalog: () => EMPTY },
    trial: () => Promise.reject(new Error("not in this test")),
    clock: { now: () => clock.wall, ticks: () => clock.wall - NOW },
    random: (count) => crypto.getRandomValues(new Uint8Array(count)),
    log: { write: (level, message, fields) => void log.push({ level, message, fields }) },
    keyPepper: PEPPER,
    idempotencyPepper: new Uint8Array(32).fill(8),
    version: "0.0.0-test",
    startedAt: NOW - 90_500,
    verifyToken: tokenVerifier(PEPPER, tokenDigest(PEPPER, ADMIN_TOKEN)),
    badTokens: { refuse: (_address, message) => new GatewayError("invalid_credential", message) },
    operations: OPERATIONS,
    ...overrides,
  };
  const plane = createAdminPlane(deps);
  const call = async (method: string, path: string, options: CallOptions = {}) => {
    const response = await plane.handle(adminRequest(method, path, options), { address: "127.0.0.1" });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: text === "" ? undefined : JSON.parse(text),
    };
  };
  return {
    deps,
    plane,
    administration,
    records,
    events,
    log,
    clock,
    meter,
    call,
    digestOf: (text: string) => keyDigest(PEPPER, text),
  };
}

export interface CallOptions {
  /** Absent: the admin token. null: no credential. */
  token?: string | null;
  /** A text goes as it is. */
  body?: unknown;
  headers?: Record<string, string>;
}

export function adminRequest(method: string, path: string, options: CallOptions = {}): Request {
  const { token = ADMIN_TOKEN, body } = options;
  return new Request(`http://127.0.0.1:8081${path}`, {
    method,
    headers: {
      host: "127.0.0.1:8081",
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...options.headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
}

function pageOfRecords(all: readonly UsageRecord[], query: RecordQuery): RecordPage {
  const matching = all.filter(
    (record) =>
      (query.id === undefined || record.id === query.id) &&
      (query.tenantId === undefined || record.tenantId === query.tenantId) &&
      (query.keyId === undefined || record.keyId === query.keyId) &&
      (query.outcome === undefined || record.outcome === query.outcome),
  );
  const page = pageOf(matching, query.cursor ?? null, query.limit);
  return { records: page.items, next: page.next };
}
