/**
 * Routing as a simulation: thousands of calls on a clock that a seed drives, against targets that
 * fail, slow down, flap or run into their limit. Proves domain/routing/health.ts and order.ts;
 * what one call does is in retry.test.ts and scenarios/routing.test.ts.
 */
import { describe, expect, test } from "bun:test";
import { TargetHealth } from "../src/domain/routing/health.ts";
import { type Candidate, order, type Strategy } from "../src/domain/routing/order.ts";

function seeded(seed: number) {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** What a target does with a call that begins at `now`. */
type Behaviour = (
  now: number,
  random: () => number,
) => { ms: number; ends: "good" | "bad" | "limited"; retryAfterMs?: number };

const good =
  (ms: number): Behaviour =>
  (_, random) => ({ ms: ms * (0.75 + random() / 2), ends: "good" });
const dead =
  (ms: number): Behaviour =>
  () => ({ ms, ends: "bad" });
const when = (is: (now: number) => boolean, then: Behaviour, otherwise: Behaviour): Behaviour => {
  return (now, random) => (is(now) ? then : otherwise)(now, random);
};

interface Target extends Candidate {
  does: Behaviour;
  attempts: number[];
}

function target(key: string, does: Behaviour, over: Partial<Candidate> = {}): Target {
  return { key, weight: 1, health: new TargetHealth(), cost: undefined, does, attempts: [], ...over };
}

interface Ended {
  at: number;
  ms: number;
  served: string | null;
  attempts: number;
}

/** Runs calls at a rate for so long; one call asks one target after another, as the road does. */
function run(
  targets: Target[],
  settings: { perSecond: number; seconds: number; strategy?: Strategy; seed?: number },
): Ended[] {
  const random = seeded(settings.seed ?? 20_260_101);
  const queue: { at: number; act: () => void }[] = [];
  const ended: Ended[] = [];
  let now = 0;
  const after = (ms: number, act: () => void) => {
    const at = now + ms;
    let low = 0;
    let high = queue.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (queue[middle]!.at > at) low = middle + 1;
      else high = middle;
    }
    queue.splice(low, 0, { at, act });
  };
  const call = () => {
    const began = now;
    const left = order(targets, [], {
      strategy: settings.strategy ?? "weighted",
      conversation: null,
      stream: true,
      now,
      random,
    });
    let attempts = 0;
    const next = () => {
      const asked = left.shift();
      if (asked === undefined) return void ended.push({ at: began, ms: now - began, served: null, attempts });
      attempts++;
      asked.attempts.push(now);
      asked.health.began(now);
      const { ms, ends, retryAfterMs } = asked.does(now, random);
      after(ms, () => {
        if (ends === "good") {
          asked.health.answered(now, ms, true);
          ended.push({ at: began, ms: now - began, served: asked.key, attempts });
          return;
        }
        if (ends === "bad") asked.health.failed(now);
        else asked.health.limited(now, retryAfterMs);
        next();
      });
    };
    next();
  };
  for (let i = 0; i < settings.perSecond * settings.seconds; i++) {
    after((i + random()) * (1_000 / settings.perSecond), call);
  }
  for (let event = queue.pop(); event !== undefined; event = queue.pop()) {
    now = event.at;
    event.act();
  }
  return ended;
}

const p99 = (calls: readonly Ended[]) => {
  const sorted = calls.map(({ ms }) => ms).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * 0.99)]!;
};
const sum = (calls: readonly Ended[]) => calls.reduce((total, { attempts }) => total + attempts, 0);
const LOAD = { perSecond: 200, seconds: 60 };
const between = (calls: readonly Ended[], from: number, to: number) => calls.filter(({ at }) => at >= from && at < to);

