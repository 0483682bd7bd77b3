import type { Database } from "bun:sqlite";
import { setImmediate as turn } from "node:timers/promises";
import type { RecordPage, RecordQuery, UsageRecord } from "../../ports/records.ts";
import { fieldOfText, recordFromText } from "../record-text.ts";

/** Records looked through between two turns of the event loop: some milliseconds. */
const SLICE = 1_000;

/** Above every id. */
const END = "\u{10ffff}";

/**
 * Records, newest first. Of what they are searched by only the id has an index: one over the key would make each
 * call's record twice as dear to write (18 µs), one over the tenant by a fifth. So whoever searches reads through the
 * records, and calls go on in between.
 */
export async function pageOfRecords(db: Database, query: RecordQuery): Promise<RecordPage> {
  const { limit, cursor = END } = query;
  const { where, values } = conditionsOf(query);
  const find = db.query(
    `SELECT record FROM usage_records WHERE id < $before AND id >= $from ${where} ORDER BY id DESC LIMIT $limit`,
  );
  const edge = db.query(`SELECT id FROM usage_records WHERE id < ? ORDER BY id DESC LIMIT 1 OFFSET ${SLICE - 1}`);
  const found: string[] = [];
  for (let before = cursor; ; ) {
    const from = where === "" ? "" : ((edge.get(before) as { id: string } | null)?.id ?? "");
    const rows = find.all({ ...values, before, from, limit: limit + 1 - found.length }) as { record: string }[];
    for (const { record } of rows) found.push(record);
    if (found.length > limit || from === "") break;
    before = from;
    await turn();
  }
  const records = found.slice(0, limit).map(recordFromText);
  return { records, next: found.length > limit ? records.at(-1)!.id : null };
}

/** By its own id, which has an index. */
export function findRecord(db: Database, id: string): UsageRecord | undefined {
  const row = db.query("SELECT record FROM usage_records WHERE id = ?").get(id) as { record: string } | null;
  return row === null ? undefined : recordFromText(row.record);
}

/** See `Records.recordOf`. */
export async function recordOf(db: Database, id: string): Promise<UsageRecord | undefined> {
  return findRecord(db, id) ?? (await pageOfRecords(db, { id, limit: 1 })).records[0];
}

function conditionsOf({ tenantId, keyId, outcome, id }: RecordQuery) {
  const values: Record<string, string> = {};
  let where = "";
  for (const [name, value] of Object.entries({ tenantId, keyId, outcome })) {
    if (value === undefined) continue;
    where += ` AND ${fieldOfText(name as "tenantId" | "keyId" | "outcome")} = $${name}`;
    values[name] = value;
  }
  if (id !== undefined) {
    where += ` AND (id = $id OR ${fieldOfText("requestId")} = $id)`;
    values.id = id;
  }
  return { where, values };
}
