import { describe, expect, test } from "bun:test";
import { type Routing, USUAL_ROUTING } from "../../domain/catalog/catalog.ts";
import { TargetHealth } from "../../domain/routing/health.ts";
import { type ErrorCode, GatewayError } from "../../errors.ts";
import { Abort, type Abortable } from "../../kernel/abort.ts";
import type { Attempt } from "../../ports/records.ts";
import { UnsupportedFeature } from "../../spec/adapter.ts";
import { type EventBatch, rewritten } from "../../spec/event.ts";
import type { Asked } from "../reserve.ts";
import type { Choice, Routed } from "../route.ts";
import { type Answered, Attempts } from "./attempts.ts";

/** What a target does when it is asked; `ms` from then on. */
type Play =
  | { do: "answer"; ms?: number; breaks?: boolean }
  | { do: "fail"; error: Error; ms?: number }
  | { do: "charge and fail"; error: Error };

const fails = (code: ErrorCode, more: ConstructorParameters<typeof GatewayError>[2] = {}): Play => ({
  do: "fail",
  error: new GatewayError(code, code, more),
});
const broken = fails("upstream_error");
const answers: Play = { do: "answer" };
const unable: Play = { do: "fail", error: new UnsupportedFeature("n", "the provider gives one answer a call") };
const refused = (status: number) => fails("upstream_rejected", { status, upstreamStatus: status });
const tooLong = fails("upstream_rejected", { status: 400, providerCode: "context_length_exceeded" });

/** Time that passes only when it is let, and everything that waits for it, in order. */
class Time {
  now = 0;
  readonly #waiting: { at: number; wake: () => void }[] = [];

  /** Waits that nobody has ended. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Of so many milliseconds; ends sooner when it is cancelled. */
  after(ms: number): { over: Promise<void>; cancel(): void } {
    const { promise, resolve } = Promise.withResolvers<void>();
    const entry = { at: this.now + ms, wake: resolve };
    this.#waiting.push(entry);
    const cancel = () => {
      const place = this.#waiting.indexOf(entry);
      if (place !== -1) this.#waiting.splice(place, 1);
      resolve();
    };
    return { over: promise, cancel };
  }

  /** Lets time pass until `done`, always to whatever is due next. Fails where nothing is. */
  async until<T>(done: Promise<T>): Promise<T> {
    let over = false;
    const end = () => {
      over = true;
    };
    done.then(end, end);
    for (;;) {
      // Everything that can go on without time goes on first.
      for (let i = 0; i < 50 && !over; i++) await Promise.resolve();
      if (over) return done;
      const next = this.#waiting.sort((a, b) => a.at - b.at).shift();
      if (next === undefined) throw new Error("nothing is due, and the call is not over");
      this.now = next.at;
      next.wake();
    }
  }
}

interface Setting {
  /** What each target does, the first, second, … time it is asked; the last of them again after that. */
  plays: readonly (readonly Play[])[];
  routing?: Partial<Routing>;
  /** Of each target. */
  contextTokens?: readonly number[];
  /** Whether the plan has room for one target more. */
  room?: boolean;
  /** How long the plan takes to say so. */
  extendMs?: number;
  /** Where in its bound each pause ends, from 0 to 1. */
  draw?: number;
}

/** One call with its targets, named a, b, c, …, as route would hand it over. */
class Bench {
  readonly time = new Time();
  /** Who was asked when. */
  readonly asked: [name: string, at: number][] = [];
  readonly attempts: Attempt[] = [];
  readonly holdAsked: Asked[] = [];
  readonly aborted: string[] = [];
  readonly returned: string[] = [];
  readonly choices: Choice[];
  extended = 0;
  /** Set when the caller leaves. */
  leftBy: GatewayError | undefined;
  readonly #all: Attempts;

