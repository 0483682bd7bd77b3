// tidy: long because a meter and its model are led through every step side by side
/**
 * Random lives of a meter beside the plainest model of one (meter-model.ts): calls that begin, grow, end
 * as expected or otherwise, are given up or lost in a crash; clocks that jump, limits and time zones that
 * change, over keys with shared parents and providers of which any may do. After every step what the meter
 * says must be what the model says, and at the end the ledger must say it as well.
 */
import { expect } from "bun:test";
import fc from "fast-check";
import { type Amounts, NOTHING } from "../../src/domain/plans/amounts.ts";
import { chargesOf, HOUSE_ZONE } from "../../src/domain/plans/charges.ts";
import type { Limit } from "../../src/kernel/limit.ts";
import type { Demand, Reservation, ScopeDemand } from "../../src/ports/meter.ts";
import type { UsageRecord } from "../../src/ports/records.ts";
import { ManualClock, type MeterUnderTest, sampleRecord, type WatchedMeter } from "../../src/store/meter-contract.ts";
import {
  KEYS,
  type Life,
  lives,
  MODELS,
  PARENTS,
  PROVIDERS,
  SCOPES,
  START,
  type Step,
  type Wanted,
  ZONES,
} from "./meter-lives.ts";
import { ModelScope, type ModelTaking, type Range, WINDOWS } from "./meter-model.ts";

/** The same for everyone, so that a red run is about the change and not about luck; METER_SEED=random draws one, METER_SEED=n repeats it. */
const { METER_SEED = "1744297344" } = process.env;
export const SEED = METER_SEED === "random" ? Math.floor(Math.random() * 0x7fffffff) : Number(METER_SEED);

/** What an open call has, in the model. */
interface OpenCall {
  hold: number;
  record: UsageRecord;
  at: number;
  takings: Map<string, ModelTaking>;
  /** What stands in the journal for it. */
  worst: Amounts;
  open: string[];
}

interface EndedCall {
  call: OpenCall;
  record: UsageRecord;
}

/** A store that is a round trip away is looked at after every third step: its accounts lie untouched in between, too. */
const LOOK = 3;

export interface PropertyOptions {
  runs: number;
  /** Whether several nodes may stand on it: it takes note of the time by calls alone, not by questions, and does what is asked at once in an order of its own. */
  calls?: boolean;
  seed?: number;
}

/** @throws with the smallest life in which the meter and the model differ, and the seed. */
export async function meterHolds(
  make: () => Promise<MeterUnderTest>,
  { runs, calls = false, seed = SEED }: PropertyOptions,
): Promise<void> {
  const one = fc.asyncProperty(lives, (life) => live(make, life, calls));
  await fc.assert(one, { numRuns: runs, seed, endOnFailure: false });
}

/** Whether some life out of so many shows that the meter is not as the model. */
export async function isCaught(
  make: () => Promise<MeterUnderTest>,
  { runs, calls = false }: PropertyOptions,
): Promise<boolean> {
  const one = fc.asyncProperty(lives, (life) => live(make, life, calls));
  const { failed } = await fc.check(one, { numRuns: runs, seed: 7, endOnFailure: true });
  return failed;
}

async function live(make: () => Promise<MeterUnderTest>, life: Life, calls = false): Promise<void> {
  const under = await make();
  try {
    const beside = await Beside.begin(under, life.limits, calls);
    for (const [i, each] of life.steps.entries()) {
      try {
        await beside.step(each);
        if (calls && (each.do === "pass" || each.do === "midnight")) await beside.probe();
        if (!calls || i % LOOK === 0 || each.do === "restart" || i === life.steps.length - 1) await beside.compare();
      } catch (cause) {
        throw new Error(`step ${i}, ${JSON.stringify(each)}: ${(cause as Error).message}`, { cause });
      }
    }
    await beside.compareLedger();
  } finally {
    await under.remove();
  }
}

