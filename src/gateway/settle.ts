/**
 * Promise: whatever became of the call after its Hold (finished, failed, cancelled, cut off),
 * the Hold becomes one exact charge and one usage record, and both are committed before the
 * answer ends. It encloses every stage after reserve, so that none of them can leave
 * without it.
 */
import { priceOf } from "../domain/plans/price.ts";
import { GatewayError } from "../errors.ts";
import type { Log } from "../ports/log.ts";
import type { Meter } from "../ports/meter.ts";
import type { Prices } from "../ports/prices.ts";
import type { Outcome, UsageRecord } from "../ports/records.ts";
import type { EventBatch } from "../spec/event.ts";
import { type Call, CLIENT_LEFT } from "./call.ts";
import type { CleanAnswer } from "./guard-output.ts";
import { finalRecord } from "./record.ts";
import type { Hold } from "./reserve.ts";
import { toStreamError } from "./upstream-error.ts";

/** An answer that settles its Hold by being read, to the end or not. Whoever stops reading must `return` its events. */
class Ticket {
  protected readonly madeBy = "settle";
  readonly call: Call;
  readonly clean: CleanAnswer;
  readonly events: AsyncGenerator<EventBatch>;
  /** The record, once the Hold is settled. */
  readonly record: () => UsageRecord | undefined;
  /** For an answer that could not be delivered. A generator that was never begun runs no `finally`, so closing it is not enough. */
  readonly abandon: (thrown: unknown) => Promise<void>;

  constructor(clean: CleanAnswer, closing: Closing) {
    this.call = clean.call;
    this.clean = clean;
    this.events = settling(clean, closing);
    this.record = () => closing.record;
    this.abandon = async (thrown) => {
      this.call.abort(toStreamError(thrown));
      await closing.close("failed", thrown);
      await this.events.return(undefined).catch(() => {});
    };
  }
}

export type Settled = Ticket;

export interface SettlePorts {
  meter: Meter;
  prices: Prices;
  log: Log;
  onRecord(record: UsageRecord): void;
}

export function createSettle(ports: SettlePorts) {
  return async function settle(hold: Hold, answering: () => Promise<CleanAnswer>): Promise<Settled> {
    const closing = new Closing(hold, ports);
    let clean: CleanAnswer;
    try {
      clean = await answering();
    } catch (thrown) {
      await closing.close(outcomeOf(thrown, "failed"), thrown);
      throw thrown;
    }
    closing.answer = clean;
    return new Ticket(clean, closing);
  };
}

async function* settling(clean: CleanAnswer, closing: Closing): AsyncGenerator<EventBatch> {
  let begun = false;
  try {
    for await (const batch of clean.events) {
      for (const event of batch) {
        for (const part of event.parts) {
          if (part.type === "end") await closing.close("finished", null);
          else if (part.type === "error") await closing.close("cut", cutBy(part.error.message));
        }
      }
      begun = true;
      yield batch;
    }
    if (!closing.done) throw cutBy("the answer ended before it was whole");
  } catch (thrown) {
    await closing.close(outcomeOf(thrown, begun ? "cut" : "failed"), toStreamError(thrown));
    throw thrown;
  } finally {
    if (!closing.done)
      await closing.close("cancelled", clean.call.aborted ?? new GatewayError("client_closed", CLIENT_LEFT));
  }
}

function outcomeOf(thrown: unknown, otherwise: Outcome): Outcome {
  if (!(thrown instanceof GatewayError)) return otherwise;
  if (thrown.code === "client_closed") return "cancelled";
  return thrown.code === "guardrail_blocked" ? "refused" : otherwise;
}

function cutBy(reason: string): GatewayError {
  return new GatewayError("upstream_cut", "The provider's answer broke off before it was whole.", { internal: reason });
}

/** The end of one Hold. The first call of `close` counts; later ones find it done. */
class Closing {
  answer: CleanAnswer | undefined;
  record: UsageRecord | undefined;
  done = false;
  readonly #hold: Hold;
  readonly #ports: SettlePorts;

  constructor(hold: Hold, ports: SettlePorts) {
    this.#hold = hold;
    this.#ports = ports;
  }

  async close(outcome: Outcome, error: unknown): Promise<void> {
    if (this.done) return;
    this.done = true;
    const { number, call } = this.#hold;
    const record = finalRecord(call, outcome, error);
    this.#charge(record);
    try {
      await this.#ports.meter.settle(
        number,
        { tokens: record.inputTokens + record.outputTokens, usd: record.costNanoUsd },
        record,
      );
      this.record = record;
    } catch (cause) {
      this.#ports.log.write(
        "error",
        "a usage record could not be committed; the Hold stays in the journal and is settled on the next start",
        {
          call: call.id,
          detail: cause instanceof Error ? cause.message : String(cause),
        },
      );
      throw cause;
    } finally {
      call.end();
      this.#ports.onRecord(record);
    }
  }

  /** Tokens and money, where a provider was asked at all. */
  #charge(record: UsageRecord): void {
    const { answer } = this;
    if (answer === undefined) return;
    const { target, tally, clean } = answer.answer;
    const { usage, source } = tally.usage();
    record.provider = target.account.name;
    record.providerModel = target.model;
    record.inputTokens = usage.input;
    record.outputTokens = usage.output;
    record.cacheReadTokens = usage.cacheRead ?? 0;
    record.cacheWriteTokens = usage.cacheWrite ?? 0;
    record.reasoningTokens = usage.reasoning ?? 0;
    record.usageSource = source;
    const rates = this.#ports.prices.rates(target.account, target.model);
    if (rates !== undefined) {
      record.costNanoUsd = priceOf(usage, rates);
      record.priceSource = rates.source;
    }
    const captured = tally.captured;
    if (captured !== null) record.captured = { request: clean.request.messages, answer: captured };
  }
}
