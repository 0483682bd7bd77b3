import { z } from "zod";
import { rowOf } from "../config/limits.ts";
import type { LimitRequestRow } from "../ports/limit-requests.ts";
import { entityTag } from "./etag.ts";
import type { ReadContext } from "./operation.ts";
import { Actor, Instant, instant, instantOrNull, LimitView } from "./schemas.ts";
import { nameOfScope } from "./scopes.ts";

export const State = z
  .enum(["requested", "approved", "rejected", "withdrawn", "expired"])
  .describe("`expired`: it was approved for a time, and that is over.");

export const LimitRequest = z
  .object({
    id: z.string(),
    state: State,
    scope: z.string(),
    name: z.string().nullable().describe("What people call the scope, `acme/research/bot`; null where it is gone."),
    tenantId: z.string(),
    applicationId: z.string().describe("Of whom more is asked for, or whose subscription or key it is."),
    limit: LimitView,
    until: Instant.nullable().describe("Until when it is asked for; null is for good."),
    reason: z.string(),
    createdAt: Instant,
    createdBy: Actor,
    decision: z
      .object({
        at: Instant,
        by: Actor,
        note: z.string().nullable(),
        granted: z
          .object({ limit: LimitView, until: Instant.nullable().describe("Null is for good.") })
          .nullable()
          .describe("Null where it was rejected."),
      })
      .nullable()
      .describe("Null as long as nobody has decided."),
    withdrawnAt: Instant.nullable(),
  })
  .meta({ id: "LimitRequest", description: "A limit that someone asks for above one that holds." });

/** A request as the outside sees it, with the name that people know its scope by. */
export async function toldOf(context: ReadContext, row: LimitRequestRow) {
  return { ...viewOf(row, context.now), name: await nameOfScope(context, row.scope) };
}

/** Changes with the request, not with what its scope is called. */
export function tagOf(row: LimitRequestRow, now: number): string {
  return entityTag(viewOf(row, now));
}

function viewOf(row: LimitRequestRow, now: number) {
  const { id, scope, tenantId, applicationId, reason, createdBy, decision } = row;
  const granted = decision?.granted ?? null;
  const over = row.state === "approved" && granted !== null && granted.until !== null && granted.until <= now;
  return {
    ...{ id, scope, tenantId, applicationId, reason, createdBy },
    state: over ? ("expired" as const) : row.state,
    limit: rowOf(row.limit),
    until: instantOrNull(row.until),
    createdAt: instant(row.createdAt),
    decision: decision && {
      at: instant(decision.at),
      by: decision.by,
      note: decision.note,
      granted: granted && { limit: rowOf(granted.limit), until: instantOrNull(granted.until) },
    },
    withdrawnAt: instantOrNull(row.withdrawnAt),
  };
}
