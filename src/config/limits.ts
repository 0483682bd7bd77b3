import { z } from "zod";
import { isTimeZone } from "../domain/plans/period.ts";
import { isRate, type Limit, LONGEST_RATE_MS, RATE_MS, type RateWindow } from "../kernel/limit.ts";
import { NANO_PER_USD } from "../kernel/money.ts";
import { describeIssue } from "./issue.ts";
import { count, parseUsd, usd } from "./values.ts";

export const WINDOWS = ["second", "minute", "hour", "day", "week", "month", "total"] as const;

/** What one limit may count; exactly one of them stands in it. */
export const DIMENSIONS = ["requests", "tokens", "inputTokens", "outputTokens", "usd", "concurrent"] as const;

export const limit = z
  .strictObject({
    per: z
      .enum(WINDOWS)
      .optional()
      .describe(
        "Window of the limit; none for concurrent. second, minute and hour are rates; day, week (from Monday) and month are periods of the tenant's calendar; total never ends.",
      ),
    requests: count().optional().describe("Calls."),
    tokens: count().optional().describe("Tokens, read and written."),
    inputTokens: count().optional().describe("Tokens read."),
    outputTokens: count().optional().describe("Tokens written, reasoning included."),
    usd: usd().optional().describe("US dollars."),
    concurrent: count().optional().describe("Calls open at once."),
    burst: z
      .number()
      .optional()
      .describe(
        "With a rate: how much may pass at once, before it passes evenly; no more than flows in within a day. The limit itself where absent.",
      ),
  })
  .superRefine((value, context) => {
    const refuse = (message: string, ...path: string[]) => context.addIssue({ code: "custom", path, message });
    const named = DIMENSIONS.filter((dimension) => value[dimension] !== undefined);
    const [only] = named;
    if (only === undefined || named.length > 1) return refuse(`must limit exactly one of ${DIMENSIONS.join(", ")}`);
    if (only === "concurrent") {
      if (value.per !== undefined) refuse("must not stand with concurrent, which has no window", "per");
    } else if (value.per === undefined) refuse(`is required with ${only}: one of ${WINDOWS.join(", ")}`, "per");
    if (value.burst === undefined) return;
    if (!isRate(value.per ?? null)) return refuse("stands only with a rate: per second, minute or hour", "burst");
    const { success, error } = (only === "usd" ? usd() : count()).safeParse(value.burst, { error: describeIssue });
    if (!success) return refuse(error.issues[0]!.message, "burst");
    const most = (value[only] as number) * (LONGEST_RATE_MS / RATE_MS[value.per as RateWindow]);
    if (value.burst > most) refuse(`must flow in within a day, so be at most ${most}; or limit per day`, "burst");
  });

/** A limit as people write it. */
export type LimitRow = z.infer<typeof limit>;

/** A list of limits, each of another kind or window. */
export const limits = () =>
  z.array(limit).superRefine((rows, context) => {
    const seen = new Map<string, number>();
    rows.forEach((row, at) => {
      const dimension = DIMENSIONS.find((candidate) => row[candidate] !== undefined);
      const kind = row.per === undefined ? String(dimension) : `${dimension} per ${row.per}`;
      const before = seen.get(kind);
      seen.set(kind, before ?? at);
      if (before === undefined || dimension === undefined) return;
      const message = `limits ${kind}, as limits[${before}] does; which of them holds would be open`;
      context.addIssue({ code: "custom", path: [at], message });
    });
  });

/** The limits of a checked list. */
export function limitsOf(rows: readonly LimitRow[]): Limit[] {
  return rows.map((row) => {
    const dimension = DIMENSIONS.find((candidate) => row[candidate] !== undefined) ?? "requests";
    const exact = (amount: number) => (dimension === "usd" ? parseUsd(amount) : amount);
    const amount = exact(row[dimension] ?? 0);
    const burst = row.burst === undefined ? {} : { burst: exact(row.burst) };
    return { dimension, window: row.per ?? null, amount, ...burst };
  });
}

/** A limit as it is written in a list. */
export function rowOf({ dimension, window, amount, burst }: Limit): LimitRow {
  const written = (value: number) => (dimension === "usd" ? value / NANO_PER_USD : value);
  return {
    ...(window === null ? {} : { per: window }),
    [dimension]: written(amount),
    ...(burst === undefined ? {} : { burst: written(burst) }),
  };
}

/** An IANA time zone. */
export const timeZone = () =>
  z.string().refine(isTimeZone, { error: "must be an IANA time zone such as Europe/Berlin or UTC" });
