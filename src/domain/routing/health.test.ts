import { describe, expect, test } from "bun:test";
import { BREAKER, TargetHealth } from "./health.ts";

/** A target that has failed so often that its breaker is open. */
function open(now = 0): TargetHealth {
  const health = new TargetHealth();
  for (let i = 0; i < BREAKER.inARow; i++) {
    health.began(now);
    health.failed(now);
  }
  return health;
}

describe("a breaker", () => {
  test("opens after so many failures in a row, and not before", () => {
    const health = new TargetHealth();
    for (let i = 1; i < BREAKER.inARow; i++) {
      health.failed(i);
      expect(health.admits(i)).toBe("yes");
    }
    health.failed(10);
    expect(health.admits(10)).toBe("no");
    expect(health.opensAt).toBe(10 + BREAKER.openMs);
  });

  test("one good answer in between starts the row anew", () => {
    const health = new TargetHealth();
    for (let i = 0; i < 3 * BREAKER.inARow; i++) {
      if (i % (BREAKER.inARow - 1) === 0) health.answered(i, 5, true);
      // Fewer than the share that opens it: a row is counted, not a sum.
      else if (i % 2 === 0) health.failed(i);
      else health.answered(i, 5, true);
      expect(health.admits(i)).toBe("yes");
    }
  });

  test("opens when half of a window's calls fail, though never so many in a row", () => {
    const health = new TargetHealth();
    let opened = 0;
    for (let i = 0; i < BREAKER.minCalls * 2 && opened === 0; i++) {
      if (i % 2 === 0) health.answered(i, 5, true);
      else health.failed(i);
      if (health.admits(i) === "no") opened = i + 1;
    }
    expect(opened).toBe(BREAKER.minCalls);
  });

  test("forgets what is older than its window", () => {
    const health = new TargetHealth();
    for (let i = 0; i < BREAKER.minCalls; i++) {
      const now = i * BREAKER.windowMs;
      health.answered(now, 5, true);
      health.failed(now + 1);
      expect(health.admits(now + 1)).toBe("yes");
    }
  });

  test("lets one probe through when it is half open, and another only when the first takes too long", () => {
    const health = open();
    const later = BREAKER.openMs;
    expect(health.admits(later - 1)).toBe("no");
    expect(health.admits(later)).toBe("probe");
    health.began(later);
    expect(health.admits(later + 1)).toBe("no");
    expect(health.admits(later + BREAKER.probeMs)).toBe("probe");
  });

  test("a failed probe doubles the rest, up to a bound; a good one closes it", () => {
    const health = open();
    let now = health.opensAt;
    let rest = BREAKER.openMs;
    for (let i = 0; i < 8; i++) {
      health.began(now);
      health.failed(now);
      rest = Math.min(rest * 2, BREAKER.maxOpenMs);
      expect(health.opensAt - now).toBe(rest);
      now = health.opensAt;
    }
    health.began(now);
    health.answered(now, 5, true);
    expect(health.admits(now)).toBe("yes");
    health.failed(now);
    expect(health.admits(now)).toBe("yes");
  });

  test("failures of calls that were under way when it opened change nothing", () => {
    const health = open();
    const { opensAt } = health;
    for (let i = 0; i < 50; i++) health.failed(i);
    expect(health.opensAt).toBe(opensAt);
  });

  test("an answer that breaks off counts like one that never began", () => {
    const health = new TargetHealth();
    for (let i = 0; i < BREAKER.inARow; i++) health.broke(i);
    expect(health.admits(10)).toBe("no");
  });
});

test("a target that comes back gets a small share first, which grows to the whole", () => {
  const health = open();
  expect(new TargetHealth().share(0)).toBe(1);
  const back = health.opensAt;
  health.began(back);
  health.answered(back, 5, true);
  expect(health.share(back)).toBe(0.1);
  expect(health.share(back + BREAKER.slowStartMs / 2)).toBe(0.5);
  expect(health.share(back + BREAKER.slowStartMs)).toBe(1);
});

