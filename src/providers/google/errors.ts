import { isObject, type Json, parseJson } from "../../kernel/json.ts";
import type { ProviderError } from "../../spec/event.ts";
import { readRetryAfter } from "../retry-after.ts";

/** HTTP statuses of Google's words (google.rpc.Code), for errors inside a 200. */
const STATUS_OF_WORD: Readonly<Record<string, number>> = {
  INVALID_ARGUMENT: 400,
  FAILED_PRECONDITION: 400,
  OUT_OF_RANGE: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  ABORTED: 409,
  ALREADY_EXISTS: 409,
  RESOURCE_EXHAUSTED: 429,
  CANCELLED: 499,
  INTERNAL: 500,
  UNKNOWN: 500,
  DATA_LOSS: 500,
  UNIMPLEMENTED: 501,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
};

/** Errors that are told as the message of another one, as JSON. */
const MAX_WRAPPING = 3;

/** An answer whose status is not 2xx: `{error: {code, message, status, details}}`, also in a list, also within itself. Never throws. */
export function errorOf(status: number, body: string, header: (name: string) => string | null): ProviderError {
  const read = readError(parseJson(body), 0);
  const error: ProviderError = { message: `The provider answered ${status}.`, ...read, status };
  // A bad key is the caller's mistake to Google, and ours to a caller of ours.
  if (status === 400 && read?.code === "API_KEY_INVALID") error.account = true;
  const retryAfterMs = error.retryAfterMs ?? readRetryAfter(header);
  return retryAfterMs === undefined ? error : { ...error, retryAfterMs };
}

/** An error in the middle of an answer that began with 200. */
export function errorInside(value: Json | undefined): ProviderError {
  const read = readError(value, 0);
  return { message: "The provider reported an error within its answer.", ...read, status: read?.status ?? 502 };
}

function readError(value: Json | undefined, wrapping: number): Partial<ProviderError> | undefined {
  if (wrapping > MAX_WRAPPING) return undefined;
  if (Array.isArray(value))
    return readError(
      value.find((each) => isObject(each) && "error" in each),
      wrapping + 1,
    );
  const error = isObject(value) ? value.error : undefined;
  if (typeof error === "string" && error !== "") return { message: error };
  if (!isObject(error)) return undefined;
  const read: Partial<ProviderError> = {};
  if (typeof error.message === "string" && error.message !== "") {
    const inner = error.message.trimStart().startsWith("{")
      ? readError(parseJson(error.message), wrapping + 1)
      : undefined;
    Object.assign(read, inner ?? { message: error.message });
  }
  const word = typeof error.status === "string" ? error.status : undefined;
  const status = typeof error.code === "number" && error.code >= 400 && error.code <= 599 ? error.code : undefined;
  const known = status ?? (word === undefined ? undefined : STATUS_OF_WORD[word]);
  if (known !== undefined) read.status = known;
  if (word !== undefined) read.type = word;
  if (Array.isArray(error.details)) readDetails(error.details, read);
  return read;
}

function readDetails(details: readonly Json[], read: Partial<ProviderError>): void {
  for (const detail of details) {
    if (!isObject(detail)) continue;
    const type = typeof detail["@type"] === "string" ? detail["@type"] : "";
    if (type.endsWith("google.rpc.RetryInfo")) {
      const wait = readDelay(detail.retryDelay);
      if (wait !== undefined) read.retryAfterMs = wait;
    } else if (type.endsWith("google.rpc.ErrorInfo") && typeof detail.reason === "string") read.code = detail.reason;
    else if (type.endsWith("google.rpc.BadRequest") && Array.isArray(detail.fieldViolations)) {
      const [first] = detail.fieldViolations;
      if (isObject(first) && typeof first.field === "string") read.param = first.field;
    }
  }
}

const DAY_SECONDS = 86_400;

/** A duration as protobuf writes it in JSON: `34.4s`; in milliseconds. */
function readDelay(value: Json | undefined): number | undefined {
  const match = typeof value === "string" ? /^(\d{1,9}(?:\.\d{1,9})?)s$/.exec(value) : null;
  return match === null ? undefined : Math.ceil(Math.min(Number(match[1]), DAY_SECONDS) * 1_000);
}