describe("one of three targets dies", () => {
  const dies = when((now) => now >= 10_000 && now < 40_000, dead(100), good(100));
  const calls = run([target("a", dies), target("b", good(100)), target("c", good(100))], LOAD);

  test("every call is served by another", () => expect(calls.every(({ served }) => served !== null)).toBe(true));

  test("no storm: attempts stay within 1.1 times the calls once the breaker has opened", () => {
    const during = between(calls, 11_000, 40_000);
    expect(sum(during) / during.length).toBeLessThanOrEqual(1.1);
  });

  test("p99 while it is dead stays within twice the normal", () => {
    const normal = p99(between(calls, 0, 10_000));
    expect(p99(between(calls, 10_000, 40_000))).toBeLessThanOrEqual(2 * normal);
  });

  test("it is used again after it has come back, little by little", () => {
    const share = (from: number, to: number) => {
      const some = between(calls, from, to);
      return some.filter(({ served }) => served === "a").length / some.length;
    };
    expect(share(15_000, 40_000)).toBe(0);
    const back = calls.find(({ at, served }) => at > 40_000 && served === "a")!.at;
    expect(back).toBeLessThan(60_000);
    expect(share(back, back + 1_000)).toBeLessThan(0.15);
  });

  test("negative control: without health the same death costs an attempt of every third call", () => {
    const blind = { ...target("a", dies), health: new TargetHealth({ ...NEVER }) };
    const blindly = run([blind, target("b", good(100)), target("c", good(100))], LOAD);
    const during = between(blindly, 11_000, 40_000);
    expect(sum(during) / during.length).toBeGreaterThan(1.25);
  });
});

/** A breaker that never opens. */
const NEVER = {
  inARow: Number.POSITIVE_INFINITY,
  failureShare: 2,
  minCalls: 1,
  windowMs: 1_000,
  openMs: 1,
  maxOpenMs: 1,
  probeMs: 1,
  slowStartMs: 1,
  limitedMs: 1,
};

test("a dead target that is slow to fail holds up few callers", () => {
  const hangs = target("a", dead(10_000));
  const calls = run([hangs, target("b", good(100)), target("c", good(100))], { ...LOAD, seed: 3 });
  // Until the first failures are in nobody can know; from then on one caller at a time finds out.
  const after = between(calls, 11_000, 60_000);
  expect(after.filter(({ ms }) => ms > 1_000).length).toBeLessThanOrEqual(8);
  expect(calls.every(({ served }) => served !== null)).toBe(true);
});

test("a target that flaps every five seconds is mostly left alone, and no call fails", () => {
  const flaps = when((now) => Math.floor(now / 5_000) % 2 === 1, dead(100), good(100));
  const calls = run([target("a", flaps), target("b", good(100)), target("c", good(100))], LOAD);
  expect(calls.every(({ served }) => served !== null)).toBe(true);
  expect(sum(calls) / calls.length).toBeLessThanOrEqual(1.1);
});

test("a rate-limited target rests as long as its provider says", () => {
  const limited = when(
    (now) => now >= 10_000 && now < 20_000,
    (now) => ({ ms: 10, ends: "limited", retryAfterMs: 20_000 - now }),
    good(100),
  );
  const one = target("a", limited);
  const calls = run([one, target("b", good(100))], LOAD);
  expect(calls.every(({ served }) => served !== null)).toBe(true);
  // Those that were under way when the first refusal came, and none until the limit is over.
  expect(one.attempts.filter((at) => at >= 10_100 && at < 19_900)).toHaveLength(0);
  expect(one.attempts.some((at) => at >= 20_000)).toBe(true);
});

test("where every target is dead each call asks one, so nobody is stormed", () => {
  const calls = run([target("a", dead(50)), target("b", dead(50)), target("c", dead(50))], {
    perSecond: 200,
    seconds: 20,
  });
  const after = between(calls, 2_000, 20_000);
  expect(sum(after) / after.length).toBeLessThanOrEqual(1.1);
});

test("least latency moves away from a target that slows down, and back when it recovers", () => {
  const slows = when((now) => now >= 20_000 && now < 40_000, good(1_500), good(50));
  const calls = run([target("a", slows), target("b", good(100))], {
    perSecond: 50,
    seconds: 120,
    strategy: "least-latency",
  });
  const share = (from: number, to: number) => {
    const some = between(calls, from, to);
    return some.filter(({ served }) => served === "a").length / some.length;
  };
  expect(share(5_000, 20_000)).toBeGreaterThan(0.5);
  expect(share(22_000, 40_000)).toBeLessThan(0.1);
  expect(share(90_000, 120_000)).toBeGreaterThan(0.5);
});

test("weights are kept within 2 % over a long time", () => {
  const targets = [1, 2, 7].map((weight) => target(`${weight}`, good(100), { weight }));
  const calls = run(targets, { perSecond: 500, seconds: 60 });
  for (const { weight, key } of targets) {
    const share = calls.filter(({ served }) => served === key).length / calls.length;
    expect(Math.abs(share - weight / 10)).toBeLessThan(0.02);
  }
});
