import { Account, type SavedAccount, type SharedAccount } from "../../domain/plans/account.ts";
import type { Amounts } from "../../domain/plans/amounts.ts";
import { type Periods, periodsAt } from "../../domain/plans/period.ts";
import type { Limit } from "../../kernel/limit.ts";
import type { ScopeDemand } from "../../ports/meter.ts";
import { Stale } from "../postgres/ledger.ts";
import type { LedgerAccounts } from "../postgres/ledger-accounts.ts";
import { RedisAway, type RedisConnection, type Reply } from "./connection.ts";

/** Times that a question is asked with what was missing before. */
const TRIES = 5;

/** Requests, input tokens, output tokens, nano-dollars. */
export type Row = readonly [number, number, number, number];

/** A scope, its zone, its limits, and what is to be taken of it. */
type DemandRow = readonly [string, string, readonly (readonly (string | number)[])[], Row];

/** See script.ts. */
export interface Question {
  op: "reserve" | "extend" | "shrink" | "settle" | "refund" | "look" | "usage" | "rates" | "holds" | "forget";
  /** Number of the Hold. */
  hold?: string;
  node?: number;
  s?: readonly DemandRow[];
  a?: readonly DemandRow[];
  /** What scopes are charged. */
  c?: readonly (readonly [string, string, Row])[];
  /** Place of the record in the ledger. */
  seq?: number;
  /** When what is given back was admitted, milliseconds since 1970. */
  at?: number;
  cursor?: string;
  /** Accounts that were last counted before then, and so long ago, are forgotten; milliseconds since 1970, and milliseconds. */
  before?: number;
  idle?: number;
}

/** An account as the script keeps it. */
export interface StoredAccount {
  z: string;
  s: number[];
  e: number[];
  f: readonly number[];
  t: readonly number[];
  p: readonly number[];
  r: readonly number[];
  h: Row;
  n: number;
  b: Record<string, readonly [number, number, number]>;
  y: readonly (readonly [number, number, Row])[];
  u: number;
  at: number;
}

/** What the script knows of a Hold: who has it, since when, and what it took of each scope. */
export type StoredHold = readonly [
  number,
  number,
  readonly (readonly [string, Row, readonly number[], number, string, 1])[],
];

export interface CountersOptions {
  /** Whose counters they are: several installations may count in one Redis. */
  installation: string;
  /** For tests: decides windows in place of Redis's clock. */
  now?: () => number;
  /** For tests that must fail then: whatever Redis has is believed. */
  unchecked?: boolean;
}

/** The counters of one epoch in Redis. */
export class RedisCounters {
  readonly connection: RedisConnection;
  readonly #accounts: LedgerAccounts;
  readonly #options: CountersOptions;
  #epoch = 0;
  /** `run_id` of the server in which the epoch was found. */
  #runId: string | undefined;
  /** Number of the last write that this node has seen. */
  #seen = 0;
  /** How far Redis's clock is ahead of ours, milliseconds. */
  #ahead = 0;
  /** Its time less the ticks of this process. */
  #zero = Date.now() - performance.now();
  /** The latest moment that the counters have told. */
  #latest = 0;
  readonly #calendar = new Map<string, { until: number; rows: number[][] }>();

  constructor(connection: RedisConnection, accounts: LedgerAccounts, options: CountersOptions) {
    this.connection = connection;
    this.#accounts = accounts;
    this.#options = options;
  }