  constructor({ plays, routing = {}, contextTokens = [], room = true, extendMs = 0, draw = 0 }: Setting) {
    const { time } = this;
    const names = plays.map((_, i) => String.fromCharCode(97 + i));
    this.choices = names.map(
      (name) => ({ target: { account: { name }, model: "m" }, health: new TargetHealth() }) as unknown as Choice,
    );
    const bench = this;
    const call = {
      ticks: () => time.now,
      wait: (ms: number) => time.after(ms),
      answering() {},
      observed: { attempts: this.attempts, firstByteTicks: null },
      get aborted() {
        return bench.leftBy;
      },
      attempt: () => new Abort(),
    };
    const hold = { asked: this.holdAsked, worst: { output: 0 }, grant: { api: { capture: false } } };
    const clean = { request: { stream: true, messages: [] }, hold };
    const routed = { call, clean, choices: this.choices, routing: { ...USUAL_ROUTING, ...routing } };
    const count = new Map<string, number>();
    this.#all = new Attempts(routed as unknown as Routed, {
      open: (asked, _, signal) => {
        const { name } = asked.target.account;
        const nth = count.get(name) ?? 0;
        count.set(name, nth + 1);
        this.asked.push([name, time.now]);
        const mine = plays[names.indexOf(name)]!;
        return this.#play(mine[Math.min(nth, mine.length - 1)]!, asked, name, signal);
      },
      contextTokens: (choice) => contextTokens[this.choices.indexOf(choice)],
      extend: async () => {
        this.extended++;
        if (extendMs > 0) await time.after(extendMs).over;
        return room;
      },
      draw: () => draw,
    });
  }

  async #play(play: Play, asked: Asked, name: string, signal: Abortable): Promise<AsyncGenerator<EventBatch>> {
    signal.addEventListener("abort", () => this.aborted.push(name));
    if (play.do === "charge and fail") asked.owed = true;
    else if (play.ms !== undefined) await this.time.after(play.ms).over;
    if (play.do !== "answer") throw play.error;
    asked.owed = true;
    return this.#events(name, play.breaks === true);
  }

  async *#events(name: string, breaks: boolean): AsyncGenerator<EventBatch> {
    try {
      yield [rewritten([{ type: "text-delta", choice: 0, block: 0, text: name }])];
      if (breaks) throw new GatewayError("upstream_cut", "cut");
      yield [rewritten([{ type: "end" }])];
    } finally {
      this.returned.push(name);
    }
  }

  first(): Promise<Answered> {
    return this.time.until(this.#all.first());
  }

  /** The target that answered. */
  async served(): Promise<string> {
    return (await this.first()).asked.target.account.name;
  }

  async failure(): Promise<GatewayError> {
    return this.first().then(
      () => Promise.reject(new Error("a target has answered")),
      (thrown) => thrown as GatewayError,
    );
  }

  get names(): string {
    return this.asked.map(([name]) => name).join("");
  }

  get errors(): (string | null)[] {
    return this.attempts.map(({ error }) => error);
  }
}

describe("fallback", () => {
  test.each<[string, Play, string]>([
    ["is broken", broken, "upstream_error"],
    ["is out of reach", fails("upstream_unreachable"), "upstream_unreachable"],
    ["is silent for too long", fails("upstream_timeout"), "upstream_timeout"],
    ["is rate limited", fails("upstream_rate_limited"), "upstream_rate_limited"],
    ["cannot do what is asked", unable, "unsupported_feature"],
  ])("a target that %s leads to the next one, and both are on record", async (_, play, code) => {
    const bench = new Bench({ plays: [[play], [answers]] });
    expect(await bench.served()).toBe("b");
    expect(bench.errors).toEqual([code, null]);
    expect(bench.holdAsked.map(({ target }) => target.account.name)).toEqual(["a", "b"]);
  });

  test.each([400, 401, 403, 404, 422])("a request that is refused with %d is asked of nobody else", async (status) => {
    const bench = new Bench({ plays: [[refused(status)], [answers]] });
    expect(await bench.failure()).toMatchObject({ code: "upstream_rejected", status });
    expect(bench.names).toBe("a");
  });

  test("unless the model says so of that status", async () => {
    const bench = new Bench({ plays: [[refused(404)], [answers]], routing: { fallbackOn: [404] } });
    expect(await bench.served()).toBe("b");
    const other = new Bench({ plays: [[refused(400)], [answers]], routing: { fallbackOn: [404] } });
    expect(await other.failure()).toMatchObject({ status: 400 });
  });

  test("a prompt that is too long goes to targets that are known to take more, and to no others", async () => {
    const bench = new Bench({ plays: [[tooLong], [answers], [answers]], contextTokens: [8_000, 8_000, 32_000] });
    expect(await bench.served()).toBe("c");
    expect(bench.names).toBe("ac");
    const none = new Bench({ plays: [[tooLong], [answers]], contextTokens: [8_000, 8_000] });
    expect(await none.failure()).toMatchObject({ providerCode: "context_length_exceeded" });
    expect(none.names).toBe("a");
  });

  test("once something of an answer was seen there is none: what breaks later is the reader's to hear", async () => {
    const bench = new Bench({ plays: [[{ do: "answer", breaks: true }], [answers]], routing: { retries: 3 } });
    const { events, asked } = await bench.first();
    expect(asked.target.account.name).toBe("a");
    expect((await events.next()).done).toBe(false);
    await expect(events.next()).rejects.toMatchObject({ code: "upstream_cut" });
    expect(bench.names).toBe("a");
  });

  test("what an upstream said is told rather than what none of them can", async () => {
    const bench = new Bench({ plays: [[fails("upstream_error", { status: 503 })], [unable]] });
    expect(await bench.failure()).toMatchObject({ code: "upstream_error", status: 503 });
    const other = new Bench({ plays: [[unable], [fails("upstream_error", { status: 503 })]] });
    expect(await other.failure()).toMatchObject({ code: "upstream_error", status: 503 });
    const both = new Bench({ plays: [[unable], [unable]] });
    expect(await both.failure()).toMatchObject({ code: "unsupported_feature", param: "n" });
  });
});

