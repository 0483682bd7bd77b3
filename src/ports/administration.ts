import type { Raise, Subscription } from "../domain/access/principal.ts";
import type { KeyMode } from "../domain/access/virtual-key.ts";
import type { Api, CatalogModel, Guardrail, HealthCheck, Plan, Price, TenantPrice } from "../domain/catalog/catalog.ts";
import type { JsonObject } from "../kernel/json.ts";
import type { Limit } from "../kernel/limit.ts";
import type { AccountOptions } from "../spec/adapter.ts";
import type { Actor } from "./actor.ts";
import type { LimitDecision, LimitRequestQuery, LimitRequestRow } from "./limit-requests.ts";

export type { Actor } from "./actor.ts";

/** What a change is called in the audit log, and what it was about. Never a secret. */
export interface AuditedAction {
  /** `key.create`, `config.apply`, … */
  action: string;
  /** `key:abc123` */
  subject: string;
  tenantId: string | null;
  detail: JsonObject;
}

export interface AuditEntry extends AuditedAction {
  id: number;
  at: number;
  actor: Actor;
}

export interface KeyRow {
  /** The key's public id. */
  id: string;
  tenantId: string;
  applicationId: string;
  name: string;
  mode: KeyMode;
  createdAt: number;
  expiresAt: number | null;
  revokedAt: number | null;
  allowFrom: string[];
  /** What it may use, beside the plans of its application; none where absent. */
  limits?: Limit[];
}

/** Someone who is charged, and what limits them. */
export interface LimitedScope {
  /** `tenant:ten_…`, `key:…` */
  scope: string;
  name: string;
  /** Null for what belongs to no tenant. */
  tenantId: string | null;
  /** Of which it is a part; absent above applications. */
  applicationId?: string;
  /** IANA time zone of its periods. */
  zone: string;
  limits: readonly Limit[];
  /** What was granted above them. */
  raises?: readonly Raise[];
}

export interface ApplicationRow {
  id: string;
  name: string;
  tenant: { id: string; name: string };
  team: { id: string; name: string };
}

export interface ProviderRow {
  name: string;
  kind: string;
  baseUrl: string | null;
  options: AccountOptions;
  sealedKey: string | null;
  /**
   * The vault's fingerprint of the key. Sealing the same key twice gives two ciphertexts, so
   * this tells whether it changed: where it is equal, the stored ciphertext stays.
   */
  keyFingerprint: string | null;
  allowPrivateNetwork: boolean;
  prices: Price[];
  region?: string;
  dataHandling?: string[];
  healthCheck?: HealthCheck;
  limits?: readonly Limit[];
}

/** Who made a thing: the configuration file, the very first start without one, or an administrator. */
export type Origin = "config" | "first-start" | "admin";

/**
 * The directory as the configuration file declares it. Things are matched by name: what is
 * there is changed, what is missing is made; what the same origin once made and no longer
 * names is removed. What was made by other means stays.
 *
 * Keys are matched by digest and revoked, never removed. A key that an administrator revoked
 * stays revoked, whatever the file says; one that was revoked because the file no longer
 * named it works again when the file names it again.
 */
export interface DesiredState {
  origin: Origin;
  providers: ProviderRow[];
  models: CatalogModel[];
  guardrails: Guardrail[];
  plans: Plan[];
  apis: Api[];
  tenants: {
    name: string;
    /** None where absent. */
    prices?: TenantPrice[];
    /** None where absent. */
    limits?: Limit[];
    /** UTC where absent. */
    timeZone?: string;
    teams: {
      name: string;
      limits?: Limit[];
      members: { email: string; roles: string[] }[];
      applications: {
        name: string;
        limits?: Limit[];
        subscriptions: { api: string; plan: string; state: Subscription["state"] }[];
        keys: DesiredKey[];
      }[];
    }[];
  }[];
}

export interface DesiredKey {
  name: string;
  mode: KeyMode;
  /** HMAC of the imported key. */
  digest: string;
  /** The public id of a key in our own format; otherwise one is made from the digest. */
  publicId: string | null;
  allowFrom: string[];
  expiresAt: number | null;
  /** None where absent. */
  limits?: Limit[];
}

/** One line of a plan: what `apply` would do, or did. */
export interface PlannedChange {
  verb: "create" | "update" | "remove";
  /** `api chat/v1` */
  subject: string;
}

/** The writes of one change. All of it is committed with its audit entry, or nothing. */
export interface DirectoryWriter {
  /** Writes nothing but the audit entry: of something that was done elsewhere. */
  note(): void;
  createKey(key: KeyRow, digest: string): Promise<void>;
  /** False when there is no such key in this tenant. Revoking twice changes nothing and is true. */
  revokeKey(tenantId: string, keyId: string, at: number): Promise<boolean>;
  /** @throws GatewayError not_found where the tenant's application has no such scope. */
  createLimitRequest(request: LimitRequestRow): Promise<void>;
  /** False when there is no such request in this tenant. @throws GatewayError conflict where somebody has decided already. */
  decideLimitRequest(tenantId: string, id: string, decision: LimitDecision): Promise<boolean>;
  /**
   * Takes a request back, and with it what was granted. False when there is no such request in this tenant;
   * withdrawing twice changes nothing and is true. @throws GatewayError conflict where it was rejected.
   */
  withdrawLimitRequest(tenantId: string, id: string, at: number): Promise<boolean>;
  /** Brings the directory to the desired state; applying twice changes nothing. */
  apply(desired: DesiredState): Promise<PlannedChange[]>;
}

export interface Page<T> {
  items: T[];
  next: string | null;
}

/** What the control plane asks of the store. Every tenant-owned method takes the tenant first. */
export interface Administration {
  /**
   * Runs `fn` in one transaction that also writes the audit entry. When it returns, every
   * look-up of the data plane on this node sees the change. Where `fn` changed nothing,
   * there is no entry either. What `apply` did is added to the entry's detail as `changes`.
   * Changes wait for one another: `fn` must not begin another one.
   * @throws GatewayError conflict where the result would not hold together, not_found for a foreign or missing thing.
   */
  change<T>(actor: Actor, action: AuditedAction, fn: (writer: DirectoryWriter) => Promise<T>): Promise<T>;
  /** What `apply` would do, without doing it. */
  plan(desired: DesiredState): Promise<PlannedChange[]>;
  applications(): Promise<ApplicationRow[]>;
  /** Of one application, in the order in which they were made. */
  subscriptions(applicationId: string): Promise<Subscription[]>;
  keys(tenantId: string | null, cursor: string | null, limit: number): Promise<Page<KeyRow>>;
  key(tenantId: string | null, id: string): Promise<KeyRow | undefined>;
  audit(cursor: string | null, limit: number): Promise<Page<AuditEntry>>;
  /** Newest first. */
  limitRequests(
    tenantId: string | null,
    query: LimitRequestQuery,
    cursor: string | null,
    limit: number,
  ): Promise<Page<LimitRequestRow>>;
  limitRequest(tenantId: string | null, id: string): Promise<LimitRequestRow | undefined>;
  /** A scope of a tenant, and everyone who pays as well for what is charged to it; itself first. Empty where there is no such thing. */
  chargedScopes(scope: string): Promise<LimitedScope[]>;
  /** A value that this installation keeps for itself: digest of the admin token, whether it has started before. */
  setting(name: string): Promise<string | undefined>;
  setSetting(name: string, value: string): Promise<void>;
}
