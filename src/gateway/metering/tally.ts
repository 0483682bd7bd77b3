import {
  abandonedOutput,
  countPromptTokens,
  countTokens,
  isFree,
  silentOutput,
  utf8Length,
} from "../../domain/plans/estimate.ts";
import { answersOf, readsUnseen } from "../../domain/plans/unseen.ts";
import type { EventPart, ModelEvent } from "../../spec/event.ts";
import { type Operation, type OperationResult, shownOperation, writesTokens } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { Usage } from "../../spec/usage.ts";
import { writtenIn } from "../guarding/guarded-operation.ts";
import { isCount, withParts } from "./reported-usage.ts";
import { type CountTokens, WrittenText } from "./written-text.ts";

/**
 * Counts an answer as it comes from the provider, before any guard has seen it: what a guard
 * withholds was paid for all the same, and an answer that is cut off has no usage frame.
 */
export class Tally {
  readonly #request: ModelRequest;
  readonly #reported: Partial<Usage> = {};
  readonly #written: WrittenText;
  /** Of what is no text that anybody can count. */
  #otherBytes = 0;
  /** Choices that are written to their end: some providers say so of one more than once. */
  readonly #finished = new Set<number>();
  /** What the answer has outgrown its bound to, as far as that was looked at. */
  #outgrown = 0;
  #seen = false;
  #unfinished = false;
  /** Status of the error that it ended with. */
  #errorStatus: number | undefined;
  /** The provider says that it failed, and so works on it no more. */
  #failed = false;
  /** The answer is only an id so far, by which it can be fetched when it is there. */
  #begun = false;
  readonly #captured: string[] | null;
  /** Whether the answer said that it is whole, or that it failed; what comes after that is no part of it. */
  over: "end" | "error" | null = null;

  readonly #ticks: () => number;
  readonly #askedAt: number;
  /** When its first word came. */
  #spokenAt: number | undefined;

  /**
   * @param counts whether tokens of the answer are limited, so that they may have to be counted
   * @param ticks monotonic, in milliseconds; the question is asked now
   */
  constructor(request: ModelRequest, capture: boolean, counts = false, ticks = () => 0) {
    this.#request = request;
    this.#ticks = ticks;
    this.#askedAt = ticks();
    this.#written = new WrittenText(counts);
    this.#captured = capture ? [] : null;
  }

  see(event: ModelEvent): void {
    this.#seen = true;
    for (const part of event.parts) this.#seePart(part);
  }

