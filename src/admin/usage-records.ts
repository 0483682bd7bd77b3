import { z } from "zod";
import { GatewayError } from "../errors.ts";
import { formatUsd } from "../kernel/money.ts";
import type { UsageRecord } from "../ports/records.ts";
import { invalidField } from "./input.ts";
import { defineOperation, type ReadContext } from "./operation.ts";
import { Instant, instant, instantOrNull, PageQuery, pageOf } from "./schemas.ts";
import { tenantId } from "./scopes.ts";

const Outcome = z.enum(["finished", "refused", "failed", "cancelled", "cut", "recovered"]);
const text = z.string().nullable();
const tokens = z.number().int();
const usd = z.string().describe("US dollars, exact to the nano-dollar, as a decimal.");
const milliseconds = z.number().describe("Milliseconds.");

const UsageRecordView = z
  .object({
    id: z.string(),
    requestId: z.string().describe("What the caller was told as `x-request-id`; the caller may have chosen it."),
    at: Instant,
    admittedAt: Instant.nullable().describe("When its Hold was admitted; null for a call that never had one."),
    outcome: Outcome,
    status: z.number().int().describe("HTTP status that the caller got, or would have got."),
    errorCode: text,
    endpoint: z.string(),
    dialect: z.string(),
    stream: z.boolean(),
    address: z.string(),
    tenantId: text,
    teamId: text,
    applicationId: text,
    keyId: text,
    subscriptionId: text,
    api: text,
    plan: text,
    model: text.describe("The name that the caller used."),
    provider: text,
    providerModel: text,
    tokens: z.object({
      input: tokens,
      output: tokens,
      cacheRead: tokens.describe("Part of input."),
      cacheWrite: tokens.describe("Part of input."),
      reasoning: tokens.describe("Part of output."),
    }),
    usageSource: z.enum(["reported", "counted", "reserved", "none"]),
    costUsd: usd,
    priceSource: text,
    queueMs: milliseconds,
    firstByteMs: milliseconds.nullable(),
    totalMs: milliseconds,
    attempts: z.array(
      z.object({
        provider: z.string(),
        model: z.string(),
        status: z.number().int().nullable(),
        error: text,
        ms: milliseconds,
        tokens: z.object({ input: tokens, output: tokens }),
        costUsd: usd.describe(
          "What is charged for this attempt. All of them add up to the record's, but where a crash left nobody to say who was asked (`recovered`).",
        ),
      }),
    ),
    verdicts: z.array(
      z.object({
        guardrail: z.string(),
        direction: z.enum(["input", "output"]),
        action: z.enum(["allow", "mask", "deny"]),
        count: z.number().int(),
      }),
    ),
    warnings: z.array(z.string()),
    refundOf: text.describe(
      "Where a part of what a call was charged is given back: that call's id. The amounts are below nothing then, and it is no call.",
    ),
    captured: z.boolean().describe("Whether prompt and answer were kept; `/capture` under the record has them."),
  })
  .meta({ id: "UsageRecord", description: "One call, whatever became of it, or what is given back of one." });

/** The position of a page is the id of its last record. */
const RECORD_ID = /^call_\w{1,64}$/;

export const listUsageRecords = defineOperation({
  id: "usage-records.list",
  method: "GET",
  path: "/api/v1/usage-records",
  summary: "List usage records, newest first",
  permission: "usage.read",
  audit: "none",
  input: {
    query: PageQuery.extend({
      tenant: z.string().max(400).optional().describe("Only those of the tenant with this id or name."),
      key: z.string().optional().describe("Only those of the key with this public id."),
      outcome: Outcome.optional(),
      id: z.string().min(1).max(128).optional().describe("Only those with this id, or with this `x-request-id`."),
    }),
  },
  output: pageOf(UsageRecordView),
  async handle(context, { query }) {
    if (query.cursor !== undefined && !RECORD_ID.test(query.cursor)) {
      throw invalidField("query", "cursor", "is not one that a page gave");
    }
    const page = await context.records.page({
      limit: query.limit,
      ...(query.cursor === undefined ? {} : { cursor: query.cursor }),
      ...(query.tenant === undefined ? {} : { tenantId: await tenantId(context, query.tenant) }),
      ...(query.key === undefined ? {} : { keyId: query.key }),
      ...(query.outcome === undefined ? {} : { outcome: query.outcome }),
      ...(query.id === undefined ? {} : { id: query.id }),
    });
    return { body: { items: page.records.map(recordView), next: page.next } };
  },
});

export const getUsageRecord = defineOperation({
  id: "usage-records.get",
  method: "GET",
  path: "/api/v1/usage-records/{id}",
  summary: "See one usage record",
  description:
    "By its id, or where no call has it by the `x-request-id` that the caller was told: then the newest one with it.",
  permission: "usage.read",
  audit: "none",
  input: { path: z.strictObject({ id: z.string() }) },
  output: UsageRecordView,
  async handle(context, { path }) {
    return { body: recordView(await requireRecord(context, path.id)) };
  },
});

/** Its own operation, because seeing who called what is another right than reading what was said. */
export const getCapture = defineOperation({
  id: "captures.get",
  method: "GET",
  path: "/api/v1/usage-records/{id}/capture",
  summary: "Read the prompt and the answer of one call",
  description: "404 where the API of the call does not capture.",
  permission: "capture.read",
  audit: "none",
  input: { path: z.strictObject({ id: z.string() }) },
  output: z.object({ request: z.unknown(), answer: z.unknown() }).meta({ id: "Capture" }),
  async handle(context, { path }) {
    const { captured } = await requireRecord(context, path.id);
    if (captured === null) throw new GatewayError("not_found", "Nothing was captured of this call.");
    return { body: captured };
  },
});

async function requireRecord(context: ReadContext, id: string): Promise<UsageRecord> {
  const record = await context.records.recordOf(id);
  if (record === undefined) throw new GatewayError("not_found", "There is no such usage record.");
  return record;
}

function recordView(record: UsageRecord) {
  const {
    at,
    admittedAt,
    inputTokens,
    outputTokens,
    cacheReadTokens,
    cacheWriteTokens,
    reasoningTokens,
    costNanoUsd,
    attempts,
    captured,
    ...rest
  } = record;
  return {
    ...rest,
    at: instant(at),
    admittedAt: instantOrNull(admittedAt),
    tokens: {
      input: inputTokens,
      output: outputTokens,
      cacheRead: cacheReadTokens,
      cacheWrite: cacheWriteTokens,
      reasoning: reasoningTokens,
    },
    costUsd: formatUsd(costNanoUsd),
    attempts: attempts.map(({ inputTokens, outputTokens, costNanoUsd, ...attempt }) => ({
      ...attempt,
      tokens: { input: inputTokens, output: outputTokens },
      costUsd: formatUsd(costNanoUsd),
    })),
    captured: captured !== null,
  };
}
