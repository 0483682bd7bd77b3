/**
 * What is known of one target from the calls that went to it: whether it may be asked, and
 * how fast it is. All times are milliseconds on a clock that never goes back, given by the
 * caller, so that a simulation can run a day in a moment.
 */
export class TargetHealth {
  readonly #settings: BreakerSettings;
  /** Ends of the calls of the last window, in two halves that take turns: counts are never older than the window. */
  #half = Number.NEGATIVE_INFINITY;
  #now = { good: 0, bad: 0 };
  #before = { good: 0, bad: 0 };
  #inARow = 0;
  /** Until when it is not asked; after that one call at a time tries it. */
  #openUntil = Number.NEGATIVE_INFINITY;
  #broken = false;
  #trips = 0;
  /** When the one call that tries a broken target was let through. */
  #probedAt = Number.NEGATIVE_INFINITY;
  /** When it came back; from then on its share grows. */
  #backSince = Number.NEGATIVE_INFINITY;
  /** Its provider said when to come back. */
  #limitedUntil = Number.NEGATIVE_INFINITY;
  /** A check has found nobody, and none has found somebody since. */
  #missing = false;
  /** To the first byte of a stream, and to the whole of a unary answer: the one says nothing of the other. */
  readonly #latency = { stream: new Latency(), unary: new Latency() };
  #running = 0;

  constructor(settings: BreakerSettings = BREAKER) {
    this.#settings = settings;
  }

