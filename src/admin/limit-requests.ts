import { z } from "zod";
import { type LimitRow, limit as limitRow, limitsOf, rowOf } from "../config/limits.ts";
import { burstOf, isMore, isOfKind, limitsInForce } from "../domain/plans/in-force.ts";
import { GatewayError } from "../errors.ts";
import type { JsonObject } from "../kernel/json.ts";
import type { Limit } from "../kernel/limit.ts";
import { formatUsd } from "../kernel/money.ts";
import type { LimitedScope } from "../ports/administration.ts";
import type { LimitDecision, LimitRequestRow } from "../ports/limit-requests.ts";
import { isSamePerson } from "./authenticate.ts";
import { requireMatch } from "./etag.ts";
import { invalidField } from "./input.ts";
import { LimitRequest, State, tagOf, toldOf } from "./limit-request-view.ts";
import { type ChangeContext, defineOperation, type ReadContext } from "./operation.ts";
import { instantOrNull, Moment, PageQuery, Prose, pageOf } from "./schemas.ts";
import { scopeByNames, tenantId } from "./scopes.ts";

const RequestPath = z.strictObject({ id: z.string() });

const NewLimitRequest = z.strictObject({
  scope: z
    .string()
    .max(400)
    .regex(/^(?:application|subscription|key):./, "must be application:, subscription: or key: and an id")
    .describe(
      "Of whom more is asked for: `application:app_…` (or `application:tenant/team/application` by names), `subscription:sub_…` (or `subscription:tenant/team/application/api/version`), `key:…` (public id).",
    ),
  limit: limitRow.describe(
    "What is asked for, as a limit stands in the configuration: the whole of it, not what is missing.",
  ),
  reason: Prose.min(1, "must not be empty"),
  until: Moment.nullable()
    .default(null)
    .describe("Until when it is needed; null is for good. A date alone is its first moment in UTC."),
});

export const createLimitRequest = defineOperation({
  id: "limit-requests.create",
  method: "POST",
  path: "/api/v1/limit-requests",
  summary: "Ask for a higher limit",
  description:
    "Nothing is granted by it. With an `Idempotency-Key`, a repeated call makes no second request: it answers 200 with the " +
    "first one. The same `Idempotency-Key` with another body is refused with 409.",
  permission: "limit-request.create",
  audit: "limit-request.create",
  repeat: "id",
  input: { body: NewLimitRequest },
  output: LimitRequest,
  errors: ["conflict"],
  async handle(context, { body }) {
    const scope = await scopeOf(context, body.scope);
    const wanted = { scope: scope.scope, limit: limitOf(body.limit), until: momentOf(body.until), reason: body.reason };
    const id = context.newId("lreq");
    const repeated = await findRepeated(context, id, wanted);
    if (repeated !== undefined) return replay(context, repeated);
    requireMore(scope, wanted, context.now);
    const row: LimitRequestRow = {
      ...wanted,
      id,
      tenantId: scope.tenantId,
      applicationId: scope.applicationId,
      state: "requested",
      createdAt: context.now,
      createdBy: context.actor,
      decision: null,
      withdrawnAt: null,
    };
    const detail = { scope: row.scope, limit: rowOf(row.limit), until: instantOrNull(row.until), reason: row.reason };
    try {
      await context.change(subjectOf(row, detail), (writer) => writer.createLimitRequest(row));
    } catch (thrown) {
      // Two equal calls at once: the store let one of them in, and this is the other.
      const winner = await findRepeated(context, id, wanted);
      if (winner !== undefined) return replay(context, winner);
      if (thrown instanceof GatewayError && thrown.code === "not_found") throw unknownScope();
      throw thrown;
    }
    return { ...(await answerOf(context, row)), status: 201, location: `/api/v1/limit-requests/${id}` };
  },
});

export const listLimitRequests = defineOperation({
  id: "limit-requests.list",
  method: "GET",
  path: "/api/v1/limit-requests",
  summary: "List requests for higher limits, newest first",
  permission: "limit-request.read",
  audit: "none",
  input: {
    query: PageQuery.extend({
      state: State.optional(),
      tenant: z.string().max(400).optional().describe("Only those of the tenant with this id or name."),
    }),
  },
  output: pageOf(LimitRequest),
  async handle(context, { query }) {
    const { cursor = null, state } = query;
    const tenant = query.tenant === undefined ? null : await tenantId(context, query.tenant);
    const which = { now: context.now, ...(state === undefined ? {} : { state }) };
    const page = await context.administration.limitRequests(tenant, which, cursor, query.limit);
    return { body: { items: await Promise.all(page.items.map((row) => toldOf(context, row))), next: page.next } };
  },
});

