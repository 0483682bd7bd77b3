import { expect, test } from "bun:test";
import type { LogFields } from "../ports/log.ts";
import { keepRunning, type LifecycleParts } from "./lifecycle.ts";

/** A process with `open` calls and `pending` answers, which end when they are aborted unless they are `stubborn`. */
function started(over: Partial<LifecycleParts> & { stubborn?: boolean } = {}) {
  const state = { open: 0, pending: 0 };
  const steps: string[] = [];
  const said: [string, LogFields][] = [];
  const running = keepRunning({
    listeners: [
      {
        get pending() {
          return state.pending;
        },
        stop: async (hard) => void steps.push(`stop ${hard ? "hard" : "soft"}`),
      },
    ],
    openCalls: () => state.open,
    unready: () => void steps.push("unready"),
    drainDelayMs: 0,
    drain: () => void steps.push("drain"),
    abortAll() {
      steps.push("abort");
      if (over.stubborn !== true) Object.assign(state, { open: 0, pending: 0 });
    },
    sweep: () => {},
    sweepMs: 1_000,
    drainMs: 60_000,
    close: async () => void steps.push("close"),
    log: {
      write: (_, message, fields = {}) => void said.push([message, fields]),
      flush: () => void steps.push("flush"),
    },
    ...over,
  });
  return { state, steps, said, running };
}

test("with nothing open it stops at once, in this order", async () => {
  const { running, steps } = started();
  await running.stop("SIGTERM");
  await running.stopped;
  expect(steps).toEqual(["unready", "drain", "stop hard", "close", "flush"]);
});

test("it waits for open calls, and for answers that are still leaving", async () => {
  const { running, state, steps } = started();
  state.open = 1;
  void running.stop("SIGTERM");
  await Bun.sleep(60);
  expect(steps).toEqual(["unready", "drain"]);
  Object.assign(state, { open: 0, pending: 1 });
  await Bun.sleep(60);
  expect(steps).toEqual(["unready", "drain"]);
  state.pending = 0;
  await running.stopped;
  expect(steps).not.toContain("abort");
});

test("what outlasts the bound is aborted; what outlasts that is not waited for", async () => {
  for (const stubborn of [false, true]) {
    const { running, state, steps } = started({ drainMs: 30, stubborn });
    state.open = 2;
    await running.stop("SIGTERM");
    expect(steps).toEqual(["unready", "drain", "abort", "stop hard", "close", "flush"]);
  }
});

test("a second signal ends the waiting; one that follows at once is the same signal", async () => {
  const { running, state, steps } = started();
  state.open = 1;
  void running.stop("SIGINT");
  void running.stop("SIGINT");
  await Bun.sleep(600);
  expect(steps).toEqual(["unready", "drain"]);
  await running.stop("SIGINT");
  expect(steps).toContain("abort");
});

test("a close that fails is written down, and is the end all the same", async () => {
  const failing = async () => {
    throw new Error("the disk is gone");
  };
  const { running, said } = started({ close: failing });
  const stopped = running.stopped.catch((cause: Error) => cause.message);
  await running.stop("SIGTERM");
  expect(await stopped).toBe("the disk is gone");
  expect(said.at(-1)![1].detail).toContain("the disk is gone");
});

test("a mishap is written down with its stack, whatever was thrown", () => {
  const { running, said } = started();
  running.mishap(new TypeError("odd"));
  running.mishap("odder");
  running.mishap(undefined);
  expect(said.map(([, { detail }]) => detail?.split("\n")[0])).toEqual(["TypeError: odd", "odder", "undefined"]);
  void running.stop("SIGTERM");
});

test("with a delay it is not ready first, and refuses calls only later", async () => {
  const { running, steps } = started({ drainDelayMs: 80 });
  const began = performance.now();
  const stopping = running.stop("SIGTERM");
  await Bun.sleep(30);
  expect(steps).toEqual(["unready"]);
  await stopping;
  expect(performance.now() - began).toBeGreaterThanOrEqual(79);
  expect(steps).toEqual(["unready", "drain", "stop hard", "close", "flush"]);
});
