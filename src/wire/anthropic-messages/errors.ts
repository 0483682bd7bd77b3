import type { JsonObject } from "../../kernel/json.ts";
import type { ProviderError } from "../../spec/event.ts";
import type { PublicError } from "../../spec/wire.ts";

/** Anthropic's error words (https://docs.claude.com/en/api/errors) by the status that carries them. */
const TYPE_OF_STATUS: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  408: "timeout_error",
  409: "conflict_error",
  413: "request_too_large",
  429: "rate_limit_error",
  503: "overloaded_error",
  504: "timeout_error",
  529: "overloaded_error",
};

const TYPES: ReadonlySet<string> = new Set([...Object.values(TYPE_OF_STATUS), "api_error"]);

/** A budget that is used up shares its status with rate limits, and is no rate limit. */
const TYPE_OF_CODE: Readonly<Record<string, string>> = { insufficient_quota: "billing_error" };

/** `details` of refusals by the field at fault: codes on which Anthropic's clients act by themselves. */
const DETAILS_OF_FIELD: ReadonlyMap<string, JsonObject> = new Map([
  ["thread", { error_code: "thread_unsupported_request", unsupported: ["thread"] }],
]);

function typeOfStatus(status: number): string {
  return TYPE_OF_STATUS[status] ?? (status >= 500 ? "api_error" : "invalid_request_error");
}

export function errorBody(error: PublicError): JsonObject {
  const told: JsonObject = { type: TYPE_OF_CODE[error.code] ?? typeOfStatus(error.status), message: messageOf(error) };
  const details = detailsOf(error);
  if (details !== undefined) told.details = details;
  return { type: "error", error: told, request_id: error.requestId };
}

/** By these words Claude Code knows that it must shorten the conversation. Other providers have others. */
const TOO_LONG = "prompt is too long";

function messageOf({ message, providerCode }: PublicError): string {
  const said = providerCode !== "context_length_exceeded" || message.toLowerCase().includes(TOO_LONG);
  return said ? message : `${TOO_LONG}: ${message}`;
}

function detailsOf({ code, param, providerCode }: PublicError): JsonObject | undefined {
  if (providerCode !== undefined) return { error_code: providerCode };
  return code === "invalid_request" && param !== null ? DETAILS_OF_FIELD.get(param) : undefined;
}

/** The event that ends a broken stream. */
export function errorFrame(error: PublicError): string {
  return frame(errorBody(error));
}

/** An upstream's error inside an answer that has begun, in Anthropic's words. */
export function providerErrorBody(error: ProviderError): JsonObject {
  const type = error.type !== undefined && TYPES.has(error.type) ? error.type : typeOfStatus(error.status);
  return { type: "error", error: { type, message: error.message } };
}

export function frame(body: JsonObject): string {
  return `event: ${body.type}\ndata: ${JSON.stringify(body)}\n\n`;
}
