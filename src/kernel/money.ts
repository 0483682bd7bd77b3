/**
 * Money is an integer number of nano-dollars (1 USD = 1e9). A safe integer holds
 * nine million dollars of them, which is more than a call, a plan or a month may cost here.
 */
export type NanoUsd = number;

export const NANO_PER_USD = 1_000_000_000;

/** Tokens × (US dollars per million tokens), rounded up: we never charge less than was spent. */
export function priceOfTokens(tokens: number, usdPerMillion: number): NanoUsd {
  // One USD per million tokens is 1000 nano-dollars a token. A product that misses a whole
  // number only by the noise of its three roundings is that number, and does not ceil to one more.
  const nano = tokens * usdPerMillion * 1_000;
  const whole = Math.round(nano);
  const noise = Math.max(1e-6, nano * 4 * Number.EPSILON);
  return Math.abs(nano - whole) <= noise ? whole : Math.ceil(nano);
}

/** Nano-dollars as a decimal string of dollars, exact: 1500 → "0.0000015". */
export function formatUsd(nano: NanoUsd): string {
  const sign = nano < 0 ? "-" : "";
  const digits = Math.abs(nano).toString().padStart(10, "0");
  const whole = digits.slice(0, -9);
  const fraction = digits.slice(-9).replace(/0+$/, "");
  return fraction === "" ? `${sign}${whole}` : `${sign}${whole}.${fraction}`;
}