/** A meter and its model, side by side. */
class Beside {
  readonly #under: MeterUnderTest;
  readonly #shared: boolean;
  readonly #clock = new ManualClock();
  #meter!: WatchedMeter;
  readonly #limits: Map<string, Limit[]>;
  #zone = "UTC";
  /** The meter's time: it never goes back but where a restart forgets what nothing was written for. */
  #now = START;
  readonly #scopes = new Map<string, ModelScope>();
  #open: OpenCall[] = [];
  /** Calls that ended with a record of their own, and nothing of which was given back. */
  readonly #ended: EndedCall[] = [];
  /** Ids of all calls that were ever admitted. */
  readonly #admitted = new Set<string>();
  /** In which order calls were admitted. */
  readonly #decided = new WeakMap<UsageRecord, number>();
  #decisions = 0;
  /** The latest admission. */
  #last = 0;

  private constructor(under: MeterUnderTest, limits: Limit[][], shared: boolean) {
    this.#under = under;
    this.#shared = shared;
    this.#limits = new Map(SCOPES.map((scope, i) => [scope, limits[i]!]));
    this.#clock.at = START;
  }

  static async begin(under: MeterUnderTest, limits: Limit[][], shared: boolean): Promise<Beside> {
    const beside = new Beside(under, limits, shared);
    beside.#meter = await under.start(beside.#clock);
    // A meter that was never asked does not know what time it has been.
    await beside.#meter.usage("key:probe", "UTC");
    return beside;
  }

  async step(step: Step): Promise<void> {
    switch (step.do) {
      case "reserve":
        return await this.#reserve(step.calls);
      case "settle":
        return await this.#settle(step);
      case "extend":
        return await this.#extend(step);
      case "refund":
        return await this.#refund(step);
      case "limits":
        this.#limits.set(SCOPES[step.scope]!, step.limits);
        return;
      case "zone":
        this.#zone = ZONES[step.zone]!;
        return;
      case "pass":
        this.#clock.at += step.ms;
        return;
      case "midnight":
        this.#clock.at = this.#scope("tenant:ten1", this.#zone).dayEnd(this.#time()) + step.ms;
        return;
      case "levels": {
        const { scopes } = this.#demand({ key: step.key, model: 0, providers: 0, input: 0, output: 0, usd: 0 });
        // Of a scope that has no limit nothing is asked.
        this.#ask(
          scopes.filter(({ limits }) => limits.length > 0),
          this.#time(),
          !this.#shared,
        );
        await this.#meter.levels(scopes);
        return;
      }
      case "sweep":
        await (this.#meter as WatchedMeter & { sweep?(): Promise<void> }).sweep?.();
        return;
      case "lose":
        return await this.#lose();
      case "restart":
        return await this.#restart(step);
    }
  }

