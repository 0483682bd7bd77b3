import { GatewayError } from "../../errors.ts";
import type { BatchCall } from "../../spec/request.ts";
import type { Call } from "../call.ts";

/** An error of one call of many: whoever reads it must find the line, or the place in the list. */
export function inCall(place: BatchCall["place"], error: GatewayError): GatewayError {
  const where = "line" in place ? `Line ${place.line} of the file` : `requests[${place.request}]`;
  const path = "line" in place ? `line ${place.line}` : where;
  const { code, internal, cause, param, retryAfterMs, status, providerCode } = error;
  return new GatewayError(code, `${where}: ${error.public}`, {
    ...(internal === undefined ? {} : { internal }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(providerCode === undefined ? {} : { providerCode }),
    cause,
    param: param === null ? path : `${path}${"line" in place ? ": " : "."}${param}`,
    status,
  });
}

/** So many calls are worked on before others get their turn. */
const CALLS_AT_ONCE = 64;

/** To be waited for after each call of a file, counted from 1: a file of thousands must not hold up everybody else. */
export function turn(call: Call, done: number): Promise<void> | undefined {
  if (done % CALLS_AT_ONCE !== 0) return undefined;
  return new Promise((resolve, reject) =>
    setImmediate(() => (call.aborted === undefined ? resolve() : reject(call.aborted))),
  );
}
