import { expect, test } from "bun:test";
import { Abort, type Abortable } from "./abort.ts";

/** One of ours and one of the platform's, which must be the same to whoever listens. */
const pairs = (): [string, Abortable, (reason: unknown) => void][] => {
  const own = new Abort();
  const platforms = new AbortController();
  return [
    ["ours", own, (reason) => own.abort(reason)],
    ["the platform's", platforms.signal, (reason) => platforms.abort(reason)],
  ];
};

test.each(pairs())("%s is told once, with the first reason, to those who still listen", (_, signal, abort) => {
  const told: string[] = [];
  const left = () => told.push("left");
  signal.throwIfAborted();
  signal.addEventListener("abort", () => told.push("function"));
  signal.addEventListener("abort", { handleEvent: () => told.push("object") });
  signal.addEventListener("abort", left);
  signal.removeEventListener("abort", left);
  signal.removeEventListener("abort", () => {});
  expect(signal.aborted).toBe(false);
  const first = new Error("first");
  abort(first);
  abort(new Error("second"));
  expect(told).toEqual(["function", "object"]);
  expect([signal.aborted, signal.reason]).toEqual([true, first]);
  expect(() => signal.throwIfAborted()).toThrow("first");
});

test.each(pairs())("%s lets a listener leave, and another be, while it is told", (_, signal, abort) => {
  const told: string[] = [];
  const first = () => {
    told.push("first");
    signal.removeEventListener("abort", first);
  };
  signal.addEventListener("abort", first);
  signal.addEventListener("abort", () => told.push("second"));
  abort(new Error("enough"));
  expect(told).toEqual(["first", "second"]);
});
