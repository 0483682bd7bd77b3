import { formatUsd } from "../kernel/money.ts";
import type { LogFields } from "../ports/log.ts";
import type { UsageRecord } from "../ports/records.ts";

/** One line a call: who, what, how it ended. Nothing of what was said. */
export function callFields(record: UsageRecord): LogFields {
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
  if (record.provider !== null) fields.provider = `${record.provider}/${record.providerModel}`;
  fields.attempts = record.attempts.length;
  fields.inputTokens = inputTokens;
  fields.outputTokens = outputTokens;
  fields.costUsd = formatUsd(record.costNanoUsd);
  fields.queueMs = queueMs;
  if (record.firstByteMs !== null) fields.firstByteMs = record.firstByteMs;
  fields.totalMs = totalMs;
  return fields;
}
