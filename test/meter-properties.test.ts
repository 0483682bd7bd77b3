/**
 * The meters of memory and of SQLite beside the model in support/meter-model.ts, over the random lives of support/meter-lives.ts; and meters
 * with a planted fault each, which must be caught, or the suite proves nothing. More of the same in
 * test/real/stores/meter-properties.test.ts.
 */
import { describe, expect, test } from "bun:test";
import { EMBEDDED } from "./support/embedded-meters.ts";
import { FAULTY } from "./support/faulty-meters.ts";
import { isCaught, meterHolds, SEED } from "./support/meter-properties.ts";

console.log(`lives of meters with seed ${SEED}; METER_SEED repeats a run`);

test.each(EMBEDDED)(
  "spent and reserved are what they must be, and never above a limit, on %s",
  async (name, make) => {
    await meterHolds(make, { runs: name === "memory" ? 300 : 100 });
  },
  120_000,
);

describe("a meter with a planted fault is caught", () => {
  test.each(FAULTY)(
    "it %s",
    async (_, make) => {
      expect(await isCaught(make, { runs: 500 })).toBe(true);
    },
    120_000,
  );
});
