import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { RecordQuery } from "../../ports/records.ts";
import { sampleRecord } from "../meter-contract.ts";
import { recordToText } from "../record-text.ts";
import { pageOfRecords, recordOf } from "./record-pages.ts";

const COUNT = 5_500;
let db: Database;
const idOf = (i: number) => `call_${String(i).padStart(6, "0")}`;

beforeAll(() => {
  db = new Database(":memory:", { strict: true });
  db.run("CREATE TABLE usage_records (id TEXT NOT NULL UNIQUE, record TEXT NOT NULL)");
  const insert = db.prepare("INSERT INTO usage_records VALUES (?, ?)");
  db.transaction(() => {
    for (let i = 0; i < COUNT; i++) {
      const record = sampleRecord({ id: idOf(i), keyId: `key_${i % 2_500}`, requestId: `req-${i}` });
      insert.run(idOf(i), recordToText({ ...record, outcome: i % 3 === 0 ? "refused" : "finished" }));
    }
  })();
});
afterAll(() => db.close());

const ids = async (query: RecordQuery) => (await pageOfRecords(db, query)).records.map(({ id }) => id);

test("what lies far apart is found, newest first, and page by page each once", async () => {
  expect(await ids({ keyId: "key_400", limit: 10 })).toEqual([5_400, 2_900, 400].map(idOf));
  const first = await pageOfRecords(db, { keyId: "key_400", limit: 2 });
  expect([first.records.length, first.next]).toEqual([2, idOf(2_900)]);
  const rest = await pageOfRecords(db, { keyId: "key_400", limit: 2, cursor: first.next! });
  expect([rest.records.map(({ id }) => id), rest.next]).toEqual([[idOf(400)], null]);
});

test("all conditions hold together, and a call is found by either of its ids", async () => {
  expect(await ids({ keyId: "key_400", outcome: "refused", limit: 10 })).toEqual([idOf(5_400)]);
  expect(await ids({ id: "req-3", limit: 10 })).toEqual([idOf(3)]);
  expect(await ids({ id: idOf(3), limit: 10 })).toEqual([idOf(3)]);
  expect(await ids({ tenantId: "nobody", limit: 10 })).toEqual([]);
});

test("one record is found by its own id, though a newer call was called that by its caller, and else by the newest request id", async () => {
  const find = async (id: string) => (await recordOf(db, id))?.id;
  expect([await find(idOf(2)), await find("req-4"), await find("nobody's")]).toEqual([idOf(2), idOf(4), undefined]);
  const record = sampleRecord({ requestId: idOf(2) });
  db.query("INSERT INTO usage_records VALUES (?, ?)").run(
    "call_999999",
    recordToText({ ...record, id: "call_999999" }),
  );
  expect([await find(idOf(2)), await ids({ id: idOf(2), limit: 10 })]).toEqual([idOf(2), ["call_999999", idOf(2)]]);
  db.run("DELETE FROM usage_records WHERE id = 'call_999999'");
});

test("without conditions the newest come, and the last page has no next", async () => {
  expect(await ids({ limit: 2 })).toEqual([idOf(COUNT - 1), idOf(COUNT - 2)]);
  expect(await pageOfRecords(db, { limit: 5, cursor: idOf(2) })).toMatchObject({ records: { length: 2 }, next: null });
});

test("calls go on while it is searched", async () => {
  let turns = 0;
  const count = () => {
    turns++;
    timer = setImmediate(count);
  };
  let timer = setImmediate(count);
  await ids({ keyId: "nobody", limit: 10 });
  clearImmediate(timer);
  expect(turns).toBeGreaterThanOrEqual(4);
});
