import { nextStep, type RetryPolicy, type Standing, type Step } from "../../domain/routing/retry.ts";
import { GatewayError } from "../../errors.ts";
import type { Abort, Abortable } from "../../kernel/abort.ts";
import type { Attempt } from "../../ports/records.ts";
import type { EventBatch } from "../../spec/event.ts";
import { Tally } from "../metering/tally.ts";
import type { Asked } from "../reserve.ts";
import type { Choice, Routed } from "../route.ts";
import { isTooLong, mayFallBack, toCallError } from "../telling/upstream-error.ts";
import { begun, type EventStream } from "./begun.ts";

/** Asks one target. Rejects with what is wrong with it, or with the reason of `signal`. */
export type Open = (asked: Asked, attempt: Attempt, signal: Abortable) => Promise<AsyncGenerator<EventBatch>>;

export interface AttemptPorts {
  open: Open;
  /** How long a prompt and its answer may be at this target, in tokens, where that is known. */
  contextTokens(choice: Choice): number | undefined;
  /** Reserves for one target more. False where a limit does not allow it. */
  extend(choice: Choice): Promise<boolean>;
  /** From 0 inclusive to 1 exclusive; spreads retries. */
  draw: () => number;
}

/** A target that has begun to answer. */
export interface Answered {
  asked: Asked;
  events: EventStream;
}

/** One target being asked. */
interface Running {
  choice: Choice;
  asked: Asked;
  attempt: Attempt;
  controller: Abort;
  answered: Promise<Answered>;
  settled: boolean;
  startedTicks: number;
}

/** Asks the targets of one call, one after another or hedged, as `nextStep` says. */
export class Attempts {
  readonly #routed: Routed;
  readonly #ports: AttemptPorts;
  readonly #policy: RetryPolicy;
  readonly #startedTicks: number;
  readonly #standings: Standing[];
  #asked = 0;
  /** Of those, the ones that were sent nothing, because their provider cannot do what is asked for: they cost no time and no money. */
  #unable = 0;
  #pauses = 0;
  /** What the call ends with if nobody answers: what an upstream said counts for more than what none of them can. */
  #error: GatewayError | undefined;

  constructor(routed: Routed, ports: AttemptPorts) {
    const { call, routing, choices } = routed;
    this.#routed = routed;
    this.#ports = ports;
    this.#policy = { maxAttempts: routing.maxAttempts, retries: routing.retries, maxMs: routing.maxAttemptMs };
    this.#startedTicks = call.ticks();
    this.#standings = choices.map(() => ({ asked: 0, hopeless: false, notBefore: 0 }));
  }

