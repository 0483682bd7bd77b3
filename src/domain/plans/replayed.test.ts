import { expect, test } from "bun:test";
import { NOTHING } from "./amounts.ts";
import { fit, newBucket } from "./bucket.ts";
import { addReplayed, drawAgain, type Replayed } from "./replayed.ts";

const HOUR = 3_600_000;
const entry = (asked: number, ended: number, requests = 1, input = 10): Replayed => {
  return { asked, ended, amounts: { ...NOTHING, requests, input } };
};

test("entries of one second are one, at the later of their moments; others stand apart", () => {
  const kept: Replayed[] = [];
  addReplayed(kept, entry(1_100, 2_900), 3_000);
  addReplayed(kept, entry(1_900, 2_100), 3_000);
  addReplayed(kept, entry(1_900, 3_100), 3_200);
  expect(kept).toEqual([entry(1_900, 2_900, 2, 20), entry(1_900, 3_100)]);
});

test("what no rate can miss any more is forgotten, to the millisecond", () => {
  const kept = [entry(0, 0)];
  addReplayed(kept, entry(5, 5), 24 * HOUR - 1);
  expect(kept).toHaveLength(1);
  addReplayed(kept, entry(9_000, 9_000), 24 * HOUR + 5);
  expect(kept).toEqual([entry(9_000, 9_000)]);
});

test("requests leave their rates when they are asked, tokens when the call has ended", () => {
  const fullAt = (dimension: "requests" | "inputTokens", amount: number) => {
    const limit = { dimension, window: "second", amount } as const;
    const bucket = fit(newBucket(limit), limit);
    drawAgain(bucket, entry(1_000, 5_000));
    return bucket.fullAt;
  };
  expect([fullAt("requests", 1), fullAt("inputTokens", 10)]).toEqual([2_000, 6_000]);
});
