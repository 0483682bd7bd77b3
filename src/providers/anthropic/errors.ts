import { isObject, type Json, parseJson } from "../../kernel/json.ts";
import type { ProviderError } from "../../spec/event.ts";

/** HTTP statuses of Anthropic's error types (https://docs.claude.com/en/api/errors), for those inside a 200. */
const STATUS_OF_TYPE: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  conflict_error: 409,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
};

/** An answer whose status is not 2xx. A body that is no error of Anthropic's is not passed on: it may be a proxy's page. */
export function errorOf(status: number, body: string, header: (name: string) => string | null): ProviderError {
  const error = readError(parseJson(body), status) ?? {
    status,
    message: `The provider answered with status ${status}.`,
  };
  const retryAfterMs = retryAfter(header);
  if (retryAfterMs !== undefined) error.retryAfterMs = retryAfterMs;
  return error;
}

/** An `error` event of a stream, or an error object in a 200. */
export function errorInside(value: Json | undefined): ProviderError {
  return readError(value, undefined) ?? { status: 502, message: "The provider reported an error without a message." };
}

function readError(value: Json | undefined, status: number | undefined): ProviderError | undefined {
  const error = isObject(value) ? value.error : undefined;
  if (!isObject(error)) return undefined;
  const type = typeof error.type === "string" ? error.type : undefined;
  const message = typeof error.message === "string" ? error.message : undefined;
  if (type === undefined && message === undefined) return undefined;
  const read: ProviderError = {
    status: status ?? (type === undefined ? 502 : (STATUS_OF_TYPE[type] ?? 502)),
    message: message ?? type!,
  };
  if (type !== undefined) read.type = type;
  const code = isObject(error.details) ? error.details.error_code : undefined;
  if (typeof code === "string") read.code = code;
  return read;
}

/** `retry-after` in seconds (RFC 9110, 10.2.3). Its date form needs a clock, and Anthropic does not use it. */
function retryAfter(header: (name: string) => string | null): number | undefined {
  const milliseconds = number(header("retry-after-ms"));
  if (milliseconds !== undefined) return milliseconds;
  const seconds = number(header("retry-after"));
  return seconds === undefined ? undefined : Math.ceil(seconds * 1_000);
}

function number(text: string | null): number | undefined {
  if (text === null || !/^\d{1,9}(\.\d{1,9})?$/.test(text.trim())) return undefined;
  return Number(text);
}
