const HOUR_MS = 3_600_000;

/**
 * When to come back, in milliseconds. `retry-after-ms`, `retry-after` in seconds or as a date
 * (RFC 9110, section 10.2.3), or OpenAI's `x-ratelimit-reset-*` ("1s", "6m0s", "120ms"), the
 * later of the two that are used up. A date counts from the answer's own `date`: there is no
 * clock here.
 */
export function readRetryAfter(header: (name: string) => string | null): number | undefined {
  const ms = Number(header("retry-after-ms") ?? Number.NaN);
  if (ms >= 0) return bounded(ms);
  const after = header("retry-after");
  if (after !== null) {
    const seconds = after.trim() === "" ? Number.NaN : Number(after);
    if (seconds >= 0) return bounded(seconds * 1_000);
    const until = Date.parse(after) - Date.parse(header("date") ?? "");
    return until >= 0 ? bounded(until) : undefined;
  }
  let reset: number | undefined;
  for (const kind of ["requests", "tokens"]) {
    if (header(`x-ratelimit-remaining-${kind}`) !== "0") continue;
    const wait = readDuration(header(`x-ratelimit-reset-${kind}`));
    if (wait !== undefined) reset = Math.max(reset ?? 0, wait);
  }
  return reset === undefined ? undefined : bounded(reset);
}

const UNIT_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: HOUR_MS, d: 24 * HOUR_MS };

function readDuration(text: string | null): number | undefined {
  if (text === null || text.length > 40 || !/^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) sum += Number(count) * UNIT_MS[unit!]!;
  return sum;
}

/** A provider that asks for more than a day means "not today". */
function bounded(ms: number): number {
  return Math.min(Math.ceil(ms), 24 * HOUR_MS);
}
