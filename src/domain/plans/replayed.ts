import { LONGEST_RATE_MS } from "../../kernel/limit.ts";
import { type Amounts, amountOf, plus } from "./amounts.ts";
import { type Bucket, draw } from "./bucket.ts";

/** What was read again from the ledger. */
export interface Replayed {
  /** When it left the rates of requests and those of tokens; of several, when the last one of a second did. */
  asked: number;
  ended: number;
  amounts: Amounts;
}

/** Whether a rate may still miss it. */
export function isOfRates({ ended }: Replayed, now: number): boolean {
  return now - ended < LONGEST_RATE_MS;
}

/** What left all rates at one moment. */
export function used(amounts: Amounts, at: number): Replayed {
  return { asked: at, ended: at, amounts };
}

/** Adds an entry to those that are kept, and forgets what no rate misses any more. Those of one second are one. */
export function addReplayed(kept: Replayed[], entry: Replayed, now: number): void {
  while (kept.length > 0 && !isOfRates(kept[0]!, now)) kept.shift();
  const last = kept.at(-1);
  if (
    last !== undefined &&
    secondOf(last.asked) === secondOf(entry.asked) &&
    secondOf(last.ended) === secondOf(entry.ended)
  )
    kept[kept.length - 1] = together(last, entry);
  else kept.push(entry);
}

export function drawAgain(bucket: Bucket, { asked, ended, amounts }: Replayed): void {
  draw(bucket, amountOf(amounts, bucket.dimension), bucket.dimension === "requests" ? asked : ended);
}

/** Both when the later one was: that is never less. */
function together(one: Replayed, other: Replayed): Replayed {
  return {
    asked: Math.max(one.asked, other.asked),
    ended: Math.max(one.ended, other.ended),
    amounts: plus(one.amounts, other.amounts),
  };
}

function secondOf(ms: number): number {
  return Math.floor(ms / 1_000);
}
