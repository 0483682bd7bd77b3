import { describe, expect, test } from "bun:test";
import { ADMIN, desiredState, type OpenEmpty, useStore } from "../../test/support/directory.ts";
import type { Limit } from "../kernel/limit.ts";
import type { LimitDecision, LimitRequestRow } from "../ports/limit-requests.ts";

const perMinute = (amount: number): Limit => ({ dimension: "requests", window: "minute", amount });

/** What every directory must keep of requests for higher limits, and of what was granted. */
export function limitRequestsContract(name: string, open: OpenEmpty): void {
  describe(`${name}, asked for more`, () => {
    const { store, clock, apply, newKey, createKey } = useStore(open);
    const principal = async (digest = "digest-acme") => (await store().findPrincipal(digest))!;

    /** A request for a scope of acme's application; its subscription unless told otherwise. */
    async function requestFor(over: Partial<LimitRequestRow> = {}): Promise<LimitRequestRow> {
      const { tenant, application, subscriptions } = await principal();
      return {
        id: "lreq_1",
        tenantId: tenant.id,
        applicationId: application.id,
        scope: `subscription:${subscriptions[0]!.id}`,
        limit: perMinute(50),
        until: null,
        reason: "a launch",
        state: "requested",
        createdAt: clock().now(),
        createdBy: ADMIN,
        decision: null,
        withdrawnAt: null,
        ...over,
      };
    }
    const action = (request: LimitRequestRow) => ({
      ...{ action: "limit-request.test", subject: `limit-request:${request.id}` },
      ...{ tenantId: request.tenantId, detail: {} },
    });
    const create = (request: LimitRequestRow) =>
      store().change(ADMIN, action(request), (writer) => writer.createLimitRequest(request));
    const granting = (limit: Limit, until: number | null = null): LimitDecision => {
      return { at: clock().now(), by: ADMIN, note: "until the launch", granted: { limit, until }, repeatId: null };
    };
    const decide = (request: LimitRequestRow, decision: LimitDecision) =>
      store().change(ADMIN, action(request), (writer) =>
        writer.decideLimitRequest(request.tenantId, request.id, decision),
      );
    const withdraw = (request: LimitRequestRow) =>
      store().change(ADMIN, action(request), (writer) =>
        writer.withdrawLimitRequest(request.tenantId, request.id, clock().now()),
      );

    test("an application's subscriptions are told, and nobody else's", async () => {
      await apply(desiredState());
      const { application, subscriptions } = await principal();
      expect(await store().subscriptions(application.id)).toEqual([...subscriptions]);
      expect(await store().subscriptions("app_nobody")).toEqual([]);
    });

    test("a request is kept as it was made, and raises nothing", async () => {
      await apply(desiredState());
      const request = await requestFor({ until: clock().now() + 5 });
      await create(request);
      expect(await store().limitRequest(null, request.id)).toEqual(request);
      expect((await principal()).raises).toEqual([]);
    });

    test("what is granted is the principal's when the change returns, and gone when it is withdrawn", async () => {
      await apply(desiredState());
      const request = await requestFor();
      await create(request);
      expect((await principal()).raises).toEqual([]);
      const decision = granting(perMinute(40), clock().now() + 5);
      expect(await decide(request, decision)).toBe(true);
      const raise = { scope: request.scope, limit: perMinute(40), until: clock().now() + 5 };
      expect((await principal()).raises).toEqual([raise]);
      expect((await store().chargedScopes(request.scope))[0]).toMatchObject({ scope: request.scope, raises: [raise] });
      expect(await store().limitRequest(null, request.id)).toEqual({ ...request, state: "approved", decision });
      clock().time += 1;
      expect(await withdraw(request)).toBe(true);
      expect((await principal()).raises).toEqual([]);
      const kept = await store().limitRequest(null, request.id);
      expect(kept).toEqual({ ...request, state: "withdrawn", decision, withdrawnAt: clock().now() });
    });

    test("what is rejected raises nothing, and cannot be withdrawn", async () => {
      await apply(desiredState());
      const request = await requestFor();
      await create(request);
      const decision: LimitDecision = { ...granting(perMinute(1)), granted: null };
      expect(await decide(request, decision)).toBe(true);
      expect((await principal()).raises).toEqual([]);
      expect(await store().limitRequest(null, request.id)).toEqual({ ...request, state: "rejected", decision });
      await expect(withdraw(request)).rejects.toMatchObject({ code: "conflict" });
    });

    test("there is one decision: of ten at once one is made, with one entry", async () => {
      await apply(desiredState());
      const request = await requestFor();
      await create(request);
      const entries = (await store().audit(null, 100)).items.length;
      const all = Array.from({ length: 10 }, (_, i) =>
        decide(request, i % 2 === 0 ? granting(perMinute(20 + i)) : { ...granting(perMinute(1)), granted: null }),
      );
      const codes = (await Promise.allSettled(all)).map((each) =>
        each.status === "fulfilled" ? "made" : each.reason.code,
      );
      expect(codes.sort()).toEqual([...Array(9).fill("conflict"), "made"]);
      expect((await store().audit(null, 100)).items).toHaveLength(entries + 1);
    });

    test("withdrawing twice changes nothing and leaves no second entry", async () => {
      await apply(desiredState());
      const request = await requestFor();
      await create(request);
      await withdraw(request);
      const entries = (await store().audit(null, 100)).items.length;
      clock().time += 1;
      expect(await withdraw(request)).toBe(true);
      expect((await store().audit(null, 100)).items).toHaveLength(entries);
      expect((await store().limitRequest(null, request.id))?.withdrawnAt).toBe(clock().now() - 1);
      await expect(decide(request, granting(perMinute(20)))).rejects.toMatchObject({ code: "conflict" });
    });

    test("a raise of a key is that key's alone, one of an application all its keys'", async () => {
      await apply(desiredState());
      await createKey(await newKey("acme"));
      const { key, application } = await principal();
      for (const [id, scope] of [
        ["lreq_1", `key:${key.id}`],
        ["lreq_2", `application:${application.id}`],
      ] as const) {
        const request = await requestFor({ id, scope });
        await create(request);
        await decide(request, granting(perMinute(40)));
      }
      const scopes = async (digest: string) => (await principal(digest)).raises.map(({ scope }) => scope).sort();
      expect(await scopes("digest-acme")).toEqual([`application:${application.id}`, `key:${key.id}`]);
      expect(await scopes("digest-new")).toEqual([`application:${application.id}`]);
      expect(await scopes("digest-umbrella")).toEqual([]);
    });

    test("applying the configuration leaves requests and raises as they are, twice", async () => {
      await apply(desiredState());
      const request = await requestFor();
      await create(request);
      await decide(request, granting(perMinute(40)));
      const kept = await store().limitRequest(null, request.id);
      const edited = desiredState();
      edited.plans[0]!.limits = [perMinute(12)];
      await apply(edited);
      await apply(desiredState());
      expect(await store().limitRequest(null, request.id)).toEqual(kept!);
      expect((await principal()).raises).toHaveLength(1);
      expect(await store().plan(desiredState())).toEqual([]);
    });

    test("a foreign tenant asks for nobody, sees nothing and decides nothing, as if there were nothing", async () => {
      await apply(desiredState());
      const { tenant, application, key, subscriptions } = await principal("digest-umbrella");
      const request = await requestFor();
      await create(request);
      const foreign = { ...request, tenantId: tenant.id };
      expect(await store().limitRequest(tenant.id, request.id)).toBeUndefined();
      expect((await store().limitRequests(tenant.id, { now: 0 }, null, 10)).items).toEqual([]);
      expect(await decide(foreign, granting(perMinute(40)))).toBe(false);
      expect(await withdraw(foreign)).toBe(false);
      expect((await store().limitRequest(null, request.id))?.state).toBe("requested");
      const strays: Partial<LimitRequestRow>[] = [
        { tenantId: tenant.id },
        { tenantId: tenant.id, applicationId: application.id },
        { scope: `application:${application.id}` },
        { scope: `key:${key.id}` },
        { scope: `subscription:${subscriptions[0]!.id}` },
        { scope: "key:nosuchkey000" },
        { scope: `tenant:${request.tenantId}` },
      ];
      for (const stray of strays) {
        await expect(create({ ...request, id: "lreq_2", ...stray })).rejects.toMatchObject({ code: "not_found" });
      }
    });

    test("an id is given once", async () => {
      await apply(desiredState());
      await create(await requestFor());
      await expect(create(await requestFor({ reason: "another" }))).rejects.toMatchObject({ code: "conflict" });
    });

    test("requests are listed newest first, page by page, by tenant and by what has become of them", async () => {
      await apply(desiredState());
      const now = clock().now();
      const made = ["lreq_a", "lreq_b", "lreq_c", "lreq_d", "lreq_e"];
      for (const id of made) await create(await requestFor({ id }));
      await decide(await requestFor({ id: "lreq_a" }), granting(perMinute(40)));
      await decide(await requestFor({ id: "lreq_b" }), granting(perMinute(40), now + 1));
      await decide(await requestFor({ id: "lreq_c" }), { ...granting(perMinute(1)), granted: null });
      await withdraw(await requestFor({ id: "lreq_d" }));
      const { tenantId } = await requestFor();
      const idsOf = async (state?: "approved" | "expired" | "requested" | "rejected" | "withdrawn", at = now) =>
        (await store().limitRequests(tenantId, { now: at, ...(state && { state }) }, null, 10)).items.map(
          ({ id }) => id,
        );
      expect(await idsOf()).toEqual([...made].reverse());
      expect(await idsOf("approved")).toEqual(["lreq_b", "lreq_a"]);
      expect(await idsOf("approved", now + 1)).toEqual(["lreq_a"]);
      expect(await idsOf("expired", now + 1)).toEqual(["lreq_b"]);
      expect(await idsOf("rejected")).toEqual(["lreq_c"]);
      expect(await idsOf("withdrawn")).toEqual(["lreq_d"]);
      expect(await idsOf("requested")).toEqual(["lreq_e"]);
      const first = await store().limitRequests(null, { now }, null, 3);
      const second = await store().limitRequests(null, { now }, first.next, 3);
      expect([...first.items, ...second.items].map(({ id }) => id)).toEqual([...made].reverse());
      expect(second.next).toBeNull();
      await expect(store().limitRequests(null, { now }, "x", 3)).rejects.toMatchObject({ param: "cursor" });
    });
  });
}