describe("retries", () => {
  test("a round begins when the last one has failed with everybody, in the same order", async () => {
    const bench = new Bench({ plays: [[broken, broken, answers], [broken]], routing: { retries: 2 } });
    expect(await bench.served()).toBe("a");
    expect(bench.names).toBe("ababa");
    expect(bench.errors).toEqual([...Array(4).fill("upstream_error"), null]);
  });

  test("there is none unless the model says so", async () => {
    const bench = new Bench({ plays: [[broken, answers]] });
    expect(await bench.failure()).toMatchObject({ code: "upstream_error" });
    expect(bench.names).toBe("a");
  });

  test("pauses grow twofold, and end where the draw says", async () => {
    const bench = new Bench({ plays: [[broken]], routing: { retries: 3 }, draw: 0.5 });
    await bench.failure();
    const times = bench.asked.map(([, at]) => at);
    expect(times).toEqual([0, 125, 125 + 250, 125 + 250 + 500]);
  });

  test("a target is not asked again before its provider said", async () => {
    const limited = fails("upstream_rate_limited", { retryAfterMs: 7_000 });
    const bench = new Bench({ plays: [[limited, answers]], routing: { retries: 1 } });
    expect(await bench.served()).toBe("a");
    expect(bench.asked[1]![1]).toBeGreaterThanOrEqual(7_000);
  });

  test("who cannot do what is asked is asked no second time", async () => {
    const bench = new Bench({ plays: [[unable], [broken, answers]], routing: { retries: 1 } });
    expect(await bench.served()).toBe("b");
    expect(bench.names).toBe("abb");
  });
});

describe("the budget", () => {
  test("of attempts ends the call, retries included", async () => {
    const bench = new Bench({ plays: [[broken], [broken]], routing: { retries: 5, maxAttempts: 3 } });
    expect(await bench.failure()).toMatchObject({ code: "upstream_error" });
    expect(bench.names).toBe("aba");
  });

  test("of attempts does not count targets that were sent nothing", async () => {
    const bench = new Bench({ plays: [[unable], [unable], [answers]], routing: { maxAttempts: 1 } });
    expect(await bench.served()).toBe("c");
    const spent = new Bench({ plays: [[unable], [broken], [answers]], routing: { maxAttempts: 1 } });
    expect(await spent.failure()).toMatchObject({ code: "upstream_error" });
    expect(spent.names).toBe("ab");
  });

  test("of time begins nothing later", async () => {
    const slow: Play = { ...broken, ms: 600 } as Play;
    const bench = new Bench({ plays: [[slow], [slow], [answers]], routing: { maxAttemptMs: 1_000 } });
    expect(await bench.failure()).toMatchObject({ code: "upstream_error" });
    expect(bench.asked.flat()).toEqual(["a", 0, "b", 600]);
  });

  test("of time allows no pause that would end beyond it", async () => {
    const limited = fails("upstream_rate_limited", { retryAfterMs: 5_000 });
    const bench = new Bench({ plays: [[limited, answers]], routing: { retries: 1, maxAttemptMs: 4_000 } });
    expect(await bench.failure()).toMatchObject({ code: "upstream_rate_limited" });
    expect(bench.time.now).toBe(0);
  });

  test("of the plan is asked for each target after the first, and ends the call with what the last one said", async () => {
    const bench = new Bench({
      plays: [[{ do: "charge and fail", error: new GatewayError("upstream_cut", "x") }], [answers]],
      room: false,
    });
    expect(await bench.failure()).toMatchObject({ code: "upstream_cut" });
    expect([bench.names, bench.extended]).toEqual(["a", 1]);
    const alone = new Bench({ plays: [[answers]], room: false });
    expect(await alone.served()).toBe("a");
    expect(alone.extended).toBe(0);
  });
});

