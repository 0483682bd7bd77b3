import { z } from "zod";
import { limits, limitsOf, rowOf } from "../config/limits.ts";
import { parseNetwork } from "../config/network.ts";
import { Refusal } from "../config/problem.ts";
import { GatewayError } from "../errors.ts";
import type { JsonObject } from "../kernel/json.ts";
import type { ApplicationRow, KeyRow } from "../ports/administration.ts";
import { Application, findApplication } from "./applications.ts";
import { entityTag, requireMatch } from "./etag.ts";
import { invalidField } from "./input.ts";
import { defineOperation, type ReadContext } from "./operation.ts";
import { Instant, instant, instantOrNull, LimitView, Moment, Name, PageQuery, pageOf } from "./schemas.ts";
import { tenantId } from "./scopes.ts";

/** CIDRs of one key. A key that needs more stands in the wrong place of the network. */
const MAX_CIDRS = 100;

/** Kept in canonical form, the same as a key of the configuration file. */
const Cidr = z
  .string()
  .max(64)
  .transform((text, context) => {
    try {
      return parseNetwork(text);
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown;
      context.addIssue(thrown.message);
      return z.NEVER;
    }
  })
  .describe("An address or a block: 10.0.0.0/8, 2001:db8::/32.");

const Mode = z.enum(["live", "test"]).describe("A test key reaches test providers only.");

const fields = {
  id: z.string().describe("Public id: names the key everywhere, is not secret."),
  name: z.string(),
  mode: Mode,
  state: z.enum(["active", "expired", "revoked"]),
  application: Application,
  createdAt: Instant,
  expiresAt: Instant.nullable(),
  revokedAt: Instant.nullable(),
  allowFrom: z.array(z.string()).describe("Blocks from which the key may be used; empty is anywhere."),
  limits: z.array(LimitView).describe("What the key may use beside the plans of its application."),
};

const Key = z.object(fields).meta({ id: "Key", description: "A virtual key, without its secret." });

const IssuedKey = z
  .object({
    ...fields,
    secret: z
      .string()
      .nullable()
      .describe("The whole key. It is shown this once; null when the call was a repetition."),
  })
  .meta({ id: "IssuedKey", description: "A virtual key on the one occasion when its secret is told." });

const KeyPath = z.strictObject({ id: z.string() });

const NewKey = z.strictObject({
  application: z.string().min(1).max(400).describe("Id of the application, or `tenant/team/application` by names."),
  name: Name,
  mode: Mode.default("live"),
  allowFrom: z.array(Cidr).max(MAX_CIDRS).default([]),
  expires: Moment.nullable()
    .default(null)
    .describe("When the key stops working. A date alone is its first moment in UTC."),
  limits: limits().default([]).describe("What the key may use beside the plans, as limits stand in the configuration."),
});

export const createKey = defineOperation({
  id: "keys.create",
  method: "POST",
  path: "/api/v1/keys",
  summary: "Issue a virtual key",
  description:
    "The secret is told in this answer and never again. With an `Idempotency-Key`, a repeated call makes no second key: " +
    "it answers 200 with the first one and `secret: null`, because the secret is not kept; if the first answer was lost, " +
    "revoke the key and issue another. The same `Idempotency-Key` with another body is refused with 409. The memory of it " +
    "is the key itself, so it neither expires nor depends on the process that answered first.",
  permission: "key.create",
  audit: "key.create",
  repeat: "id",
  input: { body: NewKey },
  output: IssuedKey,
  errors: ["conflict"],
  async handle(context, { body }) {
    const application = findApplication(await context.administration.applications(), body.application);
    if (application === undefined) throw invalidField("body", "application", "there is no such application");
    const wanted = {
      applicationId: application.id,
      name: body.name,
      mode: body.mode,
      allowFrom: body.allowFrom,
      expiresAt: expiry(body.expires),
      limits: limitsOf(body.limits),
    };

    const repeated = await findRepeated(context, context.repeatId, wanted);
    if (repeated !== undefined) return replay(repeated, application, context.now);
    if (wanted.expiresAt !== null && wanted.expiresAt <= context.now)
      throw invalidField("body", "expires", "must be in the future");

    const { key, digest } = context.mintKey(body.mode, context.repeatId);
    const row: KeyRow = {
      ...wanted,
      id: key.publicId,
      tenantId: application.tenant.id,
      createdAt: context.now,
      revokedAt: null,
    };
    const subject = {
      subject: `key:${row.id}`,
      tenantId: row.tenantId,
      detail: {
        application: application.id,
        name: row.name,
        mode: row.mode,
        allowFrom: row.allowFrom,
        expiresAt: instantOrNull(row.expiresAt),
        ...(wanted.limits.length === 0 ? {} : { limits: body.limits as JsonObject[] }),
      },
    };
    try {
      await context.change(subject, (writer) => writer.createKey(row, digest));
    } catch (thrown) {
      // Two equal calls at once: the store let one of them in, and this is the other.
      const winner = await findRepeated(context, context.repeatId, wanted);
      if (winner === undefined) throw thrown;
      return replay(winner, application, context.now);
    }
    const view = keyView(row, application, context.now);
    return {
      status: 201,
      body: { ...view, secret: key.text },
      etag: entityTag(view),
      location: `/api/v1/keys/${row.id}`,
    };
  },
});

