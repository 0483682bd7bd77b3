import type { GatewayError } from "../../errors.ts";
import { formatUsd } from "../../kernel/money.ts";
import type { Attempt } from "../../ports/records.ts";
import type { PublicError } from "../../spec/wire.ts";
import type { Call } from "../call.ts";
import { limitHeaders } from "../metering/limit-headers.ts";
import { briefly } from "../record.ts";
import type { Settled } from "../settle.ts";

export type HeaderMap = Record<string, string>;

/** On every answer, good or bad. */
export function commonHeaders(call: Call): HeaderMap {
  const headers: HeaderMap = { "x-request-id": call.requestId, "x-content-type-options": "nosniff" };
  // Anthropic's clients read the id under their own name.
  if (call.wire.dialect.startsWith("anthropic-")) headers["request-id"] = call.requestId;
  Object.assign(headers, limitHeaders(call.levels, call.wire.dialect, call.at));
  if (call.observed.shortenedTo !== null) headers["x-sallyport-max-tokens"] = String(call.observed.shortenedTo);
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
