/**
 * Promise: whatever became of the call after its Hold (finished, failed, cancelled, cut off),
 * the Hold becomes one exact charge and one usage record, and both are committed before the
 * answer ends. It encloses every stage after reserve, so that none of them can leave
 * without it.
 */
import { GatewayError } from "../errors.ts";
import type { Outcome, UsageRecord } from "../ports/records.ts";
import type { Block, EventBatch } from "../spec/event.ts";
import { canTell } from "../spec/picture.ts";
import { type Call, CLIENT_LEFT } from "./call.ts";
import type { CleanAnswer } from "./guard-output.ts";
import { Closing, type ClosingPorts } from "./metering/closing.ts";
import type { Hold } from "./reserve.ts";
import { fromProviderError, toCallError } from "./telling/upstream-error.ts";

/** An answer that settles its Hold by being read, to the end or not. Whoever stops reading must `return` its events. */
class Ticket {
  protected readonly madeBy = "settle";
  readonly call: Call;
  readonly clean: CleanAnswer;
  readonly events: AsyncGenerator<EventBatch>;
  readonly #closing: Closing;

  constructor(clean: CleanAnswer, closing: Closing) {
    this.call = clean.call;
    this.clean = clean;
    this.events = settling(clean, closing);
    this.#closing = closing;
  }

  /** The record, once the Hold is settled. */
  get record(): UsageRecord | undefined {
    return this.#closing.record;
  }

  /** For an answer that could not be delivered. A generator that was never begun runs no `finally`, so closing it is not enough. */
  async abandon(thrown: unknown, outcome: Outcome = "failed"): Promise<void> {
    this.call.abort(toCallError(thrown));
    await this.#closing.close(outcome, thrown);
    await this.events.return(undefined).catch(() => {});
  }
}

export type Settled = Ticket;

export function createSettle(ports: ClosingPorts) {
  return async function settle(hold: Hold, answering: () => Promise<CleanAnswer>): Promise<Settled> {
    const closing = new Closing(hold, ports);
    try {
      return new Ticket(await answering(), closing);
    } catch (thrown) {
      await closing.close(outcomeOf(thrown, "failed"), thrown);
      throw thrown;
    }
  };
}

/** Passes an answer on, and closes its Hold before the part that ends it, or when it is ended. */
async function* settling(clean: CleanAnswer, closing: Closing): AsyncGenerator<EventBatch> {
  let begun = false;
  const tally = clean.answer.clean.hold.asked.at(-1)?.tally;
  try {
    for await (const batch of clean.events) {
      for (const event of batch) tally?.keep(event);
      const closed = closeAtEnd(batch, clean.call, closing);
      if (closed !== undefined) await closed;
      begun = true;
      yield batch;
    }
    if (!closing.done) throw cutBy("the answer ended before it was whole");
  } catch (thrown) {
    await closing.close(outcomeOf(thrown, begun ? "cut" : "failed"), toCallError(thrown));
    throw thrown;
  } finally {
    if (!closing.done) {
      await closing.close("cancelled", clean.call.aborted ?? new GatewayError("client_closed", CLIENT_LEFT));
    }
  }
}

function closeAtEnd(batch: EventBatch, call: Call, closing: Closing): Promise<void> | undefined {
  for (const event of batch) {
    for (const part of event.parts) {
      if (part.type === "block-start" && part.content.kind === "opaque") noteUntold(part.content, call);
      if (part.type === "end") return closing.close("finished", null);
      if (part.type === "error") return closing.close("cut", fromProviderError(part.error));
    }
  }
  return undefined;
}

/** A picture that the caller's dialect has no place for is left out, but not in silence: in the record, and where the answer can still say so. */
function noteUntold(content: Extract<Block, { kind: "opaque" }>, { wire, observed }: Call): void {
  const { dialect, picture } = content;
  if (picture === undefined || dialect === wire.dialect || canTell(wire.pictures ?? "none", picture)) return;
  const what = wire.pictures === "bytes" ? "a picture that is only an address" : "a picture";
  observed.warnings.push(`content: the answer has ${what}, which this dialect cannot tell; it was left out`);
}

function outcomeOf(thrown: unknown, otherwise: Outcome): Outcome {
  if (!(thrown instanceof GatewayError)) return otherwise;
  if (thrown.code === "client_closed") return "cancelled";
  return thrown.code === "guardrail_blocked" ? "refused" : otherwise;
}

function cutBy(reason: string): GatewayError {
  return new GatewayError("upstream_cut", "The provider's answer broke off before it was whole.", { internal: reason });
}