export const listKeys = defineOperation({
  id: "keys.list",
  method: "GET",
  path: "/api/v1/keys",
  summary: "List virtual keys",
  permission: "key.read",
  audit: "none",
  input: {
    query: PageQuery.extend({
      tenant: z.string().max(400).optional().describe("Only those of the tenant with this id or name."),
    }),
  },
  output: pageOf(Key),
  async handle(context, { query }) {
    const tenant = query.tenant === undefined ? null : await tenantId(context, query.tenant);
    const page = await context.administration.keys(tenant, query.cursor ?? null, query.limit);
    const applications = new Map((await context.administration.applications()).map((row) => [row.id, row]));
    return {
      body: {
        items: page.items.map((row) => keyView(row, applications.get(row.applicationId), context.now)),
        next: page.next,
      },
    };
  },
});

export const getKey = defineOperation({
  id: "keys.get",
  method: "GET",
  path: "/api/v1/keys/{id}",
  summary: "See one virtual key",
  permission: "key.read",
  audit: "none",
  input: { path: KeyPath },
  output: Key,
  async handle(context, { path }) {
    const view = await viewOf(context, await requireKey(context, path.id));
    return { body: view, etag: entityTag(view) };
  },
});

export const revokeKey = defineOperation({
  id: "keys.revoke",
  method: "POST",
  path: "/api/v1/keys/{id}/revoke",
  summary: "Put a virtual key out of use for good",
  description:
    "When this has answered, this gateway admits no call with the key any more; others that share its store follow at once, and within 2 seconds whatever happens. Revoking twice changes nothing.",
  permission: "key.revoke",
  audit: "key.revoke",
  repeat: "harmless",
  input: { path: KeyPath },
  output: Key,
  errors: ["precondition_failed"],
  async handle(context, { path }) {
    const before = await requireKey(context, path.id);
    const seen = await viewOf(context, before);
    requireMatch(context.ifMatch, entityTag(seen));
    if (before.revokedAt === null) {
      const subject = { subject: `key:${before.id}`, tenantId: before.tenantId, detail: { name: before.name } };
      await context.change(subject, async (writer) => {
        if (!(await writer.revokeKey(before.tenantId, before.id, context.now))) throw unknownKey();
      });
    }
    const view = await viewOf(context, await requireKey(context, path.id));
    return { body: view, etag: entityTag(view) };
  },
});

type Wanted = Required<Pick<KeyRow, "applicationId" | "name" | "mode" | "allowFrom" | "expiresAt" | "limits">>;

/** The key that an earlier call with the same Idempotency-Key made, if any. */
async function findRepeated(
  context: ReadContext,
  repeatId: string | null,
  wanted: Wanted,
): Promise<KeyRow | undefined> {
  const made = repeatId === null ? undefined : await context.administration.key(null, repeatId);
  if (made === undefined) return undefined;
  const { applicationId, name, mode, allowFrom, expiresAt, limits = [] } = made;
  if (!Bun.deepEquals({ applicationId, name, mode, allowFrom, expiresAt, limits }, wanted)) {
    throw new GatewayError("conflict", "This Idempotency-Key has been used for another key; use a new one.", {
      param: "idempotency-key",
    });
  }
  return made;
}

function replay(row: KeyRow, application: ApplicationRow, now: number) {
  const view = keyView(row, application, now);
  return { status: 200 as const, body: { ...view, secret: null }, etag: entityTag(view), replayed: true };
}

async function requireKey(context: ReadContext, id: string): Promise<KeyRow> {
  const row = await context.administration.key(null, id);
  if (row === undefined) throw unknownKey();
  return row;
}

function unknownKey(): GatewayError {
  return new GatewayError("not_found", "There is no such key.");
}

async function viewOf(context: ReadContext, row: KeyRow) {
  const applications = await context.administration.applications();
  return keyView(
    row,
    applications.find(({ id }) => id === row.applicationId),
    context.now,
  );
}

function keyView(row: KeyRow, application: ApplicationRow | undefined, now: number) {
  const gone = { id: "", name: "" };
  return {
    id: row.id,
    name: row.name,
    mode: row.mode,
    state: keyState(row, now),
    // An application may be taken out of the configuration while its revoked keys stay for the record.
    application: application ?? { id: row.applicationId, name: "", team: gone, tenant: { id: row.tenantId, name: "" } },
    createdAt: instant(row.createdAt),
    expiresAt: instantOrNull(row.expiresAt),
    revokedAt: instantOrNull(row.revokedAt),
    allowFrom: row.allowFrom,
    limits: (row.limits ?? []).map(rowOf),
  };
}

function keyState(row: KeyRow, now: number): "active" | "expired" | "revoked" {
  if (row.revokedAt !== null) return "revoked";
  return row.expiresAt !== null && row.expiresAt <= now ? "expired" : "active";
}

function expiry(text: string | null): number | null {
  return text === null ? null : Date.parse(text);
}
