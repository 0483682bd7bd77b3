import { isRate, type Limit, type LimitDimension, type PeriodWindow } from "../../kernel/limit.ts";
import { type Amounts, amountOf, minus, ofRequests, plus } from "./amounts.ts";
import { type Bucket, draw, fit, missing, newBucket, remaining, waitFor } from "./bucket.ts";
import { type Periods, periodsAt } from "./period.ts";
import { addReplayed, drawAgain, isOfRates, type Replayed, used } from "./replayed.ts";
import type { Level, PeriodUsage, Usage } from "./standing.ts";

export const PERIODS = ["day", "week", "month", "total"] as const satisfies readonly PeriodWindow[];

/** One period's sums, in the order of `Amounts`. */
const WIDTH = 4;
const ROW: Readonly<Record<PeriodWindow, number>> = { day: 0, week: WIDTH, month: 2 * WIDTH, total: 3 * WIDTH };

/** An account as a store keeps it: what was spent, not what is reserved. */
export interface SavedAccount {
  scope: string;
  zone: string;
  /** Up to which entry of the ledger it has been counted. */
  upto: number;
  /** When it was last counted, milliseconds since 1970: the periods of that moment are those of `spent`. */
  at: number;
  /** Requests, input tokens, output tokens, nano-dollars of the day; then of the week, the month, and in total. */
  spent: readonly number[];
  /** Since when that is counted, where it is not since the beginnings of its periods: the calendar was changed meanwhile. */
  since?: readonly number[];
  buckets: readonly Bucket[];
  /** What a rate has to know of that has not been asked for yet; absent where there is nothing. */
  replayed?: readonly Replayed[];
}

/** An account as a store keeps it that several nodes share: what is reserved and what runs too. */
export interface SharedAccount extends SavedAccount {
  running: number;
  /** What open Holds have of rates. */
  held: Amounts;
  /** As `spent`. */
  reserved: readonly number[];
  /** How often day, week, month and total have begun anew. */
  turns: readonly number[];
}

/** What one call has taken from one account. */
export interface Taking {
  account: Account;
  amounts: Amounts;
  /** How often each of the account's periods had begun anew by then: what it took counts only as long as they have not again. */
  turns: readonly number[];
  /** Requests that its rates were charged at once. */
  drawn: number;
  /** Taken again when its account was counted anew: a rate that is first asked for after that has to know of what it uses. */
  again?: boolean;
}

/**
 * Everything that is counted about one scope, whether it is limited or not: so a limit that is set
 * later finds what was spent before. What is reserved stands beside what is spent, and only their
 * sum is ever compared with a limit. Times are milliseconds since 1970 and must not go back.
 */
export class Account {
  readonly scope: string;
  /** Calls that run now. */
  running = 0;
  /** What they hold of rates: it has left no bucket yet. In the order of `Amounts`. */
  readonly #held = new Float64Array(WIDTH);
  /** Up to which entry of the ledger `spent` has been counted. */
  upto = 0;
  /** When it was last counted. */
  usedAt: number;
  #zone: string;
  #periods: Periods;
  /** When each of them has begun to count. */
  readonly #since = new Float64Array(PERIODS.length);
  /** Replaced, never changed: takings keep it. */
  #turns: readonly number[] = [0, 0, 0, 0];
  readonly #spent = new Float64Array(PERIODS.length * WIDTH);
  readonly #reserved = new Float64Array(PERIODS.length * WIDTH);
  readonly #buckets: Bucket[] = [];
  /** What was read again from the ledger: a rate that is first asked for after a restart has to know of it. */
  readonly #replayed: Replayed[] = [];

  constructor(scope: string, zone: string, now: number) {
    this.scope = scope;
    this.#zone = zone;
    this.#periods = periodsAt(zone, now);
    PERIODS.forEach((window, i) => {
      this.#since[i] = this.#periods[window].start;
    });
    this.usedAt = now;
  }

