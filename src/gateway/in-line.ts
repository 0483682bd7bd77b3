import { GatewayError } from "../errors.ts";
import type { Call } from "./call.ts";

/** An error of one call in a file of calls: whoever reads it must find the line. */
export function inLine(line: number, error: GatewayError): GatewayError {
  const { code, internal, cause, param, retryAfterMs, status, providerCode } = error;
  return new GatewayError(code, `Line ${line} of the file: ${error.public}`, {
    ...(internal === undefined ? {} : { internal }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(providerCode === undefined ? {} : { providerCode }),
    cause,
    param: param === null ? `line ${line}` : `line ${line}: ${param}`,
    status,
  });
}

/** So many calls are worked on before others get their turn. */
const CALLS_AT_ONCE = 64;

/** To be waited for after each call of a file, counted from 1: a file of thousands must not hold up everybody else. */
export function turn(call: Call, done: number): Promise<void> | undefined {
  if (done % CALLS_AT_ONCE !== 0) return undefined;
  return new Promise((resolve, reject) =>
    setImmediate(() => (call.aborted === undefined ? resolve() : reject(call.aborted))),
  );
}
