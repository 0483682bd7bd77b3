import type { GatewayError } from "../errors.ts";
import { formatUsd } from "../kernel/money.ts";
import type { Level } from "../ports/meter.ts";
import type { Attempt } from "../ports/records.ts";
import type { PublicError } from "../spec/wire.ts";
import type { Call } from "./call.ts";
import { briefly } from "./record.ts";
import type { Settled } from "./settle.ts";

export type HeaderMap = Record<string, string>;

/** On every answer, good or bad. */
export function commonHeaders(call: Call): HeaderMap {
  const headers: HeaderMap = { "x-request-id": call.requestId, "x-content-type-options": "nosniff" };
  // Anthropic's clients read the id under their own name.
  if (call.wire.dialect === "anthropic-messages") headers["request-id"] = call.requestId;
  limitHeaders(headers, call.levels);
  return headers;
}

export function answerHeaders(settled: Settled): HeaderMap {
  const { call, clean } = settled;
  const headers = commonHeaders(call);
  const { target } = clean.answer;
  const { asked, grant } = clean.answer.clean.hold;
  const { api } = grant;
  // Whoever served is the last that was asked.
  Object.assign(headers, toldBy(call, asked.at(-1)?.attempt));
  headers["x-sallyport-model"] = headerSafe(`${target.account.name}/${target.model}`);
  headers["x-sallyport-attempts"] = String(call.observed.attempts.length);
  if (call.observed.warnings.length > 0)
    headers["x-sallyport-warnings"] = headerSafe(briefly(call.observed.warnings).join("; ")).slice(0, 1_000);
  if (api.stage === "deprecated") {
    // RFC 9745: a date as a structured field; RFC 8594: an HTTP date.
    headers.deprecation = `@${Math.floor((api.deprecatedAt ?? call.at) / 1_000)}`;
    if (api.sunsetAt !== null) headers.sunset = new Date(api.sunsetAt).toUTCString();
  }
  return headers;
}

/** On a refusal: what became of the targets, where any was asked. */
export function attemptHeaders(call: Call): HeaderMap {
  const { attempts } = call.observed;
  const last = attempts.at(-1);
  if (last === undefined) return {};
  const cost = attempts.reduce((sum, { costNanoUsd }) => sum + costNanoUsd, 0);
  return {
    ...toldBy(call, last),
    "x-sallyport-attempts": String(attempts.length),
    "x-sallyport-cost-usd": formatUsd(cost),
  };
}

function toldBy({ observed }: Call, attempt: Attempt | undefined): HeaderMap | undefined {
  return observed.told.find((told) => told.attempt === attempt)?.headers;
}

/**
 * `x-ratelimit-*` as OpenAI writes them, for the limit of each dimension that is nearest to
 * its end; `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers) for all.
 */
function limitHeaders(headers: HeaderMap, levels: readonly Level[]): void {
  let policies = "";
  let states = "";
  let requests: Level | undefined;
  let tokens: Level | undefined;
  for (const level of levels) {
    const { dimension, window, limit } = level.demand;
    if (window === null) continue;
    const name = dimension === "requests" ? window : `${window}-${dimension}`;
    const comma = policies === "" ? "" : ", ";
    policies += `${comma}"${name}";q=${limit};w=${WINDOW_SECONDS[window]}`;
    states += `${comma}"${name}";r=${level.remaining};t=${Math.ceil(level.resetMs / 1_000)}`;
    if (dimension === "requests") requests = nearer(level, requests);
    else if (dimension === "tokens") tokens = nearer(level, tokens);
  }
  if (policies === "") return;
  headers["ratelimit-policy"] = policies;
  headers.ratelimit = states;
  if (requests !== undefined) {
    headers["x-ratelimit-limit-requests"] = String(requests.demand.limit);
    headers["x-ratelimit-remaining-requests"] = String(requests.remaining);
    headers["x-ratelimit-reset-requests"] = duration(requests.resetMs);
  }
  if (tokens !== undefined) {
    headers["x-ratelimit-limit-tokens"] = String(tokens.demand.limit);
    headers["x-ratelimit-remaining-tokens"] = String(tokens.remaining);
    headers["x-ratelimit-reset-tokens"] = duration(tokens.resetMs);
  }
}

/** Of two levels of one dimension the one that has less of its limit left. */
function nearer(level: Level, known: Level | undefined): Level {
  return known === undefined || level.remaining / level.demand.limit < known.remaining / known.demand.limit
    ? level
    : known;
}

const WINDOW_SECONDS = { second: 1, minute: 60, hour: 3_600, day: 86_400, week: 604_800, month: 2_592_000 } as const;

/** OpenAI's way of writing durations: `120ms`, `59s`, `6m0s`, `23h59m1s`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.ceil(ms)}ms`;
  const seconds = Math.ceil(ms / 1_000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${seconds % 60}s`;
  return `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds % 60}s`;
}

export function publicError(error: GatewayError, call: Call): PublicError {
  return {
    status: error.status,
    code: error.code,
    message: error.public,
    // The methods that a path takes are for the Allow header; no field is at fault.
    param: error.code === "method_not_allowed" ? null : error.param,
    requestId: call.requestId,
    ...(error.providerCode === undefined ? {} : { providerCode: error.providerCode }),
  };
}

/** Model names come from configuration and callers; a header takes printable ASCII only. */
function headerSafe(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?");
}
