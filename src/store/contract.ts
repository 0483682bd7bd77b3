import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Clock } from "../kernel/clock.ts";
import type { RandomBytes } from "../kernel/id.ts";
import type { Actor, Administration, AuditedAction, DesiredState, KeyRow } from "../ports/administration.ts";
import type { Directory } from "../ports/directory.ts";

/**
 * What every store must keep, whatever it is made of. A store's own test calls this with a
 * way to open an empty one.
 */
export interface OpenStore {
  store: Directory & Administration;
  close(): Promise<void>;
}

export const ADMIN: Actor = { kind: "admin-token", id: "bootstrap" };
const SYSTEM: Actor = { kind: "system", id: "config" };
const APPLY: AuditedAction = { action: "config.apply", subject: "config", tenantId: null, detail: {} };

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

const team = (state: DesiredState, at = 0) => state.tenants[at]!.teams[0]!;
const application = (state: DesiredState, at = 0) => team(state, at).applications[0]!;

/** The suite. */
export function directoryContract(name: string, open: (clock: Clock, random: RandomBytes) => Promise<OpenStore>): void {
  describe(`${name} as directory and administration`, () => {
    let opened: OpenStore;
    let clock: ManualClock;
    const store = () => opened.store;

    beforeEach(async () => {
      clock = new ManualClock();
      opened = await open(clock, countedBytes());
    });
    afterEach(() => opened.close());

    const apply = (desired: DesiredState) => store().change(SYSTEM, APPLY, (writer) => writer.apply(desired));

    async function newKey(tenantName: string): Promise<KeyRow> {
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
    }

    const createKey = (key: KeyRow, digest = "digest-new") =>
      store().change(ADMIN, keyAction("key.create", key), (writer) => writer.createKey(key, digest));

    const revokeKey = (tenantId: string, id: string) =>
      store().change(ADMIN, { action: "key.revoke", subject: `key:${id}`, tenantId, detail: {} }, (writer) =>
        writer.revokeKey(tenantId, id, clock.now()),
      );

    describe("an empty store", () => {
      test("knows nobody and publishes nothing", async () => {
        expect(store().findPrincipal("digest-acme")).toBeUndefined();
        expect(store().catalog().models.size).toBe(0);
        expect(await store().applications()).toEqual([]);
        expect((await store().keys(null, null, 10)).items).toEqual([]);
        expect((await store().audit(null, 10)).items).toEqual([]);
      });
    });

    describe("apply", () => {
      test("publishes what is desired", async () => {
        await apply(desiredState());
        const catalog = store().catalog();
        const { keyFingerprint: _, ...account } = desiredState().providers[0]!;
        expect(catalog.providers.get("up")).toEqual(account);
        expect(catalog.models.get("small")).toEqual(desiredState().models[0]!);
        expect(catalog.patterns.map((model) => model.name)).toEqual(["up/ft:*", "up/*"]);
        expect(catalog.apis.get("chat/v1")).toEqual(desiredState().apis[0]!);
        expect(catalog.plans.get("free")).toEqual(desiredState().plans[0]!);
        expect(catalog.guardrails.get("words")).toEqual(desiredState().guardrails[0]!);
      });

      test("makes the principals of the keys it names", async () => {
        await apply(desiredState());
        expect(store().findPrincipal("digest-acme")).toMatchObject({
          key: { name: "ci", mode: "live" },
          tenant: { name: "acme" },
          team: { name: "research" },
          application: { name: "bot" },
          subscriptions: [{ api: "chat/v1", plan: "free", state: "approved" }],
          allowFrom: ["10.0.0.0/8"],
          expiresAt: null,
          revokedAt: null,
        });
      });

      test("twice changes nothing, audits nothing, and plans nothing", async () => {
        const made = await apply(desiredState());
        const catalog = store().catalog();
        const audit = await store().audit(null, 100);
        clock.time += 1000;
        const again = desiredState();
        again.providers[0]!.sealedKey = "the same key, sealed with another nonce";
        expect(made.length).toBeGreaterThan(10);
        expect(made.every((change) => change.verb === "create")).toBe(true);
        expect(await store().plan(again)).toEqual([]);
        expect(await apply(again)).toEqual([]);
        expect(store().catalog()).toBe(catalog);
        expect(await store().audit(null, 100)).toEqual(audit);
        expect(store().catalog().providers.get("up")?.sealedKey).toBe("sealed-1");
      });

      test("plans what it then does, and planning does nothing", async () => {
        const planned = await store().plan(desiredState());
        expect(store().findPrincipal("digest-acme")).toBeUndefined();
        expect(await store().applications()).toEqual([]);
        expect(await apply(desiredState())).toEqual(planned);
      });

      test("keeps the audit of what it did, in the entry itself", async () => {
        const changes = await apply(desiredState());
        const [entry] = (await store().audit(null, 1)).items;
        expect(entry).toMatchObject({ actor: SYSTEM, action: "config.apply", at: clock.now(), detail: { changes } });
      });

      const updates: [string, (state: DesiredState) => void, string[]][] = [
        ["a provider's address", (s) => (s.providers[0]!.baseUrl = "https://other/v1"), ["update provider up"]],
        [
          "a provider's key",
          (s) => Object.assign(s.providers[0]!, { sealedKey: "sealed-2", keyFingerprint: "print-2" }),
          ["update provider up"],
        ],
        ["a model's fallbacks", (s) => (s.models[0]!.fallbacks = s.models[0]!.targets), ["update model small"]],
        ["a plan's limits", (s) => (s.plans[0]!.limits = []), ["update plan free"]],
        ["an API's stage", (s) => (s.apis[0]!.stage = "retired"), ["update api chat/v1"]],
        ["a guardrail's phrases", (s) => (s.guardrails[0]!.phrases = ["other"]), ["update guardrail words"]],
        ["a member's roles", (s) => (team(s).members[0]!.roles = []), ["update member acme/research/ada@acme.example"]],
        ["a member who left", (s) => (team(s).members = []), ["remove member acme/research/ada@acme.example"]],
        [
          "a subscription's plan",
          (s) => (application(s).subscriptions[0]!.plan = "standard"),
          ["update subscription acme/research/bot to chat/v1"],
        ],
        [
          "a subscription that ended",
          (s) => (application(s).subscriptions = []),
          ["remove subscription acme/research/bot to chat/v1"],
        ],
        ["a key's addresses", (s) => (application(s).keys[0]!.allowFrom = []), ["update key acme/research/bot/ci"]],
        [
          "a key that was rotated",
          (s) => (application(s).keys[0]!.digest = "digest-rotated"),
          ["create key acme/research/bot/ci", "remove key acme/research/bot/ci"],
        ],
        [
          "a key that moved to another application",
          (s) => application(s, 1).keys.push(...application(s).keys.splice(0)),
          ["update key umbrella/research/hive/ci"],
        ],
        ["a model that is gone", (s) => s.models.pop(), ["remove model up/ft:*"]],
      ];
      for (const [what, edit, expected] of updates) {
        test(`follows ${what}, and nothing else`, async () => {
          await apply(desiredState());
          const edited = desiredState();
          edit(edited);
          const changes = await apply(edited);
          expect(changes.map((change) => `${change.verb} ${change.subject}`)).toEqual(expected);
          expect(await apply(edited)).toEqual([]);
        });
      }

      test("a rotated key replaces its predecessor at once", async () => {
        await apply(desiredState());
        const before = store().findPrincipal("digest-acme")!;
        const edited = desiredState();
        application(edited).keys[0]!.digest = "digest-rotated";
        clock.time += 5;
        await apply(edited);
        expect(store().findPrincipal("digest-acme")?.revokedAt).toBe(clock.now());
        expect(store().findPrincipal("digest-rotated")).toMatchObject({
          revokedAt: null,
          application: before.application,
        });
        expect(store().findPrincipal("digest-rotated")!.key.id).not.toBe(before.key.id);
      });

      test("removes a tenant with all that is in it: its keys are revoked, whoever made them", async () => {
        await apply(desiredState());
        const key = await newKey("acme");
        await createKey(key);
        const id = store().findPrincipal("digest-acme")!.tenant.id;
        const edited = desiredState();
        edited.tenants.shift();
        await apply(edited);
        expect(store().findPrincipal("digest-acme")?.revokedAt).not.toBeNull();
        expect(store().findPrincipal("digest-new")?.revokedAt).not.toBeNull();
        expect(store().findPrincipal("digest-acme")?.subscriptions).toEqual([]);
        expect((await store().applications()).map((row) => row.tenant.name)).toEqual(["umbrella"]);
        expect(store().findPrincipal("digest-umbrella")?.revokedAt).toBeNull();

        await apply(desiredState());
        expect(store().findPrincipal("digest-acme")).toMatchObject({ revokedAt: null, tenant: { id } });
        expect(store().findPrincipal("digest-acme")?.subscriptions).toHaveLength(1);
        expect(store().findPrincipal("digest-new")?.revokedAt).not.toBeNull();
      });

      test("leaves alone what the first start made", async () => {
        const first = desiredState();
        first.origin = "first-start";
        await apply(first);
        const other = {
          ...desiredState(),
          providers: [],
          models: [],
          guardrails: [],
          plans: [],
          apis: [],
          tenants: [],
        };
        expect(await apply(other)).toEqual([]);
        expect(store().findPrincipal("digest-acme")?.revokedAt).toBeNull();
        expect(store().catalog().providers.has("up")).toBe(true);
      });

      test("never brings back a key that an administrator revoked", async () => {
        await apply(desiredState());
        const { key, tenant } = store().findPrincipal("digest-acme")!;
        await revokeKey(tenant.id, key.id);
        expect(await apply(desiredState())).toEqual([]);
        expect(store().findPrincipal("digest-acme")?.revokedAt).toBe(clock.now());
      });

      test("never brings back a key that the file dropped and an administrator then revoked", async () => {
        await apply(desiredState());
        const { key, tenant } = store().findPrincipal("digest-acme")!;
        const without = desiredState();
        application(without).keys = [];
        await apply(without);
        await revokeKey(tenant.id, key.id);
        await apply(desiredState());
        expect(store().findPrincipal("digest-acme")?.revokedAt).not.toBeNull();
      });

      const broken: [string, (state: DesiredState) => void][] = [
        ["a model without its provider", (s) => (s.providers = [])],
        ["an API without its guardrail", (s) => (s.guardrails = [])],
        ["an API without its model", (s) => (s.models = [])],
      ];
      for (const [what, edit] of broken) {
        test(`refuses ${what}, and leaves everything as it was`, async () => {
          await apply(desiredState());
          const catalog = store().catalog();
          const edited = desiredState();
          edit(edited);
          await expect(apply(edited)).rejects.toMatchObject({ code: "conflict" });
          await expect(store().plan(edited)).rejects.toMatchObject({ code: "conflict" });
          expect(store().catalog()).toBe(catalog);
          expect(await store().plan(desiredState())).toEqual([]);
        });
      }

      test("refuses to remove an API that another's application is subscribed to", async () => {
        const first = desiredState();
        first.origin = "first-start";
        first.apis = [];
        first.plans = [];
        const config = { ...desiredState(), tenants: [] };
        await apply(config);
        await apply(first);
        await expect(apply({ ...config, apis: [] })).rejects.toMatchObject({
          code: "conflict",
          public: expect.stringContaining("acme/research/bot"),
        });
      });

      test("refuses a key that another application was issued", async () => {
        await apply(desiredState());
        await createKey(await newKey("umbrella"));
        const edited = desiredState();
        application(edited).keys[0]!.digest = "digest-new";
        await expect(apply(edited)).rejects.toMatchObject({ code: "conflict" });
      });
    });

    describe("a change", () => {
      test("is seen at once when it returns, and its entry with it", async () => {
        await apply(desiredState());
        expect(store().findPrincipal("digest-new")).toBeUndefined();
        const key = await newKey("acme");
        await createKey(key);
        expect(store().findPrincipal("digest-new")).toMatchObject({ key: { id: key.id } });
        expect(await store().key(key.tenantId, key.id)).toEqual(key);
        const [entry] = (await store().audit(null, 1)).items;
        expect(entry).toMatchObject({
          actor: ADMIN,
          action: "key.create",
          subject: `key:${key.id}`,
          tenantId: key.tenantId,
        });
      });

      test("that throws leaves neither the change nor an entry", async () => {
        await apply(desiredState());
        const key = await newKey("acme");
        const entries = (await store().audit(null, 100)).items.length;
        const revision = store().catalog().revision;
        const change = store().change(ADMIN, keyAction("key.create", key), async (writer) => {
          await writer.createKey(key, "digest-new");
          throw new Error("no");
        });
        await expect(change).rejects.toThrow("no");
        expect(await store().key(null, key.id)).toBeUndefined();
        expect(store().findPrincipal("digest-new")).toBeUndefined();
        expect((await store().audit(null, 100)).items).toHaveLength(entries);
        expect(store().catalog().revision).toBe(revision);
      });

      test("is invisible to look-ups until it is committed", async () => {
        await apply(desiredState());
        const key = await newKey("acme");
        await store().change(ADMIN, keyAction("key.create", key), async (writer) => {
          await writer.createKey(key, "digest-new");
          expect(store().findPrincipal("digest-new")).toBeUndefined();
          expect(await store().key(null, key.id)).toBeUndefined();
        });
        expect(store().findPrincipal("digest-new")).toBeDefined();
      });

      test("gives the catalog a later revision, and leaves the old catalog as it was", async () => {
        await apply(desiredState());
        const before = store().catalog();
        await createKey(await newKey("acme"));
        expect(store().catalog().revision).toBeGreaterThan(before.revision);
        const edited = desiredState();
        edited.apis[0]!.capture = true;
        await apply(edited);
        expect(before.apis.get("chat/v1")?.capture).toBe(false);
        expect(store().catalog().apis.get("chat/v1")?.capture).toBe(true);
      });

      test("waits for the one before it: fifty at once all happen, each with its entry", async () => {
        await apply(desiredState());
        const owner = await newKey("acme");
        const ids = Array.from({ length: 50 }, (_, i) => `key${String(i).padStart(9, "0")}`);
        await Promise.all(ids.map((id) => createKey({ ...owner, id }, `digest-${id}`)));
        expect(ids.filter((id) => store().findPrincipal(`digest-${id}`) === undefined)).toEqual([]);
        expect((await store().audit(null, 50)).items.every((entry) => entry.action === "key.create")).toBe(true);
      });
    });

    describe("a key", () => {
      test("is revoked at once, once, and is still found, so that authorization can tell", async () => {
        await apply(desiredState());
        const { key, tenant } = store().findPrincipal("digest-acme")!;
        expect(await revokeKey(tenant.id, key.id)).toBe(true);
        const at = clock.now();
        expect(store().findPrincipal("digest-acme")?.revokedAt).toBe(at);
        const entries = (await store().audit(null, 100)).items.length;
        clock.time += 1000;
        expect(await revokeKey(tenant.id, key.id)).toBe(true);
        expect(store().findPrincipal("digest-acme")?.revokedAt).toBe(at);
        expect((await store().audit(null, 100)).items).toHaveLength(entries);
      });

      test("that is expired is still found", async () => {
        const state = desiredState();
        application(state).keys[0]!.expiresAt = clock.now() - 1;
        await apply(state);
        expect(store().findPrincipal("digest-acme")?.expiresAt).toBe(clock.now() - 1);
      });

      const taken: [string, (key: KeyRow) => [KeyRow, string]][] = [
        ["the public id of another", (key) => [key, "digest-other"]],
        ["the digest of another", (key) => [{ ...key, id: "another00000" }, "digest-new"]],
      ];
      for (const [what, second] of taken) {
        test(`with ${what} is refused`, async () => {
          await apply(desiredState());
          const key = await newKey("acme");
          await createKey(key);
          const [row, digest] = second(key);
          await expect(createKey(row, digest)).rejects.toMatchObject({ code: "conflict" });
        });
      }
    });

    describe("a foreign tenant", () => {
      test("sees no key, revokes none, and makes none: it is answered as if there were nothing", async () => {
        await apply(desiredState());
        const acme = store().findPrincipal("digest-acme")!;
        const umbrella = store().findPrincipal("digest-umbrella")!;
        expect(await store().key(umbrella.tenant.id, acme.key.id)).toBeUndefined();
        expect((await store().keys(umbrella.tenant.id, null, 100)).items.map((key) => key.id)).toEqual([
          umbrella.key.id,
        ]);
        expect(await revokeKey(umbrella.tenant.id, acme.key.id)).toBe(false);
        expect(await revokeKey(umbrella.tenant.id, "nosuchkey000")).toBe(false);
        expect(store().findPrincipal("digest-acme")?.revokedAt).toBeNull();
        const stray: KeyRow = { ...(await newKey("acme")), tenantId: umbrella.tenant.id };
        await expect(createKey(stray)).rejects.toMatchObject({ code: "not_found" });
        expect(store().findPrincipal("digest-new")).toBeUndefined();
      });
    });

    describe("a page", () => {
      test("of keys comes newest first, each key once, with the next one's cursor", async () => {
        await apply({ ...desiredState(), tenants: [desiredState().tenants[0]!] });
        const owner = await newKey("acme");
        for (let i = 0; i < 5; i++) await createKey({ ...owner, id: `key${i}00000000` }, `digest-${i}`);
        const seen: string[] = [];
        let cursor: string | null = null;
        do {
          const page = await store().keys(owner.tenantId, cursor, 2);
          expect(page.items.length).toBeLessThanOrEqual(2);
          seen.push(...page.items.map((key) => key.id));
          cursor = page.next;
        } while (cursor !== null);
        expect(seen.slice(0, 5)).toEqual([4, 3, 2, 1, 0].map((i) => `key${i}00000000`));
        expect(new Set(seen).size).toBe(6);
      });

      for (const cursor of ["", "x", "-1", "1e3", "1; drop table keys"]) {
        test(`after the cursor ${JSON.stringify(cursor)} is refused`, async () => {
          await expect(store().keys(null, cursor, 10)).rejects.toMatchObject({
            code: "invalid_request",
            param: "cursor",
          });
          await expect(store().audit(cursor, 10)).rejects.toMatchObject({ code: "invalid_request" });
        });
      }
    });

    test("a setting is kept, replaced, and missing until it is set", async () => {
      expect(await store().setting("admin-token")).toBeUndefined();
      await store().setSetting("admin-token", "a");
      await store().setSetting("admin-token", "b");
      expect(await store().setting("admin-token")).toBe("b");
    });

    test("what is handed out cannot be changed by who gets it", async () => {
      await apply(desiredState());
      const principal = store().findPrincipal("digest-acme")!;
      expect(() => Object.assign(principal.tenant, { id: "other" })).toThrow(TypeError);
      expect(() => Object.assign(principal.subscriptions[0]!, { state: "rejected" })).toThrow(TypeError);
      expect(() => Object.assign(store().catalog().apis.get("chat/v1")!, { capture: true })).toThrow(TypeError);
    });

    for (const text of ["' OR 1=1 --", "digest-acme' --", "", "\0", "%", "digest-%"]) {
      test(`the look-up of ${JSON.stringify(text)} finds nobody`, async () => {
        await apply(desiredState());
        expect(store().findPrincipal(text)).toBeUndefined();
      });
    }
  });
}

function keyAction(action: string, key: KeyRow): AuditedAction {
  return { action, subject: `key:${key.id}`, tenantId: key.tenantId, detail: { name: key.name } };
}
