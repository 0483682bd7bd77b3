import { type ProviderAccount, type TargetRow, targetModel } from "../../domain/catalog/catalog.ts";
import { type CountedInput, countBytes, countedInput } from "../../domain/plans/counted.ts";
import { isFree, worstCase } from "../../domain/plans/estimate.ts";
import { type MostTokens, tiersOf, worstPriceOf } from "../../domain/plans/price.ts";
import { type ModelTokenizer, tokenizerOf } from "../../domain/plans/tokenizers.ts";
import { readsUnseen } from "../../domain/plans/unseen.ts";
import { asksForSound } from "../../domain/plans/written.ts";
import { GatewayError } from "../../errors.ts";
import type { Limit } from "../../kernel/limit.ts";
import type { NanoUsd } from "../../kernel/money.ts";
import type { Level } from "../../ports/meter.ts";
import type { Prices } from "../../ports/prices.ts";
import type { Tokenizer } from "../../ports/tokenizer.ts";
import type { ProviderAdapter } from "../../spec/adapter.ts";
import type { Grant } from "../authorize.ts";
import { priceQueryOf } from "./price-query.ts";
import type { CountTokens } from "./written-text.ts";

/** The most that one target could use, and what that costs. */
export interface Worst {
  input: number;
  output: number;
  usd: NanoUsd;
}

export interface WorstPorts {
  prices: Prices;
  adapter(kind: string): Pick<ProviderAdapter, "thoughtsOnTop" | "longestAnswer"> | undefined;
  tokenizer: Tokenizer;
}

/** How a prompt is bounded: by its bytes, which is quick, or by its tokens. */
export type Bounding = "quick" | "counted";

/** Up to so many bytes counting takes no longer than what else is done for a call. */
const SHORT = 1_000;

/**
 * A call whose bytes are below this share of every limit is not counted: a good many at once hold little too much. Of
 * long ones, which take longer to count, it is a larger share. Any larger, and what the first of many calls at
 * the same moment hold too much would keep others out that a limit has room for.
 */
const SLIGHT = { short: 1e-4, long: 1e-3 };

/** The smallest limits on a call, which alone ask what it could cost at most; infinite where there is none. */
export interface Limited {
  tokens: number;
  usd: NanoUsd;
}

/** @param bounding whoever is refused by the quick bound may ask again, `counted` */
export function worstCaseOf(grant: Grant, ports: WorstPorts, limited: Limited, bounding: Bounding): Worst {
  const { tokens, usd } = limited;
  if ((tokens === Infinity && usd === Infinity) || isFree(grant.request)) return { input: 0, output: 0, usd: 0 };
  const by = (tokenizer: Tokenizer | undefined): Worst => {
    const targets = targetsOf(grant, ports, tokenizer);
    return { ...most(targets), usd: usd === Infinity ? 0 : dearest(grant, ports.prices, targets) };
  };
  if (bounding === "counted") return by(ports.tokenizer);
  const quick = by(undefined);
  return isQuickEnough(grant, quick, limited) ? quick : by(ports.tokenizer);
}

/**
 * Resolves when prompts can be counted for every target of the call; undefined where they can, or need not. Bounded by its
 * bytes a call holds more than its tokens: of the first ones after a start a budget for ten would hold nine.
 */
export function untilCounted(grant: Grant, { tokenizer }: WorstPorts, limited: Limited): Promise<unknown> | undefined {
  const { request, model } = grant;
  if ((limited.tokens === Infinity && limited.usd === Infinity) || isFree(request)) return undefined;
  let until: Promise<unknown> | undefined;
  const add = (row: TargetRow) => {
    const loading = tokenizer.loading(tokenizerOf(targetModel(model, row, request.model)).cutting);
    if (loading !== undefined) until = until === undefined ? loading : Promise.all([until, loading]);
  };
  model.targets.forEach(add);
  model.fallbacks.forEach(add);
  return until;
}

/** Whether a call that was refused by the quick bound may fit by its tokens. */
export function mayFitCounted(grant: Refusable, refused: Worst, limited: Limited, by: RefusedBy): boolean {
  if (!isQuickEnough(grant, refused, limited)) return false;
  // Of several accounts one is named, and another may have room; what is shortened has to fit under every limit.
  if (by.scope.startsWith("provider:") || grant.api.shorten === true) return true;
  return ["tokens", "inputTokens", "usd"].includes(by.limit.dimension);
}

type Refusable = Pick<Grant, "bodyBytes"> & { api: Pick<Grant["api"], "shorten"> };
type RefusedBy = Pick<Level, "scope"> & { limit: Pick<Limit, "dimension"> };

function isQuickEnough(grant: Sized, { input, output, usd }: Worst, limited: Limited): boolean {
  const share = isLong(grant) ? SLIGHT.long : SLIGHT.short;
  return input + output <= limited.tokens * share && usd <= limited.usd * share;
}

type Sized = Pick<Grant, "bodyBytes">;

function isLong({ bodyBytes }: Sized): boolean {
  return bodyBytes > SHORT;
}

/** What tells how many tokens a target could use. */
export type TokenPorts = Pick<WorstPorts, "prices" | "adapter">;

type Asked = Pick<Grant, "request" | "bodyBytes" | "model" | "catalog">;

/** The most tokens that one target of the model could use, by the bytes of the prompt. */
export function worstTokens(asked: Asked, ports: TokenPorts): { input: number; output: number } {
  return most(targetsOf(asked, ports, undefined));
}