  /** What the meter says of every scope, beside what the model says. */
  async compare(): Promise<void> {
    const now = this.#time();
    await this.#meter.usage("key:probe", "UTC");
    expect(this.#meter.openHolds, "open Holds").toBe(this.#open.length);
    // All at once: where the accounts are a round trip away, one by one they cost more than the whole life.
    const scopes = [...this.#scopes];
    const usages = await Promise.all(scopes.map(([scope, model]) => this.#meter.usage(scope, model.zone)));
    for (const [i, [scope, model]] of scopes.entries()) {
      const usage = usages[i]!;
      expect(usage.running, `${scope} runs`).toBe(model.running);
      for (const window of WINDOWS) {
        const { spent, reserved } = usage.periods[window];
        for (const [dimension, field] of FIELDS) {
          const said = spent[field] + reserved[field];
          within(said, model.used(window, dimension, now), `${scope}: ${dimension} of the ${window}`);
        }
      }
    }
  }

  /** That every call which was admitted is in the ledger once, and that its sums are those of the accounts. */
  async compareLedger(): Promise<void> {
    for (const call of this.#open.splice(0)) await this.#end(call, call.worst, call.open);
    const records = await this.#under.records();
    expect(records.map(({ id }) => id).sort()).toEqual([...this.#admitted].sort());
    const sums = new Map<string, Amounts>();
    for (const { scope, amounts } of records.flatMap(chargesOf)) {
      const sum = sums.get(scope) ?? NOTHING;
      sums.set(scope, {
        requests: sum.requests + amounts.requests,
        input: sum.input + amounts.input,
        output: sum.output + amounts.output,
        usd: sum.usd + amounts.usd,
      });
    }
    for (const [scope, model] of this.#scopes) {
      const { spent, reserved } = (await this.#meter.usage(scope, model.zone)).periods.total;
      expect(spent, `${scope} in total`).toEqual(sums.get(scope) ?? { ...NOTHING });
      expect(reserved, `${scope} reserved at the end`).toEqual({ ...NOTHING });
    }
    expect(this.#meter.openHolds).toBe(0);
  }

  async #reserve(calls: readonly Wanted[]): Promise<void> {
    const now = this.#time();
    const asked = calls.map((want) => ({ demand: this.#demand(want), record: this.#draft(want) }));
    const answers = await Promise.all(asked.map(({ demand, record }) => this.#meter.reserve(demand, record)));
    const all = asked.map((each, i) => ({ ...each, answer: answers[i]! }));
    // Whoever was refused was refused by what those took who came together with it.
    const admitted = all.filter(({ answer }) => answer.admitted).sort(this.#asDecided);
    for (const { demand, record, answer } of admitted) this.#admit(demand, record, answer, now);
    for (const { demand, answer } of all) if (!answer.admitted) this.#refuse(demand, answer, now);
  }

  #admit(demand: Demand, record: UsageRecord, answer: Reservation, now: number): void {
    if (!answer.admitted) return;
    this.#ask(demand.scopes, now);
    for (const each of demand.anyOf) this.#ask([each], now, !this.#shared || answer.open.includes(each.scope));
    for (const each of demand.scopes) {
      const broken = each.limits.find((one) => this.#fits(each, one, now) === "no");
      expect(broken, `admitted over a limit of ${each.scope}`).toBeUndefined();
    }
    for (const each of demand.anyOf) {
      const fits = each.limits.map((one) => this.#fits(each, one, now));
      if (answer.open.includes(each.scope)) expect(fits, `${each.scope} has room`).not.toContain("no");
      else
        expect(
          fits.some((fit) => fit !== "yes"),
          `${each.scope} has none`,
        ).toBe(true);
    }
    if (demand.anyOf.length > 0) expect(answer.open, "none of the accounts has room").not.toBeEmpty();
    expect(record.admittedAt).toBe(now);
    const takings = new Map<string, ModelTaking>();
    const open = new Set(answer.open);
    const take = (each: ScopeDemand, certain: boolean) => {
      const scope = this.#of(each);
      scope.move(each.zone, now);
      takings.set(each.scope, scope.take(each.amounts, certain, now));
    };
    for (const each of demand.scopes) take(each, true);
    for (const each of demand.anyOf) if (open.has(each.scope)) take(each, false);
    const worst = demand.scopes[0]!.amounts;
    this.#open.push({ hold: answer.hold, record, at: now, takings, worst, open: answer.open.map(nameOf) });
    this.#admitted.add(record.id);
    this.#last = Math.max(this.#last, now);
  }

  #refuse(demand: Demand, answer: Reservation, now: number): void {
    if (answer.admitted) return;
    this.#ask(demand.scopes, now, !this.#shared);
    const { scope, limit } = answer.refusedBy;
    const alternative = demand.anyOf.some((each) => each.scope === scope);
    if (alternative) this.#ask(demand.anyOf, now, !this.#shared);
    const by = [...demand.scopes, ...demand.anyOf].find((each) => each.scope === scope)!;
    expect(by.limits, "it is refused by a limit that there is").toContainEqual(limit);
    expect(this.#fits(by, limit, now), `refused by ${scope}, ${JSON.stringify(limit)}, under which it fits`).not.toBe(
      "yes",
    );
    if (!alternative) return;
    for (const each of demand.anyOf) {
      const fits = each.limits.map((one) => this.#fits(each, one, now));
      expect(
        fits.every((fit) => fit === "yes"),
        `${each.scope} has room for it`,
      ).toBe(false);
    }
  }

  async #settle({ which, how, asked }: Extract<Step, { do: "settle" }>): Promise<void> {
    if (this.#open.length === 0) return;
    const [call] = this.#open.splice(which % this.#open.length, 1) as [OpenCall];
    const { input, output, usd } = call.worst;
    const spent: Record<typeof how, Amounts> = {
      less: { requests: 1, input: input >> 1, output: output >> 2, usd: usd >> 1 },
      equal: { ...call.worst, requests: 1 },
      more: { requests: 1, input: input + 7, output: output + 3, usd: usd + 11 },
      nothing: { requests: 1, input: 0, output: 0, usd: 0 },
      input: { requests: 1, input, output: 0, usd: usd >> 2 },
    };
    await this.#end(call, spent[how], how === "nothing" ? [] : call.open.slice(0, asked));
  }

  /** @param asked names of the provider accounts that were asked; the whole is charged to the last of them */
  async #end(call: OpenCall, spent: Amounts, asked: readonly string[]): Promise<void> {
    const now = this.#time();
    const record = recordOf(call, spent, asked, now);
    await this.#meter.settle(call.hold, record);
    this.#charge(call, record, now);
    this.#ended.push({ call, record });
  }

  /** Gives back some quarters of what a call was charged. */
  async #refund({ which, part }: Extract<Step, { do: "refund" }>): Promise<void> {
    if (this.#ended.length === 0) return;
    const [{ call, record }] = this.#ended.splice(which % this.#ended.length, 1) as [EndedCall];
    this.#time();
    const of = (amount: number) => -Math.floor((amount * part) / 4);
    const back = <T extends Pick<UsageRecord, "inputTokens" | "outputTokens" | "costNanoUsd">>(one: T): T => {
      const { inputTokens, outputTokens, costNanoUsd } = one;
      return { ...one, inputTokens: of(inputTokens), outputTokens: of(outputTokens), costNanoUsd: of(costNanoUsd) };
    };
    const id = `${record.id}-refund`;
    const refund = { ...back(record), id, refundOf: record.id, totalMs: 0, attempts: record.attempts.map(back) };
    expect(await this.#meter.refund(refund), "given back").toBe(true);
    expect(await this.#meter.refund({ ...refund }), "given back twice").toBe(false);
    this.#admitted.add(id);
    for (const { scope, amounts } of chargesOf(refund)) {
      const taking = call.takings.get(scope)!;
      const { requests, input, output, usd } = taking.amounts;
      taking.amounts = {
        ...{ requests, input: input + amounts.input },
        ...{ output: output + amounts.output, usd: usd + amounts.usd },
      };
    }
  }

  #charge(call: OpenCall, record: UsageRecord, now: number): void {
    const charges = new Map(chargesOf(record).map(({ scope, amounts }) => [scope, amounts]));
    for (const [scope, taking] of call.takings)
      this.#scopes.get(scope)!.settle(taking, charges.get(scope) ?? NOTHING, now);
  }

  async #extend({ which, input, usd, again }: Extract<Step, { do: "extend" }>): Promise<void> {
    if (this.#open.length === 0) return;
    const now = this.#time();
    const call = this.#open[which % this.#open.length]!;
    const more = { requests: 0, input, output: 0, usd };
    const demands: ScopeDemand[] = [];
    for (const scope of call.takings.keys()) {
      if (scope.startsWith("provider:") && !(again && call.open[0] === nameOf(scope))) continue;
      const amounts = scope.startsWith("provider:") ? { ...more, requests: 1 } : more;
      const limits = this.#limits
        .get(scope)!
        .filter(({ dimension }) => dimension !== "requests" && dimension !== "concurrent");
      demands.push({ scope, zone: this.#zoneOf(scope), limits, amounts });
    }
    const worst = { ...call.worst, input: call.worst.input + input, usd: call.worst.usd + usd };
    const draft = { ...call.record, inputTokens: worst.input, costNanoUsd: worst.usd };
    // An open call counts in the calendar in which its scopes count now, whatever it was admitted under.
    const ask = (kept: boolean) => {
      for (const { scope, limits } of demands) for (const one of limits) this.#scopes.get(scope)!.ask(one, kept);
    };
    ask(!this.#shared);
    const fits = demands.flatMap((each) =>
      each.limits.map((one) => this.#scopes.get(each.scope)!.fits(one, each.amounts, now)),
    );
    const over = demands.some(({ scope, limits }) => this.#isOver(scope, call, limits, now));
    if (await this.#meter.extend(call.hold, demands, draft)) {
      expect(fits, "grown over a limit").not.toContain("no");
      expect(over, "grown into a day that is over").not.toBe(true);
      ask(true);
      call.worst = worst;
      call.record = draft;
      for (const { scope, amounts } of demands) {
        const taking = call.takings.get(scope)!;
        taking.amounts = {
          ...taking.amounts,
          requests: taking.amounts.requests + amounts.requests,
          input: taking.amounts.input + amounts.input,
          usd: taking.amounts.usd + amounts.usd,
        };
      }
    } else expect(over || fits.some((fit) => fit !== "yes"), "not grown, though it fits").toBe(true);
  }

  #isOver(scope: string, { takings }: OpenCall, limits: readonly Limit[], now: number): boolean {
    const [model, taking] = [this.#scopes.get(scope)!, takings.get(scope)!];
    return limits.some(({ window }) => window !== null && !model.counts(taking, window, now));
  }

  /** A call that nobody else has a part in. @returns when it was admitted */
  async probe(): Promise<number> {
    this.#time();
    const probe = sampleRecord({ id: `probe-${this.#admitted.size}`, ...NOBODY });
    const alone = { scope: "key:probe", zone: "UTC", limits: [], amounts: NOTHING };
    const hold = holdOf(await this.#meter.reserve({ scopes: [alone], anyOf: [] }, probe));
    await this.#meter.settle(hold, { ...probe, totalMs: 0 });
    this.#admitted.add(probe.id);
    const at = probe.admittedAt!;
    this.#last = Math.max(this.#last, at);
    return at;
  }

  /** A kill while calls are being admitted and settled: each of them has happened as a whole, or not at all. */
  async #restart({ passing, calls, settles, turns }: Extract<Step, { do: "restart" }>): Promise<void> {
    if (this.#under.kill === undefined) return;
    const before = this.#time();
    const coming = calls.map((want) => ({ demand: this.#demand(want), record: this.#draft(want) }));
    // A shared store may let a call end before one that came earlier is admitted: then there was room.
    const going = this.#open
      .slice(0, this.#shared ? 0 : settles)
      .map((call) => ({ call, record: recordOf(call, call.worst, [], before) }));
    const answers = coming.map(({ demand, record }) => this.#meter.reserve(demand, record));
    const ends = going.map(({ call, record }) => this.#meter.settle(call.hold, record));
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
    await this.#under.kill();
    // Who is still waiting for an answer of the dead process gets one that nobody sees.
    await Promise.allSettled([...answers, ...ends]);
    this.#clock.at += passing;
    this.#meter = await this.#under.start(this.#clock);
    const found = new Set((await this.#under.records()).map(({ id }) => id));
    const recovered = new Map((await this.#meter.recover()).map((record) => [record.id, record]));
    for (const { demand, record } of coming.sort(this.#asDecided)) {
      const left = recovered.get(record.id);
      if (left === undefined) this.#ask(demand.scopes, before, !this.#shared);
      else
        this.#admit(
          demand,
          record,
          { admitted: true, hold: 0, levels: [], open: left.mayHaveAsked.map((name) => `provider:${name}`) },
          before,
        );
    }
    // They came before the others ended.
    for (const { call, record } of going) {
      if (!found.has(record.id)) continue;
      this.#open.splice(this.#open.indexOf(call), 1);
      this.#charge(call, record, before);
    }
    await this.#readAgain(before);
    const left = this.#open.splice(0);
    expect([...recovered.keys()].sort(), "recovered").toEqual(left.map(({ record }) => record.id).sort());
    for (const call of left) {
      const record = recovered.get(call.record.id)!;
      const held = [record.inputTokens, record.costNanoUsd, record.mayHaveAsked];
      expect(held).toEqual([call.worst.input, call.worst.usd, call.open]);
      this.#charge(call, record, this.#now);
    }
    expect(await this.#meter.recover(), "recovered once").toEqual([]);
  }

  /** Calls go on, and whatever they hold and have spent is read again. */
  async #lose(): Promise<void> {
    if (this.#under.lose === undefined) return;
    const before = this.#time();
    await this.#under.lose();
    await this.#readAgain(before);
  }

  /** What time it is for the meter then, its first admission says: not before anything that is written down. */
  async #readAgain(before: number): Promise<void> {
    const written = this.#last;
    this.#now = await this.probe();
    const times = { least: Math.max(written, this.#clock.at), most: Math.max(before, this.#clock.at) };
    within(this.#now, times, "the meter's time");
    for (const scope of this.#scopes.values()) scope.restart(this.#now);
  }

  #demand({ key, model, providers, input, output, usd }: Wanted): Demand {
    const { keyId, applicationId, subscriptionId } = KEYS[key]!;
    const amounts = { requests: 1, input, output, usd };
    const of = (scope: string): ScopeDemand => {
      return { scope, zone: this.#zoneOf(scope), limits: this.#limits.get(scope)!, amounts };
    };
    const callers = [
      `key:${keyId}`,
      `application:${applicationId}`,
      "team:t1",
      "tenant:ten1",
      `subscription:${subscriptionId}`,
    ];
    return {
      scopes: [...callers, `model:${MODELS[model]}`].map(of),
      anyOf: PROVIDERS.slice(0, providers).map((name) => of(`provider:${name}`)),
    };
  }

  #draft({ key, model, input, output, usd }: Wanted): UsageRecord {
    const who = { ...KEYS[key]!, ...PARENTS, catalogModel: MODELS[model]!, timeZone: this.#zone };
    const record = sampleRecord({
      ...who,
      inputTokens: input,
      outputTokens: output,
      costNanoUsd: usd,
      totalMs: 0,
      attempts: [],
    });
    return this.#watched(record);
  }

  /** Calls that come together are admitted in an order of the store's own: that in which it says when each was admitted. */
  #watched(record: UsageRecord): UsageRecord {
    let { admittedAt } = record;
    return Object.defineProperty(record, "admittedAt", {
      enumerable: true,
      get: () => admittedAt,
      set: (at: number) => {
        admittedAt = at;
        this.#decided.set(record, ++this.#decisions);
      },
    });
  }

  readonly #asDecided = (one: { record: UsageRecord }, other: { record: UsageRecord }): number =>
    (this.#decided.get(one.record) ?? 0) - (this.#decided.get(other.record) ?? 0);

  /** @param kept false where the meter may forget again that it was asked: a shared one writes down only what is taken */
  #ask(demands: readonly ScopeDemand[], now: number, kept = true): void {
    for (const each of demands) {
      // Who was never asked before begins then.
      const scope = this.#scope(each.scope, each.zone, now);
      for (const one of each.limits) scope.ask(one, kept);
    }
  }

  #fits(demand: ScopeDemand, limit: Limit, now: number) {
    return this.#of(demand).fits(limit, demand.amounts, now);
  }

  #of({ scope, zone }: ScopeDemand): ModelScope {
    return this.#scope(scope, zone);
  }

  #scope(scope: string, zone: string, now = this.#time()): ModelScope {
    const known = this.#scopes.get(scope) ?? new ModelScope(zone, now);
    this.#scopes.set(scope, known);
    return known;
  }

  #zoneOf(scope: string): string {
    return scope.startsWith("model:") || scope.startsWith("provider:") ? HOUSE_ZONE : this.#zone;
  }

  #time(): number {
    this.#now = Math.max(this.#now, this.#clock.at);
    return this.#now;
  }
}

const FIELDS = [
  ["requests", "requests"],
  ["inputTokens", "input"],
  ["outputTokens", "output"],
  ["usd", "usd"],
] as const;

const NOBODY = {
  keyId: "probe",
  applicationId: null,
  teamId: null,
  tenantId: null,
  subscriptionId: null,
  catalogModel: null,
  inputTokens: 0,
  outputTokens: 0,
  costNanoUsd: 0,
};

function within(said: number, { least, most }: Range, what: string): void {
  if (said < least || said > most) throw new Error(`${what}: ${said}, and not ${least} to ${most}`);
}

function holdOf(answer: Reservation): number {
  if (!answer.admitted) throw new Error("it was refused");
  return answer.hold;
}

/** `provider:up` → `up` */
function nameOf(scope: string): string {
  return scope.slice(scope.indexOf(":") + 1);
}

/** The record of a call that ends at `now`. @param asked the provider accounts that were asked; the last of them is charged for all */
function recordOf(call: OpenCall, spent: Amounts, asked: readonly string[], now: number): UsageRecord {
  const attempts = asked.map((provider, i) => {
    const last = i === asked.length - 1;
    const tokens = { inputTokens: last ? spent.input : 0, outputTokens: last ? spent.output : 0 };
    return { provider, model: "m", status: 200, error: null, ms: 1, ...tokens, costNanoUsd: last ? spent.usd : 0 };
  });
  const used = { inputTokens: spent.input, outputTokens: spent.output, costNanoUsd: spent.usd };
  return { ...call.record, ...used, outcome: "finished", attempts, totalMs: now - call.at, mayHaveAsked: [] };
}
