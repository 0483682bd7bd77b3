import { formatUsd } from "../kernel/money.ts";
import type { LogFields } from "../ports/log.ts";
import type { UsageRecord } from "../ports/records.ts";

/** One line a call: who, what, how it ended. Nothing of what was said. */
export function callFields(record: UsageRecord): LogFields {
  const { requestId, status, outcome, endpoint, address, inputTokens, outputTokens, queueMs, totalMs } = record;
  return {
    call: record.id,
    ...(requestId === record.id ? {} : { request: requestId }),
    status,
    outcome,
    ...(record.errorCode === null ? {} : { code: record.errorCode }),
    endpoint,
    address,
    ...(record.tenantId === null
      ? {}
      : { tenant: record.tenantId, application: record.applicationId!, key: record.keyId! }),
    ...(record.api === null ? {} : { api: record.api }),
    ...(record.model === null ? {} : { model: record.model }),
    ...(record.provider === null ? {} : { provider: `${record.provider}/${record.providerModel}` }),
    attempts: record.attempts.length,
    inputTokens,
    outputTokens,
    costUsd: formatUsd(record.costNanoUsd),
    queueMs,
    ...(record.firstByteMs === null ? {} : { firstByteMs: record.firstByteMs }),
    totalMs,
  };
}
