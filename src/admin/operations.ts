import { listApplications } from "./applications.ts";
import { listAuditEntries } from "./audit-entries.ts";
import { listEvents } from "./events.ts";
import { createKey, getKey, listKeys, revokeKey } from "./keys.ts";
import {
  approveLimitRequest,
  createLimitRequest,
  getLimitRequest,
  listLimitRequests,
  rejectLimitRequest,
  withdrawLimitRequest,
} from "./limit-requests.ts";
import type { Operation } from "./operation.ts";
import { testProvider } from "./providers.ts";
import { getStatus } from "./status.ts";
import { getLimits, getStatement, getUsage, recountLedger } from "./usage.ts";
import { getCapture, getUsageRecord, listUsageRecords } from "./usage-records.ts";

/**
 * Every administrative operation there is. The listener routes by this list, the OpenAPI
 * document is made from it, and an operation that is not tested for its permission fails
 * test/security/operation-coverage.test.ts.
 */
export const OPERATIONS: readonly Operation[] = [
  listApplications,
  listAuditEntries,
  createKey,
  listKeys,
  getKey,
  revokeKey,
  createLimitRequest,
  listLimitRequests,
  getLimitRequest,
  approveLimitRequest,
  rejectLimitRequest,
  withdrawLimitRequest,
  listEvents,
  testProvider,
  getStatus,
  listUsageRecords,
  getUsageRecord,
  getCapture,
  getUsage,
  getLimits,
  getStatement,
  recountLedger,
];