export const getLimitRequest = defineOperation({
  id: "limit-requests.get",
  method: "GET",
  path: "/api/v1/limit-requests/{id}",
  summary: "See one request for a higher limit",
  permission: "limit-request.read",
  audit: "none",
  input: { path: RequestPath },
  output: LimitRequest,
  async handle(context, { path }) {
    return answerOf(context, await requireRequest(context, path.id));
  },
});

export const approveLimitRequest = defineOperation({
  id: "limit-requests.approve",
  method: "POST",
  path: "/api/v1/limit-requests/{id}/approve",
  summary: "Grant a higher limit",
  description:
    "Nobody grants what they have asked for themselves (403), but for the admin token of the installation, which may be in " +
    "several hands. When this has answered, it holds. It ends by itself at `until`, or when the request is withdrawn. Where the usual limit " +
    "becomes higher than what was granted, the usual one counts.",
  permission: "limit-request.decide",
  audit: "limit-request.approve",
  repeat: "known",
  input: {
    path: RequestPath,
    body: z.strictObject({
      limit: limitRow.optional().describe("Another limit than was asked for, of the same kind and window."),
      until: Moment.nullable().optional().describe("Another time than was asked for; null is for good."),
      note: Prose.nullable().default(null),
    }),
  },
  output: LimitRequest,
  errors: ["conflict", "precondition_failed"],
  async handle(context, { path, body }) {
    const before = await requireRequest(context, path.id);
    if (isSamePerson(context.actor, before.createdBy)) {
      throw new GatewayError("not_allowed", "Who has asked for more cannot grant it; somebody else has to.");
    }
    const limit = body.limit === undefined ? before.limit : limitOf(body.limit);
    const until = body.until === undefined ? before.until : momentOf(body.until);
    const decision = decisionOf(context, body.note, { limit, until });
    const repeated = findDecision(before, decision);
    if (repeated !== undefined) return replay(context, repeated);
    if (before.state === "requested") {
      if (!isOfKind(limit, before.limit))
        throw invalidField("body", "limit", `must limit ${kindOf(before.limit)}, as was asked`);
      requireMore(await scopeOf(context, before.scope), { limit, until }, context.now);
    }
    const detail = { scope: before.scope, limit: rowOf(limit), until: instantOrNull(until), note: body.note };
    return await decide(context, before, decision, detail);
  },
});

export const rejectLimitRequest = defineOperation({
  id: "limit-requests.reject",
  method: "POST",
  path: "/api/v1/limit-requests/{id}/reject",
  summary: "Reject a request for a higher limit",
  permission: "limit-request.decide",
  audit: "limit-request.reject",
  repeat: "known",
  input: { path: RequestPath, body: z.strictObject({ note: Prose.nullable().default(null) }) },
  output: LimitRequest,
  errors: ["conflict", "precondition_failed"],
  async handle(context, { path, body }) {
    const before = await requireRequest(context, path.id);
    const decision = decisionOf(context, body.note, null);
    const repeated = findDecision(before, decision);
    if (repeated !== undefined) return replay(context, repeated);
    return await decide(context, before, decision, { scope: before.scope, note: body.note });
  },
});

export const withdrawLimitRequest = defineOperation({
  id: "limit-requests.withdraw",
  method: "POST",
  path: "/api/v1/limit-requests/{id}/withdraw",
  summary: "Take a request back, and what was granted",
  description:
    "When this has answered, what was granted does not hold any more. Withdrawing twice changes nothing; what was rejected " +
    "cannot be withdrawn.",
  permission: "limit-request.decide",
  audit: "limit-request.withdraw",
  repeat: "harmless",
  input: { path: RequestPath },
  output: LimitRequest,
  errors: ["conflict", "precondition_failed"],
  async handle(context, { path }) {
    const before = await requireRequest(context, path.id);
    requireMatch(context.ifMatch, tagOf(before, context.now));
    const subject = subjectOf(before, { scope: before.scope, state: before.state });
    await context.change(subject, async (writer) => {
      if (!(await writer.withdrawLimitRequest(before.tenantId, before.id, context.now))) throw unknownRequest();
    });
    return answerOf(context, await requireRequest(context, path.id));
  },
});

