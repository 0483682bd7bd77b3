import { isObject, type JsonObject, parseJson } from "../../kernel/json.ts";
import type { ProviderError } from "../../spec/event.ts";
import { readRetryAfter } from "../retry-after.ts";

const MAX_MESSAGE = 2_000;

/**
 * Statuses of the codes (https://help.aliyun.com/zh/model-studio/error-code), for those inside a
 * 200. The first that the code begins with counts: they have endings (`Throttling.RateQuota`).
 */
const STATUS_OF_CODE: readonly (readonly [start: string, status: number])[] = [
  ["Throttling", 429],
  ["LimitRequests", 429],
  // A throttle too, although it borrows the name of a spent budget.
  ["insufficient_quota", 429],
  ["limit_", 429],
  ["InvalidApiKey", 401],
  ["invalid_api_key", 401],
  ["AccessDenied", 403],
  ["Model.AccessDenied", 403],
  ["Arrearage", 402],
  ["ModelNotFound", 404],
  ["model_not_found", 404],
  ["InvalidParameter", 400],
  ["InvalidURL", 400],
  ["BadRequest", 400],
  ["DataInspectionFailed", 400],
  ["data_inspection_failed", 400],
  ["RequestTimeOut", 504],
  ["ServiceUnavailable", 503],
  ["ModelUnavailable", 503],
  ["ModelServingError", 503],
  ["InternalError", 500],
  ["SystemError", 500],
];

/** An answer whose status is not 2xx: `{code, message, request_id}`. Never throws. */
export function errorOf(status: number, body: string, header: (name: string) => string | null): ProviderError {
  const parsed = parseJson(body);
  const error = isObject(parsed) ? describe(parsed, status) : { status, message: `The provider answered ${status}.` };
  const retryAfterMs = readRetryAfter(header);
  if (retryAfterMs !== undefined) error.retryAfterMs = retryAfterMs;
  return error;
}

/** The same in an event of a stream, or in a 200. */
export function errorInside(value: JsonObject): ProviderError {
  const { code } = value;
  const known = typeof code === "string" ? STATUS_OF_CODE.find(([start]) => code.startsWith(start)) : undefined;
  return describe(value, known?.[1] ?? 502);
}

/** Whether an object is an error, and no answer. */
export function isError({ code, message, output }: JsonObject): boolean {
  return typeof code === "string" && code !== "" && typeof message === "string" && !isObject(output);
}

function describe(value: JsonObject, status: number): ProviderError {
  // Its imitation of OpenAI's stands behind the same address.
  const told = isObject(value.error) ? value.error : value;
  const { code, message } = told;
  const said = typeof message === "string" && message !== "" ? message.slice(0, MAX_MESSAGE) : undefined;
  const error: ProviderError = { status, message: said ?? `The provider answered ${status}.` };
  if (typeof code === "string" && code !== "") error.code = code;
  return error;
}
