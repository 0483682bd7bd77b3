import { formatUsd } from "../kernel/money.ts";
import type { LogFields } from "../ports/log.ts";
import type { UsageRecord } from "../ports/records.ts";

/** Of a target that was asked beside another, which answered first. */
const SUPERSEDED = "superseded";

/**
 * One line a call: who, what, how it ended. Nothing of what was said.
 * @param reason why it failed, where the record's code does not say it
 */
export function callFields(record: UsageRecord, reason?: string): LogFields {
  const { requestId, status, outcome, endpoint, address, inputTokens, outputTokens, queueMs, totalMs } = record;
  const fields: LogFields = { call: record.id, status, outcome, endpoint, address };
  if (requestId !== record.id) fields.request = requestId;
  if (record.errorCode !== null) fields.code = record.errorCode;
  if (record.tenantId !== null) {
    fields.tenant = record.tenantId;
    fields.application = record.applicationId!;
    fields.key = record.keyId!;
  }
  if (record.api !== null) fields.api = record.api;
  if (record.model !== null) fields.model = record.model;
  const failed = record.errorCode === null ? undefined : record.attempts.findLast(({ error }) => error !== SUPERSEDED);
  if (record.provider !== null) fields.provider = `${record.provider}/${record.providerModel}`;
  else if (failed !== undefined) fields.provider = `${failed.provider}/${failed.model}`;
  if (failed !== undefined && failed.status !== null) fields.upstreamStatus = failed.status;
  if (record.errorCode !== null && reason !== undefined) fields.detail = reason;
  fields.attempts = record.attempts.length;
  fields.inputTokens = inputTokens;
  fields.outputTokens = outputTokens;
  fields.costUsd = formatUsd(record.costNanoUsd);
  fields.queueMs = queueMs;
  if (record.firstByteMs !== null) fields.firstByteMs = record.firstByteMs;
  fields.totalMs = totalMs;
  return fields;
}
