/**
 * Promise: the caller gets the answer in its own dialect: the provider's own bytes where
 * they are in that dialect and nobody changed them, written anew otherwise. A unary answer
 * is the stream collected. After the first byte an error is an event of the stream, and a
 * stream that breaks never ends like one that is whole.
 */
import { GatewayError } from "../errors.ts";
import { formatUsd } from "../kernel/money.ts";
import type { UsageRecord } from "../ports/records.ts";
import type { EventBatch, EventPart, ModelEvent } from "../spec/event.ts";
import type { AnswerEncoder } from "../spec/wire.ts";
import { sseComment } from "../wire/framing.ts";
import { type Call, CLIENT_LEFT } from "./call.ts";
import { answerHeaders, publicError } from "./headers.ts";
import type { Settled } from "./settle.ts";
import { toStreamError } from "./upstream-error.ts";

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
      const writer = call.wire.encoder(request, { requestId: call.id, created: Math.floor(call.at / 1_000) });
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
  const body = new StreamedBody(settled, writer, first.value, settings);
  const headers = {
    ...answerHeaders(settled),
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
  };
  return new Response(body.stream(), { headers });
}

/** A body up to this size fits into the socket's buffer, or nearly; a larger one is handed over as the caller reads. */
const HANDED_OVER_AT_ONCE = 64 * 1024;

async function unary(settled: Settled, writer: AnswerEncoder, settings: RespondSettings): Promise<Response> {
  const events: ModelEvent[] = [];
  for await (const batch of settled.events) events.push(...batch);
  const failed = events.flatMap((event) => event.parts).find((part) => part.type === "error");
  if (failed !== undefined) throw new GatewayError("upstream_error", failed.error.message);
  const original = events.length === 1 ? events[0]!.original : undefined;
  const relayed = original !== undefined && original.shape === "body" && original.dialect === settled.call.wire.dialect;
  const body = relayed ? original.bytes : writer.unary(events.flatMap((event) => event.parts));
  const headers = {
    ...answerHeaders(settled),
    ...costHeader(settled.record),
    "content-type": "application/json",
    "cache-control": "no-store",
  };
  if (body.length <= HANDED_OVER_AT_ONCE) return new Response(body as string, { headers });
  return new Response(inPieces(typeof body === "string" ? encoder.encode(body) : body, settings.readerMs), { headers });
}

/** A large body in pieces, each when the caller has taken the one before; a caller that stops reading is cut off. */
function inPieces(bytes: Uint8Array, readerMs: number): ReadableStream<Uint8Array> {
  let at = 0;
  let stalled: ReturnType<typeof setTimeout> | undefined;
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        clearTimeout(stalled);
        controller.enqueue(bytes.subarray(at, at + HANDED_OVER_AT_ONCE));
        at += HANDED_OVER_AT_ONCE;
        if (at >= bytes.length) controller.close();
        else stalled = setTimeout(() => controller.error(new Error("the caller stopped reading")), readerMs);
      },
      cancel: () => clearTimeout(stalled),
    },
    { highWaterMark: 0 },
  );
}

function costHeader(record: UsageRecord | undefined): Record<string, string> {
  return record === undefined ? {} : { "x-sallyport-cost-usd": formatUsd(record.costNanoUsd) };
}

/** A stream's body. Bytes are made when the caller asks for them, so a slow reader slows the provider and fills no memory. */
class StreamedBody {
  readonly #settled: Settled;
  readonly #writer: AnswerEncoder;
  readonly #call: Call;
  readonly #readerMs: number;
  #first: EventBatch | undefined;
  #over = false;
  #pulling = false;

  constructor(settled: Settled, writer: AnswerEncoder, first: EventBatch, settings: RespondSettings) {
    this.#settled = settled;
    this.#writer = writer;
    this.#call = settled.call;
    this.#first = first;
    this.#readerMs = settings.readerMs;
  }

  stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          // While nobody pulls, nobody waits on the provider, and so nobody would notice the abort.
          this.#call.onAbort((reason) => {
            if (this.#pulling || this.#over) return;
            this.#fail(controller, reason);
            void this.#settled.events.return(undefined).catch(() => {});
          });
        },
        pull: (controller) => this.#pull(controller),
        cancel: () => this.#cancel(),
      },
      { highWaterMark: 0 },
    );
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    this.#pulling = true;
    try {
      for (;;) {
        const batch = await this.#next();
        if (batch === undefined) return this.#close(controller);
        const bytes = this.#write(batch);
        // A batch may have nothing for this caller; a pull that enqueues nothing is not repeated, so go on.
        if (bytes !== undefined) {
          controller.enqueue(bytes);
          if (this.#over) return this.#close(controller);
          this.#call.expect("client_closed", this.#readerMs);
          return;
        }
        if (this.#over) return this.#close(controller);
      }
    } catch (thrown) {
      if (!this.#over) this.#fail(controller, thrown);
    } finally {
      this.#pulling = false;
    }
  }

  /** The caller left. Aborting first ends the wait for the provider, so that the generators can be closed at all. */
  async #cancel(): Promise<void> {
    this.#over = true;
    this.#call.abort(new GatewayError("client_closed", CLIENT_LEFT));
    await this.#settled.events.return(undefined).catch(() => {});
  }

  async #next(): Promise<EventBatch | undefined> {
    const first = this.#first;
    if (first !== undefined) {
      this.#first = undefined;
      return first;
    }
    const { done, value } = await this.#settled.events.next();
    return done ? undefined : value;
  }

  #write(batch: EventBatch): Uint8Array | undefined {
    const chunks: Uint8Array[] = [];
    for (const event of batch) {
      const last = event.parts.find((part) => part.type === "end" || part.type === "error");
      if (last?.type === "end") {
        const trailer = this.#trailer();
        if (trailer !== "") chunks.push(encoder.encode(trailer));
      }
      const bytes = this.#writeEvent(event);
      if (bytes !== undefined && bytes.length > 0) chunks.push(bytes);
      if (last?.type === "error") this.#over = true;
    }
    if (chunks.length === 0) return undefined;
    return chunks.length === 1 ? chunks[0] : new Uint8Array(Buffer.concat(chunks));
  }

  #writeEvent(event: ModelEvent): Uint8Array | undefined {
    const { original, parts } = event;
    if (original?.shape === "frame" && original.dialect === this.#call.wire.dialect) {
      this.#writer.relayed(parts);
      return isHidden(parts, this.#settled) ? undefined : original.bytes;
    }
    const error = parts.find((part) => part.type === "error");
    const text = this.#writer.frames(parts.filter((part) => part.type !== "error"));
    if (error === undefined) return text === "" ? undefined : encoder.encode(text);
    const failure = new GatewayError("upstream_error", error.error.message, { status: error.error.status });
    return encoder.encode(text + this.#call.wire.errorFrame(publicError(failure, this.#call)));
  }

  /** What is known only at the end, as a comment before the frame that ends the stream. */
  #trailer(): string {
    const record = this.#settled.record;
    if (record === undefined) return "";
    const facts = {
      id: record.id,
      costUsd: formatUsd(record.costNanoUsd),
      inputTokens: record.inputTokens,
      outputTokens: record.outputTokens,
      model: `${record.provider}/${record.providerModel}`,
      attempts: record.attempts.length,
    };
    return sseComment(`sallyport ${JSON.stringify(facts)}`);
  }

  #close(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#over = true;
    controller.close();
    void this.#settled.events.return(undefined).catch(() => {});
  }

  /** An error after the first byte: told in the stream, and then the stream is over. A caller that is gone, or will not read, is told nothing. */
  #fail(controller: ReadableStreamDefaultController<Uint8Array>, thrown: unknown): void {
    this.#over = true;
    const error = toStreamError(thrown);
    if (error.code === "client_closed") {
      controller.error(error);
      return;
    }
    controller.enqueue(encoder.encode(this.#call.wire.errorFrame(publicError(error, this.#call))));
    controller.close();
  }
}

/** A usage frame that we asked for and the caller did not is not the caller's. */
function isHidden(parts: readonly EventPart[], settled: Settled): boolean {
  const { request } = settled.clean.answer.clean;
  if (request.includeUsage || !parts.some((part) => part.type === "usage")) return false;
  return parts.every((part) => part.type === "usage" || part.type === "start");
}
