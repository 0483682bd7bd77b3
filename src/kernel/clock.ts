/** Time is injected, so that tests own it. */
export interface Clock {
  /** Wall time, milliseconds since 1970-01-01T00:00:00Z. It may jump. */
  now(): number;
  /** Monotonic time in milliseconds from an arbitrary start; for durations only. */
  ticks(): number;
}

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
