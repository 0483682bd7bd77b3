import { describe, expect, test } from "bun:test";
import { present } from "../test/support/parts.ts";
import { POSTGRES } from "../test/support/postgres.ts";
import { REDIS } from "../test/support/redis.ts";
import { demandOf } from "./meter.ts";
import { onSharedStores } from "./shared-stores.ts";

describe.skipIf(!present(POSTGRES) || !present(REDIS))("the bench of shared stores", () => {
  test("times the ledger and both stores, one call at a time and eight at once", async () => {
    const rows = (await onSharedStores(demandOf(true), 32)).split("\n").filter((line) => /^\| \D+ \| \d/.test(line));
    expect(rows.map((row) => row.split(" | ").slice(0, 2))).toEqual(
      ["1", "8"].flatMap((atOnce) =>
        ["the ledger alone: a Hold and a record", "PostgreSQL alone", "PostgreSQL and Redis"].map((label) => [
          `| ${label}`,
          atOnce,
        ]),
      ),
    );
    for (const row of rows) expect(Number(row.split(" | ")[3])).toBeGreaterThan(0);
  }, 60_000);
});
