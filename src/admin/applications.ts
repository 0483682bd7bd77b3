import { z } from "zod";
import type { ApplicationRow } from "../ports/administration.ts";
import { invalidField } from "./input.ts";
import { defineOperation } from "./operation.ts";
import { Named, PageQuery, pageOf } from "./schemas.ts";

export const Application = z
  .object({ id: z.string(), name: z.string(), team: Named, tenant: Named })
  .meta({ id: "Application", description: "Something that consumes APIs." });

export const listApplications = defineOperation({
  id: "applications.list",
  method: "GET",
  path: "/api/v1/applications",
  summary: "List applications",
  permission: "application.read",
  audit: "none",
  input: {
    query: PageQuery.extend({
      tenant: z.string().optional().describe("Only those of the tenant with this id or name."),
    }),
  },
  output: pageOf(Application),
  async handle(context, { query }) {
    const rows = (await context.administration.applications())
      .filter(({ tenant }) => query.tenant === undefined || tenant.id === query.tenant || tenant.name === query.tenant)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    const from = query.cursor === undefined ? 0 : afterCursor(rows, query.cursor);
    const items = rows.slice(from, from + query.limit);
    const last = items.at(-1);
    return { body: { items, next: last !== undefined && from + items.length < rows.length ? last.id : null } };
  },
});

/** Rows may have come and gone since the last page; the order by id stays. */
function afterCursor(rows: readonly ApplicationRow[], cursor: string): number {
  if (!/^app_[A-Za-z0-9_.-]+$/.test(cursor)) throw invalidField("query", "cursor", "is not one that a page gave");
  const index = rows.findIndex((row) => row.id > cursor);
  return index === -1 ? rows.length : index;
}

/** The application that a text means: its id, or `tenant/team/application` by names. */
export function findApplication(rows: readonly ApplicationRow[], text: string): ApplicationRow | undefined {
  return (
    rows.find((row) => row.id === text) ??
    rows.find((row) => `${row.tenant.name}/${row.team.name}/${row.name}` === text)
  );
}
