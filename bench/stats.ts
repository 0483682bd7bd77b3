/** The few statistics that the bench reports. Nothing here is a mean: a noisy machine bends a mean. */

/** The value below which `share` (0…1) of the sorted samples lie, by the nearest rank; NaN without samples. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) return Number.NaN;
  const rank = Math.ceil(share * sorted.length) - 1;
  return sorted[Math.min(Math.max(rank, 0), sorted.length - 1)]!;
}

/** The middle of the samples, of two middles the mean; NaN without samples. */
export function median(samples: readonly number[]): number {
  const sorted = samples.filter((sample) => !Number.isNaN(sample)).sort((a, b) => a - b);
  if (sorted.length === 0) return Number.NaN;
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Latencies of one run, in milliseconds. */
export interface Latency {
  p50: number;
  p99: number;
  max: number;
}

/** p50, p99 and the largest of unsorted samples. */
export function latency(samplesMs: number[]): Latency {
  const sorted = Float64Array.from(samplesMs).sort();
  return { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99), max: percentile(sorted, 1) };
}