  #seePart(part: EventPart): void {
    switch (part.type) {
      case "text-delta":
      case "arguments-delta":
        this.#spokenAt ??= this.#ticks();
        this.#written.add(part.text, part.choice);
        break;
      case "opaque-delta":
        this.#spokenAt ??= this.#ticks();
        this.#otherBytes += stringBytes(part.value);
        break;
      case "block-start":
        if (part.content.kind === "opaque") this.#otherBytes += stringBytes(part.content.value);
        break;
      case "result":
        if (this.#request.operation === undefined) this.#begun = true;
        if (this.#relayed() === "sound") this.#otherBytes += resultBytes(part.result);
        break;
      case "usage":
        Object.assign(this.#reported, part.usage);
        break;
      case "finish":
        this.#finished.add(part.choice);
        break;
      case "end":
        this.over = "end";
        break;
      case "error":
        this.over = "error";
        this.#unfinished = part.error.unfinished === true;
        this.#errorStatus = part.error.status;
        this.#failed = part.error.final === true;
        break;
    }
  }

  /** Of the answer so far, in UTF-8. */
  get bytes(): number {
    return this.#written.bytes + this.#otherBytes;
  }

  /** From the question to the first word, or until now where there is none; that a block has begun is no word. */
  get silentMs(): number {
    return (this.#spokenAt ?? this.#ticks()) - this.#askedAt;
  }

  get pieces(): number {
    return this.#written.pieces;
  }

  /** What the provider has said so far; whether it can be true is not looked at. */
  get toldOutput(): number {
    return this.#reported.output ?? 0;
  }

  /** Whether all that the provider was asked for has been written: what comes then ends the stream. */
  get isWritten(): boolean {
    return this.over !== null || this.#finished.size >= answersOf(this.#request);
  }

  /** Whether it is nothing but a refusal of the question: nothing was written, and nothing told of what was used. */
  get isRefused(): boolean {
    const status = this.#errorStatus;
    if (status === undefined || status < 400 || status > 499) return false;
    return this.bytes === 0 && Object.keys(this.#reported).length === 0;
  }

  /** Tokens of the answer so far, for whoever asks while it grows. */
  outputSoFar(count: CountTokens): number | undefined {
    const tokens = this.#written.tokensSoFar(count);
    return tokens === undefined ? undefined : tokens + countTokens(this.#otherBytes);
  }

  /** From now on the answer is known to have so many tokens, whatever its bound was. */
  outgrew(tokens: number): void {
    this.#outgrown = tokens;
  }

  /** Keeps the text of an event that has passed the guards, where the API captures: what they withheld is not to be read later either. */
  keep(event: ModelEvent): void {
    if (this.#captured === null) return;
    for (const part of event.parts) {
      if (part.type === "text-delta" || part.type === "arguments-delta") this.#captured.push(part.text);
      else if (part.type === "result") this.#captured.push(...writtenTexts(part.result));
    }
  }

  /** Prompt and answer as text, as they went on, where the API captures. */
  capture(): { request: unknown; answer: string } | null {
    const { operation, messages } = this.#request;
    const asked = operation === undefined || messages.length > 0 ? messages : shown(this.#request, operation);
    return this.#captured === null ? null : { request: asked, answer: this.#captured.join("") };
  }

  /**
   * What to charge. A whole answer is charged as reported, if the report can be true; an
   * answer that was cut is charged at least for the prompt and what was streamed. What can be
   * neither read nor counted is charged by rule, as `reserved`: an answer that the provider may
   * have written to its end after nobody waited for it, and pictures without a count of tokens.
   * @param most what was reserved for one target; nothing is above it that we estimate, and do not count
   * @param left whether it was we who ended the call, not the provider
   * @param silentMs how long the provider took to its first word, or until it was left
   */
  usage(most: () => Most, left: boolean, silentMs = 0): { usage: Usage; source: "reported" | "counted" | "reserved" } {
    if (isFree(this.#request)) return { usage: { input: 0, output: 0 }, source: "reported" };
    // What a batch uses is known when it has ended, and charged when it begins.
    if (this.#request.operation?.type === "object") return { usage: { ...most() }, source: "reserved" };
    const input = this.#believed("input", most);
    const output = this.#believed("output", most);
    if (this.over === "end" && input !== undefined && output !== undefined) {
      return { usage: this.#withParts(input, output), source: "reported" };
    }
    const bound = most();
    const known = Math.max(output ?? 0, this.#counted(bound));
    // Nobody tells what it has used when it is fetched: who asks for it then is free to do so, or not.
    if (this.#goesOn()) {
      return { usage: this.#withParts(bound.input, Math.max(known, bound.output)), source: "reserved" };
    }
    const byRule = this.#isBlind(left) ? Math.min(abandonedOutput(this.#request), bound.output) : 0;
    // Who tells what was used as it goes has told of its thoughts as well.
    const silent = left && this.over === null && output === undefined ? silentOutput(this.#request, silentMs) : 0;
    return {
      usage: this.#withParts(
        input ?? Math.min(bound.prompt ?? countPromptTokens(this.#request), bound.input),
        Math.max(Math.min(known + silent, Math.max(known, bound.output)), byRule),
      ),
      source: byRule > known ? "reserved" : "counted",
    };
  }

  /** Output as far as it was seen. */
  #counted({ output, countOutput }: Most): number {
    const tokens = countOutput && this.#written.tokens(countOutput);
    if (tokens !== undefined) return tokens + countTokens(this.#otherBytes);
    // A few tokens may be long: blanks, signs, names of some scripts.
    return Math.min(countTokens(this.bytes), Math.max(output, this.#outgrown));
  }

  /** What the provider told, where it can be true. */
  #believed(kind: "input" | "output", most: () => Most): number | undefined {
    const told = this.#reported[kind];
    if (!isCount(told)) return undefined;
    if (told === 0 && this.#cannotBeNothing(kind)) return undefined;
    if (told <= UNCHECKED_TOKENS) return told;
    const { [kind]: bound, contextTokens } = most();
    // What its own tools read, round by round, is told in one sum, and may be more than the model takes at once.
    const fits = contextTokens === undefined || readsUnseen(this.#request) || told <= 2 * contextTokens;
    return told <= bound || (fits && told <= FAR * bound + UNCHECKED_TOKENS) ? told : undefined;
  }

  /** Servers that count nothing tell zeros: no text of a model's is read or written with no token. */
  #cannotBeNothing(kind: "input" | "output"): boolean {
    if (kind === "output") return this.bytes > 0;
    const { operation } = this.#request;
    return operation === undefined || operation.type === "embed" || operation.type === "complete";
  }

  #withParts(input: number, output: number): Usage {
    const usage = withParts(this.#reported, input, output);
    if (this.#relayed() === "picture" && usage.imageOutput === undefined) usage.imageOutput = output;
    return usage;
  }

  /** Whether there may be more of the answer than was seen of it. A stream is closed with its caller, and then the provider stops. */
  #isBlind(left: boolean): boolean {
    if (this.over === "end") return this.#relayed() === "picture" && this.#reported.output === undefined;
    if (this.over === "error") return this.#unfinished;
    if (this.#request.stream) return false;
    return left && !this.#seen;
  }

  /** Whether the provider works on in the background, for an answer that is fetched by its id. */
  #goesOn(): boolean {
    const { extra, stream } = this.#request;
    if (extra?.background !== true) return false;
    return stream ? this.over !== "end" && !this.#failed : this.#begun;
  }

  /** What a relayed answer is made of, where a model writes it. */
  #relayed(): "picture" | "sound" | undefined {
    const { operation } = this.#request;
    if (operation?.type !== "relay" || !writesTokens(operation)) return undefined;
    return operation.name.startsWith("images.") ? "picture" : "sound";
  }
}

/** With the prompts of a file of calls, which are in no record else. */
function shown({ calls }: ModelRequest, operation: Operation): unknown {
  if (calls === undefined) return shownOperation(operation);
  const prompts = calls.map(({ customId, request }) => ({
    customId,
    asked: request.operation === undefined ? request.messages : shownOperation(request.operation),
  }));
  return { ...(shownOperation(operation) as object), calls: prompts };
}

/** Tokens of one target, reserved. */
export interface Most {
  input: number;
  output: number;
  /** How much the model takes, where that is known. */
  contextTokens?: number;
  /** The prompt, where its tokens were counted as the model counts them. */
  prompt?: number;
  /** The model's own tokenizer, likewise. */
  countOutput?: CountTokens;
}

/** A report of so few tokens is not looked at twice. */
const UNCHECKED_TOKENS = 50_000;

/** A report that is so many times what was reserved is a mistake, or made up. What hosts put around a prompt is less. */
const FAR = 10;

/** Bytes of a recording that count as one of text: a second of speech has at least 3,000, and about 20 tokens. */
const SOUND_BYTES = 32;

/** Speech by its size, what was heard by its text. */
function resultBytes(result: OperationResult): number {
  if (result.kind !== "body") return 0;
  const { content } = result;
  if ("bytes" in content) return Math.ceil(content.bytes.length / SOUND_BYTES);
  if ("lines" in content) return stringBytes(content.lines);
  return "text" in content ? utf8Length(content.text) : stringBytes(content.json);
}

function writtenTexts(result: OperationResult): string[] {
  const written = writtenIn(result);
  return written === undefined ? [] : [typeof written === "string" ? written : JSON.stringify(written)];
}

/** No model writes so long a word: it is a picture or a sound. */
const MEDIUM = /^[A-Za-z0-9+/_=-]{4096,}$/;

/** What a picture or a sound counts for, in bytes of text: some thousand tokens, as providers price them. */
const MEDIUM_BYTES = 4_096;

/** UTF-8 bytes of every text in a value: what only its dialect can read was written by the model all the same. */
function stringBytes(value: unknown): number {
  if (typeof value === "string") return MEDIUM.test(value) ? MEDIUM_BYTES : utf8Length(value);
  if (typeof value !== "object" || value === null) return 0;
  let bytes = 0;
  for (const inner of Object.values(value)) bytes += stringBytes(inner);
  return bytes;
}
