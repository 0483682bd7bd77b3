import { describe, expect, test } from "bun:test";
import { applicationOf, desiredState, type OpenEmpty, SYSTEM, teamOf, useStore } from "../../test/support/directory.ts";
import type { Limit } from "../kernel/limit.ts";
import type { DesiredState } from "../ports/administration.ts";

/** What `apply` must keep on every store: it follows what is desired, twice is once, and nothing is left half done. */
export function applyContract(name: string, open: OpenEmpty): void {
  describe(`${name}, when a desired state is applied`, () => {
    const { store, clock, apply, newKey, createKey, revokeKey } = useStore(open);

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
      expect(await store().findPrincipal("digest-acme")).toMatchObject({
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
      clock().time += 1000;
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

    test("keeps what an API lets its callers ask for", async () => {
      const state = desiredState();
      const parameters = {
        caps: { maxOutputTokens: 9, reasoning: "low" as const },
        allow: ["temperature"],
        tools: { allow: ["get_*"], serverSide: false },
        store: false as const,
      };
      Object.assign(state.apis[0]!, { parameters, remoteMedia: true, storedState: true });
      await apply(state);
      expect(store().catalog().apis.get("chat/v1")).toMatchObject({ parameters, remoteMedia: true, storedState: true });
      expect(await store().plan(state)).toEqual([]);
    });

    test("keeps what models cost a tenant, by its id, and forgets it when it is not desired any more", async () => {
      const prices = [{ model: "small-2026", provider: "up", inputPerMTokUsd: 3, outputPerMTokUsd: 4, from: 5 }];
      const state = desiredState();
      state.tenants[0]!.prices = prices;
      await apply(state);
      const { id, name } = (await store().findPrincipal("digest-acme"))!.tenant;
      expect([...store().catalog().tenantPrices!]).toEqual([[id, prices]]);
      expect(await store().plan(state)).toEqual([]);
      expect(await apply(desiredState())).toEqual([{ verb: "update", subject: `prices of tenant ${name}` }]);
      expect(store().catalog().tenantPrices!.size).toBe(0);
    });

    test("keeps what everybody may use, and in which calendar, and forgets it when it is not desired any more", async () => {
      const state = desiredState();
      const limit = (amount: number): Limit => ({ dimension: "requests", window: "day", amount });
      const tenant = state.tenants[0]!;
      const team = tenant.teams[0]!;
      const application = team.applications[0]!;
      const key = application.keys[0]!;
      Object.assign(tenant, { limits: [limit(1)], timeZone: "Europe/Berlin" });
      for (const [i, each] of [team, application, key, state.providers[0]!, state.models[0]!].entries()) {
        Object.assign(each, { limits: [limit(i + 2)] });
      }
      await apply(state);
      expect(await store().findPrincipal(key.digest)).toMatchObject({
        timeZone: "Europe/Berlin",
        limits: { tenant: [limit(1)], team: [limit(2)], application: [limit(3)], key: [limit(4)] },
        raises: [],
      });
      const { providers, models } = store().catalog();
      expect(providers.get("up")!.limits).toEqual([limit(5)]);
      expect(models.get("small")!.limits).toEqual([limit(6)]);
      expect(await apply(state)).toEqual([]);
      await apply(desiredState());
      const plain = await store().findPrincipal(key.digest);
      expect(plain).toMatchObject({ timeZone: "UTC", limits: { tenant: [], team: [], application: [], key: [] } });
      expect(store().catalog().models.get("small")!.limits).toBeUndefined();
    });

    test("keeps what a plan admits while shared counters are away", async () => {
      const state = desiredState();
      const [plan] = state.plans as [(typeof state.plans)[number]];
      await apply({ ...state, plans: [{ ...plan, whenStoreAway: { requests: 7 } }, ...state.plans.slice(1)] });
      expect(store().catalog().plans.get(plan.name)).toEqual({ ...plan, whenStoreAway: { requests: 7 } });
      await apply(state);
      expect(store().catalog().plans.get(plan.name)).toEqual(plan);
    });

    test("plans what it then does, and planning does nothing", async () => {
      const planned = await store().plan(desiredState());
      expect(await store().findPrincipal("digest-acme")).toBeUndefined();
      expect(await store().applications()).toEqual([]);
      expect(await apply(desiredState())).toEqual(planned);
    });

    test("keeps the audit of what it did, in the entry itself", async () => {
      const changes = await apply(desiredState());
      const [entry] = (await store().audit(null, 1)).items;
      expect(entry).toMatchObject({ actor: SYSTEM, action: "config.apply", at: clock().now(), detail: { changes } });
    });

    const updates: [string, (state: DesiredState) => void, string[]][] = [
      ["a provider's address", (s) => (s.providers[0]!.baseUrl = "https://other/v1"), ["update provider up"]],
      ["a provider's options", (s) => (s.providers[0]!.options = { region: "eu" }), ["update provider up"]],
      [
        "a provider's key",
        (s) => Object.assign(s.providers[0]!, { sealedKey: "sealed-2", keyFingerprint: "print-2" }),
        ["update provider up"],
      ],
      ["a model's fallbacks", (s) => (s.models[0]!.fallbacks = s.models[0]!.targets), ["update model small"]],
      ["a plan's limits", (s) => (s.plans[0]!.limits = []), ["update plan free"]],
      ["an API's parameters", (s) => (s.apis[0]!.parameters = { caps: { temperature: 1 } }), ["update api chat/v1"]],
      ["an API's stage", (s) => (s.apis[0]!.stage = "retired"), ["update api chat/v1"]],
      ["a guardrail's phrases", (s) => (s.guardrails[0]!.phrases = ["other"]), ["update guardrail words"]],
      ["a member's roles", (s) => (teamOf(s).members[0]!.roles = []), ["update member acme/research/ada@acme.example"]],
      ["a member who left", (s) => (teamOf(s).members = []), ["remove member acme/research/ada@acme.example"]],
      [
        "a subscription's plan",
        (s) => (applicationOf(s).subscriptions[0]!.plan = "standard"),
        ["update subscription acme/research/bot to chat/v1"],
      ],
      [
        "a subscription that ended",
        (s) => (applicationOf(s).subscriptions = []),
        ["remove subscription acme/research/bot to chat/v1"],
      ],
      ["a key's addresses", (s) => (applicationOf(s).keys[0]!.allowFrom = []), ["update key acme/research/bot/ci"]],
      [
        "a key that was rotated",
        (s) => (applicationOf(s).keys[0]!.digest = "digest-rotated"),
        ["create key acme/research/bot/ci", "remove key acme/research/bot/ci"],
      ],
      [
        "a key that moved to another application",
        (s) => applicationOf(s, 1).keys.push(...applicationOf(s).keys.splice(0)),
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
      const before = (await store().findPrincipal("digest-acme"))!;
      const edited = desiredState();
      applicationOf(edited).keys[0]!.digest = "digest-rotated";
      clock().time += 5;
      await apply(edited);
      expect((await store().findPrincipal("digest-acme"))?.revokedAt).toBe(clock().now());
      expect(await store().findPrincipal("digest-rotated")).toMatchObject({
        revokedAt: null,
        application: before.application,
      });
      expect((await store().findPrincipal("digest-rotated"))!.key.id).not.toBe(before.key.id);
    });

    test("removes a tenant with all that is in it: its keys are revoked, whoever made them", async () => {
      await apply(desiredState());
      const key = await newKey("acme");
      await createKey(key);
      const id = (await store().findPrincipal("digest-acme"))!.tenant.id;
      const edited = desiredState();
      edited.tenants.shift();
      await apply(edited);
      expect((await store().findPrincipal("digest-acme"))?.revokedAt).not.toBeNull();
      expect((await store().findPrincipal("digest-new"))?.revokedAt).not.toBeNull();
      expect((await store().findPrincipal("digest-acme"))?.subscriptions).toEqual([]);
      expect((await store().applications()).map((row) => row.tenant.name)).toEqual(["umbrella"]);
      expect((await store().findPrincipal("digest-umbrella"))?.revokedAt).toBeNull();

      await apply(desiredState());
      expect(await store().findPrincipal("digest-acme")).toMatchObject({ revokedAt: null, tenant: { id } });
      expect((await store().findPrincipal("digest-acme"))?.subscriptions).toHaveLength(1);
      expect((await store().findPrincipal("digest-new"))?.revokedAt).not.toBeNull();
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
      expect((await store().findPrincipal("digest-acme"))?.revokedAt).toBeNull();
      expect(store().catalog().providers.has("up")).toBe(true);
    });

    test("never brings back a key that an administrator revoked", async () => {
      await apply(desiredState());
      const { key, tenant } = (await store().findPrincipal("digest-acme"))!;
      await revokeKey(tenant.id, key.id);
      expect(await apply(desiredState())).toEqual([]);
      expect((await store().findPrincipal("digest-acme"))?.revokedAt).toBe(clock().now());
    });

    test("never brings back a key that the file dropped and an administrator then revoked", async () => {
      await apply(desiredState());
      const { key, tenant } = (await store().findPrincipal("digest-acme"))!;
      const without = desiredState();
      applicationOf(without).keys = [];
      await apply(without);
      await revokeKey(tenant.id, key.id);
      await apply(desiredState());
      expect((await store().findPrincipal("digest-acme"))?.revokedAt).not.toBeNull();
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
      applicationOf(edited).keys[0]!.digest = "digest-new";
      await expect(apply(edited)).rejects.toMatchObject({ code: "conflict" });
    });
  });
}