test("a rate limit rests as long as the provider says, a while where it does not, and a minute at most", () => {
  const rows: [number | undefined, number][] = [
    [2_500, 2_500],
    [undefined, BREAKER.limitedMs],
    [86_400_000, 60_000],
    [-5, 1],
  ];
  for (const [said, rests] of rows) {
    const health = new TargetHealth();
    health.began(100);
    health.limited(100, said);
    expect(health.admits(100 + rests - 1)).toBe("no");
    expect(health.admits(100 + rests)).toBe("yes");
  }
});

describe("latency", () => {
  test("is unknown at first, follows what is measured, and counts who is waiting", () => {
    const health = new TargetHealth();
    expect(health.latency(0, true)).toBe(1);
    health.answered(0, 100, true);
    expect(health.latency(0, true)).toBe(100);
    for (let i = 0; i < 50; i++) health.answered(0, 300, true);
    expect(health.latency(0, true)).toBeGreaterThan(295);
    health.began(0);
    expect(health.latency(0, true)).toBeGreaterThan(590);
    health.ended(0, false);
    expect(health.latency(0, true)).toBeLessThan(301);
  });

  test("fades, so that what was slow is asked again", () => {
    const health = new TargetHealth();
    health.answered(0, 800, true);
    expect(health.latency(300_000, true)).toBe(1);
  });

  test("of streams says nothing of whole answers", () => {
    const health = new TargetHealth();
    health.answered(0, 20, true);
    health.answered(0, 4_000, false);
    expect([health.latency(0, true), health.latency(0, false)]).toEqual([20, 4_000]);
  });

  test("of one that was outrun is what it has been waited for, and again and again gives it up", () => {
    const health = new TargetHealth();
    for (let i = 0; i < BREAKER.inARow; i++) {
      expect(health.admits(i)).toBe("yes");
      health.began(i);
      health.outrun(700, i);
      health.ended(i, false);
    }
    expect(health.latency(0, true)).toBe(700);
    expect(health.admits(BREAKER.inARow)).toBe("no");
  });

  test("is not measured by checks", () => {
    const health = new TargetHealth();
    health.answered(0, 100, true);
    health.checked(1, true);
    expect(health.latency(0, true)).toBe(100);
  });
});

test("answers to calls that were sent before it opened do not close it", () => {
  const health = open();
  const { opensAt } = health;
  for (let i = 0; i < 100; i++) health.answered(i, 5, true);
  expect([health.admits(200), health.opensAt]).toEqual(["no", opensAt]);
});

test("a probe that the provider refuses shows that it is there; one whose caller leaves frees the place for another", () => {
  const refused = open();
  const now = refused.opensAt;
  refused.began(now);
  refused.ended(now, true);
  expect(refused.admits(now)).toBe("yes");
  const left = open();
  left.began(now);
  expect(left.admits(now)).toBe("no");
  left.ended(now, false);
  expect(left.admits(now)).toBe("probe");
});

test("a check that finds somebody does not take back what calls have found out", () => {
  const health = open();
  health.checked(1, true);
  expect(health.admits(2)).toBe("no");
});

test("it says when it may be asked: now, when its rest is over, or when a probe has had its time", () => {
  expect(new TargetHealth().notBefore(5)).toBe(0);
  const health = open();
  expect(health.notBefore(5)).toBe(health.opensAt);
  const now = health.opensAt;
  expect(health.notBefore(now)).toBe(0);
  health.began(now);
  expect(health.notBefore(now + 1)).toBe(now + BREAKER.probeMs);
});

test("checks open a breaker and close it", () => {
  const health = new TargetHealth();
  health.checked(0, false);
  expect(health.admits(10)).toBe("no");
  health.checked(20, true);
  expect(health.admits(20)).toBe("yes");
  expect(health.share(20)).toBe(0.1);
  health.checked(30, true);
  expect(health.share(20 + BREAKER.slowStartMs)).toBe(1);
});