async function decide(context: ChangeContext, before: LimitRequestRow, decision: LimitDecision, detail: object) {
  requireMatch(context.ifMatch, tagOf(before, context.now));
  try {
    await context.change(subjectOf(before, detail), async (writer) => {
      if (!(await writer.decideLimitRequest(before.tenantId, before.id, decision))) throw unknownRequest();
    });
  } catch (thrown) {
    // Two equal calls at once: the store let one of them in, and this is the other.
    const winner = findDecision(await requireRequest(context, before.id), decision);
    if (winner === undefined) throw thrown;
    return replay(context, winner);
  }
  return answerOf(context, await requireRequest(context, before.id));
}

function decisionOf(context: ChangeContext, note: string | null, granted: LimitDecision["granted"]): LimitDecision {
  return { at: context.now, by: context.actor, note, granted, repeatId: context.repeatId };
}

/** The request as an earlier call with the same Idempotency-Key has left it, if there was one. */
function findDecision(row: LimitRequestRow, wanted: LimitDecision): LimitRequestRow | undefined {
  if (row.decision === null || wanted.repeatId === null || row.decision.repeatId !== wanted.repeatId) return undefined;
  const { note, granted } = row.decision;
  if (!Bun.deepEquals({ note, granted }, { note: wanted.note, granted: wanted.granted })) throw usedKey();
  return row;
}

type Wanted = Pick<LimitRequestRow, "scope" | "limit" | "until" | "reason">;

async function findRepeated(context: ChangeContext, id: string, wanted: Wanted): Promise<LimitRequestRow | undefined> {
  const made = context.repeatId === null ? undefined : await context.administration.limitRequest(null, id);
  if (made === undefined) return undefined;
  const { scope, limit, until, reason } = made;
  if (!Bun.deepEquals({ scope, limit, until, reason }, wanted)) throw usedKey();
  return made;
}

function usedKey(): GatewayError {
  return new GatewayError("conflict", "This Idempotency-Key has been used for another request; use a new one.", {
    param: "idempotency-key",
  });
}

type OwnScope = LimitedScope & { tenantId: string; applicationId: string };

/** An application, or a part of one. */
async function scopeOf(context: ReadContext, text: string): Promise<OwnScope> {
  const [scope] = await context.administration.chargedScopes((await scopeByNames(context, text)) ?? text);
  if (scope === undefined || scope.tenantId === null || scope.applicationId === undefined) throw unknownScope();
  return scope as OwnScope;
}

/** Refuses what would raise nothing: where there is no such limit, or one that holds for as long is not lower. */
function requireMore(scope: LimitedScope, wanted: { limit: Limit; until: number | null }, now: number): void {
  const { limit, until } = wanted;
  if (until !== null && until <= now) throw invalidField("body", "until", "must be in the future");
  const lasting = (scope.raises ?? []).filter(
    (raise) => raise.until === null || (until !== null && raise.until >= until),
  );
  const held = limitsInForce(scope.scope, scope.limits, lasting, now).find((each) => isOfKind(each, limit));
  if (held === undefined) throw invalidField("body", "limit", `${scope.scope} has no limit of ${kindOf(limit)}`);
  const exact = (value: number) => (limit.dimension === "usd" ? formatUsd(value) : String(value));
  if (!isMore(limit, held)) {
    throw invalidField(
      "body",
      "limit",
      `must be more than ${exact(held.amount)} ${kindOf(limit)}, which holds already`,
    );
  }
  if (burstOf(limit) < burstOf(held))
    throw invalidField("body", "limit.burst", `must be at least ${exact(burstOf(held))}, which holds already`);
}

/** `requests per day` */
function kindOf({ dimension, window }: Limit): string {
  if (window === null) return dimension;
  return window === "total" ? `${dimension} in total` : `${dimension} per ${window}`;
}

function limitOf(row: LimitRow): Limit {
  return limitsOf([row])[0]!;
}

function momentOf(text: string | null): number | null {
  return text === null ? null : Date.parse(text);
}

async function requireRequest(context: ReadContext, id: string): Promise<LimitRequestRow> {
  const row = await context.administration.limitRequest(null, id);
  if (row === undefined) throw unknownRequest();
  return row;
}

function unknownRequest(): GatewayError {
  return new GatewayError("not_found", "There is no such request.");
}

function unknownScope(): GatewayError {
  return invalidField("body", "scope", "there is no such scope");
}

/** @param detail what was set, as JSON */
function subjectOf({ id, tenantId }: LimitRequestRow, detail: object) {
  return { subject: `limit-request:${id}`, tenantId, detail: detail as JsonObject };
}

async function answerOf(context: ReadContext, row: LimitRequestRow) {
  return { body: await toldOf(context, row), etag: tagOf(row, context.now) };
}

async function replay(context: ReadContext, row: LimitRequestRow) {
  return { ...(await answerOf(context, row)), status: 200 as const, replayed: true };
}
