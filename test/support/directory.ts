import { afterEach, beforeEach } from "bun:test";
import type { Clock } from "../../src/kernel/clock.ts";
import type { RandomBytes } from "../../src/kernel/id.ts";
import type { Actor, Administration, AuditedAction, DesiredState, KeyRow } from "../../src/ports/administration.ts";
import type { Directory } from "../../src/ports/directory.ts";

/** A directory of some store, opened for one test. */
export interface OpenStore {
  store: Directory & Administration;
  close(): Promise<void>;
}

export const ADMIN: Actor = { kind: "admin-token", id: "bootstrap" };
export const SYSTEM: Actor = { kind: "system", id: "config" };
export const APPLY: AuditedAction = { action: "config.apply", subject: "config", tenantId: null, detail: {} };

/** A clock that moves only when told to. */
export class ManualClock implements Clock {
  time = Date.UTC(2026, 0, 1);
  now(): number {
    return this.time;
  }
  ticks(): number {
    return this.time;
  }
}

/** Bytes that repeat from run to run, and not within one. */
export function countedBytes(): RandomBytes {
  let state = 1;
  return (count) =>
    Uint8Array.from({ length: count }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return state >>> 16;
    });
}

/** Two tenants, one key each. */
export function desiredState(): DesiredState {
  return {
    origin: "config",
    providers: [
      {
        name: "up",
        kind: "openai-compatible",
        baseUrl: "https://llm.internal/v1",
        options: {},
        sealedKey: "sealed-1",
        keyFingerprint: "print-1",
        allowPrivateNetwork: true,
        prices: [{ model: "small-2026", inputPerMTokUsd: 0.15, outputPerMTokUsd: 0.6 }],
      },
    ],
    models: [
      { name: "small", targets: [{ provider: "up", model: "small-2026", weight: 1 }], fallbacks: [] },
      { name: "up/*", targets: [{ provider: "up", model: "*", weight: 1 }], fallbacks: [] },
      { name: "up/ft:*", targets: [{ provider: "up", model: "ft:*", weight: 1 }], fallbacks: [] },
    ],
    guardrails: [{ name: "words", kind: "phrases", phrases: ["secret plan"], action: "deny", direction: "both" }],
    plans: [
      { name: "free", limits: [{ dimension: "requests", window: "minute", amount: 10 }] },
      { name: "standard", limits: [] },
    ],
    apis: [
      {
        slug: "chat",
        version: "v1",
        stage: "published",
        deprecatedAt: null,
        sunsetAt: null,
        models: ["small", "up/*"],
        guardrails: ["words"],
        approval: "manual",
        capture: false,
      },
    ],
    tenants: [tenant("acme", "bot", "digest-acme"), tenant("umbrella", "hive", "digest-umbrella")],
  };
}

function tenant(name: string, application: string, digest: string): DesiredState["tenants"][number] {
  return {
    name,
    teams: [
      {
        name: "research",
        members: [{ email: `ada@${name}.example`, roles: ["developer"] }],
        applications: [
          {
            name: application,
            subscriptions: [{ api: "chat/v1", plan: "free", state: "approved" }],
            keys: [{ name: "ci", mode: "live", digest, publicId: null, allowFrom: ["10.0.0.0/8"], expiresAt: null }],
          },
        ],
      },
    ],
  };
}

export const teamOf = (state: DesiredState, at = 0) => state.tenants[at]!.teams[0]!;
export const applicationOf = (state: DesiredState, at = 0) => teamOf(state, at).applications[0]!;

/** Opens an empty store. */
export type OpenEmpty = (clock: Clock, random: RandomBytes) => Promise<OpenStore>;

/** An empty store for each test of the suite that calls this, and what tests do with it. */
export function useStore(open: OpenEmpty) {
  let opened: OpenStore;
  let clock: ManualClock;
  const store = () => opened.store;
  beforeEach(async () => {
    clock = new ManualClock();
    opened = await open(clock, countedBytes());
  });
  afterEach(() => opened.close());

  return {
    store,
    clock: () => clock,
    apply: (desired: DesiredState) => store().change(SYSTEM, APPLY, (writer) => writer.apply(desired)),
    async newKey(tenantName: string): Promise<KeyRow> {
      const owner = (await store().applications()).find((row) => row.tenant.name === tenantName)!;
      return {
        id: "0123456789ab",
        tenantId: owner.tenant.id,
        applicationId: owner.id,
        name: "new",
        mode: "live",
        createdAt: clock.now(),
        expiresAt: null,
        revokedAt: null,
        allowFrom: [],
      };
    },
    createKey: (key: KeyRow, digest = "digest-new") =>
      store().change(ADMIN, keyAction("key.create", key), (writer) => writer.createKey(key, digest)),
    revokeKey: (tenantId: string, id: string) =>
      store().change(ADMIN, { action: "key.revoke", subject: `key:${id}`, tenantId, detail: {} }, (writer) =>
        writer.revokeKey(tenantId, id, clock.now()),
      ),
  };
}

export function keyAction(action: string, key: KeyRow): AuditedAction {
  return { action, subject: `key:${key.id}`, tenantId: key.tenantId, detail: { name: key.name } };
}
