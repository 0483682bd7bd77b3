import { isObject, type JsonObject } from "../../kernel/json.ts";
import type { Losses } from "../losses.ts";

/** Tokens. Memory for the whole of it is taken when the model is loaded, whatever the prompt is. */
export const MAX_CONTEXT = 131_072;

/** Seconds. */
const HOUR = 3_600;

/** Seconds in each of Go's units. */
const UNITS: Readonly<Record<string, number>> = {
  ...{ h: HOUR, m: 60, s: 1, ms: 1e-3, us: 1e-6, µs: 1e-6, μs: 1e-6, ns: 1e-9 },
};

/**
 * What a caller may ask of the machine itself is bounded: one that asks for a context as long as a
 * book, or for a model that stays loaded for ever, leaves no memory for the others
 * (https://docs.ollama.com/api: `options.num_ctx`, `keep_alive`).
 */
export function boundMachine(body: JsonObject, losses: Losses): void {
  const { options, keep_alive: stay } = body;
  if (isObject(options) && typeof options.num_ctx === "number" && options.num_ctx > MAX_CONTEXT) {
    losses.warn("options.num_ctx", `at most ${MAX_CONTEXT} are asked for, instead of ${options.num_ctx}`);
    body.options = { ...options, num_ctx: MAX_CONTEXT };
  }
  if (stay === undefined || stay === null) return;
  const seconds = secondsOf(stay);
  if (seconds !== undefined && seconds >= 0 && seconds <= HOUR) return;
  losses.warn("keep_alive", "a model stays loaded for an hour at most, and how long else is the operator's choice");
  delete body.keep_alive;
}

/** A number of seconds, or a duration as Go writes it (`5m`, `-1`); a negative one is for ever. */
function secondsOf(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value !== "string" || value.length > 64) return undefined;
  if (/^[-+]?\d+(?:\.\d+)?$/.test(value)) return Number(value);
  if (!/^[-+]?(?:\d+(?:\.\d+)?(?:h|ms|us|µs|μs|ns|m|s))+$/.test(value)) return undefined;
  let seconds = 0;
  for (const [, count, unit] of value.matchAll(/(\d+(?:\.\d+)?)(h|ms|us|µs|μs|ns|m|s)/g)) {
    seconds += Number(count) * UNITS[unit!]!;
  }
  return value.startsWith("-") ? -seconds : seconds;
}
