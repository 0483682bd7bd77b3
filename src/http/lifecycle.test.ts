import { expect, test } from "bun:test";
import { keepRunning } from "./lifecycle.ts";

function setUp(over: { drainMs?: number; close?: () => Promise<void>; onAbort?: (state: State) => void } = {}) {
  const state: State = { open: 1, pending: 0, said: [], logged: [] };
  const running = keepRunning({
    listeners: [
      {
        get pending() {
          return state.pending;
        },
        stop: async () => void state.said.push("listener stopped"),
      },
    ],
    openCalls: () => state.open,
    drain: () => void state.said.push("drain"),
    abortAll() {
      state.said.push("abort");
      over.onAbort?.(state);
    },
    sweep() {},
    sweepMs: 1_000,
    drainMs: over.drainMs ?? 10_000,
    close: over.close ?? (async () => void state.said.push("closed")),
    log: { write: (_level, message) => void state.logged.push(message), flush: () => void state.said.push("flushed") },
  });
  return { state, running };
}

interface State {
  open: number;
  pending: number;
  said: string[];
  logged: string[];
}

test("open calls are waited for, and what they still have to send; then everything is closed in order", async () => {
  const { state, running } = setUp();
  const stopping = running.stop("SIGTERM");
  await Bun.sleep(60);
  expect(state.said).toEqual(["drain"]);
  state.pending = 1;
  state.open = 0;
  await Bun.sleep(60);
  expect(state.said).toEqual(["drain"]);
  state.pending = 0;
  await stopping;
  await running.stopped;
  expect(state.said).toEqual(["drain", "listener stopped", "closed", "flushed"]);
});

test("calls that are not over within the bound are ended", async () => {
  const { state, running } = setUp({
    drainMs: 50,
    onAbort: (now) => {
      now.open = 0;
    },
  });
  await running.stop("SIGTERM");
  expect(state.said).toEqual(["drain", "abort", "listener stopped", "closed", "flushed"]);
});

test("asked again after a moment, it does not wait any longer", async () => {
  const { state, running } = setUp({
    onAbort: (now) => {
      now.open = 0;
    },
  });
  const stopping = running.stop("SIGTERM");
  void running.stop("SIGINT");
  await Bun.sleep(100);
  expect(state.said).toEqual(["drain"]);
  await Bun.sleep(500);
  void running.stop("SIGINT");
  await stopping;
  expect(state.said).toContain("abort");
});

test("a store that cannot be closed is told, and does not leave the process waiting", async () => {
  const { state, running } = setUp({ close: () => Promise.reject(new Error("disk gone")) });
  state.open = 0;
  const stopped = running.stopped.then(
    () => "stopped",
    (cause: Error) => cause.message,
  );
  await running.stop("SIGTERM");
  expect(await stopped).toBe("disk gone");
  expect(state.logged.some((line) => line.includes("nobody caught"))).toBe(true);
});
