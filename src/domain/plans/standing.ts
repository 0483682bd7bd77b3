import type { Limit, PeriodWindow } from "../../kernel/limit.ts";
import type { Amounts } from "./amounts.ts";

/** What was spent and is reserved of one scope, in the periods that run. */
export interface Usage {
  scope: string;
  zone: string;
  /** Calls that run now. */
  running: number;
  periods: Readonly<Record<PeriodWindow, PeriodUsage>>;
}

export interface PeriodUsage {
  /** Milliseconds since 1970, end exclusive; Infinity for what is counted in total. */
  start: number;
  end: number;
  /** What was admitted since then is counted in it: `start`, unless the calendar was changed meanwhile. */
  since: number;
  spent: Amounts;
  reserved: Amounts;
}

/** How a limit stands after a reserve, or stood when it refused. */
export interface Level {
  scope: string;
  limit: Limit;
  /** What could still be taken: requests, tokens, nano-dollars, places. */
  remaining: number;
  /** Until it is as if nothing had ever been used, in milliseconds; 0 where nobody knows. */
  resetMs: number;
}
