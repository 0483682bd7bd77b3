import { GatewayError } from "../../errors.ts";
import type { BatchCall } from "../../spec/request.ts";

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
