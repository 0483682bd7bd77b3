import { GatewayError } from "../errors.ts";
import type { Json } from "../kernel/json.ts";
import { parseStrictJson } from "./strict-json.ts";

/** A body of the admin API, in bytes. The longest that an operation of today can need is a key with some hundred CIDRs. */
export const MAX_ADMIN_BODY_BYTES = 64 * 1024;

/** How long a body may take to arrive, in milliseconds. */
export const BODY_DEADLINE_MS = 10_000;

/**
 * The request's JSON body; undefined where it has none. Never holds more than the cap.
 *
 * @throws GatewayError body_too_large, unsupported_media_type, invalid_json, body_timeout
 */
export async function readJsonBody(request: Request, deadlineMs = BODY_DEADLINE_MS): Promise<Json | undefined> {
  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > MAX_ADMIN_BODY_BYTES) throw tooLarge();
  if (request.body === null) return undefined;
  const bytes = await readCapped(request.body, deadlineMs);
  if (bytes.length === 0) return undefined;

  const type = request.headers.get("content-type");
  if (type === null || !/^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i.test(type)) {
    throw new GatewayError("unsupported_media_type", "The body must be sent as application/json.", {
      param: "content-type",
    });
  }
  const coding = request.headers.get("content-encoding");
  if (coding !== null && coding.toLowerCase() !== "identity") {
    throw new GatewayError("unsupported_media_type", "The body must be sent without a content coding.", {
      param: "content-encoding",
    });
  }
  return parseStrictJson(bytes);
}

async function readCapped(stream: ReadableStream<Uint8Array>, deadlineMs: number): Promise<Uint8Array> {
  const reader = stream.getReader();
  const overdue = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => overdue.reject(new GatewayError("body_timeout", "The body did not arrive in time.")),
    deadlineMs,
  );
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    while (true) {
      const { done, value } = await Promise.race([reader.read(), overdue.promise]);
      if (done) return Buffer.concat(chunks);
      size += value.length;
      if (size > MAX_ADMIN_BODY_BYTES) throw tooLarge();
      chunks.push(value);
    }
  } catch (thrown) {
    reader.cancel().catch(() => undefined);
    throw thrown;
  } finally {
    clearTimeout(timer);
  }
}

function tooLarge(): GatewayError {
  return new GatewayError("body_too_large", `The body may have at most ${MAX_ADMIN_BODY_BYTES} bytes.`);
}