/** What is held for one target, where a prompt that is held by its bytes is counted after all. */
export function countedAgain(grant: Grant, held: Worst, ports: WorstPorts): { input: number; output: number } {
  const { input } = most(targetsOf(grant, ports, ports.tokenizer));
  return { input: Math.min(held.input, input), output: held.output };
}

/** The prompt by the very tokenizer of a model, where that is known and there; with what is put around it. */
export function promptTokens(asked: Asked, model: string, tokenizer: Tokenizer): number | undefined {
  const own = tokenizerOf(model);
  if (!own.exact || readsUnseen(asked.request)) return undefined;
  const isThere = tokenizer.count(own.cutting, "", 0) !== undefined;
  return isThere ? inputOf(asked, own, tokenizer)?.input : undefined;
}

/** What counts an answer as its model does, where its tokenizer is known and there. */
export function outputCounter(model: string, tokenizer: Tokenizer): CountTokens | undefined {
  const { exact, cutting } = tokenizerOf(model);
  return exact ? (text) => tokenizer.count(cutting, text, text.length)?.tokens : undefined;
}

interface TargetMost {
  account: ProviderAccount;
  model: string;
  tokens: MostTokens;
}

function most(targets: readonly TargetMost[]): { input: number; output: number } {
  let input = 0;
  let output = 0;
  for (const { tokens } of targets) {
    input = Math.max(input, tokens.input);
    output = Math.max(output, tokens.output);
  }
  return { input, output };
}

function targetsOf(asked: Asked, { prices, adapter }: TokenPorts, tokenizer: Tokenizer | undefined): TargetMost[] {
  const { request, bodyBytes, model, catalog } = asked;
  const unseen = readsUnseen(request);
  const writes = { audio: asksForSound(request), images: true };
  const found: TargetMost[] = [];
  const add = (row: TargetRow) => {
    const account = catalog.providers.get(row.provider) as ProviderAccount;
    const name = targetModel(model, row, request.model);
    const kind = adapter(account.kind);
    const needsContext = unseen || request.maxOutputTokens === undefined;
    const { input, output } = worstCase(request, bodyBytes, {
      context: needsContext ? contextOf(row, account, name, prices) : undefined,
      answer: needsContext ? (row.outputTokens ?? kind?.longestAnswer?.(name)) : undefined,
      thoughts: kind?.thoughtsOnTop?.(request, name),
    });
    // Where all that fits into the model may be read, what is counted is no bound.
    const counted = unseen ? undefined : inputOf(asked, tokenizerOf(name), tokenizer);
    const tokens: MostTokens = counted === undefined ? { input, output, writes } : { ...counted, output, writes };
    found.push({ account, model: name, tokens });
  };
  model.targets.forEach(add);
  model.fallbacks.forEach(add);
  return found;
}

function contextOf({ contextTokens }: TargetRow, account: ProviderAccount, model: string, prices: Prices) {
  return contextTokens ?? prices.contextTokens(account, model);
}

interface Counted {
  model: ModelTokenizer;
  input: CountedInput | undefined;
}

/** Of long prompts, by their messages, which stay the same objects however the call is bounded. */
const counts = new WeakMap<object, Counted>();

/** A long prompt that is asked about several times, for targets alike and for a shorter answer, is counted once. */
function inputOf(asked: Asked, model: ModelTokenizer, tokenizer: Tokenizer | undefined): CountedInput | undefined {
  const { request } = asked;
  if (tokenizer === undefined) return countedInput(request, model, countBytes);
  const known = isLong(asked) ? counts.get(request.messages) : undefined;
  if (known?.model === model) return known.input;
  const { cutting } = model;
  const input = countedInput(request, model, (text, characters) => tokenizer.count(cutting, text, characters));
  if (isLong(asked)) counts.set(request.messages, { model, input });
  return input;
}

/** What is held, with room for so much output of a target that answers already. */
export function withOutput(
  grant: Grant,
  held: Worst,
  { account, model }: { account: ProviderAccount; model: string },
  output: number,
  prices: Prices,
): Worst {
  if (output <= held.output) return held;
  const rates = held.usd === 0 ? undefined : prices.rates(account, model, priceQueryOf(grant));
  if (rates === undefined) return { ...held, output };
  const writes = { audio: asksForSound(grant.request), images: true };
  const of = (output: number) => worstPriceOf({ input: held.input, output, writes }, rates, tiersOf(grant.request));
  return { input: held.input, output, usd: held.usd + of(output) - of(held.output) };
}

/** The most that any target of the model could charge. Without a price there is no such bound, so nothing is admitted. */
function dearest(grant: Grant, prices: Prices, targets: readonly TargetMost[]): NanoUsd {
  let worst = 0;
  for (const { account, model, tokens } of targets) {
    const rates = prices.rates(account, model, priceQueryOf(grant));
    if (rates === undefined) {
      const what = targets.length === 1 ? "This model" : "One of the targets of this model, fallbacks included,";
      throw new GatewayError("not_allowed", `${what} has no price, so it cannot be used under a budget in money.`, {
        internal: `no price for ${account.kind} ${model}; give the provider account one under prices`,
      });
    }
    worst = Math.max(worst, worstPriceOf(tokens, rates, tiersOf(grant.request)));
  }
  return worst;
}
