import { GatewayError, toGatewayError } from "../../errors.ts";
import { MalformedAnswer, UnsupportedFeature } from "../../spec/adapter.ts";
import type { ProviderError } from "../../spec/event.ts";
import { withoutAccountNames } from "./redact.ts";

/** The longest message of a provider's that is passed on. */
const MAX_MESSAGE = 2_000;

/** A word, not a number that repeats the status. */
const CODE = /^[A-Za-z][\w.:-]{0,99}$/;

/** How refusals of an account quote its key: in part, or its digest. OpenAI's `sk-…***…wxyz`, LiteLLM's `sk-...wxyz` and SHA-256. */
const QUOTED_KEYS: readonly RegExp[] = [
  /(?<![\w-])[\w-]*(?:\*{3,}|[•●]{2,})(?:\.{3}|[\w*•●…-])*/g,
  /(?<![\w-])(?=[\w-]*[\d_-]|[\w-]+(?:\.{3}|…)[\w-]*[\d_-])[\w-]+(?:\.{3}|…)[\w-]+/g,
  /\b[0-9a-f]{64}\b/gi,
];

/** Where it is called from, which they say where keys are bound to addresses, and whose it is, but for the provider's own desks. */
const WHOSE: readonly RegExp[] = [
  /(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)/g,
  /(?<![\w:.-])(?:(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,6})?::(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,6})?)(?![\w:])/gi,
  /(?<![\w.+-])(?!(?:support|sales|help)@)[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,8}/gi,
];

/** A message without the keys that it quotes, if only in part. */
export function withoutQuotedKeys(message: string): string {
  return QUOTED_KEYS.reduce((left, pattern) => left.replace(pattern, "*****"), message);
}

/** A refusal of the gateway's account without what it quotes of that account's keys, address and owner. */
export function withoutTraces(message: string): string {
  return WHOSE.reduce((left, pattern) => left.replace(pattern, "*****"), withoutQuotedKeys(message));
}

/**
 * A provider's refusal as our error, with its status and message. Where it concerns our account there, a code of its own
 * and the words before the provider's say whose trouble it is, or the caller would change its own key.
 */
export function fromProviderError(error: ProviderError): GatewayError {
  const { status } = error;
  const beside = error.beside === undefined ? {} : { beside: error.beside };
  const message =
    withoutAccountNames(error.message.slice(0, MAX_MESSAGE)).slice(0, MAX_MESSAGE) ||
    `The provider answered ${status}.`;
  const type = error.type !== undefined && CODE.test(error.type) ? ` ${error.type}` : "";
  const internal = `the provider answered ${status}${type}`;
  const param = error.param === undefined || error.param === null ? null : withoutAccountNames(error.param);
  if (isOfAccount(error)) {
    const said = withoutTraces(message);
    // 407 is about a proxy on the way, of which nobody here knows.
    const told = status === 407 ? {} : { status };
    return new GatewayError(
      "upstream_refused",
      `The provider refused the gateway's own account, and its operator has to act: ${said}`,
      { internal, upstreamStatus: status, ...told },
    );
  }
  if (status === 429) {
    const retry = error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs };
    return new GatewayError("upstream_rate_limited", message, { internal, ...retry, ...beside });
  }
  if (error.code === "upstream_malformed") return malformed(error.message);
  if (error.code === "upstream_cut") return new GatewayError("upstream_cut", message, { internal });
  if (status >= 400 && status < 500) {
    const given = error.code !== undefined && CODE.test(error.code) ? error.code : undefined;
    const code = given ?? (saysTooLong(status, message) ? CONTEXT_EXCEEDED : undefined);
    const word = code === undefined ? {} : { providerCode: code };
    const details = { internal, param, status, upstreamStatus: status, ...word, ...beside };
    return new GatewayError("upstream_rejected", message, details);
  }
  const overloaded = status === 503 || status === 529;
  return new GatewayError("upstream_error", message, {
    internal,
    status: overloaded ? 503 : status === 504 ? 504 : 502,
    ...beside,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
  });
}

/** Whether a provider's error is about the gateway's account there, and not about the request. */
export function isOfAccount({ status, account }: ProviderError): boolean {
  return account === true || status === 401 || status === 402 || status === 403 || status === 407;
}

/** Whether another target may do better: where this one is broken, silent, full or unreachable, not where the request is at fault. */
export function mayFallBack(error: GatewayError, on: readonly number[]): boolean {
  if (error.owner === "upstream" || error.code === "unsupported_feature") return true;
  // The status that the provider gave: our own may be another.
  return error.upstreamStatus !== undefined && on.includes(error.upstreamStatus);
}

/** How providers say that prompt and answer together are longer than the model takes. */
const TOO_LONG =
  /prompt is too long|context[ _](?:length|window)|maximum context|too many (?:input )?tokens|exceeds? the (?:maximum|model'?s?).{0,40}tokens|input token count|reduce the length/i;

/** OpenAI's word for it, on which agents shorten the conversation; others have none. */
const CONTEXT_EXCEEDED = "context_length_exceeded";

function saysTooLong(status: number, message: string): boolean {
  return (status === 400 || status === 413) && TOO_LONG.test(message);
}

/** Whether a model that takes more might do what this one has refused. */
export function isTooLong(error: GatewayError): boolean {
  if (error.code !== "upstream_rejected" || (error.status !== 400 && error.status !== 413)) return false;
  return error.providerCode === CONTEXT_EXCEEDED || TOO_LONG.test(error.public);
}

/** Whatever was thrown between a provider and its caller, as the caller may hear it. */
export function toCallError(thrown: unknown): GatewayError {
  if (thrown instanceof MalformedAnswer) return malformed(thrown.message, thrown);
  if (thrown instanceof UnsupportedFeature) {
    return new GatewayError("unsupported_feature", thrown.message, { param: thrown.field });
  }
  return toGatewayError(thrown);
}

/** @param internal what exactly was wrong; it may quote the answer, so it is not for the caller. */
function malformed(internal: string, cause?: unknown): GatewayError {
  return new GatewayError("upstream_malformed", "The provider sent something that is no answer.", { internal, cause });
}
