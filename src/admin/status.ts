import { z } from "zod";
import { defineOperation } from "./operation.ts";
import { Instant, instant } from "./schemas.ts";

const count = z.number().int();

const Status = z
  .object({
    version: z.string(),
    startedAt: Instant,
    uptimeSeconds: count,
    catalogRevision: count.describe("Counts the changes of what is published."),
    counts: z.object({
      providers: count,
      models: count.describe("Names and patterns that callers may use."),
      apis: count,
      plans: count,
      guardrails: count,
      applications: count,
    }),
  })
  .meta({ id: "Status" });

export const getStatus = defineOperation({
  id: "status.get",
  method: "GET",
  path: "/api/v1/status",
  summary: "See how this installation stands",
  permission: "status.read",
  audit: "none",
  input: {},
  output: Status,
  async handle(context) {
    const catalog = context.catalog();
    const { version, startedAt, uptimeMs } = context.installation;
    return {
      body: {
        version,
        startedAt: instant(startedAt),
        uptimeSeconds: Math.floor(uptimeMs / 1000),
        catalogRevision: catalog.revision,
        counts: {
          providers: catalog.providers.size,
          models: catalog.models.size + catalog.patterns.length,
          apis: catalog.apis.size,
          plans: catalog.plans.size,
          guardrails: catalog.guardrails.size,
          applications: (await context.administration.applications()).length,
        },
      },
    };
  },
});
