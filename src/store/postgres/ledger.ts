import type { Amounts } from "../../domain/plans/amounts.ts";
import type { RecordPage, RecordQuery, Records, UsageRecord } from "../../ports/records.ts";
import { recordFromText, recordToText } from "../record-text.ts";
import type { Postgres, Query, Value } from "./connection.ts";
import { Batch } from "./ledger-batch.ts";

/** What one call has taken of one scope. */
export interface Taken {
  scope: string;
  zone: string;
  amounts: Amounts;
  /** Requests that rates were charged at once. */
  drawn: number;
  /** As in the domain's `Taking`; where PostgreSQL counts. */
  turns: readonly number[];
  again?: boolean;
}

/** A call that runs, on any node. */
export interface HoldRow {
  number: number;
  /** When it was admitted, milliseconds since 1970. */
  at: number;
  /** What becomes of its record if nobody ever settles it. */
  draft: UsageRecord;
  taken: readonly Taken[];
}

/** As PostgreSQL has it. */
export interface OpenRow extends HoldRow {
  node: number;
}

/** Under which a node may take: its row, as long as it has this epoch. */
export interface Fence {
  node: number;
  epoch: number;
}

/** The counters are not what this node believes in: somebody counts anew, or has declared it dead. Nothing was done. */
export class Stale extends Error {
  override readonly name = "Stale";
}

/** A closed Hold as the ledger has it. */
export interface Entry {
  seq: number;
  /** What was handed in, or what somebody else had written before. */
  record: UsageRecord;
  /** Whether it was written now. */
  fresh: boolean;
}

const FENCED = "WITH fence AS MATERIALIZED (SELECT 1 FROM nodes WHERE id = $1 AND epoch = $2 FOR SHARE)";

const OPEN = `${FENCED}
  INSERT INTO holds (number, node, at, draft, taken)
  SELECT number, $1, at, draft, taken
  FROM unnest($3::bigint[], $4::bigint[], $5::text[], $6::text[]) AS new (number, at, draft, taken)
  WHERE EXISTS (SELECT FROM fence)
  ON CONFLICT (number) DO UPDATE SET draft = excluded.draft, taken = excluded.taken
  RETURNING number`;

const PUT = `INSERT INTO usage_records (number, id, request_id, admitted_at, tenant_id, key_id, outcome, record)
  SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[])
  ON CONFLICT (number) DO NOTHING
  RETURNING id, seq`;

/** Of what is given back, which no Hold numbers. */
const PUT_ONCE = PUT.replace("ON CONFLICT (number)", "ON CONFLICT (id)");

/** The same under a fence. */
const PUT_ONCE_FENCED = `WITH fence AS MATERIALIZED (SELECT 1 FROM nodes WHERE id = $9 AND epoch = $10 FOR SHARE),
  put AS (${PUT.replace("ON CONFLICT (number)", "WHERE EXISTS (SELECT FROM fence) ON CONFLICT (id)")})
  SELECT EXISTS (SELECT FROM fence) AS inside, (SELECT seq FROM put) AS seq`;

const CLOSE = `WITH gone AS (DELETE FROM holds WHERE number = ANY ($1::bigint[])) ${PUT}`;

const FIND = "SELECT number, seq, record FROM usage_records WHERE number = ANY ($1::bigint[])";

interface ToOpen {
  hold: HoldRow;
  fence: Fence;
}

interface ToClose {
  /** null: a call that never had a Hold. */
  number: number | null;
  record: UsageRecord;
}

/** The ledger in PostgreSQL, and the Holds that become its entries. What is written at one moment shares a commit. */
export class Ledger implements Records {
  readonly #postgres: Postgres;
  readonly #opening = new Batch<ToOpen, boolean>((items) => this.#writeOpen(items));
  readonly #closing = new Batch<ToClose, Entry>((items) => this.#writeClose(items));

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  /** Also for a Hold that is there already and has grown. @throws Stale, PostgresError */
  async open(hold: HoldRow, fence: Fence): Promise<void> {
    if (!(await this.#opening.add({ hold, fence }))) throw new Stale("the node's epoch is over");
  }

  /**
   * Turns a Hold into an entry of the ledger. Of several that try, one does: the Hold's number is in the
   * ledger once. All of them learn what was written.
   */
  close(number: number, record: UsageRecord): Promise<Entry> {
    return this.#closing.add({ number, record });
  }

  async append(record: UsageRecord): Promise<void> {
    await this.#closing.add({ number: null, record });
  }

  /**
   * Whoever counts anew after it finds it.
   * @returns its place, or undefined where the ledger has its id already
   * @throws Stale, PostgresError
   */
  async appendOnce(record: UsageRecord, { node, epoch }: Fence): Promise<number | undefined> {
    const columns = recordColumns([{ number: null, record }]);
    const [row] = await this.#postgres.query<{ inside: boolean; seq: number | null }>(PUT_ONCE_FENCED, [
      ...columns,
      node,
      epoch,
    ]);
    if (row?.inside !== true) throw new Stale("the node's epoch is over");
    return row.seq ?? undefined;
  }

