import { tokenizerOf } from "../../domain/plans/tokenizers.ts";
import { GatewayError } from "../../errors.ts";
import type { Prices } from "../../ports/prices.ts";
import type { Tokenizer } from "../../ports/tokenizer.ts";
import type { Asked, Hold } from "../reserve.ts";
import { type ExtendPorts, extendTo } from "./extend.ts";
import { withOutput } from "./worst.ts";
import type { CountTokens } from "./written-text.ts";

export interface OutputBoundPorts extends ExtendPorts {
  prices: Prices;
  tokenizer: Tokenizer;
}

/**
 * Counting is dearer than all else that is done for a stream, so an answer is counted only where it may have come to
 * its bound: it came in more pieces than that has tokens, or has so many bytes for each of them. Most answers end before.
 */
const SUSPECT_BYTES_PER_TOKEN = 2;

/** Tokens that a count of ours may be above a provider's: where texts come in a form that is not quite the model's. */
const SLACK = 16;

/** Other tokenizers than those that are public may make so much less of a text. */
const OTHERS = 1.25;

/** Bytes that make a token at least, as long as no tokenizer is loaded. */
const UNCOUNTED_BYTES_PER_TOKEN = 8;

/** More is held in steps of a quarter of what was, within these; the last room of a limit is taken in small ones. */
const LEAST_STEP = 256;
const MOST_STEP = 4_096;
const LAST_STEP = 32;

/** A report that is so many times what is held is a mistake. */
const ABSURD = 10;

/**
 * What was held for one streamed answer. A provider may write more than it was asked for (some do not know the field that
 * bounds it), and a stream can still be ended: so more is held as it grows, and it is cut where a limit has no room.
 */
export class OutputBound {
  readonly #hold: Hold;
  readonly #asked: Asked;
  readonly #ports: OutputBoundPorts;
  readonly #count: CountTokens;
  readonly #exact: boolean;
  #held: number;
  /** From when on it is looked at. */
  #pieces: number;
  #bytes: number;
  #told: number;

  constructor(hold: Hold, asked: Asked, ports: OutputBoundPorts) {
    this.#hold = hold;
    this.#asked = asked;
    this.#ports = ports;
    const { cutting, exact } = tokenizerOf(asked.target.model);
    this.#count = (text) => ports.tokenizer.count(cutting, text, text.length)?.tokens;
    this.#exact = exact;
    this.#held = hold.worst.output;
    this.#pieces = this.#held;
    this.#bytes = this.#held * SUSPECT_BYTES_PER_TOKEN;
    this.#told = this.#held + SLACK;
  }

  /** Whether the answer may be longer than what is held. */
  get isNear(): boolean {
    const { tally } = this.#asked;
    return tally.pieces > this.#pieces || tally.bytes > this.#bytes || tally.toldOutput > this.#told;
  }

  /**
   * Holds more where the answer is longer than that.
   * @throws GatewayError insufficient_quota where a limit has no room for it
   */
  async keep(): Promise<void> {
    const { tally } = this.#asked;
    this.#pieces = Number.POSITIVE_INFINITY;
    if (tally.isWritten) {
      this.#bytes = this.#told = Number.POSITIVE_INFINITY;
      return;
    }
    const tokens = this.#soFar();
    const room = this.#held + SLACK - tokens;
    if (room < 0) await this.#grow(tokens);
    // A token has at least one byte.
    this.#bytes = tally.bytes + Math.max(SLACK, room, this.#held - tokens);
    this.#told = Math.max(this.#held + SLACK, tally.toldOutput);
  }

  #soFar(): number {
    const { tally } = this.#asked;
    const counted = tally.outputSoFar(this.#count);
    const seen =
      counted === undefined ? tally.bytes / UNCOUNTED_BYTES_PER_TOKEN : this.#exact ? counted : counted / OTHERS;
    const told = tally.toldOutput <= ABSURD * this.#held ? tally.toldOutput : 0;
    return Math.max(Math.floor(seen), told);
  }

  async #grow(tokens: number): Promise<void> {
    const { target, tally } = this.#asked;
    const { grant, call } = this.#hold;
    tally.outgrew(tokens);
    const step = Math.min(Math.max(Math.ceil(this.#held / 4), LEAST_STEP), MOST_STEP);
    for (const more of [step, LAST_STEP]) {
      const worst = withOutput(grant, this.#hold.worst, target, tokens + more, this.#ports.prices);
      if (!(await extendTo(this.#hold, worst, this.#ports))) continue;
      if (!call.observed.warnings.includes(LONGER)) call.observed.warnings.push(LONGER);
      this.#held = worst.output;
      return;
    }
    throw new GatewayError(
      "insufficient_quota",
      "The answer is longer than its bound, and what is left of a limit does not allow more of it.",
      {
        internal: `${target.account.name} ${target.model} has written about ${tokens} tokens; ${this.#held} were held`,
      },
    );
  }
}

const LONGER = "max_tokens: the answer is longer than its bound; more was held for it";
