import { z } from "zod";
import { rowOf } from "../config/limits.ts";
import { formatUsd } from "../kernel/money.ts";
import type { EventQuery, KeptEvent } from "../ports/events.ts";
import { defineOperation } from "./operation.ts";
import { Instant, instant, instantOrNull, LimitView, PageQuery, pageOf } from "./schemas.ts";
import { scopeByNames, tenantId } from "./scopes.ts";

const Type = z.enum(["limit.threshold"]);

const EventView = z
  .object({
    id: z.number().int().describe("Counts up."),
    type: Type,
    at: Instant.describe("When it was found out."),
    scope: z.string(),
    tenantId: z.string().nullable().describe("Null for models and provider accounts."),
    limit: LimitView,
    threshold: z
      .union([z.literal(50), z.literal(80), z.literal(100)])
      .describe("Percent of the limit. 100: it is used up, or a call was refused by it."),
    used: z.string().describe("Spent and reserved then. As a decimal: dollars for usd, otherwise a whole number."),
    periodStart: Instant.nullable().describe("Null for what is counted in total, and so is its end."),
    periodEnd: Instant.nullable(),
  })
  .meta({ id: "Event", description: "Something that happened and that somebody may want to hear of." });

export const listEvents = defineOperation({
  id: "events.list",
  method: "GET",
  path: "/api/v1/events",
  summary: "List events, newest first",
  description:
    "`limit.threshold`: half, four fifths or all of a quota or budget is used. Raised once for each scope, limit, threshold " +
    "and period, on whichever node it is found out.",
  permission: "event.read",
  audit: "none",
  input: {
    query: PageQuery.extend({
      type: Type.optional(),
      scope: z
        .string()
        .max(400)
        .optional()
        .describe(
          "Only those of this scope: `tenant:…` by id or name, `application:…` by id or `tenant/team/application`, `key:…`, `model:…`.",
        ),
      tenant: z
        .string()
        .max(400)
        .optional()
        .describe("Only those of the tenant with this id or name, and of what it owns."),
    }),
  },
  output: pageOf(EventView),
  async handle(context, { query }) {
    const { type, scope, tenant, cursor, limit } = query;
    const asked: EventQuery = {
      limit,
      ...(type === undefined ? {} : { type }),
      ...(scope === undefined ? {} : { scope: (await scopeByNames(context, scope)) ?? scope }),
      ...(tenant === undefined ? {} : { tenantId: await tenantId(context, tenant) }),
      ...(cursor === undefined ? {} : { cursor }),
    };
    const page = await context.events.page(asked);
    return { body: { items: page.events.map(viewOf), next: page.next } };
  },
});

function viewOf({ limit, at, used, periodStart, periodEnd, ...rest }: KeptEvent) {
  return {
    ...rest,
    at: instant(at),
    limit: rowOf(limit),
    used: limit.dimension === "usd" ? formatUsd(used) : String(used),
    periodStart: instantOrNull(periodStart),
    periodEnd: instantOrNull(periodEnd),
  };
}
