import { expect, spyOn, test } from "bun:test";
import { sampleRecord, scopeDemand } from "../meter-contract.ts";
import type { Entry } from "./ledger.ts";
import type { Node } from "./meter-node.ts";
import { type Counting, SharedMeter } from "./meter-shared.ts";

test("what could not be written is tried by one at a time, however long the store takes", async () => {
  let answer: ((entry: Entry) => void) | undefined;
  let tries = 0;
  const record = sampleRecord();
  const hold = { number: 1, at: 0, open: [], taken: [], counted: true };
  const counting = {
    settlesAnyway: true,
    time: () => 0,
    reserve: async () => ({ admitted: true, hold, reservation: { admitted: true, hold: 1, levels: [], open: [] } }),
    settle: () => {
      if (tries++ === 0) return Promise.reject(new Error("away"));
      return new Promise<Entry>((resolve) => {
        answer = resolve;
      });
    },
  } as unknown as Counting;
  const node = { join: async () => {}, number: async () => 1, fence: { node: 1, epoch: 1 } } as unknown as Node;
  const meter = new SharedMeter(counting, node, {} as never, () => {});
  await meter.reserve({ scopes: [scopeDemand([])], anyOf: [] }, sampleRecord());
  await expect(meter.settle(1, record)).rejects.toMatchObject({ code: "store_unavailable" });

  const clock = spyOn(performance, "now").mockReturnValue(1e9);
  try {
    const first = meter.retry();
    clock.mockReturnValue(1e9 + 60_000);
    expect(await meter.retry()).toEqual({ written: 0, left: 1 });
    expect(tries).toBe(2);
    answer?.({ seq: 1, record, fresh: true });
    expect(await first).toEqual({ written: 1, left: 0 });
  } finally {
    clock.mockRestore();
  }
});
