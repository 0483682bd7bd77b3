/** Usage records in PostgreSQL as administrators look for them. Proves store/postgres/ledger.ts where no meter does. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { sampleRecord } from "../../../src/store/meter-contract.ts";
import { openPostgresMeter } from "../../../src/store/postgres/meter.ts";
import { present } from "../../support/parts.ts";
import { POSTGRES_BINARIES, type PrivatePostgres, startPrivatePostgres } from "../../support/postgres.ts";
import { startNode, type TestNode } from "../../support/shared-meter.ts";

describe.skipIf(!present(POSTGRES_BINARIES))("records in PostgreSQL", () => {
  let server: PrivatePostgres;
  let node: TestNode;
  beforeAll(async () => {
    server = await startPrivatePostgres();
    node = await startNode(await server.database(), openPostgresMeter);
  });
  afterAll(async () => {
    await node?.stop();
    await server?.stop();
  });

  test("one is found by its id, whatever other callers call theirs, and else by the newest request id", async () => {
    const { ledger } = node;
    const [one, early, late] = [
      sampleRecord(),
      sampleRecord({ requestId: "mine" }),
      sampleRecord({ requestId: "mine" }),
    ];
    const twin = sampleRecord({ requestId: one.id });
    for (const record of [one, early, late, twin]) await ledger.append(record);
    expect([(await ledger.recordOf(one.id))?.id, (await ledger.recordOf("mine"))?.id]).toEqual([one.id, late.id]);
    expect(await ledger.recordOf("nobody's")).toBeUndefined();
    const page = await ledger.page({ id: one.id, limit: 10 });
    expect(page.records.map(({ id }) => id)).toEqual([twin.id, one.id]);
  });
});
