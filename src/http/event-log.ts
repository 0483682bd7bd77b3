import { formatUsd } from "../kernel/money.ts";
import type { Event } from "../ports/events.ts";
import type { LogFields } from "../ports/log.ts";

/** What a log line says of an event. */
export function eventFields({ scope, tenantId, limit, threshold }: Event): LogFields {
  const amount = limit.dimension === "usd" ? formatUsd(limit.amount) : String(limit.amount);
  return {
    scope,
    ...(tenantId === null ? {} : { tenant: tenantId }),
    limit: `${limit.dimension}=${amount}/${limit.window}`,
    threshold,
  };
}
