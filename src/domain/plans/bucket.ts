import { type Limit, RATE_MS, type RateWindow } from "../../kernel/limit.ts";

/**
 * The state of one rate limit: a token bucket as GCRA keeps it (ITU-T I.371). The bucket is full
 * from `fullAt` on; until then each millisecond that is missing stands for what flows in meanwhile.
 */
export interface Bucket {
  dimension: Limit["dimension"];
  window: Limit["window"];
  /** Milliseconds in which one unit flows in, by the limit that was last asked for. */
  each: number;
  /** Whole milliseconds since 1970. */
  fullAt: number;
  /** What is missing to that, less than a millisecond: a sum of both would lose it, and with it the limit's share of thousandths. */
  rest: number;
}

/** Sums of fractions miss by less; no limit is so fine that it lets one more through. */
const NOISE_MS = 2 ** -20;

/** A new bucket is full. */
export function newBucket({ dimension, window }: Limit): Bucket {
  return { dimension, window, each: 0, fullAt: 0, rest: 0 };
}

/**
 * The limit may have changed since the bucket was last asked: what is missing stays missing for as long. Under one that
 * allows nothing, calls that run from before leave as they would have.
 */
export function fit(bucket: Bucket, limit: Limit): Bucket {
  if (limit.amount > 0) bucket.each = RATE_MS[limit.window as RateWindow] / limit.amount;
  return bucket;
}

/** What is in it when it is full. */
function size(limit: Limit): number {
  return limit.burst ?? limit.amount;
}

/**
 * Milliseconds until `amount` can be taken: 0 now, null never.
 * @param held what is promised to others, and not taken yet
 */
export function waitFor(bucket: Bucket, limit: Limit, amount: number, held: number, now: number): number | null {
  const { each } = bucket;
  if (amount === 0) return 0;
  if (amount > size(limit)) return null;
  const wait = missing(bucket, now) - (size(limit) - held - amount) * each;
  if (wait <= NOISE_MS) return 0;
  // What others hold is free when their calls end: soon, but nobody knows when.
  return amount + held > size(limit) ? 1_000 : Math.max(1, Math.ceil(wait - NOISE_MS));
}

/**
 * Takes, whether it is there or not; gives back where the amount is negative.
 * @param at in whole milliseconds
 */
export function draw(bucket: Bucket, amount: number, at: number): void {
  if (amount === 0) return;
  const from = Math.max(at, bucket.fullAt);
  const time = amount * bucket.each + (from === bucket.fullAt ? bucket.rest : 0);
  const whole = Math.floor(time);
  bucket.fullAt = from + whole;
  bucket.rest = time - whole;
}

/** How much could be taken at once now. */
export function remaining(bucket: Bucket, limit: Limit, held: number, now: number): number {
  const short = Math.max(0, missing(bucket, now) - NOISE_MS);
  const left = size(limit) - held - (short === 0 ? 0 : short / bucket.each);
  return Math.max(0, Math.floor(left));
}

/** Milliseconds until it is full. */
export function missing({ fullAt, rest }: Bucket, now: number): number {
  return Math.max(0, fullAt - now + rest);
}
