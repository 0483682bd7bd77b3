import type { Call } from "./call.ts";

/** So many calls are worked on before others get their turn. */
const CALLS_AT_ONCE = 64;

/** To be waited for after each call of a file, counted from 1: a file of thousands must not hold up everybody else. */
export function turn(call: Call, done: number): Promise<void> | undefined {
  if (done % CALLS_AT_ONCE !== 0) return undefined;
  return new Promise((resolve, reject) =>
    setImmediate(() => (call.aborted === undefined ? resolve() : reject(call.aborted))),
  );
}
