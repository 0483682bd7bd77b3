import { isRate, type Limit, type LimitDimension, type LimitWindow, RATE_MS } from "../../kernel/limit.ts";
import { formatUsd } from "../../kernel/money.ts";
import type { Level } from "../../ports/meter.ts";
import type { Dialect } from "../../spec/dialect.ts";

type Headers = Record<string, string>;

/**
 * How the limits stand, as each dialect's clients read it: `x-ratelimit-*` as OpenAI writes them,
 * `anthropic-ratelimit-*` for callers of Messages, each for the limit of its dimension that is nearest
 * to its end; `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers) for each
 * dimension and window the limit that stops the caller first; what is left of a budget in dollars.
 * Of a total no reset is told: it never comes, and 0 would say "at once".
 * @param now milliseconds since 1970
 */
export function limitHeaders(levels: readonly Level[], dialect: Dialect, now: number): Headers {
  const headers: Headers = {};
  structured(headers, levels);
  for (const dimension of DIMENSIONS) {
    const level = nearest(levels, dimension);
    if (level === undefined) continue;
    if (dimension === "usd") headers["x-sallyport-budget-remaining-usd"] = formatUsd(level.remaining);
    else if (dialect === "anthropic-messages") anthropics(headers, dimension, level, now);
    if (dimension === "requests" || dimension === "tokens") openais(headers, dimension, level);
  }
  return headers;
}

/** Everything that has a window: of who may run at once nothing is told. */
const DIMENSIONS = ["requests", "tokens", "inputTokens", "outputTokens", "usd"] as const;

/** The limit of a dimension that is nearest to its end. */
function nearest(levels: readonly Level[], dimension: LimitDimension): Level | undefined {
  let found: Level | undefined;
  for (const level of levels) {
    if (level.limit.dimension !== dimension || level.limit.window === null) continue;
    if (found === undefined || share(level) < share(found)) found = level;
  }
  return found;
}

/** Of a limit that allows nothing, nothing is left. */
function share({ remaining, limit }: Level): number {
  return limit.amount === 0 ? 0 : remaining / limit.amount;
}

function openais(headers: Headers, dimension: "requests" | "tokens", { limit, remaining, resetMs }: Level): void {
  headers[`x-ratelimit-limit-${dimension}`] = String(limit.amount);
  headers[`x-ratelimit-remaining-${dimension}`] = String(remaining);
  if (limit.window !== "total") headers[`x-ratelimit-reset-${dimension}`] = duration(resetMs);
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
  if (limit.window === "total") return;
  // A second begun is a second: whoever comes back at the moment told must not come too early.
  const reset = new Date(1_000 * Math.ceil((now + resetMs) / 1_000));
  headers[`${name}-reset`] = `${reset.toISOString().slice(0, 19)}Z`;
}

const DAY_SECONDS = 86_400;
const PERIOD_SECONDS: Partial<Record<LimitWindow, number>> = {
  day: DAY_SECONDS,
  week: 7 * DAY_SECONDS,
  month: 30 * DAY_SECONDS,
};

/** What is always said of a limit of one kind of scope. */
interface Wording {
  kind: string;
  /** `"day";r=` */
  state: string;
  /** `"day";q=1000;w=86400` */
  policy: string;
  /** Whether it says when. A total never begins anew. */
  resets: boolean;
}

/** A limit is one object for as long as the catalog or the principal is. */
const wordings = new WeakMap<Limit, Wording>();

function wordingOf({ scope, limit }: Level): Wording {
  const known = wordings.get(limit);
  if (known !== undefined && scope.startsWith(known.kind)) return known;
  const { dimension, window, amount } = limit as Limit & { window: LimitWindow };
  const kind = scope.slice(0, scope.indexOf(":") + 1);
  const name = [kind === "subscription:" ? "" : kind.slice(0, -1), window, dimension === "requests" ? "" : dimension];
  const quoted = `"${name.filter((part) => part !== "").join("-")}"`;
  const seconds = isRate(window) ? RATE_MS[window] / 1_000 : PERIOD_SECONDS[window];
  const unit = dimension === "usd" ? ';qu="nano-usd"' : "";
  const policy = `${quoted};q=${amount}${unit}${seconds === undefined ? "" : `;w=${seconds}`}`;
  const wording = { kind, state: `${quoted};r=`, policy, resets: seconds !== undefined };
  wordings.set(limit, wording);
  return wording;
}

/** Of several limits of one dimension and window, that with the least left: the others say nothing to a caller, and a call has six scopes. */
function first(levels: readonly Level[]): Level[] {
  const found: Level[] = [];
  for (const level of levels) {
    const { dimension, window } = level.limit;
    if (window === null) continue;
    const at = found.findIndex(({ limit }) => limit.dimension === dimension && limit.window === window);
    if (at < 0) found.push(level);
    else if (level.remaining < found[at]!.remaining) found[at] = level;
  }
  return found;
}

function structured(headers: Headers, levels: readonly Level[]): void {
  let policies = "";
  let states = "";
  for (const level of first(levels)) {
    const { policy, state, resets } = wordingOf(level);
    const comma = policies === "" ? "" : ", ";
    policies += comma + policy;
    states += `${comma}${state}${level.remaining}${resets ? `;t=${Math.ceil(level.resetMs / 1_000)}` : ""}`;
  }
  if (policies === "") return;
  headers["ratelimit-policy"] = policies;
  headers.ratelimit = states;
}

/** OpenAI's way of writing durations: `120ms`, `59s`, `6m0s`, `23h59m1s`. */
export function duration(ms: number): string {
  if (ms <= 999) return `${Math.ceil(ms)}ms`;
  const seconds = Math.ceil(ms / 1_000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${seconds % 60}s`;
  return `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds % 60}s`;
}
