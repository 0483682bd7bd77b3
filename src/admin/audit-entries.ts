import { z } from "zod";
import { defineOperation } from "./operation.ts";
import { Instant, instant, PageQuery, pageOf } from "./schemas.ts";

const AuditEntry = z
  .object({
    id: z.number().int().describe("Counts up in the order of commits."),
    at: Instant,
    actor: z.object({ kind: z.string(), id: z.string() }),
    action: z.string().describe("`key.create`, `config.apply`, …"),
    subject: z.string().describe("`key:` and the public id, …"),
    tenantId: z.string().nullable(),
    detail: z.record(z.string(), z.unknown()).describe("What was set. Never a secret."),
  })
  .meta({ id: "AuditEntry", description: "One change, committed together with it." });

export const listAuditEntries = defineOperation({
  id: "audit-entries.list",
  method: "GET",
  path: "/api/v1/audit-entries",
  summary: "List audit entries, newest first",
  permission: "audit.read",
  audit: "none",
  input: { query: PageQuery },
  output: pageOf(AuditEntry),
  async handle(context, { query }) {
    const page = await context.administration.audit(query.cursor ?? null, query.limit);
    return { body: { items: page.items.map((entry) => ({ ...entry, at: instant(entry.at) })), next: page.next } };
  },
});