  /** The first target that answers. @throws what the last one said, where none does. */
  async first(): Promise<Answered> {
    for (;;) {
      const step = this.#next();
      if (step.do === "end") throw this.#error ?? noTarget();
      if (step.do === "wait") {
        await this.#routed.call.wait(step.ms).over;
        this.#pauses++;
        continue;
      }
      // The caller hears why the last target failed: that its plan has no room for another is no help.
      if (this.#asked > 0 && !(await this.#ports.extend(this.#routed.choices[step.target]!)))
        throw this.#error ?? noTarget();
      const answered = await this.#ask(step.target);
      if (answered !== undefined) return answered;
    }
  }

  #next(): Step {
    const { call, choices } = this.#routed;
    const now = call.ticks();
    const standings = this.#standings.map((standing, i) => {
      return { ...standing, notBefore: Math.max(standing.notBefore, choices[i]!.health.notBefore(now)) };
    });
    const spent = { attempts: this.#asked - this.#unable, pauses: this.#pauses, elapsedMs: now - this.#startedTicks };
    return nextStep(standings, this.#policy, spent, now, this.#ports.draw);
  }

  /** Asks a target, and the next one as well where the first is silent for longer than the model's hedge. */
  async #ask(target: number): Promise<Answered | undefined> {
    const first = this.#start(target);
    const { hedgeAfterMs } = this.#routed.routing;
    const second = hedgeAfterMs === null ? undefined : await this.#hedge(first, hedgeAfterMs);
    if (second !== undefined) return this.#sooner(first, second);
    try {
      return await first.answered;
    } catch (thrown) {
      this.#failed(first.choice, thrown);
      return undefined;
    }
  }

  async #hedge(first: Running, afterMs: number): Promise<Running | undefined> {
    const wait = this.#routed.call.wait(afterMs);
    await Promise.race([first.answered, wait.over]).catch(() => {});
    wait.cancel();
    if (first.settled || this.#routed.call.aborted !== undefined) return undefined;
    const step = this.#next();
    // A store that fails now must not end a call that is being answered.
    if (
      step.do !== "ask" ||
      !(await this.#ports.extend(this.#routed.choices[step.target]!).catch(() => false)) ||
      first.settled
    )
      return undefined;
    return this.#start(step.target);
  }

  /** The one of two that answers first; the other is let go of, and charged for what it may charge. */
  async #sooner(first: Running, second: Running): Promise<Answered | undefined> {
    const { asked: all } = this.#routed.clean.hold;
    const both = [first, second];
    let winner: Running;
    try {
      winner = await Promise.any(both.map((running) => running.answered.then(() => running)));
    } catch (thrown) {
      const { errors } = thrown as AggregateError;
      for (const [i, { choice }] of both.entries()) this.#failed(choice, errors[i]);
      return undefined;
    }
    this.#letGo(winner === first ? second : first);
    // Who served is the last that was asked.
    all.splice(all.indexOf(winner.asked), 1);
    all.push(winner.asked);
    return winner.answered;
  }

  #letGo(loser: Running): void {
    const { call } = this.#routed;
    loser.attempt.error ??= "superseded";
    if (!loser.settled) loser.choice.health.outrun(call.ticks() - loser.startedTicks, call.ticks());
    loser.controller.abort(new GatewayError("client_closed", "Another target has answered."));
    loser.answered.then(({ events }) => events.return()).catch(() => {});
  }

  #start(target: number): Running {
    const { call, clean, choices } = this.#routed;
    const choice = choices[target]!;
    const attempt: Attempt = {
      provider: choice.target.account.name,
      model: choice.target.model,
      status: null,
      error: null,
      ms: 0,
      inputTokens: 0,
      outputTokens: 0,
      costNanoUsd: 0,
    };
    call.observed.attempts.push(attempt);
    const tally = new Tally(clean.request, clean.hold.grant.api.capture, clean.hold.worst.output > 0, () =>
      call.ticks(),
    );
    const asked: Asked = { target: choice.target, tally, owed: false, attempt, health: choice.health };
    clean.hold.asked.push(asked);
    this.#asked++;
    this.#standings[target]!.asked++;
    const controller = call.attempt();
    const startedTicks = call.ticks();
    const running = { choice, asked, attempt, controller, settled: false, startedTicks };
    return Object.assign(running, { answered: this.#begin(running) });
  }

  async #begin(running: Omit<Running, "answered">): Promise<Answered> {
    const { call, clean } = this.#routed;
    const { asked, attempt, controller, startedTicks } = running;
    const { health } = running.choice;
    health.began(startedTicks);
    try {
      const { operation, stream } = clean.request;
      const kept = stream && operation?.type === "object";
      const events = await begun(await this.#ports.open(asked, attempt, controller), this.#hasOthers(), kept);
      call.answering();
      const now = call.ticks();
      call.observed.firstByteTicks ??= now;
      health.answered(now, now - startedTicks, clean.request.stream);
      return { asked, events };
    } catch (thrown) {
      const error = toCallError(thrown);
      const now = call.ticks();
      attempt.error ??= error.code;
      if (error.code === "upstream_rate_limited") health.limited(now, error.retryAfterMs);
      else if (error.owner === "upstream") health.failed(now);
      // A provider that refuses a request is there.
      else health.ended(now, error.upstreamStatus !== undefined);
      throw error;
    } finally {
      attempt.ms = call.ticks() - startedTicks;
      running.settled = true;
    }
  }

  /** Whether anybody else may be asked, or the same target again. */
  #hasOthers(): boolean {
    const { maxAttempts, retries } = this.#policy;
    return maxAttempts > 1 && (retries > 0 || this.#routed.choices.length > 1);
  }

  /** Notes how a target failed. @throws where no other may be asked after it. */
  #failed(choice: Choice, thrown: unknown): void {
    const error = toCallError(thrown);
    const { call, routing, choices } = this.#routed;
    if (call.aborted !== undefined) throw error;
    const standing = this.#standings[choices.indexOf(choice)]!;
    if (!mayFallBack(error, routing.fallbackOn) && !(isTooLong(error) && this.#dropNoLarger(choice))) throw error;
    if (error.owner !== "upstream") standing.hopeless = true;
    if (error.code === "unsupported_feature") this.#unable++;
    if (error.retryAfterMs !== undefined) standing.notBefore = call.ticks() + error.retryAfterMs;
    if (this.#error === undefined || error.owner === "upstream") this.#error = error;
  }

  /** Where a prompt is too long for a target, others that are not known to take more need not be asked. Whether any is left. */
  #dropNoLarger(choice: Choice): boolean {
    const here = this.#ports.contextTokens(choice) ?? 0;
    for (const [i, other] of this.#routed.choices.entries()) {
      if ((this.#ports.contextTokens(other) ?? 0) <= here) this.#standings[i]!.hopeless = true;
    }
    return this.#standings.some(({ hopeless, asked }) => !hopeless && asked === 0);
  }
}

function noTarget(): GatewayError {
  return new GatewayError("internal", "The gateway failed to handle this call.", { internal: "no target was asked" });
}
