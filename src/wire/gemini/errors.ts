import type { Json, JsonObject } from "../../kernel/json.ts";
import type { ProviderError } from "../../spec/event.ts";
import type { PublicError } from "../../spec/wire.ts";

/** Google's words for the kinds of errors (google.rpc.Code), by the HTTP status that carries them. */
const STATUS: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  405: "UNIMPLEMENTED",
  408: "DEADLINE_EXCEEDED",
  409: "ABORTED",
  412: "FAILED_PRECONDITION",
  422: "FAILED_PRECONDITION",
  429: "RESOURCE_EXHAUSTED",
  499: "CANCELLED",
  500: "INTERNAL",
  502: "UNAVAILABLE",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

export function statusWord(status: number): string {
  return STATUS[status] ?? (status >= 500 ? "INTERNAL" : "INVALID_ARGUMENT");
}

const TYPE = "type.googleapis.com/google.rpc.";

/**
 * `{"error": {code, message, status, details}}`, as Google's API guide has it
 * (https://google.aip.dev/193). `details` tell our code as the reason, the field at fault, and
 * the id that finds the call in the log.
 */
export function errorBody(error: PublicError): JsonObject {
  const reason = error.providerCode ?? error.code.toUpperCase();
  const details: Json[] = [
    { "@type": `${TYPE}ErrorInfo`, reason, domain: "sallyport", metadata: { requestId: error.requestId } },
  ];
  if (error.param !== null) {
    const violation = { field: error.param, description: error.message };
    details.push({ "@type": `${TYPE}BadRequest`, fieldViolations: [violation] });
  }
  const { status: code, message } = error;
  return { error: { code, message, status: statusWord(code), details } };
}

/** An upstream's error inside an answer, in Google's form. */
export function providerErrorBody({ status: code, message }: ProviderError): JsonObject {
  return { error: { code, message, status: statusWord(code) } };
}
