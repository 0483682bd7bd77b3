import { GatewayError } from "../../errors.ts";
import { MAX_JSON_DEPTH, MAX_JSON_NODES } from "../../kernel/bounds.ts";
import { isObject, type Json, type JsonObject, parseMessage } from "../../kernel/json.ts";
import type { Call } from "../call.ts";

/** Bytes of bodies that are in memory now, over all calls; accept sheds by it. */
export interface BodyLedger {
  bytes: number;
  max: number;
}

/** Puts bytes on the ledger for as long as the call lasts, before they are there. @throws GatewayError overloaded */
export function claim(call: Call, ledger: BodyLedger, bytes: number): void {
  ledger.bytes += bytes;
  call.onEnd(() => {
    ledger.bytes -= bytes;
  });
  if (ledger.bytes > ledger.max) {
    throw new GatewayError("overloaded", "The gateway has as many calls as it can carry; call again in a moment.", {
      retryAfterMs: 1_000,
    });
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads a request's body within its cap and its time. @throws GatewayError body_too_large, body_timeout, overloaded, client_closed. */
export async function readBody(
  call: Call,
  ledger: BodyLedger,
  maxBytes: number,
  timeoutMs: number,
): Promise<Uint8Array> {
  const { request } = call.arrival;
  const declared = call.headers["content-length"];
  if (declared !== undefined && Number(declared) > maxBytes) throw tooLarge(maxBytes);
  if (declared !== undefined) claim(call, ledger, Number(declared));
  call.expect("body_timeout", timeoutMs);
  const reading = declared !== undefined ? request.bytes() : readChunks(call, ledger, maxBytes);
  const bytes = await withAbort(call, reading);
  if (bytes.length > maxBytes) throw tooLarge(maxBytes);
  return bytes;
}

/** A body without a declared length is counted as it comes, so that it never grows past its cap. */
async function readChunks(call: Call, ledger: BodyLedger, maxBytes: number): Promise<Uint8Array> {
  const reader = call.arrival.request.body?.getReader();
  if (reader === undefined) return new Uint8Array(0);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks, size);
    size += value.length;
    // Whoever waited for an aborted call's body has left, and nothing of it is to pile up.
    const stop = call.aborted ?? (size > maxBytes ? tooLarge(maxBytes) : undefined);
    if (stop !== undefined) {
      reader.cancel(undefined).catch(() => {});
      throw stop;
    }
    claim(call, ledger, value.length);
    chunks.push(value);
  }
}

/** The promise's value, unless the call is aborted first: a body that never comes must not hold the call. */
function withAbort<T>(call: Call, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    call.onAbort(reject);
    promise.then(resolve, (cause) => {
      if (cause instanceof GatewayError) reject(cause);
      else reject(new GatewayError("client_closed", "The connection closed before the body was whole.", { cause }));
    });
  });
}

/**
 * JSON of a request: strict UTF-8, no byte order mark, bounded in depth and number of
 * nodes before it is parsed, an object, and without a `__proto__` key, which no API defines
 * and which turns into a prototype wherever someone copies carelessly.
 * @throws GatewayError invalid_json, invalid_request
 */
export function parseBody(bytes: Uint8Array, maxNodes = MAX_JSON_NODES): JsonObject {
  boundNesting(bytes, maxNodes);
  let value: Json;
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch (cause) {
    throw new GatewayError("invalid_json", "The body is not valid UTF-8.", { cause });
  }
  try {
    value = parseMessage(text);
  } catch (cause) {
    // The parser's own message may quote the body, so it stays inside.
    throw new GatewayError(
      "invalid_json",
      bytes.length === 0 ? "The body is empty; it must be a JSON object." : "The body is not valid JSON.",
      {
        cause,
      },
    );
  }
  if (!isObject(value)) throw new GatewayError("invalid_request", "The body must be a JSON object.");
  if (MAY_BE_PROTO.test(text)) refuseProto(value, "");
  return value;
}

/** The key as it is, or any of its letters written as an escape, which makes the walk worth its while. */
const MAY_BE_PROTO = /__proto__|\\u00(?:5f|6f|7[024])/i;

function refuseProto(value: Json, path: string): void {
  if (typeof value !== "object" || value === null) return;
  for (const key of Object.keys(value)) {
    const here = Array.isArray(value) ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`;
    if (key === "__proto__")
      throw new GatewayError("invalid_request", `${here} is not a field of any API.`, { param: here });
    refuseProto((value as JsonObject)[key]!, here);
  }
}

const QUOTE = 34;
const BACKSLASH = 92;

/** Counts brackets and commas outside strings, in one pass over the bytes, before any parser sees them. */
function boundNesting(bytes: Uint8Array, maxNodes: number): void {
  if (bytes.length <= MAX_JSON_DEPTH) return;
  let depth = 0;
  let nodes = 0;
  for (let i = 0; i < bytes.length; i++) {
    switch (bytes[i]) {
      case QUOTE: {
        // To the closing quote by native search; a quote behind an odd run of backslashes does not close.
        let end = i;
        do {
          end = bytes.indexOf(QUOTE, end + 1);
          if (end === -1) return;
        } while (bytes[end - 1] === BACKSLASH && oddBackslashes(bytes, end));
        i = end;
        break;
      }
      case 123: // {
      case 91: // [
        nodes++;
        if (++depth > MAX_JSON_DEPTH) {
          throw new GatewayError("invalid_json", `The body is nested more than ${MAX_JSON_DEPTH} levels deep.`);
        }
        break;
      case 125: // }
      case 93: // ]
        depth--;
        break;
      case 44: // ,
        if (++nodes > maxNodes) {
          throw new GatewayError("invalid_json", `The body has more than ${maxNodes} values.`);
        }
        break;
    }
  }
}

function oddBackslashes(bytes: Uint8Array, quote: number): boolean {
  let count = 0;
  for (let i = quote - 1; i >= 0 && bytes[i] === BACKSLASH; i--) count++;
  return count % 2 === 1;
}

function tooLarge(maxBytes: number): GatewayError {
  return new GatewayError("body_too_large", `The body is larger than ${maxBytes} bytes, the most this gateway takes.`);
}
