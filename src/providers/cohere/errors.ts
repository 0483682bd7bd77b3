import { isObject, type Json, type JsonObject, parseJson } from "../../kernel/json.ts";
import type { ProviderError } from "../../spec/event.ts";
import { readRetryAfter } from "../retry-after.ts";

const MAX_MESSAGE = 2_000;

/**
 * An answer whose status is not 2xx: `{"id", "message"}`. A body that is none may be a proxy's
 * page, and is not passed on. Never throws.
 */
export function errorOf(status: number, body: string, header: (name: string) => string | null): ProviderError {
  const parsed = parseJson(body);
  const said = isObject(parsed) ? messageOf(parsed) : undefined;
  const error: ProviderError = { status, message: said ?? `The provider answered ${status}.` };
  const retryAfterMs = readRetryAfter(header);
  if (retryAfterMs !== undefined) error.retryAfterMs = retryAfterMs;
  return error;
}

/** Reasons to end that are failures, and the status that each stands for. */
const STATUS_OF_REASON: Readonly<Record<string, number>> = { ERROR: 500, TIMEOUT: 504, ERROR_LIMIT: 400 };

/** An answer that ended in a failure, though its status was 200. undefined: it did not. */
export function errorInside(reason: Json | undefined, message: Json | undefined): ProviderError | undefined {
  const said = typeof message === "string" && message !== "" ? message.slice(0, MAX_MESSAGE) : undefined;
  const status = typeof reason === "string" ? STATUS_OF_REASON[reason] : undefined;
  if (status === undefined && said === undefined) return undefined;
  const error: ProviderError = { status: status ?? 502, message: said ?? "The provider's answer ended in an error." };
  if (typeof reason === "string") error.type = reason;
  return error;
}

export function messageOf(body: JsonObject): string | undefined {
  for (const name of ["message", "error", "detail", "data"]) {
    const value = body[name];
    if (typeof value === "string" && value !== "") return value.slice(0, MAX_MESSAGE);
  }
  return undefined;
}
