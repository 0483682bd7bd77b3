import { expect, test } from "bun:test";
import { readRetryAfter } from "./retry-after.ts";

const DATE = "Sun, 22 Nov 2026 10:00:00 GMT";

const rows: [Record<string, string>, number | undefined][] = [
  [{}, undefined],
  [{ "retry-after": "3" }, 3_000],
  [{ "retry-after": "0.25" }, 250],
  [{ "retry-after": "" }, undefined],
  [{ "retry-after": "soon" }, undefined],
  [{ "retry-after-ms": "1500", "retry-after": "9" }, 1_500],
  [{ "retry-after": "Sun, 22 Nov 2026 10:00:30 GMT", date: DATE }, 30_000],
  [{ "retry-after": "Sun, 22 Nov 2026 09:00:00 GMT", date: DATE }, undefined],
  [{ "retry-after": "999999" }, 86_400_000],
  [{ "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s" }, 360_000],
  [{ "x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-tokens": "6m0s" }, undefined],
];
for (const [headers, wait] of rows) {
  test(`${JSON.stringify(headers)} means ${wait}`, () => {
    expect(readRetryAfter((name) => headers[name] ?? null)).toBe(wait);
  });
}
