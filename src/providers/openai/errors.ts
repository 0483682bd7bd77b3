import { isObject, type Json, type JsonObject, parseJson } from "../../kernel/json.ts";
import type { ProviderError } from "../../spec/event.ts";
import { readRetryAfter } from "../retry-after.ts";

/** A message is cut here: some providers send a whole web page. */
const MAX_MESSAGE = 2_000;

/** Depth to which a provider's error is looked for inside another's: OpenRouter wraps what it was told. */
const MAX_NESTING = 3;

/** What words of OpenAI's dialect and its lookalikes stand for, where an error comes inside a 200. */
const STATUS_OF_WORD: Record<string, number> = {
  authentication_error: 401,
  bad_request: 400,
  billing_error: 402,
  content_filter: 400,
  context_length_exceeded: 400,
  data_inspection_failed: 400,
  engine_overloaded_error: 503,
  insufficient_quota: 429,
  internal_server_error: 500,
  invalid_api_key: 401,
  invalid_prompt: 400,
  invalid_request: 400,
  invalid_request_error: 400,
  limit_burst_rate: 429,
  limit_requests: 429,
  model_not_found: 404,
  not_found_error: 404,
  overloaded_error: 503,
  permission_error: 403,
  rate_limit_error: 429,
  rate_limit_exceeded: 429,
  request_too_large: 413,
  server_error: 500,
  throttling: 429,
  timeout: 504,
  timeout_error: 504,
  tokens: 429,
  tool_use_failed: 400,
};

/**
 * An answer whose status is not 2xx. The envelopes of OpenAI and its lookalikes differ:
 * `{error: {message, type, param, code}}`, `{error: "text"}`, `{detail}`, `{message, code}`,
 * plain text, or a proxy's web page. Never throws.
 */
export function errorOf(status: number, body: string, header: (name: string) => string | null): ProviderError {
  const parsed = parseJson(body);
  const error = describe(parsed === undefined ? body : parsed, 0);
  const result: ProviderError = { ...error, status, message: error.message ?? `The provider answered ${status}.` };
  const retryAfterMs = readRetryAfter(header);
  if (retryAfterMs !== undefined) result.retryAfterMs = retryAfterMs;
  return result;
}

/** An error inside an answer whose status was 200, unary or streamed. @param value the `error` field, or all there is */
export function errorInside(value: Json): ProviderError {
  const error = describe(isObject(value) && "error" in value ? value : { error: value }, 0);
  return {
    ...error,
    status: statusInside(value, error),
    message: error.message ?? "The provider reported an error within its answer.",
  };
}

type Described = Omit<ProviderError, "status" | "message"> & { message?: string };

function describe(value: Json, nesting: number): Described {
  if (typeof value === "string") return describeText(value);
  if (nesting > MAX_NESTING) return {};
  if (Array.isArray(value)) return value.length > 0 ? describe(value[0]!, nesting + 1) : {};
  if (!isObject(value)) return {};
  const inner = value.error;
  if (isObject(inner) || Array.isArray(inner)) return { ...words(value), ...describe(inner, nesting + 1) };
  const described = words(value);
  const message =
    textOf(inner) ?? messageIn(value, nesting) ?? textOf(value.detail) ?? textOf(value.msg) ?? firstOf(value);
  const raw = rawOf(value, nesting);
  if (message !== undefined && raw !== undefined) described.message = cut(`${message}: ${raw}`);
  else if (message !== undefined || raw !== undefined) described.message = cut((message ?? raw)!);
  return described;
}

/** Mistral's message may be an object that holds FastAPI's list. */
function messageIn({ message }: JsonObject, nesting: number): string | undefined {
  return isObject(message) ? describe(message, nesting + 1).message : textOf(message);
}

function describeText(text: string): Described {
  const trimmed = text.trim();
  // A proxy's web page tells the caller nothing but markup.
  return trimmed === "" || trimmed.startsWith("<") ? {} : { message: cut(trimmed) };
}

function words(value: JsonObject): Described {
  const described: Described = {};
  if (typeof value.type === "string" && value.type !== "") described.type = value.type;
  if (typeof value.code === "string" && value.code !== "") described.code = value.code;
  else if (typeof value.code === "number") described.code = String(value.code);
  if (typeof value.param === "string" && value.param !== "") described.param = value.param;
  return described;
}

/** A message: text, or FastAPI's list of what was wrong where (Mistral, vLLM). */
function textOf(value: Json | undefined): string | undefined {
  if (typeof value === "string") return value === "" ? undefined : value;
  if (!Array.isArray(value)) return undefined;
  const told = value.slice(0, 5).map((item) => {
    if (!isObject(item) || typeof item.msg !== "string") return undefined;
    if (!Array.isArray(item.loc)) return item.msg;
    // A path is names and numbers; joining lists of lists would go as deep as they do.
    return `${item.loc.filter((step) => typeof step !== "object").join(".")}: ${item.msg}`;
  });
  const known = told.filter((text) => text !== undefined);
  return known.length === 0 ? undefined : known.join("; ");
}

function firstOf(value: JsonObject): string | undefined {
  return Array.isArray(value.errors) ? (textOf(value.errors) ?? textOf(value.errors[0])) : undefined;
}

/** OpenRouter says "Provider returned error" and puts the provider's own body beside it, as text. */
function rawOf(value: JsonObject, nesting: number): string | undefined {
  const metadata = value.metadata;
  if (!isObject(metadata) || metadata.raw === undefined) return undefined;
  const raw = typeof metadata.raw === "string" ? (parseJson(metadata.raw) ?? metadata.raw) : metadata.raw;
  return describe(raw, nesting + 1).message;
}

function cut(text: string): string {
  return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}…` : text;
}

function statusInside(value: Json, error: Described): number {
  const inner = isObject(value) && isObject(value.error) ? value.error : value;
  if (isObject(inner)) {
    for (const name of ["status", "status_code", "code"]) {
      const status = Number(inner[name]);
      if (Number.isInteger(status) && status >= 400 && status <= 599) return status;
    }
  }
  return STATUS_OF_WORD[error.code?.toLowerCase() ?? ""] ?? STATUS_OF_WORD[error.type?.toLowerCase() ?? ""] ?? 502;
}
