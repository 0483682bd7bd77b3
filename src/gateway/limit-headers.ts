import { isRate, type LimitDimension, type LimitWindow, RATE_MS } from "../kernel/limit.ts";
import { formatUsd } from "../kernel/money.ts";
import type { Level } from "../ports/meter.ts";
import type { Dialect } from "../spec/dialect.ts";

type Headers = Record<string, string>;

/**
 * How the limits stand, as each dialect's clients read it: `x-ratelimit-*` as OpenAI writes them,
 * `anthropic-ratelimit-*` for callers of Messages, each for the limit of its dimension that is nearest
 * to its end; `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers) for all of
 * them; what is left of a budget in dollars.
 * @param now milliseconds since 1970
 */
export function limitHeaders(levels: readonly Level[], dialect: Dialect, now: number): Headers {
  const headers: Headers = {};
  const told = levels.filter(({ limit }) => limit.window !== null);
  if (told.length === 0) return headers;
  structured(headers, told);
  const nearest = new Map<LimitDimension, Level>();
  for (const level of told) {
    const known = nearest.get(level.limit.dimension);
    if (known === undefined || share(level) < share(known)) nearest.set(level.limit.dimension, level);
  }
  for (const [dimension, level] of nearest) {
    if (dimension === "usd") headers["x-sallyport-budget-remaining-usd"] = formatUsd(level.remaining);
    else if (dialect === "anthropic-messages") anthropics(headers, dimension, level, now);
    if (dimension === "requests" || dimension === "tokens") openais(headers, dimension, level);
  }
  return headers;
}

function share({ remaining, limit }: Level): number {
  return remaining / limit.amount;
}

function openais(headers: Headers, dimension: "requests" | "tokens", { limit, remaining, resetMs }: Level): void {
  headers[`x-ratelimit-limit-${dimension}`] = String(limit.amount);
  headers[`x-ratelimit-remaining-${dimension}`] = String(remaining);
  headers[`x-ratelimit-reset-${dimension}`] = duration(resetMs);
}

const ANTHROPICS: Partial<Record<LimitDimension, string>> = {
  requests: "requests",
  tokens: "tokens",
  inputTokens: "input-tokens",
  outputTokens: "output-tokens",
};

/** The reset is a moment in RFC 3339. */
function anthropics(headers: Headers, dimension: LimitDimension, { limit, remaining, resetMs }: Level, now: number) {
  const name = `anthropic-ratelimit-${ANTHROPICS[dimension]}`;
  headers[`${name}-limit`] = String(limit.amount);
  headers[`${name}-remaining`] = String(remaining);
  headers[`${name}-reset`] = `${new Date(now + resetMs).toISOString().slice(0, 19)}Z`;
}

const DAY_SECONDS = 86_400;
const PERIOD_SECONDS: Partial<Record<LimitWindow, number>> = {
  day: DAY_SECONDS,
  week: 7 * DAY_SECONDS,
  month: 30 * DAY_SECONDS,
};

function structured(headers: Headers, levels: readonly Level[]): void {
  let policies = "";
  let states = "";
  for (const { scope, limit, remaining, resetMs } of levels) {
    const { dimension, window, amount } = limit as typeof limit & { window: LimitWindow };
    const whose = scope.slice(0, scope.indexOf(":"));
    const name = (whose === "subscription" ? [] : [whose])
      .concat(window, dimension === "requests" ? [] : dimension)
      .join("-");
    const comma = policies === "" ? "" : ", ";
    const seconds = isRate(window) ? RATE_MS[window] / 1_000 : PERIOD_SECONDS[window];
    const unit = dimension === "usd" ? ';qu="nano-usd"' : "";
    policies += `${comma}"${name}";q=${amount}${unit}${seconds === undefined ? "" : `;w=${seconds}`}`;
    states += `${comma}"${name}";r=${remaining}${seconds === undefined ? "" : `;t=${Math.ceil(resetMs / 1_000)}`}`;
  }
  headers["ratelimit-policy"] = policies;
  headers.ratelimit = states;
}

/** OpenAI's way of writing durations: `120ms`, `59s`, `6m0s`, `23h59m1s`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.ceil(ms)}ms`;
  const seconds = Math.ceil(ms / 1_000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${seconds % 60}s`;
  return `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds % 60}s`;
}
