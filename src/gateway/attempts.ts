import { mayAsk, pauseBeforeRetry } from "../domain/routing/retry.ts";
import { GatewayError } from "../errors.ts";
import type { Attempt } from "../ports/records.ts";
import type { EventBatch } from "../spec/event.ts";
import { begun, type EventStream } from "./begun.ts";
import type { Asked } from "./reserve.ts";
import type { Choice, Routed } from "./route.ts";
import { Tally } from "./tally.ts";
import { isTooLong, mayFallBack, toCallError } from "./upstream-error.ts";

/** Asks one target. Rejects with what is wrong with it, or with the reason of `signal`. */
export type Open = (asked: Asked, attempt: Attempt, signal: AbortSignal) => Promise<AsyncGenerator<EventBatch>>;

export interface AttemptPorts {
  open: Open;
  /** How long a prompt and its answer may be at this target, in tokens, where that is known. */
  contextTokens(choice: Choice): number | undefined;
  /** Reserves for one target more. False where the plan does not allow it. */
  extend(): Promise<boolean>;
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
  controller: AbortController;
  answered: Promise<Answered>;
}

/** Asks the targets of one call, one after another or hedged, within its budget of attempts and time. */
export class Attempts {
  readonly #routed: Routed;
  readonly #ports: AttemptPorts;
  readonly #startedTicks: number;
  #asked = 0;
  #rounds = 0;
  /** What the call ends with if nobody answers: what an upstream said counts for more than what none of them can. */
  #error: GatewayError | undefined;
  /** Targets that another round would find as they were. */
  readonly #hopeless = new Set<Choice>();
  /** The shortest wait that a target of this round asked for; 0 where none did. */
  #retryAfterMs = 0;

  constructor(routed: Routed, ports: AttemptPorts) {
    this.#routed = routed;
    this.#ports = ports;
    this.#startedTicks = routed.call.ticks();
  }

  async first(): Promise<Answered> {
    const { call, routing } = this.#routed;
    const policy = { maxAttempts: routing.maxAttempts, retries: routing.retries, maxMs: routing.maxAttemptMs };
    for (;;) {
      const answered = await this.#round(policy);
      if (answered !== undefined) return answered;
      const pause = pauseBeforeRetry(policy, this.#spent(), this.#retryAfterMs, this.#ports.draw);
      const isHopeless = this.#routed.choices.every((choice) => this.#hopeless.has(choice));
      if (pause === undefined || isHopeless) throw this.#error ?? noTarget();
      await call.pause(pause);
    }
  }

  /** Every target once; undefined where none answered and another round may do better. */
  async #round(policy: Parameters<typeof mayAsk>[0]): Promise<Answered | undefined> {
    const left = this.#routed.choices.filter((choice) => !this.#hopeless.has(choice));
    this.#rounds++;
    this.#retryAfterMs = 0;
    for (let choice = left.shift(); choice !== undefined; choice = left.shift()) {
      if (!mayAsk(policy, this.#spent())) return undefined;
      // The caller hears why the last target failed: that its plan has no room for another is no help.
      if (this.#asked > 0 && !(await this.#ports.extend())) throw this.#error ?? noTarget();
      try {
        return await this.#ask(choice, left);
      } catch (thrown) {
        const error = toCallError(thrown);
        if (this.#routed.call.aborted !== undefined || !this.#mayGoOn(error, choice, left[0])) throw error;
        if (error.owner !== "upstream") this.#hopeless.add(choice);
        if (this.#error === undefined || error.owner === "upstream") this.#error = error;
        const wait = error.retryAfterMs ?? 0;
        this.#retryAfterMs = this.#retryAfterMs === 0 ? wait : Math.min(wait, this.#retryAfterMs);
      }
    }
    return undefined;
  }

  /** Asks a target, and the next one as well where the first is silent for longer than the model's hedge. */
  async #ask(choice: Choice, left: Choice[]): Promise<Answered> {
    const { hedgeAfterMs } = this.#routed.routing;
    const first = this.#start(choice);
    if (hedgeAfterMs === null || left.length === 0) return first.answered;
    const settled = await Promise.race([
      first.answered.then(
        () => true,
        () => true,
      ),
      this.#routed.call.pause(hedgeAfterMs).then(
        () => false,
        () => true,
      ),
    ]);
    // A store that fails now must not end a call that is being answered.
    if (settled || !(await this.#ports.extend().catch(() => false))) return first.answered;
    return this.#sooner(first, this.#start(left.shift()!));
  }

  /** The one of two that answers first; the other is let go of, and charged for what it may charge. */
  async #sooner(first: Running, second: Running): Promise<Answered> {
    const { asked: all } = this.#routed.clean.hold;
    try {
      const winner = await Promise.any([first.answered.then(() => first), second.answered.then(() => second)]);
      const loser = winner === first ? second : first;
      loser.attempt.error ??= "superseded";
      loser.controller.abort(new GatewayError("client_closed", "Another target has answered."));
      loser.answered.then(({ events }) => events.return()).catch(() => {});
      // Who served is the last that was asked.
      all.splice(all.indexOf(winner.asked), 1);
      all.push(winner.asked);
      return await winner.answered;
    } catch (thrown) {
      throw thrown instanceof AggregateError ? thrown.errors[0] : thrown;
    }
  }

  #start(choice: Choice): Running {
    const { call, clean } = this.#routed;
    const { target, health } = choice;
    const attempt: Attempt = {
      provider: target.account.name,
      model: target.model,
      status: null,
      error: null,
      ms: 0,
      costNanoUsd: 0,
    };
    call.observed.attempts.push(attempt);
    const tally = new Tally(clean.request, clean.hold.grant.api.capture);
    const asked: Asked = { target, tally, owed: false, attempt, health };
    clean.hold.asked.push(asked);
    this.#asked++;
    const controller = call.attempt();
    return { choice, asked, attempt, controller, answered: this.#begin(choice, asked, attempt, controller.signal) };
  }

  async #begin(choice: Choice, asked: Asked, attempt: Attempt, signal: AbortSignal): Promise<Answered> {
    const { call } = this.#routed;
    const { health } = choice;
    const started = call.ticks();
    health.began(started);
    try {
      const events = await begun(await this.#ports.open(asked, attempt, signal));
      call.answering();
      const now = call.ticks();
      call.observed.firstByteTicks ??= now;
      attempt.ms = now - started;
      health.answered(now, attempt.ms);
      return { asked, events };
    } catch (thrown) {
      const error = toCallError(thrown);
      const now = call.ticks();
      attempt.error ??= error.code;
      attempt.ms = now - started;
      if (error.code === "upstream_rate_limited") health.limited(now, error.retryAfterMs);
      else if (error.owner === "upstream") health.failed(now);
      else health.ended();
      throw error;
    }
  }

  /** Whether the next target may be asked after this one has failed so. */
  #mayGoOn(error: GatewayError, choice: Choice, next: Choice | undefined): boolean {
    if (mayFallBack(error, this.#routed.routing.fallbackOn)) return true;
    if (next === undefined || !isTooLong(error)) return false;
    const here = this.#ports.contextTokens(choice);
    const there = this.#ports.contextTokens(next);
    return there !== undefined && (here === undefined || there > here);
  }

  #spent() {
    const elapsedMs = this.#routed.call.ticks() - this.#startedTicks;
    return { attempts: this.#asked, rounds: this.#rounds, elapsedMs };
  }
}

function noTarget(): GatewayError {
  return new GatewayError("internal", "The gateway failed to handle this call.", { internal: "no target was asked" });
}
