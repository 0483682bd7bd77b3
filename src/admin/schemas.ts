import { z } from "zod";
import { limit } from "../config/limits.ts";

/** Pieces that several resources share, as the outside sees them. */

/** An instant. In answers always UTC with milliseconds. */
export const Instant = z.iso.datetime({ offset: true }).describe("RFC 3339 date and time.");

export const Name = z
  .string()
  .min(1, "must not be empty")
  .max(100, "must have at most 100 characters")
  // Control characters and the invisible ones that make two names look alike have no place in a name.
  .regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$/u, "must not contain control or invisible characters")
  .refine((name) => name.trim() === name, "must not begin or end with a space");

/** When something shall end: a date alone is its first moment in UTC. */
export const Moment = z.union(
  [z.iso.date(), z.iso.datetime({ offset: true })],
  "must be a date (2027-01-01) or a date and time with zone (2027-01-01T12:00:00Z)",
);

/** What people say to one another. Lines are fine; what hides text, or turns it around, is not. */
export const Prose = z
  .string()
  .max(1_000, "must have at most 1000 characters")
  .regex(/^(?:[^\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]|[\n\t])*$/u, "must not contain control characters")
  .refine((text) => text.trim() === text, "must not begin or end with a space");

/** A limit as it stands in the configuration: `{ per: day, requests: 1000 }`. */
export const LimitView = limit.meta({ id: "Limit", description: "One limit, as it stands in the configuration." });

export const Actor = z.object({ kind: z.string(), id: z.string() }).meta({ id: "Actor" });

/** Every page of every list. */
export const PageQuery = z.strictObject({
  cursor: z.string().min(1).max(500).optional().describe("`next` of the page before; absent for the first page."),
  limit: z.coerce
    .number("must be a whole number from 1 to 200")
    .int("must be a whole number from 1 to 200")
    .min(1, "must be a whole number from 1 to 200")
    .max(200, "must be a whole number from 1 to 200")
    .default(50)
    .describe("Items a page, at most 200."),
});

export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({
    items: z.array(item),
    next: z.string().nullable().describe("Cursor of the next page; null on the last."),
  });
}

export const Named = z.object({ id: z.string(), name: z.string() }).meta({ id: "Named" });

export function instant(at: number): string {
  return new Date(at).toISOString();
}

export function instantOrNull(at: number | null): string | null {
  return at === null ? null : instant(at);
}
