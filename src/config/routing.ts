import { z } from "zod";
import { USUAL_ROUTING } from "../domain/catalog/catalog.ts";
import { DAY, HOUR } from "../kernel/clock.ts";

/** On a target. */
export const contextTokens = z
  .int()
  .min(1)
  .max(1_000_000_000)
  .exactOptional()
  .describe("How many tokens of prompt and answer the model takes, where the public list does not know.");

/** On a target. */
export const outputTokens = z
  .int()
  .min(1)
  .max(1_000_000_000)
  .exactOptional()
  .describe(
    "The longest answer that the model gives where the caller sets no bound, in tokens, where that is not known: so much is held then.",
  );

const FINAL_STATUSES = [400, 401, 403, 404] as const;

/** On a model: how its targets are chosen and asked. */
export const routing = z
  .strictObject({
    strategy: z
      .enum(["weighted", "listed", "least-latency", "cheapest"])
      .default(USUAL_ROUTING.strategy)
      .describe("Which target is asked first."),
    sticky: z
      .boolean()
      .default(USUAL_ROUTING.sticky)
      .describe("Whether a conversation stays with one target, so that the provider's prompt cache is hit."),
    maxAttempts: z
      .int()
      .min(1)
      .max(100)
      .default(USUAL_ROUTING.maxAttempts)
      .describe("Targets asked for one call in all."),
    retries: z
      .int()
      .min(0)
      .max(10)
      .default(USUAL_ROUTING.retries)
      .describe(
        "Rounds over the targets after the first, each after a random pause that obeys Retry-After. Official clients retry on their own.",
      ),
    maxAttemptMs: z
      .int()
      .min(10)
      .max(DAY)
      .default(USUAL_ROUTING.maxAttemptMs)
      .describe("How long after the first attempt another one may begin, in milliseconds."),
    hedgeAfterMs: z
      .int()
      .min(1)
      .max(HOUR)
      .optional()
      .describe(
        "When the first target has been silent for so many milliseconds, the next is asked as well, and the first to answer serves. Both may charge.",
      ),
    fallbackOn: z
      .array(z.literal(FINAL_STATUSES))
      .default([])
      .describe("Statuses that otherwise end the call, and here lead to the next target."),
  })
  .prefault({})
  .describe("How the targets are chosen and asked.");