  async find(id: string): Promise<UsageRecord | undefined> {
    const [row] = await this.#postgres.query<{ record: string }>("SELECT record FROM usage_records WHERE id = $1", [
      textOf(id),
    ]);
    return row === undefined ? undefined : recordFromText(row.record);
  }

  /** Removes Holds that were never admitted. */
  async forget(numbers: readonly number[]): Promise<void> {
    if (numbers.length > 0)
      await this.#postgres.query("DELETE FROM holds WHERE number = ANY ($1::bigint[])", [numbers]);
  }

  /** Open Holds of some nodes, oldest first. */
  async holdsOf(nodes: readonly number[], most: number): Promise<OpenRow[]> {
    return await holdsIn(this.#postgres.query, "WHERE node = ANY ($1::bigint[]) ORDER BY number LIMIT $2", [
      nodes,
      most,
    ]);
  }

  async numbersOf(node: number): Promise<number[]> {
    const rows = await this.#postgres.query<{ number: number }>("SELECT number FROM holds WHERE node = $1", [node]);
    return rows.map(({ number }) => number);
  }

  /** What the ledger has of Holds. */
  async closed(numbers: readonly number[]): Promise<Map<number, Entry>> {
    return await findIn(this.#postgres.query, numbers);
  }

  /** Entries in their order, from the one after `after` on, to `last` (inclusive). */
  async *entries(after = 0, last = Number.MAX_SAFE_INTEGER): AsyncGenerator<{ seq: number; record: UsageRecord }> {
    const text = "SELECT seq, record FROM usage_records WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT 1000";
    for (let from = after; ; ) {
      const rows = await this.#postgres.query<{ seq: number; record: string }>(text, [from, last]);
      for (const { seq, record } of rows) yield { seq, record: recordFromText(record) };
      if (rows.length < 1_000) return;
      from = rows.at(-1)!.seq;
    }
  }

  /** Records of calls that were admitted in a time, earliest first, some at a time. */
  async *admitted(since: number, until: number): AsyncGenerator<readonly UsageRecord[]> {
    const text = `SELECT seq, admitted_at, record FROM usage_records
      WHERE admitted_at < $2 AND (admitted_at, seq) > ($1, $3) AND admitted_at IS NOT NULL
      ORDER BY admitted_at, seq LIMIT 1000`;
    let [from, seq] = [since - 1, Number.MAX_SAFE_INTEGER];
    for (;;) {
      const rows = await this.#postgres.query<{ seq: number; admitted_at: number; record: string }>(text, [
        from,
        until,
        seq,
      ]);
      if (rows.length > 0) yield rows.map(({ record }) => recordFromText(record));
      if (rows.length < 1_000) return;
      ({ seq, admitted_at: from } = rows.at(-1)!);
    }
  }

  async page({ tenantId, keyId, outcome, id, cursor, limit }: RecordQuery): Promise<RecordPage> {
    const where: string[] = [];
    const values: Value[] = [];
    const add = (condition: string, value: string | undefined) => {
      if (value === undefined) return;
      values.push(textOf(value));
      where.push(condition.replaceAll("$", `$${values.length}`));
    };
    add("tenant_id = $", tenantId);
    add("key_id = $", keyId);
    add("outcome = $", outcome);
    add("(id = $ OR request_id = $)", id);
    add("id < $", cursor);
    values.push(limit + 1);
    const rows = await this.#postgres.query<{ record: string }>(
      `SELECT record FROM usage_records ${where.length === 0 ? "" : `WHERE ${where.join(" AND ")}`}
       ORDER BY id DESC LIMIT $${values.length}`,
      values,
    );
    const records = rows.slice(0, limit).map(({ record }) => recordFromText(record));
    return { records, next: rows.length > limit ? records.at(-1)!.id : null };
  }

  async recordOf(id: string): Promise<UsageRecord | undefined> {
    const [row] = await this.#postgres.query<{ record: string }>(
      `SELECT record FROM usage_records WHERE id = $1 OR request_id = $1 ORDER BY id = $1 DESC, id DESC LIMIT 1`,
      [textOf(id)],
    );
    return row && recordFromText(row.record);
  }

  async #writeOpen(items: readonly ToOpen[]): Promise<boolean[]> {
    const { fence } = items.at(-1)!;
    const isCurrent = (item: ToOpen) => item.fence.epoch === fence.epoch && item.fence.node === fence.node;
    // What grew twice at one moment is written as it is in the end.
    const rows = [...new Map(items.filter(isCurrent).map(({ hold }) => [hold.number, hold])).values()];
    const written = await this.#postgres.query(OPEN, [fence.node, fence.epoch, ...holdColumns(rows)]);
    return items.map((item) => written.length > 0 && isCurrent(item));
  }

  async #writeClose(items: readonly ToClose[]): Promise<Entry[]> {
    const rows = await this.#postgres.query<{ id: string; seq: number }>(CLOSE, recordColumns(items));
    return await entriesOf(this.#postgres.query, items, rows);
  }
}

