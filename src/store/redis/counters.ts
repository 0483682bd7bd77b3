import { Account, type SavedAccount, type SharedAccount } from "../../domain/plans/account.ts";
import { type Periods, periodsAt } from "../../domain/plans/period.ts";
import { Stale } from "../postgres/ledger.ts";
import type { LedgerAccounts } from "../postgres/ledger-accounts.ts";
import { RedisAway, type RedisConnection, type Reply } from "./connection.ts";
import { type Asked, argumentsOf, type StoredAccount, type StoredHold, stored } from "./layout.ts";

/** Times that a question is asked with what was missing before. */
const TRIES = 5;

/** What a node asks; see script.ts for the steps. */
export interface Question extends Asked {
  op: "there" | "reserve" | "extend" | "shrink" | "settle" | "refund" | "look" | "usage" | "rates" | "holds" | "forget";
  /** Number of the Hold. */
  hold?: string;
  /** When what is given back was admitted, milliseconds since 1970. */
  at?: number;
  cursor?: string;
  /** Which of these Holds are open? */
  numbers?: readonly number[];
  /** Accounts that were last counted before then, and so long ago, are forgotten; milliseconds since 1970, and milliseconds. */
  before?: number;
  idle?: number;
}

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
    const reply = await this.#run(epoch, { op: "there" }, {});
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
    let init: Record<string, StoredAccount> | undefined;
    for (let tries = 0; tries < TRIES; tries++) {
      if (this.connection.runId === undefined) await this.connection.connect();
      if (epoch !== this.#epoch || epoch === 0) throw new Stale("the epoch is over");
      if (this.connection.runId !== this.#runId && this.#options.unchecked !== true) {
        throw new Stale("Redis was started anew, or is another one");
      }
      const reply = await this.#run(epoch, question, { z: this.#calendars(zones), init });
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
      init = { ...init, ...(await this.#find(reply[3] as string[], question, at)) };
    }
    throw new RedisAway("it went on asking for more");
  }

  /** @param more what the script has asked for: calendars and accounts */
  #run(epoch: number, question: Question, more: object): Promise<readonly Reply[]> {
    const { op, hold = "", at, cursor, numbers: asked, before, idle } = question;
    const { now, unchecked } = this.#options;
    const seen = epoch === this.#epoch ? this.#seen : 0;
    const { numbers, names } = argumentsOf(question, seen);
    // Mostly the accounts are there, and their day has not ended: then there is nothing rare to say.
    const rare = JSON.stringify({
      at,
      cursor,
      numbers: asked?.map(String),
      before,
      idle,
      ...more,
      now: now?.(),
      unchecked,
    });
    return this.connection.ask(this.#keysOf(epoch), [op, hold, numbers, rare === "{}" ? "" : rare, ...names]);
  }

  /** Writes a part of an epoch that nobody uses yet. */
  async fill(epoch: number, init: Record<string, StoredAccount>, holds: Record<string, StoredHold>): Promise<void> {
    await this.#fill(epoch, { init, holds });
  }

  /**
   * From now on the epoch is there, if all of its parts are.
   * @param written how many accounts and Holds it has been filled with
   * @throws Stale where Redis has lost some since: what is missing would be taken for what was saved long ago, or for new
   */
  async begin(epoch: number, written: { accounts: number; holds: number }, time: number): Promise<void> {
    const { accounts, holds: open } = written;
    const [answer] = await this.#fill(epoch, { init: {}, holds: {}, time, accounts, open });
    if (answer === "stale") throw new Stale("Redis has lost a part of what was counted anew");
  }

  #fill(epoch: number, what: object): Promise<readonly Reply[]> {
    return this.connection.ask(this.#keysOf(epoch), ["fill", "", "", JSON.stringify(what)]);
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

  #calendars(zones: ReadonlySet<string>): Record<string, number[][]> | undefined {
    if (zones.size === 0) return undefined;
    return Object.fromEntries(Array.from(zones, (zone) => [zone, this.#periods(zone)]));
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
    missing: readonly string[],
    { scopes = [], anyOf = [], charges = [] }: Question,
    now: number,
  ): Promise<Record<string, StoredAccount>> {
    if (missing.length === 0) return {};
    const saved = await this.#accounts.load(missing);
    const zones = new Map([...scopes, ...anyOf, ...charges].map(({ scope, zone }) => [scope, zone]));
    const found: Record<string, StoredAccount> = {};
    for (const scope of missing) {
      const known = saved.get(scope) ?? new Account(scope, zones.get(scope) ?? "UTC", now).save(now);
      found[scope] = stored({ ...BLANK, ...known });
    }
    return found;
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
