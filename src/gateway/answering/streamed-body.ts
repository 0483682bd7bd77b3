import { GatewayError } from "../../errors.ts";
import { formatUsd } from "../../kernel/money.ts";
import type { EventBatch, EventPart, ModelEvent, Original } from "../../spec/event.ts";
import type { AnswerEncoder } from "../../spec/wire.ts";
import { sseComment } from "../../wire/framing.ts";
import { type Call, CLIENT_LEFT } from "../call.ts";
import { briefly } from "../record.ts";
import type { Settled } from "../settle.ts";
import { fromProviderError, toCallError } from "../telling/upstream-error.ts";
import { publicError } from "./headers.ts";

const encoder = new TextEncoder();

/** A stream's body. Bytes are made when the caller asks for them, so a slow reader slows the provider and fills no memory. */
export class StreamedBody {
  readonly #settled: Settled;
  readonly #writer: AnswerEncoder;
  readonly #call: Call;
  readonly #readerMs: number;
  #first: EventBatch | undefined;
  #over = false;
  #pulling = false;
  /** How many warnings the header has; what comes later is told at the end. */
  readonly #warned: number;

  constructor(settled: Settled, writer: AnswerEncoder, first: EventBatch, readerMs: number) {
    this.#warned = settled.call.observed.warnings.length;
    this.#settled = settled;
    this.#writer = writer;
    this.#call = settled.call;
    this.#first = first;
    this.#readerMs = readerMs;
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
    // The caller has begun to read again after it was given up, and before its connection was closed.
    if (this.#over) return controller.error(new GatewayError("client_closed", CLIENT_LEFT));
    this.#pulling = true;
    try {
      for (;;) {
        const { done, value } = await this.#next();
        if (done) return this.#close(controller);
        const bytes = this.#write(value);
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
      // Events that failed have settled the call; where writing them did, nobody reads on, which would. Why it could not be committed is logged.
      await this.#settled.abandon(thrown, "cut").catch(() => {});
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

  #next(): Promise<IteratorResult<EventBatch, unknown>> | IteratorResult<EventBatch, unknown> {
    const first = this.#first;
    if (first === undefined) return this.#settled.events.next();
    this.#first = undefined;
    return { done: false, value: first };
  }

  /** The bytes for one batch; undefined where it has none for this caller. */
  #write(batch: EventBatch): Uint8Array | undefined {
    const out = new Output();
    for (const event of batch) {
      const closing = closingOf(event.parts);
      if (closing === "end") out.add(encoder.encode(this.#trailer()));
      else if (closing === "error") this.#over = true;
      this.#writeEvent(event, out);
    }
    return out.bytes();
  }

  #writeEvent({ original, parts }: ModelEvent, out: Output): void {
    if (original?.shape === "frame" && original.dialect === this.#call.wire.dialect && this.#writer.relays !== false) {
      this.#writer.relayed(parts);
      if (!isHidden(parts, this.#settled)) out.relay(original);
      return;
    }
    const error = parts.find((part) => part.type === "error");
    const text = this.#writer.frames(error === undefined ? parts : parts.filter((part) => part !== error));
    if (text !== "") out.add(encoder.encode(text));
    if (error === undefined) return;
    out.add(encoder.encode(this.#writer.errorFrame(publicError(fromProviderError(error.error), this.#call))));
  }

  /** What is known only at the end, as a comment before the frame that ends the stream. */
  #trailer(): string {
    const record = this.#settled.record;
    if (record === undefined || this.#writer.streamType !== undefined) return "";
    const late = briefly(this.#call.observed.warnings.slice(this.#warned));
    const facts = {
      id: record.id,
      costUsd: formatUsd(record.costNanoUsd),
      inputTokens: record.inputTokens,
      outputTokens: record.outputTokens,
      model: `${record.provider}/${record.providerModel}`,
      attempts: record.attempts.length,
      ...(late.length > 0 ? { warnings: late } : {}),
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
    const error = toCallError(thrown);
    if (error.code === "client_closed") {
      if (this.#pulling) controller.error(error);
      else this.#call.hangUp();
      return;
    }
    controller.enqueue(encoder.encode(this.#writer.errorFrame(publicError(error, this.#call))));
    controller.close();
  }
}

/** Gathers what one pull hands over. Neighbours from one read of the network stay one piece, uncopied. */
class Output {
  readonly #pieces: Uint8Array[] = [];
  #run: { source: Uint8Array; start: number; end: number } | undefined;

  relay({ source, start, end }: Original): void {
    if (this.#run !== undefined && this.#run.source === source && this.#run.end === start) {
      this.#run.end = end;
      return;
    }
    this.#flush();
    this.#run = { source, start, end };
  }

  add(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#flush();
    this.#pieces.push(bytes);
  }

  bytes(): Uint8Array | undefined {
    this.#flush();
    return this.#pieces.length < 2 ? this.#pieces[0] : new Uint8Array(Buffer.concat(this.#pieces));
  }

  #flush(): void {
    if (this.#run === undefined) return;
    const { source, start, end } = this.#run;
    this.#pieces.push(start === 0 && end === source.length ? source : source.subarray(start, end));
    this.#run = undefined;
  }
}

function closingOf(parts: readonly EventPart[]): "end" | "error" | undefined {
  for (const { type } of parts) if (type === "end" || type === "error") return type;
  return undefined;
}

/** A usage frame that we asked for and the caller did not is not the caller's. */
function isHidden(parts: readonly EventPart[], settled: Settled): boolean {
  let apart = false;
  for (const part of parts) {
    if (part.type === "usage") apart = part.apart === true;
    else if (part.type !== "start") return false;
  }
  return apart && !settled.clean.answer.clean.request.includeUsage;
}
