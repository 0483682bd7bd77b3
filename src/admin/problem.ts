import { ERRORS, type GatewayError } from "../errors.ts";
import type { JsonObject } from "../kernel/json.ts";

/** One fault of a request's input. */
export interface FieldFault {
  in: "path" | "query" | "body";
  /** `allowFrom[1]`; empty where the body as a whole is at fault. */
  field: string;
  message: string;
}

/** On every answer of the admin listener: nothing of it is kept, guessed at, framed, or run. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** A problem document (RFC 9457). `type` is a name, not an address: the codes are described in docs/errors.md. */
export function problemDocument(
  error: GatewayError,
  requestId: string,
  faults: readonly FieldFault[] = [],
): JsonObject {
  return {
    type: `urn:sallyport:error:${error.code}`,
    title: ERRORS[error.code].title,
    status: error.status,
    detail: error.public,
    code: error.code,
    ...(error.param === null ? {} : { param: error.param }),
    requestId,
    ...(faults.length === 0 ? {} : { errors: faults.map((fault) => ({ ...fault })) }),
  };
}

/** The problem as a response. `allow` names the methods of the path, for a 405. */
export function problemResponse(
  error: GatewayError,
  requestId: string,
  extra: { faults?: readonly FieldFault[]; allow?: string } = {},
): Response {
  const headers: Record<string, string> = {
    ...SECURITY_HEADERS,
    "content-type": "application/problem+json",
    "x-request-id": requestId,
  };
  // RFC 9110, 11.6.1: a 401 says how to authenticate. RFC 6750, 3.1: a bad token is named, a missing one is not.
  if (error.code === "missing_credential") headers["www-authenticate"] = 'Bearer realm="sallyport"';
  if (error.code === "invalid_credential") {
    headers["www-authenticate"] = 'Bearer realm="sallyport", error="invalid_token"';
  }
  if (extra.allow !== undefined) headers.allow = extra.allow;
  if (error.retryAfterMs !== undefined)
    headers["retry-after"] = String(Math.max(1, Math.ceil(error.retryAfterMs / 1000)));
  return new Response(JSON.stringify(problemDocument(error, requestId, extra.faults)), {
    status: error.status,
    headers,
  });
}
