import { isObject, type Json, parseJson } from "../../kernel/json.ts";
import type { ProviderError } from "../../spec/event.ts";
import { readRetryAfter } from "../retry-after.ts";

const MAX_MESSAGE = 2_000;

/** An answer whose status is not 2xx: `{"error": "text"}`. A body that is none may be a proxy's page, and is not passed on. Never throws. */
export function errorOf(status: number, body: string, header: (name: string) => string | null): ProviderError {
  const parsed = parseJson(body);
  const message = (isObject(parsed) ? messageOf(parsed.error) : undefined) ?? `The provider answered ${status}.`;
  const error: ProviderError = { status, message };
  const retryAfterMs = readRetryAfter(header);
  if (retryAfterMs !== undefined) error.retryAfterMs = retryAfterMs;
  return error;
}

/** An `error` on a line of a stream, or in a 200. Ollama tells no kind: the model's runner has failed. */
export function errorInside(value: Json): ProviderError {
  return { status: 500, message: messageOf(value) ?? "The provider reported an error within its answer." };
}

/** Ollama's cloud wraps its errors as OpenAI does. */
function messageOf(value: Json | undefined): string | undefined {
  const text = isObject(value) ? value.message : value;
  return typeof text === "string" && text !== "" ? text.slice(0, MAX_MESSAGE) : undefined;
}