  get zone(): string {
    return this.#zone;
  }

  /**
   * From now on another calendar counts. What was counted in the periods that run stays counted in
   * those that run by the new one, until they end: so nobody gains by it.
   */
  move(zone: string, now: number): void {
    this.#advance(now);
    this.#zone = zone;
    this.#periods = periodsAt(zone, now);
  }

  static from(saved: SavedAccount): Account {
    const account = new Account(saved.scope, saved.zone, saved.at);
    account.#spent.set(saved.spent);
    for (const bucket of saved.buckets) account.#buckets.push({ ...bucket });
    account.#replayed.push(...(saved.replayed ?? []));
    if (saved.since !== undefined) account.#since.set(saved.since);
    account.upto = saved.upto;
    return account;
  }

  /** One of the same calendar and the same periods, of which nothing is counted yet. */
  blank(now: number): Account {
    this.#advance(now);
    return Account.alike(this.usage(now), now);
  }

  /** One whose periods are those, of which nothing is counted yet. */
  static alike({ scope, zone, periods }: Usage, now: number): Account {
    const account = new Account(scope, zone, now);
    PERIODS.forEach((window, i) => {
      if (account.#periods[window].start === periods[window].start) account.#since[i] = periods[window].since;
    });
    return account;
  }

  save(now: number): SavedAccount {
    this.#advance(now);
    const replayed = this.#replayed.filter((entry) => isOfRates(entry, now));
    return {
      scope: this.scope,
      zone: this.#zone,
      upto: this.upto,
      at: now,
      spent: Array.from(this.#spent),
      ...(PERIODS.every((window, i) => this.#since[i] === this.#periods[window].start)
        ? {}
        : { since: Array.from(this.#since) }),
      // What is full again is as if it had never been used.
      buckets: this.#buckets.filter((bucket) => missing(bucket, now) > 0).map((bucket) => ({ ...bucket })),
      ...(replayed.length === 0 ? {} : { replayed }),
    };
  }

  static shared(saved: SharedAccount): Account {
    const account = Account.from(saved);
    account.#reserved.set(saved.reserved);
    addTo(account.#held, 0, saved.held, 1);
    account.#turns = saved.turns;
    account.running = saved.running;
    return account;
  }

  share(now: number): SharedAccount {
    return {
      ...this.save(now),
      // A bucket that is full now has still to lose what its calls will have used.
      buckets: this.#buckets.map((bucket) => ({ ...bucket })),
      running: this.running,
      held: amountsAt(this.#held, 0),
      reserved: Array.from(this.#reserved),
      turns: this.#turns,
    };
  }

  /** Milliseconds until it fits under a limit: 0 now, null never. */
  waitFor(limit: Limit, amounts: Amounts, now: number): number | null {
    const { window } = limit;
    // A place comes free when any call ends: soon, but nobody knows when.
    if (window === null) return this.running < limit.amount ? 0 : limit.amount === 0 ? null : 1_000;
    const amount = amountOf(amounts, limit.dimension);
    if (isRate(window)) return waitFor(this.#bucket(limit), limit, amount, of(this.#held, 0, limit.dimension), now);
    if (this.used(window, limit, now) + amount <= limit.amount) return 0;
    return amount > limit.amount || window === "total" ? null : this.#periods[window].end - now;
  }

  /**
   * Takes, whether it fits or not. What a call may spend is held until it is settled, of periods as of
   * rates; that it is a request is certain, so it leaves the rates of requests at once.
   * @param certain false where it may turn out that nothing was asked here
   */
  take(amounts: Amounts, certain: boolean, now: number): Taking {
    this.#advance(now);
    this.running += 1;
    this.usedAt = now;
    const drawn = certain ? amounts.requests : 0;
    const taking = { account: this, amounts, turns: this.#turns, drawn };
    this.#drawRequests(drawn, now);
    this.#hold(taking, amounts, drawn, 1);
    return taking;
  }

  /** Takes again what an open Hold took at `at`: the account is counted anew from the ledger. */
  retake(amounts: Amounts, drawn: number, at: number, now: number): Taking {
    this.#advance(now);
    this.running += 1;
    const turns = this.#turnsOf(at);
    const taking = { account: this, amounts, turns, drawn, again: true };
    this.#drawRequests(drawn, at);
    if (drawn > 0) addReplayed(this.#replayed, used(ofRequests(drawn), at), now);
    this.#hold(taking, amounts, drawn, 1);
    return taking;
  }

  /** Takes more for a call that has taken before. */
  grow(taking: Taking, more: Amounts, now: number): void {
    this.#advance(now);
    taking.amounts = plus(taking.amounts, more);
    this.#hold(taking, more, 0, 1);
  }

  /** Gives back what it grew by, as if it never had. */
  shrink(taking: Taking, more: Amounts, now: number): void {
    this.#advance(now);
    taking.amounts = minus(taking.amounts, more);
    this.#hold(taking, more, 0, -1);
  }

  /** Turns what was taken into what was spent: in the periods in which it was taken, of the rates of now. */
  settle(taking: Taking, charged: Amounts, now: number): void {
    this.#advance(now);
    this.running -= 1;
    this.#hold(taking, taking.amounts, taking.drawn, -1);
    this.#add(this.#spent, charged, taking.turns, 1);
    this.#drawRequests(charged.requests - taking.drawn, now);
    for (const bucket of this.#buckets) {
      if (bucket.dimension !== "requests") draw(bucket, amountOf(charged, bucket.dimension), now);
    }
    if (taking.again === true) addReplayed(this.#replayed, used(minus(charged, ofRequests(taking.drawn)), now), now);
  }

  /**
   * Counts what was spent by a call that has taken nothing here: an entry of the ledger that is read again.
   * @param at when it was admitted: its periods
   * @param ended when it ended: only then it left the rates of tokens
   * @param asked when it left the rates of requests
   */
  charge(charged: Amounts, at: number, ended: number, now: number, asked = at): void {
    this.spend(charged, at, now);
    this.usedAt = now;
    const entry = { asked, ended, amounts: charged };
    for (const bucket of this.#buckets) drawAgain(bucket, entry);
    addReplayed(this.#replayed, entry, now);
  }

  /** The same without the rates, which would have to know of each call of a day: for whoever adds up the whole ledger. */
  spend(charged: Amounts, at: number, now: number): void {
    this.#advance(now);
    this.#add(this.#spent, charged, this.#turnsOf(at), 1);
  }

  /** Whether one of the periods in which it was taken, and of which there is a limit, is over. */
  isOver({ turns }: Taking, limits: readonly Limit[], now: number): boolean {
    this.#advance(now);
    return PERIODS.some((period, i) => turns[i] !== this.#turns[i] && limits.some(({ window }) => window === period));
  }

  used(window: PeriodWindow, { dimension }: Pick<Limit, "dimension">, now: number): number {
    this.#advance(now);
    const row = ROW[window];
    return of(this.#spent, row, dimension) + of(this.#reserved, row, dimension);
  }

  usage(now: number): Usage {
    this.#advance(now);
    const usageOf = (window: PeriodWindow): PeriodUsage => {
      return {
        ...this.#periods[window],
        since: this.#since[PERIODS.indexOf(window)]!,
        spent: this.#sums(this.#spent, window),
        reserved: this.#sums(this.#reserved, window),
      };
    };
    const periods = { day: usageOf("day"), week: usageOf("week"), month: usageOf("month"), total: usageOf("total") };
    return { scope: this.scope, zone: this.#zone, running: this.running, periods };
  }

  /** From now on what another has added up is what was spent here. What is reserved stays. */
  restate(sum: Account, now: number): void {
    this.#advance(now);
    sum.#advance(now);
    this.#spent.set(sum.#spent);
  }

  /** How a limit stands now. */
  level(limit: Limit, now: number): Level {
    const { scope } = this;
    const { window, amount, dimension } = limit;
    if (window === null) return { scope, limit, remaining: Math.max(0, amount - this.running), resetMs: 0 };
    if (isRate(window)) {
      const bucket = this.#bucket(limit);
      const left = remaining(bucket, limit, of(this.#held, 0, dimension), now);
      return { scope, limit, remaining: left, resetMs: missing(bucket, now) };
    }
    const used = this.used(window, limit, now);
    const { end } = this.#periods[window];
    const resetMs = used === 0 || end === Number.POSITIVE_INFINITY ? 0 : end - now;
    return { scope, limit, remaining: Math.max(0, amount - used), resetMs };
  }

  #advance(now: number): void {
    if (now < this.#periods.day.end) return;
    const periods = periodsAt(this.#zone, now);
    this.#turns = PERIODS.map((window, i) => {
      if (periods[window].start === this.#periods[window].start) return this.#turns[i]!;
      this.#spent.fill(0, i * WIDTH, (i + 1) * WIDTH);
      this.#reserved.fill(0, i * WIDTH, (i + 1) * WIDTH);
      this.#since[i] = periods[window].start;
      return this.#turns[i]! + 1;
    });
    this.#periods = periods;
  }

  /** Of what was admitted at `at`: -1 for periods that have begun to count since. */
  #turnsOf(at: number): number[] {
    return this.#turns.map((turn, i) => (at >= this.#since[i]! ? turn : -1));
  }

  #bucket(limit: Limit): Bucket {
    for (const bucket of this.#buckets)
      if (bucket.window === limit.window && bucket.dimension === limit.dimension) return fit(bucket, limit);
    const bucket = fit(newBucket(limit), limit);
    for (const entry of this.#replayed) drawAgain(bucket, entry);
    this.#buckets.push(bucket);
    return bucket;
  }

  #drawRequests(count: number, now: number): void {
    if (count === 0) return;
    for (const bucket of this.#buckets) if (bucket.dimension === "requests") draw(bucket, count, now);
  }

  #hold({ turns }: Taking, amounts: Amounts, drawn: number, sign: 1 | -1): void {
    this.#add(this.#reserved, amounts, turns, sign);
    addTo(this.#held, 0, amounts, sign);
    this.#held[0]! -= sign * drawn;
  }

  /** Adds in each period that has not begun anew since. */
  #add(sums: Float64Array, amounts: Amounts, turns: readonly number[], sign: 1 | -1): void {
    for (let i = 0; i < PERIODS.length; i++) if (turns[i] === this.#turns[i]) addTo(sums, i * WIDTH, amounts, sign);
  }

  #sums(sums: Float64Array, window: PeriodWindow): Amounts {
    return amountsAt(sums, ROW[window]);
  }
}

function addTo(sums: Float64Array, row: number, { requests, input, output, usd }: Amounts, sign: 1 | -1): void {
  sums[row]! += sign * requests;
  sums[row + 1]! += sign * input;
  sums[row + 2]! += sign * output;
  sums[row + 3]! += sign * usd;
}

function amountsAt(sums: Float64Array, row: number): Amounts {
  return { requests: sums[row]!, input: sums[row + 1]!, output: sums[row + 2]!, usd: sums[row + 3]! };
}

/** `amountOf`, of a row of sums: asked of every limit several times a call. */
function of(sums: Float64Array, row: number, dimension: LimitDimension): number {
  switch (dimension) {
    case "requests":
      return sums[row]!;
    case "inputTokens":
      return sums[row + 1]!;
    case "outputTokens":
      return sums[row + 2]!;
    case "tokens":
      return sums[row + 1]! + sums[row + 2]!;
    case "usd":
      return sums[row + 3]!;
    case "concurrent":
      return 1;
  }
}
