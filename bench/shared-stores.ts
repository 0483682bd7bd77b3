/** What the meter takes on the stores that nodes share: PostgreSQL alone, or with Redis, both on this machine. */

import { parseDatabaseUrl, parseRedisUrl } from "../src/config/shared-store.ts";
import type { Demand } from "../src/ports/meter.ts";
import { sampleRecord } from "../src/store/meter-contract.ts";
import { Postgres } from "../src/store/postgres/connection.ts";
import { openPostgresMeter, type SharedBooks } from "../src/store/postgres/meter.ts";
import { openRedisMeter } from "../src/store/redis/meter.ts";
import { present } from "../test/support/parts.ts";
import { POSTGRES, startPostgres } from "../test/support/postgres.ts";
import { REDIS, startRedis } from "../test/support/redis.ts";
import { markdown } from "./report.ts";
import { percentile } from "./stats.ts";

const CALLS = 3_000;

interface Variant {
  label: string;
  call(): Promise<void>;
}

/** Calls of one variant before the next one has its turn: what disturbs the machine disturbs all of them. */
const SLICE = 64;

/** Milliseconds from the first step of each call to its last, of each variant, in order. */
async function timesOf(variants: readonly Variant[], atOnce: number, calls: number): Promise<number[][]> {
  const times = variants.map((): number[] => []);
  const slice = Math.min(SLICE, calls);
  const caller = async ({ call }: Variant, into: number[]) => {
    for (let i = 0; i < slice / atOnce; i++) {
      const begun = performance.now();
      await call();
      into.push(performance.now() - begun);
    }
  };
  // The first quarter does not count.
  for (let done = -calls / 4; done < calls; done += slice) {
    for (const [i, variant] of variants.entries()) {
      const into = done < 0 ? [] : times[i]!;
      await Promise.all(Array.from({ length: atOnce }, () => caller(variant, into)));
    }
  }
  return times.map((each) => each.sort((a, b) => a - b));
}

/** Reserve and settle over six scopes with two limits each, beside the ledger's own part of it. */
export async function onSharedStores(demand: Demand, calls = CALLS): Promise<string> {
  if (!present(POSTGRES) || !present(REDIS))
    return "### On shared stores\n\nNot measured: PostgreSQL or Redis is missing here.";
  const [server, redis] = await Promise.all([startPostgres(), startRedis()]);
  const opened: Postgres[] = [];
  const openDatabase = async () => {
    const postgres = await Postgres.open(parseDatabaseUrl(await server.database()), { connections: 4 });
    opened.push(postgres);
    return postgres;
  };
  const books: SharedBooks[] = [];
  try {
    const first = await openDatabase();
    books.push(await openPostgresMeter(first, {}));
    books.push(await openRedisMeter(await openDatabase(), parseRedisUrl(redis.url), {}));
    const variants = [
      await ledgerAlone(books[0]!, first),
      metered("PostgreSQL alone", books[0]!, demand),
      metered("PostgreSQL and Redis", books[1]!, demand),
    ];
    const rows: string[][] = [];
    for (const atOnce of [1, 8]) {
      const measured = await timesOf(variants, atOnce, calls);
      const at = measured.map((times) => [percentile(times, 0.5), percentile(times, 0.99)] as const);
      const [floor] = at as [readonly [number, number]];
      for (const [i, [p50, p99]] of at.entries()) {
        const added = i === 0 ? ["–", "–"] : [p50 - floor[0], p99 - floor[1]].map((ms) => ms.toFixed(2));
        rows.push([variants[i]!.label, String(atOnce), p50.toFixed(2), p99.toFixed(2), ...added]);
      }
    }
    const head = ["where", "calls at once", "p50 ms", "p99 ms", "above the ledger, p50 ms", "p99 ms"];
    return `### Reserve and settle on shared stores\n\n${markdown(head, rows)}`;
  } finally {
    for (const { meter } of books) await meter.close();
    for (const postgres of opened) await postgres.close();
    await Promise.all([server.stop(), redis.stop()]);
  }
}

function metered(label: string, { meter }: SharedBooks, demand: Demand): Variant {
  return {
    label,
    async call() {
      const record = sampleRecord();
      const held = await meter.reserve(demand, record);
      if (!held.admitted) throw new Error("a limit that is never reached was");
      await meter.settle(held.hold, record);
    },
  };
}

/** What no store is without: a Hold and a record, committed, by a node that is current. */
async function ledgerAlone({ ledger }: SharedBooks, postgres: Postgres): Promise<Variant> {
  const [node] = await postgres.query<{ id: number }>("INSERT INTO nodes (epoch, beat) VALUES (1, now()) RETURNING id");
  const fence = { node: node!.id, epoch: 1 };
  // Above those that the meter gives out.
  let number = 1_000_000_000;
  return {
    label: "the ledger alone: a Hold and a record",
    async call() {
      const record = sampleRecord({ admittedAt: Date.now() });
      number++;
      await ledger.open({ number, at: record.at, draft: record, taken: [] }, fence);
      await ledger.close(number, record);
    },
  };
}
