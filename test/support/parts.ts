import { test } from "bun:test";

/**
 * Something that a suite needs and that not every machine has: a browser, a model, a
 * folder of data. Use it as `describe.skipIf(!present({ … }))`.
 */
export interface Part {
  /** As the summary shall call it: "real model". */
  name: string;
  found: boolean;
  /** How to get it, or how it is found. */
  how: string;
}

/** What the runner looks for in a suite's output, to say it again in its summary. */
export const MISSING_PART = "MISSING PART";

/**
 * Whether the part is here. Where it is not, that is said loudly, and under CI=true a test
 * fails for it: a machine that is meant to run everything must not pass by skipping.
 */
export function present(part: Part, env: Record<string, string | undefined> = process.env): boolean {
  if (part.found) return true;
  console.error(`${MISSING_PART}: ${part.name}: ${part.how}`);
  if (env.CI === "true") {
    test(`${part.name} is present, as CI=true demands`, () => {
      throw new Error(`${part.name} is missing: ${part.how}`);
    });
  }
  return false;
}
