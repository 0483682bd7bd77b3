import { isRate, type Limit } from "../../kernel/limit.ts";

/** Percents of a quota or budget at which somebody may want to hear of it. */
export const THRESHOLDS = [50, 80, 100] as const;

export type Threshold = (typeof THRESHOLDS)[number];

/** Quotas and budgets have thresholds; a rate fills again by itself, and places come free. */
export function hasThresholds({ window }: Limit): boolean {
  return window !== null && !isRate(window);
}

/** The highest threshold that is reached when so much of a limit is left; 0 where none is. */
export function reached({ amount }: Limit, remaining: number): Threshold | 0 {
  if (remaining * 2 > amount) return 0;
  if (remaining <= 0) return 100;
  return remaining * 5 > amount ? 50 : 80;
}

/** Those that are passed on the way from one to another, in order: of a call that takes all at once each is raised. */
export function between(from: Threshold | 0, to: Threshold | 0): Threshold[] {
  return THRESHOLDS.filter((each) => each > from && each <= to);
}