  /** From now on it is asked in this epoch, of this server. */
  enter(epoch: number, runId: string): void {
    if (epoch !== this.#epoch) {
      const [counters, holds] = this.#keysOf(this.#epoch);
      if (this.#epoch > 0) void this.connection.command("UNLINK", counters, holds).catch(() => {});
      this.#seen = 0;
    }
    this.#epoch = epoch;
    this.#runId = runId;
  }

  /** Whether a server has the counters of an epoch. @throws RedisAway */
  async has(epoch: number): Promise<boolean> {
    if (epoch <= 0) return false;
    const seen = epoch === this.#epoch ? this.#seen : 0;
    const now = this.#options.now?.();
    const reply = await this.connection.ask(this.#keysOf(epoch), JSON.stringify({ op: "there", seen, now }));
    if (reply[0] !== "ok") return false;
    this.#noteTime(reply[2] as number);
    return true;
  }

  /**
   * @param epoch the one in which it is to be done, and no other
   * @throws Stale where that is over, or the counters are not what they were; RedisAway
   */
  async ask(question: Question, epoch = this.#epoch): Promise<readonly Reply[]> {
    const zones = new Set<string>();
    for (const [, zone] of question.s ?? []) zones.add(zone);
    for (const [, zone] of question.a ?? []) zones.add(zone);
    for (const [, zone] of question.c ?? []) zones.add(zone);
    const init: Record<string, StoredAccount> = {};
    for (let tries = 0; tries < TRIES; tries++) {
      if (this.connection.runId === undefined) await this.connection.connect();
      if (epoch !== this.#epoch || epoch === 0) throw new Stale("the epoch is over");
      if (this.connection.runId !== this.#runId && this.#options.unchecked !== true) {
        throw new Stale("Redis was started anew, or is another one");
      }
      const z = Object.fromEntries(Array.from(zones, (zone) => [zone, this.#periods(zone)]));
      const { now, unchecked } = this.#options;
      const asked = { ...question, z, init, seen: this.#seen, now: now?.(), unchecked };
      const reply = await this.connection.ask(this.#keysOf(epoch), JSON.stringify(asked));
      if (reply[0] === "stale") throw new Stale("Redis has not what it had");
      this.#noteTime(reply[2] as number);
      if (epoch === this.#epoch) this.#seen = Math.max(this.#seen, reply[1] as number);
      if (reply[0] !== "need") return reply;
      const at = reply[2] as number;
      this.#ahead = at - this.#here();
      for (const zone of reply[4] as string[]) {
        zones.add(zone);
        this.#calendar.delete(zone);
      }
      await this.#find(reply[3] as string[], question, at, init);
    }
    throw new RedisAway("it went on asking for more");
  }

  /** Writes a part of an epoch that nobody uses yet. */
  async fill(epoch: number, init: Record<string, StoredAccount>, holds: Record<string, StoredHold>): Promise<void> {
    await this.connection.ask(this.#keysOf(epoch), JSON.stringify({ op: "fill", init, holds }));
  }

  /**
   * From now on the epoch is there, if all of its parts are.
   * @param written how many accounts and Holds it has been filled with
   * @throws Stale where Redis has lost some since: what is missing would be taken for what was saved long ago, or for new
   */
  async begin(epoch: number, written: { accounts: number; holds: number }, time: number): Promise<void> {
    const { accounts, holds: open } = written;
    const question = { op: "fill", init: {}, holds: {}, time, accounts, open };
    const [answer] = await this.connection.ask(this.#keysOf(epoch), JSON.stringify(question));
    if (answer === "stale") throw new Stale("Redis has lost a part of what was counted anew");
  }

  /** What time it is for the counters: their last word, and by Redis's clock the time that has passed since. */
  time(): number {
    return Math.max(this.#latest, this.#options.now?.() ?? Math.floor(this.#zero + performance.now()));
  }

  /** Both in one slot of a cluster. */
  #keysOf(epoch: number): [string, string] {
    const { installation } = this.#options;
    return [`{sallyport:${installation}}:counters:${epoch}`, `{sallyport:${installation}}:holds:${epoch}`];
  }

  #noteTime(told: number): void {
    this.#zero = told - performance.now();
    this.#latest = Math.max(this.#latest, told);
  }

  #here(): number {
    return (this.#options.now ?? Date.now)();
  }

  /** The periods of now and of tomorrow, by Redis's clock: one of them is right, or the script asks again. */
  #periods(zone: string): number[][] {
    const now = this.#here() + this.#ahead;
    const known = this.#calendar.get(zone);
    if (known !== undefined && now < known.until) return known.rows;
    const today = periodsAt(zone, now);
    const rows = [edgesOf(today), edgesOf(periodsAt(zone, today.day.end))];
    this.#calendar.set(zone, { until: today.day.end, rows });
    return rows;
  }

  /** Accounts that Redis does not have stand as they are saved, or are new. */
  async #find(
    scopes: readonly string[],
    { s = [], a = [], c = [] }: Question,
    now: number,
    init: Record<string, StoredAccount>,
  ): Promise<void> {
    if (scopes.length === 0) return;
    const saved = await this.#accounts.load(scopes);
    const zones = new Map<string, string>([...s, ...a, ...c].map(([scope, zone]) => [scope, zone]));
    for (const scope of scopes) {
      const known = saved.get(scope) ?? new Account(scope, zones.get(scope) ?? "UTC", now).save(now);
      init[scope] = stored({ ...BLANK, ...known });
    }
  }
}

const BLANK: Omit<SharedAccount, keyof SavedAccount> = {
  running: 0,
  held: { requests: 0, input: 0, output: 0, usd: 0 },
  reserved: new Array(16).fill(0),
  turns: [0, 0, 0, 0],
};

function edgesOf({ day, week, month }: Periods): number[] {
  return [day.start, day.end, week.start, week.end, month.start, month.end];
}

export function stored(account: SharedAccount): StoredAccount {
  const { day, week, month } = periodsAt(account.zone, account.at);
  const starts = [day.start, week.start, month.start];
  return {
    z: account.zone,
    s: starts,
    e: [day.end, week.end, month.end],
    f: account.since?.slice(0, 3) ?? starts,
    t: account.turns,
    p: account.spent,
    r: account.reserved,
    h: rowOf(account.held),
    n: account.running,
    b: Object.fromEntries(
      account.buckets.map(({ dimension, window, each, fullAt, rest }) => [
        `${dimension}/${window}`,
        [each, fullAt, rest],
      ]),
    ),
    y: (account.replayed ?? []).map(({ asked, ended, amounts }) => [asked, ended, rowOf(amounts)]),
    u: account.upto,
    at: account.at,
  };
}

export function rowOf({ requests, input, output, usd }: Amounts): Row {
  return [requests, input, output, usd];
}

export function demandRow({ scope, zone, limits, amounts }: ScopeDemand): DemandRow {
  return [scope, zone, limitRows(limits), rowOf(amounts)];
}

const rows = new WeakMap<readonly Limit[], (string | number)[][]>();

function limitRows(limits: readonly Limit[]): (string | number)[][] {
  let known = rows.get(limits);
  if (known === undefined) {
    known = limits.map(({ dimension, window, amount, burst }) => [dimension, window ?? 0, amount, burst ?? amount]);
    rows.set(limits, known);
  }
  return known;
}