describe("a caller that has left", () => {
  test("has nobody else asked for it", async () => {
    const bench = new Bench({ plays: [[{ ...broken, ms: 10 } as Play], [answers]] });
    bench.leftBy = new GatewayError("client_closed", "left");
    expect(await bench.failure()).toMatchObject({ code: "upstream_error" });
    expect(bench.names).toBe("a");
  });
});

describe("a hedge", () => {
  const slow = (ms: number): Play => ({ do: "answer", ms });
  const hedged = { hedgeAfterMs: 100 };

  test("asks nobody where the first target answers in time", async () => {
    const bench = new Bench({ plays: [[slow(99)], [answers]], routing: hedged });
    expect(await bench.served()).toBe("a");
    expect([bench.names, bench.extended, bench.time.waiting]).toEqual(["a", 0, 0]);
  });

  test("asks nobody where the first one answers while the plan is asked for room", async () => {
    const bench = new Bench({ plays: [[slow(110)], [answers]], routing: hedged, extendMs: 50 });
    expect(await bench.served()).toBe("a");
    expect([bench.names, bench.extended]).toEqual(["a", 1]);
  });

  test("asks the next one as well, and the sooner one serves: the other is let go of, and on record", async () => {
    const bench = new Bench({ plays: [[slow(1_000)], [slow(50)]], routing: hedged });
    expect(await bench.served()).toBe("b");
    expect(bench.asked.flat()).toEqual(["a", 0, "b", 100]);
    expect(bench.aborted).toEqual(["a"]);
    expect(bench.errors).toEqual(["superseded", null]);
    // Each is charged once, and who served is the last of them.
    expect(bench.holdAsked.map(({ target }) => target.account.name)).toEqual(["a", "b"]);
  });

  test("leaves the first in its place where it is the sooner one, and both to be charged once", async () => {
    const bench = new Bench({ plays: [[slow(120)], [slow(500)]], routing: hedged });
    expect(await bench.served()).toBe("a");
    expect(bench.errors).toEqual([null, "superseded"]);
    expect(bench.holdAsked.map(({ target }) => target.account.name)).toEqual(["b", "a"]);
    expect(new Set(bench.holdAsked).size).toBe(2);
  });

  test("closes the answer of the one that comes too late all the same", async () => {
    const bench = new Bench({ plays: [[slow(160)], [slow(50)]], routing: hedged });
    expect(await bench.served()).toBe("b");
    await bench.time.until(bench.time.after(100).over);
    for (let i = 0; i < 20; i++) await Promise.resolve();
    expect(bench.returned).toEqual(["a"]);
  });

  test("serves from the one that answers where the other fails, whichever it is", async () => {
    const late = { ...broken, ms: 300 } as Play;
    const first = new Bench({ plays: [[late], [slow(500)]], routing: hedged });
    expect(await first.served()).toBe("b");
    const second = new Bench({ plays: [[slow(500)], [broken]], routing: hedged });
    expect(await second.served()).toBe("a");
    expect(second.errors).toEqual([null, "upstream_error"]);
  });

  test("where both fail, the third is asked, and each failure is on record", async () => {
    const late = { ...broken, ms: 200 } as Play;
    const bench = new Bench({ plays: [[late], [late], [answers]], routing: hedged });
    expect(await bench.served()).toBe("c");
    expect(bench.errors).toEqual(["upstream_error", "upstream_error", null]);
  });

  test("where both fail for good, the call ends with what they said", async () => {
    const late = (play: Play) => ({ ...play, ms: 200 }) as Play;
    const both = new Bench({ plays: [[late(broken)], [late(broken)]], routing: hedged });
    expect(await both.failure()).toMatchObject({ code: "upstream_error" });
    const one = new Bench({ plays: [[late(broken)], [late(refused(400))], [answers]], routing: hedged });
    expect(await one.failure()).toMatchObject({ status: 400 });
    expect(one.names).toBe("ab");
  });

  test("asks nobody where the plan has no room, and the first one goes on", async () => {
    const bench = new Bench({ plays: [[slow(1_000)], [answers]], routing: hedged, room: false });
    expect(await bench.served()).toBe("a");
    expect(bench.names).toBe("a");
  });
});