/** Writes Holds that are open already anew. */
export async function growIn(query: Query, rows: readonly HoldRow[]): Promise<void> {
  if (rows.length === 0) return;
  await query(
    `UPDATE holds SET draft = new.draft, taken = new.taken
     FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[]) AS new (number, at, draft, taken)
     WHERE holds.number = new.number`,
    holdColumns(rows),
  );
}

/** Values of `$1` to `$4` for `unnest`: numbers, times, drafts, what was taken. */
export function holdColumns(holds: readonly HoldRow[]): Value[] {
  return [
    holds.map(({ number }) => number),
    holds.map(({ at }) => at),
    holds.map(({ draft }) => recordToText(draft)),
    holds.map(({ taken }) => takenToText(taken)),
  ];
}

function recordColumns(items: readonly ToClose[]): Value[] {
  return [
    items.map(({ number }) => number),
    items.map(({ record }) => record.id),
    items.map(({ record }) => textOf(record.requestId)),
    items.map(({ record }) => record.admittedAt),
    items.map(({ record }) => record.tenantId),
    items.map(({ record }) => record.keyId),
    items.map(({ record }) => record.outcome),
    items.map(({ record }) => recordToText(record)),
  ];
}

/** Appends to the ledger, within a transaction of the caller's. @returns the entries, in the order of `items` */
export async function putIn(query: Query, items: readonly ToClose[]): Promise<Entry[]> {
  const rows = await query<{ id: string; seq: number }>(PUT, recordColumns(items));
  return await entriesOf(query, items, rows);
}

/** Appends what has no Hold, within a transaction of the caller's. @returns its place, or undefined where the ledger has its id already */
export async function putOnceIn(query: Query, record: UsageRecord): Promise<number | undefined> {
  const [row] = await query<{ seq: number }>(PUT_ONCE, recordColumns([{ number: null, record }]));
  return row?.seq;
}

async function entriesOf(
  query: Query,
  items: readonly ToClose[],
  rows: readonly { id: string; seq: number }[],
): Promise<Entry[]> {
  const fresh = new Map(rows.map(({ id, seq }) => [id, seq]));
  const others = items.flatMap(({ number, record }) => (number !== null && !fresh.has(record.id) ? [number] : []));
  const before = others.length === 0 ? new Map<number, Entry>() : await findIn(query, others);
  return items.map(({ number, record }) => {
    const seq = fresh.get(record.id);
    return seq === undefined ? (before.get(number as number) as Entry) : { seq, record, fresh: true };
  });
}

async function findIn(query: Query, numbers: readonly number[]): Promise<Map<number, Entry>> {
  const rows = await query<{ number: number; seq: number; record: string }>(FIND, [numbers]);
  return new Map(
    rows.map(({ number, seq, record }) => [number, { seq, record: recordFromText(record), fresh: false }]),
  );
}

/** Open Holds, locked until the transaction ends. */
export async function lockedIn(query: Query, numbers: ReadonlySet<number>): Promise<OpenRow[]> {
  if (numbers.size === 0) return [];
  return await holdsIn(query, "WHERE number = ANY ($1::bigint[]) ORDER BY number FOR UPDATE", [[...numbers]]);
}

export async function holdsIn(query: Query, where: string, values: readonly Value[]): Promise<OpenRow[]> {
  const rows = await query<{ number: number; node: number; at: number; draft: string; taken: string }>(
    `SELECT number, node, at, draft, taken FROM holds ${where}`,
    values,
  );
  return rows.map(({ draft, taken, ...row }) => {
    return { ...row, draft: recordFromText(draft), taken: takenFromText(taken) };
  });
}

export function takenToText(taken: readonly Taken[]): string {
  return JSON.stringify(
    taken.map(({ scope, zone, amounts: { requests, input, output, usd }, drawn, turns, again }) => {
      return [scope, zone, [requests, input, output, usd], drawn, turns, ...(again === true ? [1] : [])];
    }),
  );
}

export function takenFromText(text: string): Taken[] {
  const rows = JSON.parse(text) as [string, string, [number, number, number, number], number, number[], 1?][];
  return rows.map(([scope, zone, [requests, input, output, usd], drawn, turns, again]) => {
    const taken = { scope, zone, amounts: { requests, input, output, usd }, drawn, turns };
    return again === 1 ? { ...taken, again: true } : taken;
  });
}

/** PostgreSQL's texts cannot have a zero in them; the record itself keeps it. */
function textOf(value: string): string {
  return value.replaceAll("\0", "");
}
