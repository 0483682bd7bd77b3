import { extraThinkingBudget } from "../../domain/plans/unseen.ts";
import type { Level } from "../../ports/meter.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { Grant } from "../authorize.ts";
import { limitedIn } from "./demand.ts";
import { type Worst, type WorstPorts, worstCaseOf } from "./worst.ts";

/** Fewer tokens are no answer, and some providers take no smaller bound. */
const LEAST_OUTPUT = 16;

/**
 * The same call with a bound on its output that its limits afford, where there is one.
 * What an answer could cost is a straight line over its bound, so two points of it tell where it fits.
 */
export function shortened(
  grant: Grant,
  worst: Worst,
  levels: readonly Level[],
  ports: WorstPorts,
): { grant: Grant; worst: Worst } | undefined {
  const limited = limitedIn(grant);
  const worstAt = (bound: number) => worstCaseOf(grant.bounded(bound), ports, limited, "counted");
  const least = worstAt(LEAST_OUTPUT);
  // A model that thinks needs what it was given for that; a bound that stands under another name as well is not lowered.
  if (least.output >= worst.output || isGivenThoughts(grant.request)) return undefined;
  // What comes on top of every bound, such as thoughts, makes no difference between two of them.
  const each = (worstAt(2 * LEAST_OUTPUT).output - least.output) / LEAST_OUTPUT;
  const asked = LEAST_OUTPUT + (worst.output - least.output) / each;
  const bounds = levels.map((level) => affordable(level, least, worst, asked));
  const bound = Math.floor(Math.min(asked, ...bounds));
  if (!(bound >= LEAST_OUTPUT && bound < asked)) return undefined;
  return { grant: grant.bounded(bound), worst: worstAt(bound) };
}

/** What a call could use whose answer is as short as any is made. */
export function shortest(grant: Grant, ports: WorstPorts): Worst {
  const of = isGivenThoughts(grant.request) ? grant : grant.bounded(LEAST_OUTPUT);
  return worstCaseOf(of, ports, limitedIn(grant), "counted");
}

function isGivenThoughts(request: ModelRequest): boolean {
  return (request.reasoning?.budgetTokens ?? 0) > 0 || extraThinkingBudget(request) > 0;
}

/** The largest bound on the output that fits under one limit; infinite where the output does not matter to it. */
function affordable({ limit, remaining }: Level, least: Worst, most: Worst, asked: number): number {
  const of = ({ input, output, usd }: Worst): number => {
    if (limit.dimension === "tokens") return input + output;
    if (limit.dimension === "outputTokens") return output;
    return limit.dimension === "usd" ? usd : 0;
  };
  const slope = (of(most) - of(least)) / (asked - LEAST_OUTPUT);
  if (slope <= 0) return Number.POSITIVE_INFINITY;
  return LEAST_OUTPUT + (remaining - of(least)) / slope;
}
