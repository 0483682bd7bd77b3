import { accountOf } from "../../domain/plans/charges.ts";
import { chargedTier, priceOf, tierOf } from "../../domain/plans/price.ts";
import { GatewayError, toGatewayError } from "../../errors.ts";
import type { Log } from "../../ports/log.ts";
import type { Meter } from "../../ports/meter.ts";
import type { Attempt, Outcome, UsageRecord } from "../../ports/records.ts";
import { draftRecord, finalRecord } from "../record.ts";
import type { Hold } from "../reserve.ts";
import type { Target } from "../target.ts";
import { reasonOf } from "../telling/reason.ts";
import { priceQueryOf } from "./price-query.ts";
import type { Most } from "./tally.ts";
import { countedAgain, outputCounter, promptTokens, type WorstPorts, worstTokens } from "./worst.ts";

export interface ClosingPorts extends WorstPorts {
  meter: Meter;
  log: Log;
  /**
   * @param kept whether the record is, or is only counted
   * @param reason why the call failed, for the log, where the record's code does not say it
   */
  onRecord(record: UsageRecord, kept: boolean, reason?: string): void;
}

/** The end of one Hold. The first `close` counts; later ones find it done. */
export class Closing {
  /** The record, once it is committed. */
  record: UsageRecord | undefined;
  done = false;
  readonly #hold: Hold;
  readonly #ports: ClosingPorts;

  constructor(hold: Hold, ports: ClosingPorts) {
    this.#hold = hold;
    this.#ports = ports;
  }

  async close(outcome: Outcome, error: unknown): Promise<void> {
    if (this.done) return;
    this.done = true;
    const { number, call } = this.#hold;
    // A stream that broke off after its beginning says as much of a target as one that never began.
    if (outcome === "cut" && isUpstreams(error)) this.#hold.asked.at(-1)?.health.broke(call.ticks());
    const record = this.#charged(finalRecord(call, outcome, error));
    try {
      await this.#ports.meter.settle(number, record);
      this.record = record;
    } catch (cause) {
      this.#ports.log.write(
        "error",
        "a usage record could not be committed; it is tried again, or settled by rule on the next start",
        {
          call: call.id,
          detail: String((cause as { cause?: unknown }).cause ?? cause),
        },
      );
      throw cause;
    } finally {
      call.end();
      this.#ports.onRecord(record, true, error === null ? undefined : reasonOf(toGatewayError(error)));
    }
  }

  /** Whatever goes wrong in counting, the Hold must not stay open: then all of it is charged. */
  #charged(record: UsageRecord): UsageRecord {
    try {
      this.#charge(record);
      return record;
    } catch (cause) {
      const { call, worst, reserved, again, open } = this.#hold;
      const message = "what a call has used could not be counted; it is charged all that was held for it";
      this.#ports.log.write("error", message, { call: call.id, detail: String(cause) });
      const { outcome, status, errorCode, queueMs, firstByteMs, totalMs, verdicts, warnings } = record;
      const mayHaveAsked = Array.from(open, accountOf);
      return {
        ...draftRecord(call, worst, reserved, again),
        ...{ outcome, status, errorCode, queueMs, firstByteMs, totalMs, verdicts, warnings, mayHaveAsked },
      };
    }
  }

  /** What one target could use at most: as it is held, its prompt counted; where no limit asked, by the bytes. */
  #most({ account, model }: Target): Most {
    const { grant, worst } = this.#hold;
    const limited = worst.input + worst.output > 0;
    const { input, output } = limited ? countedAgain(grant, worst, this.#ports) : worstTokens(grant, this.#ports);
    const contextTokens = this.#ports.prices.contextTokens(account, model);
    // Nobody who limits no tokens has a vocabulary loaded.
    const prompt = limited ? promptTokens(grant, model, this.#ports.tokenizer) : undefined;
    const countOutput = limited ? outputCounter(model, this.#ports.tokenizer) : undefined;
    return {
      input,
      output,
      ...(contextTokens === undefined ? {} : { contextTokens }),
      ...(prompt === undefined ? {} : { prompt }),
      ...(countOutput === undefined ? {} : { countOutput }),
    };
  }

  /** Tokens and money of every target that was asked and may charge us; the last of them is named. */
  #charge(record: UsageRecord): void {
    const { grant, asked, worst } = this.#hold;
    for (const { target, tally, owed, attempt } of asked) {
      if (!owed) continue;
      const silentMs = attempt.error === null ? tally.silentMs : attempt.ms;
      const { usage, source } = tally.usage(() => this.#most(target), isLeft(attempt), silentMs);
      record.provider = target.account.name;
      record.providerModel = target.model;
      record.inputTokens += usage.input;
      record.outputTokens += usage.output;
      record.cacheReadTokens += usage.cacheRead ?? 0;
      record.cacheWriteTokens += usage.cacheWrite ?? 0;
      record.reasoningTokens += usage.reasoning ?? 0;
      record.usageSource = source;
      attempt.inputTokens = usage.input;
      attempt.outputTokens = usage.output;
      record.captured = tally.capture();
      const rates = this.#ports.prices.rates(target.account, target.model, priceQueryOf(grant));
      if (rates === undefined) continue;
      const tier = chargedTier(grant.request, usage.tier);
      attempt.costNanoUsd = priceOf(usage, rates, tier);
      // What nobody had asked for was not held either, and has to be paid all the same.
      if (tier !== tierOf(grant.request) && worst.usd > 0 && attempt.costNanoUsd > worst.usd) {
        record.warnings.push(`service_tier: served as ${tier ?? "standard"}, which cost more than was held`);
      }
      record.costNanoUsd += attempt.costNanoUsd;
      record.priceSource = joined(record.priceSource, rates.source);
    }
  }
}

/** Attempts may be priced by several lists; each is named once. */
function joined(sources: string | null, source: string): string {
  return sources === null || sources === source ? source : [...new Set([...sources.split("; "), source])].join("; ");
}

const LEFT: ReadonlySet<string> = new Set([
  "client_closed",
  "deadline_exceeded",
  "upstream_timeout",
  "superseded",
  "draining",
]);

/** Whether nobody here waited for it any longer, while the provider may have been at work. */
function isLeft({ error }: Attempt): boolean {
  return error === null || LEFT.has(error);
}

function isUpstreams(error: unknown): boolean {
  return error instanceof GatewayError && error.owner === "upstream";
}
