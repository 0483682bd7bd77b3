import { detailOf, type GatewayError, toGatewayError } from "../errors.ts";
import type { Log } from "../ports/log.ts";
import type { Records, UsageRecord } from "../ports/records.ts";
import { attemptHeaders, commonHeaders, publicError } from "./answering/headers.ts";
import type { Strangers } from "./arrival/strangers.ts";
import type { Call } from "./call.ts";
import { refusalRecord } from "./record.ts";
import { withBeside } from "./telling/errors-as-said.ts";
import { reasonOf } from "./telling/reason.ts";

export interface RefusePorts {
  records: Pick<Records, "append">;
  log: Log;
  /**
   * @param kept whether the record is, or is only counted
   * @param reason why the call failed, for the log, where the record's code does not say it
   */
  onRecord(record: UsageRecord, kept: boolean, reason?: string): void;
  strangers: Strangers;
}

export interface RefuseSettings {
  maxBodyBytes: number;
  /** How long a caller may take to send a body, in milliseconds. */
  bodyMs: number;
}

/** The one place where a failure becomes an answer. What had no Hold gets its record here; the rest has one already. */
export function createRefuse(ports: RefusePorts, settings: RefuseSettings) {
  return async function refuse(call: Call, thrown: unknown): Promise<Response> {
    const error = toGatewayError(thrown);
    if (error.code === "internal" || error.code === "store_unavailable") {
      const line = { call: call.id, code: error.code, detail: detailOf(error) ?? "" };
      ports.log.write("error", "a call failed inside the gateway", line);
    }
    if (!call.reached.held) await keepRecord(call, error, ports);
    call.end();
    const headers = {
      ...commonHeaders(call),
      ...attemptHeaders(call),
      "content-type": "application/json",
      "cache-control": "no-store",
    } as Record<string, string>;
    if (error.retryAfterMs !== undefined)
      headers["retry-after"] = String(Math.max(1, Math.ceil(error.retryAfterMs / 1_000)));
    // OpenAI's and Anthropic's clients try these statuses again by themselves, and read here whether they should.
    if (!error.retryable && isTriedAgain(error.status)) headers["x-should-retry"] = "false";
    if (error.code === "method_not_allowed" && error.param !== null) headers.allow = error.param;
    if (error.status === 401 && error.code !== "upstream_refused")
      headers["www-authenticate"] = 'Bearer realm="sallyport"';
    if (CLOSES.has(error.code) || (await leavesBody(call, settings))) headers.connection = "close";
    const told = call.wire.errorBody(publicError(error, call));
    const { beside } = error;
    const body = beside?.dialect === call.wire.dialect ? withBeside(told, beside) : told;
    return new Response(JSON.stringify(body), { status: error.status, headers });
  };
}

function isTriedAgain(status: number): boolean {
  return status === 408 || status === 409 || status === 429 || status >= 500;
}

const CLOSES: ReadonlySet<string> = new Set([
  "body_too_large",
  "body_timeout",
  "client_closed",
  "overloaded",
  "draining",
]);

/**
 * Whether a body is on its way that nobody will read (a stranger's, or one to a path that
 * does not exist). On a connection that stays open it would be read to its end, however
 * long and however slow that is. One of allowed length is waited for, as long as a caller
 * may take to send one: a client that is still sending when the connection closes often
 * misses the answer. The call itself is over by then, and takes up no place.
 */
async function leavesBody(call: Call, { maxBodyBytes, bodyMs }: RefuseSettings): Promise<boolean> {
  const { request } = call.arrival;
  if (call.reached.request !== undefined || request.bodyUsed) return false;
  const length = call.headers["content-length"];
  if (length === undefined) return "transfer-encoding" in call.headers;
  if (Number(length) > maxBodyBytes) return true;
  return Number(length) > 0 && !(await isWhole(request, bodyMs));
}

/** Whether the body arrives within the time. Nothing of it is kept. */
async function isWhole(request: Request, withinMs: number): Promise<boolean> {
  const reader = request.body?.getReader();
  if (reader === undefined) return true;
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), withinMs);
  const whole = (async () => {
    while (!(await reader.read()).done);
    return true;
  })();
  // A caller that has left meanwhile has no connection to be closed.
  const arrived = await Promise.race([whole.catch(() => true), late]);
  clearTimeout(timer);
  return arrived;
}

async function keepRecord(call: Call, error: GatewayError, ports: RefusePorts): Promise<void> {
  const record = refusalRecord(call, error);
  const kept = isWorthKeeping(call, error, ports.strangers);
  ports.onRecord(record, kept, reasonOf(error));
  if (!kept) return;
  try {
    await ports.records.append(record);
  } catch (cause) {
    ports.log.write("error", "a refusal record could not be committed", {
      call: call.id,
      code: error.code,
      detail: cause instanceof Error ? cause.message : String(cause),
    });
  }
}

/**
 * Strangers who keep on calling are counted, not recorded: otherwise anybody who reaches the
 * port could fill the disk and the log. Bad keys have been counted where they were found.
 */
function isWorthKeeping(call: Call, error: GatewayError, strangers: Strangers): boolean {
  if (call.reached.principal !== undefined || error.code === "invalid_credential") return true;
  return error.code !== "too_many_attempts" && strangers.note(call.address);
}
