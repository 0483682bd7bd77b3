import type { JsonObject } from "../../kernel/json.ts";
import type { PublicError } from "../../spec/wire.ts";

/** Our codes where OpenAI's clients and documentation look for another word. */
const CODES: Record<string, string> = {
  invalid_credential: "invalid_api_key",
};

/** OpenAI's `type` for a code whose status does not tell it. */
const TYPES: Record<string, string> = {
  // OpenAI's own answers to an unknown model and to a spent budget.
  model_not_found: "invalid_request_error",
  insufficient_quota: "insufficient_quota",
};

/** OpenAI's words for the kinds of errors, by status. Source: OpenAI's error guide and recorded answers. */
function typeOf(status: number): string {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 429:
      return "rate_limit_error";
    default:
      return status < 500 ? "invalid_request_error" : "server_error";
  }
}

/**
 * `{"error": {message, type, param, code}}`. `code` is ours, a row of docs/errors.md, but for a
 * bad credential: clients look for `invalid_api_key` there; and for a request that its provider
 * refused with a word of its own, on which agents act (`context_length_exceeded`).
 */
export function errorBody(error: PublicError): JsonObject {
  return {
    error: {
      message: error.message,
      type: TYPES[error.code] ?? typeOf(error.status),
      param: error.param,
      code: CODES[error.code] ?? error.providerCode ?? error.code,
    },
  };
}

/** The last event of a stream that failed: no `[DONE]` follows, and OpenAI's clients throw on it. */
export function errorFrame(error: PublicError): string {
  return `data: ${JSON.stringify(errorBody(error))}\n\n`;
}