  /** Whether a call may be sent: `yes`; `probe`, for one call that finds out; `no` until `opensAt`. */
  admits(now: number): "yes" | "probe" | "no" {
    if (now < this.#limitedUntil || now < this.#openUntil) return "no";
    if (!this.#broken) return "yes";
    return now >= this.#probedAt + this.#settings.probeMs ? "probe" : "no";
  }

  /** When it may be asked again at the earliest. */
  get opensAt(): number {
    return Math.max(this.#limitedUntil, this.#openUntil);
  }

  /** Share of its weight that it gets now, above 0 and up to 1: a target that comes back is not flooded at once. */
  share(now: number): number {
    const back = now - this.#backSince;
    return back >= this.#settings.slowStartMs ? 1 : Math.max(0.1, back / this.#settings.slowStartMs);
  }

  /** When it may be asked, as far as is known now; 0 where that is now. */
  notBefore(now: number): number {
    if (this.admits(now) !== "no") return 0;
    return Math.max(this.opensAt, this.#broken ? this.#probedAt + this.#settings.probeMs : 0);
  }

  /** How long an answer takes, as of late, in milliseconds: more, the more calls wait for one; 1 at least, where nothing is known. */
  latency(now: number, stream: boolean): number {
    return Math.max(1, this.#latency[stream ? "stream" : "unary"].at(now)) * (1 + this.#running);
  }

  /** A call is sent. */
  began(now: number): void {
    this.#running++;
    if (this.#broken) this.#probedAt = now;
  }

  /** It has begun to answer after so many milliseconds. */
  answered(now: number, firstByteMs: number, stream: boolean): void {
    this.#latency[stream ? "stream" : "unary"].see(now, firstByteMs);
    this.#end();
    this.#alive(now);
  }

  /** It failed in a way that is its own fault: broken, silent, unreachable. */
  failed(now: number): void {
    this.#end();
    this.broke(now);
  }

  /** An answer that had begun broke off. */
  broke(now: number): void {
    this.#count(now).bad++;
    this.#inARow++;
    // Calls that were under way when it opened end one after another: they are no news.
    if (now < this.#openUntil) return;
    if (this.#broken || this.#shouldOpen()) this.#open(now);
  }

  /** Its provider's limit is used up; `retryAfterMs` is what the provider said, where it did. */
  limited(now: number, retryAfterMs: number | undefined): void {
    this.#end();
    const wait = Math.min(Math.max(retryAfterMs ?? this.#settings.limitedMs, 1), MAX_LIMITED_MS);
    this.#limitedUntil = Math.max(this.#limitedUntil, now + wait);
  }

  /** It ended in a way that is not the target's fault. `alive`: it refused the request, so it is there; else the caller left. */
  ended(now: number, alive: boolean): void {
    this.#end();
    if (alive) this.#alive(now);
    // Another call may find out what this one has not.
    else this.#probedAt = Number.NEGATIVE_INFINITY;
  }

  /** Another target, asked later, has answered first: it is as slow as that at least. */
  outrun(waitedMs: number, now: number): void {
    this.#latency.stream.see(now, waitedMs);
    this.#latency.unary.see(now, waitedMs);
    this.broke(now);
  }

  /**
   * What an active check has found. One that finds nobody is enough to give the target up; one that
   * finds somebody ends only that: a provider may answer checks and fail calls.
   */
  checked(now: number, good: boolean): void {
    if (good && this.#missing) this.#close(now);
    if (!good) this.giveUp(now);
  }

  /** Is not asked for now, whatever the calls have said. */
  giveUp(now: number): void {
    this.#missing = true;
    if (now >= this.#openUntil) this.#open(now);
  }

  #alive(now: number): void {
    // Answers to calls that were sent before it was given up are no news.
    if (now < this.#openUntil) return;
    this.#count(now).good++;
    this.#inARow = 0;
    if (this.#broken) this.#close(now);
  }

  #end(): void {
    this.#running = Math.max(0, this.#running - 1);
  }

  #open(now: number): void {
    const wait = Math.min(this.#settings.openMs * 2 ** this.#trips, this.#settings.maxOpenMs);
    this.#broken = true;
    this.#trips++;
    this.#openUntil = now + wait;
    this.#probedAt = Number.NEGATIVE_INFINITY;
  }

  #close(now: number): void {
    this.#broken = false;
    this.#missing = false;
    this.#trips = 0;
    this.#inARow = 0;
    this.#openUntil = Number.NEGATIVE_INFINITY;
    this.#backSince = now;
    this.#now = { good: 0, bad: 0 };
    this.#before = { good: 0, bad: 0 };
  }

  #shouldOpen(): boolean {
    if (this.#inARow >= this.#settings.inARow) return true;
    const good = this.#now.good + this.#before.good;
    const bad = this.#now.bad + this.#before.bad;
    return good + bad >= this.#settings.minCalls && bad / (good + bad) >= this.#settings.failureShare;
  }

  #count(now: number): { good: number; bad: number } {
    const half = Math.floor(now / (this.#settings.windowMs / 2));
    if (half !== this.#half) {
      this.#before = half === this.#half + 1 ? this.#now : { good: 0, bad: 0 };
      this.#now = { good: 0, bad: 0 };
      this.#half = half;
    }
    return this.#now;
  }
}

/** A moving average that forgets: what was slow long ago is asked again some time. */
class Latency {
  #ms = 0;
  #at = Number.NEGATIVE_INFINITY;

  see(now: number, ms: number): void {
    this.#ms = this.#at === Number.NEGATIVE_INFINITY ? ms : this.#ms + LATENCY_WEIGHT * (ms - this.#ms);
    this.#at = now;
  }

  at(now: number): number {
    return this.#ms * 2 ** (-Math.max(0, now - this.#at) / LATENCY_HALF_LIFE_MS);
  }
}

/** When a target is given up for a while. Times in milliseconds. */
export interface BreakerSettings {
  /** So many failures one after another open the breaker. */
  inARow: number;
  /** So does this share of the calls of a window, once there were `minCalls`. */
  failureShare: number;
  minCalls: number;
  windowMs: number;
  /** How long it is open the first time; each failed probe doubles it, up to `maxOpenMs`. */
  openMs: number;
  maxOpenMs: number;
  /** How long a probe may take before another one is let through. */
  probeMs: number;
  /** How long its share grows after it has come back. */
  slowStartMs: number;
  /** How long a target that is rate limited rests, where its provider does not say. */
  limitedMs: number;
}

export const BREAKER: BreakerSettings = {
  inARow: 5,
  failureShare: 0.5,
  minCalls: 20,
  windowMs: 10_000,
  openMs: 5_000,
  maxOpenMs: 60_000,
  probeMs: 10_000,
  slowStartMs: 10_000,
  limitedMs: 1_000,
};

/** A provider may say "come back tomorrow"; by then somebody has raised the limit. */
const MAX_LIMITED_MS = 60_000;

/** Weight of the newest measurement in the moving average. */
const LATENCY_WEIGHT = 0.2;
const LATENCY_HALF_LIFE_MS = 30_000;
