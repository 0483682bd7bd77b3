/** Ten thousand lives of a meter on each store beside the model; the smaller half is test/meter-properties.test.ts. METER_SEED repeats a run. */
import { expect, test } from "bun:test";
import { EMBEDDED } from "../../support/embedded-meters.ts";
import { meterHolds, SEED } from "../../support/meter-properties.ts";

const LIVES = Number(process.env.LIVES ?? 10_000);

console.log(`${LIVES} lives of each meter with seed ${SEED}`);

test.each(EMBEDDED)(
  "spent and reserved are what they must be, and never above a limit, on %s",
  async (name, make) => {
    const begun = performance.now();
    await meterHolds(make, { runs: LIVES });
    const seconds = Math.round((performance.now() - begun) / 1_000);
    console.log(`${name}: ${LIVES} lives in ${seconds} s`);
    expect(seconds).toBeGreaterThan(0);
  },
  1_200_000,
);
