/**
 * Promise: the caller gets the answer in its own dialect: the provider's own bytes where
 * they are in that dialect and nobody changed them, written anew otherwise. A unary answer
 * is the stream collected. After the first byte an error is an event of the stream, and a
 * stream that breaks never ends like one that is whole.
 */
import { GatewayError } from "../errors.ts";
import { IDLE_CONNECTION_SECONDS } from "../kernel/bounds.ts";
import { formatUsd } from "../kernel/money.ts";
import type { EventPart, ModelEvent } from "../spec/event.ts";
import type { RelayedBody } from "../spec/operation.ts";
import type { AnswerEncoder } from "../spec/wire.ts";
import { answerHeaders } from "./answering/headers.ts";
import { StreamedBody } from "./answering/streamed-body.ts";
import type { Call } from "./call.ts";
import type { Settled } from "./settle.ts";
import { fromProviderError } from "./telling/upstream-error.ts";

export interface RespondSettings {
  /** How long the caller may take to accept what is ready for it. */
  readerMs: number;
}

const encoder = new TextEncoder();

export function createRespond(settings: RespondSettings) {
  return async function respond(settled: Settled): Promise<Response> {
    try {
      const { call, clean } = settled;
      const { request } = clean.answer.clean;
      const writer = call.wire.encoder(request, {
        requestId: call.id,
        created: Math.floor(call.at / 1_000),
        userAgent: call.headers["user-agent"],
      });
      return request.stream ? await streamed(settled, writer, settings) : await unary(settled, writer, settings);
    } catch (thrown) {
      await settled.abandon(thrown);
      throw thrown;
    }
  };
}

/** The status is decided by the first event: until there is one, an error is an answer of its own. */
async function streamed(settled: Settled, writer: AnswerEncoder, settings: RespondSettings): Promise<Response> {
  const first = await settled.events.next();
  if (first.done)
    throw new GatewayError("internal", "The gateway failed to handle this call.", { internal: "no event" });
  const body = new StreamedBody(settled, writer, first.value, settings.readerMs);
  const headers = {
    ...answerHeaders(settled),
    "content-type": writer.streamType ?? "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
  };
  return new Response(body.stream(), { headers });
}

/** A body up to this size fits into the socket's buffer, or nearly; a larger one is handed over as the caller reads. */
const HANDED_OVER_AT_ONCE = 64 * 1024;

async function unary(settled: Settled, writer: AnswerEncoder, settings: RespondSettings): Promise<Response> {
  const parts: EventPart[] = [];
  let only: ModelEvent | undefined;
  let count = 0;
  for await (const batch of settled.events) {
    // Of a stream that is collected only what it says is kept: its bytes, and frames that say nothing, would fill the memory.
    for (const event of batch) {
      only = count++ === 0 && event.original?.shape === "body" ? event : undefined;
      for (const part of event.parts) parts.push(part);
    }
  }
  let opaque: RelayedBody | undefined;
  for (const part of parts) {
    if (part.type === "error") throw fromProviderError(part.error);
    if (part.type === "result" && part.result.kind === "body") opaque ??= part.result;
  }
  const original = only?.original;
  const relayed = original !== undefined && original.shape === "body" && original.dialect === settled.call.wire.dialect;
  const body = relayed ? original.source : opaque === undefined ? writer.unary(parts) : bodyOf(opaque);
  const headers = answerHeaders(settled);
  if (settled.record !== undefined) headers["x-sallyport-cost-usd"] = formatUsd(settled.record.costNanoUsd);
  headers["content-type"] = opaque?.mediaType ?? "application/json";
  headers["cache-control"] = "no-store";
  if (body.length <= HANDED_OVER_AT_ONCE) return new Response(body as string, { headers });
  const bytes = typeof body === "string" ? encoder.encode(body) : body;
  return new Response(inPieces(settled.call, bytes, settings.readerMs), { headers });
}

function bodyOf({ content }: RelayedBody): string | Uint8Array {
  if ("bytes" in content) return content.bytes;
  if ("lines" in content) return content.lines.map((line) => `${JSON.stringify(line)}\n`).join("");
  return "text" in content ? content.text : JSON.stringify(content.json);
}

/** A large body in pieces, each when the caller has taken the one before; a caller that stops reading is cut off. */
function inPieces(call: Call, bytes: Uint8Array, readerMs: number): ReadableStream<Uint8Array> {
  const { request, sockets } = call.arrival;
  let at = 0;
  let stalled: ReturnType<typeof setTimeout> | undefined;
  sockets.timeout(request, 0);
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        clearTimeout(stalled);
        controller.enqueue(bytes.subarray(at, at + HANDED_OVER_AT_ONCE));
        at += HANDED_OVER_AT_ONCE;
        if (at < bytes.length) {
          stalled = setTimeout(() => call.hangUp(), readerMs);
          return;
        }
        sockets.timeout(request, IDLE_CONNECTION_SECONDS);
        controller.close();
      },
      cancel: () => clearTimeout(stalled),
    },
    { highWaterMark: 0 },
  );
}
