import { type NanoUsd, priceOfTokens } from "../../kernel/money.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { ServedTier, Usage } from "../../spec/usage.ts";

/** What tokens cost, in US dollars per million. A kind without a price of its own costs what its whole does. */
export interface TokenRates {
  input: number;
  output: number;
  /** Part of the input that came from the provider's cache. */
  cacheRead?: number;
  /** Part of the input that went into the provider's cache. */
  cacheWrite?: number;
  /** The same, kept for longer than usual; as `cacheWrite` where absent. */
  cacheWriteLong?: number;
  audioInput?: number;
  imageInput?: number;
  audioOutput?: number;
  imageOutput?: number;
  reasoning?: number;
}

/** Ways of being served that cost more or less than the usual one. */
export const SERVICE_TIERS = ["batch", "flex", "priority", "fast"] as const;
export type ServiceTier = (typeof SERVICE_TIERS)[number];

/** Another price list for prompts that are longer than so many tokens; the whole call is priced by it. */
export type LongContext = { tokens: number } & Partial<TokenRates>;

export interface Rates extends TokenRates {
  /** By rising `tokens`. */
  above?: readonly LongContext[];
  tiers?: Readonly<Partial<Record<ServiceTier, Partial<TokenRates>>>>;
  /** Which list said so, in which version; for the record. */
  source: string;
}

/** The most that a target could use, and how much of it is no text. */
export interface MostTokens {
  input: number;
  output: number;
  /** Parts of `input`. */
  audioInput?: number;
  imageInput?: number;
  /** Whether the caller asks that the prompt be kept in the cache for longer than usual. */
  keepsLong?: boolean;
  /** What the answer may hold beside text. */
  writes?: { audio?: boolean; images?: boolean };
}

/**
 * The price of one answer, each kind of token as what it is, rounded up to a nano-dollar a kind. Parts
 * that are together larger than their whole cannot all be true (some providers tell them; sound from the
 * cache is in two of them), and make nothing cheaper: only those stay that cost more than plain tokens do.
 * @param tier by which it was served, as far as that is known
 * @param prompt tokens of the longest prompt, where that is the sum of several answers
 */
export function priceOf(usage: Usage, rates: Rates, tier?: ServiceTier, prompt = usage.input): NanoUsd {
  const row = rowFor(rates, Math.min(prompt, usage.input), tier);
  const long = Math.min(usage.cacheWriteLong ?? 0, usage.cacheWrite ?? 0);
  const input = priceOfParts(usage.input - Math.min(usage.freeInput ?? 0, usage.input), row.input, [
    [usage.audioInput, row.audioInput],
    [usage.imageInput, row.imageInput],
    [long, row.cacheWriteLong ?? row.cacheWrite],
    [(usage.cacheWrite ?? 0) - long, row.cacheWrite],
    [usage.cacheRead, row.cacheRead],
  ]);
  const output = priceOfParts(usage.output - Math.min(usage.freeOutput ?? 0, usage.output), row.output, [
    [usage.audioOutput, row.audioOutput],
    [usage.imageOutput, row.imageOutput],
    [usage.reasoning, row.reasoning],
  ]);
  return Math.min(input + output, Number.MAX_SAFE_INTEGER);
}

type PricedPart = [tokens: number | undefined, rate: number | undefined];

function priceOfParts(whole: number, plain: number, parts: readonly PricedPart[]): NanoUsd {
  const told = parts.reduce((sum, [tokens = 0, rate]) => sum + (rate === undefined ? 0 : tokens), 0);
  let left = whole;
  let price = 0;
  for (const [tokens = 0, rate] of parts) {
    if (rate === undefined || (told > whole && rate <= plain)) continue;
    const counted = Math.min(tokens, left);
    left -= counted;
    price += priceOfTokens(counted, rate);
  }
  return price + priceOfTokens(left, plain);
}

/**
 * The most that so many tokens can cost: of every price list that may come to apply, the input at its
 * dearest rate and the output at its dearest.
 * @param tiers that may apply; the usual way of being served is always among them
 */
export function worstPriceOf(most: MostTokens, rates: Rates, tiers: readonly ServiceTier[] = []): NanoUsd {
  // Most lists are one row, and this is worked out for every call under a budget.
  if (rates.above === undefined && rates.tiers === undefined)
    return Math.min(worstByRow(most, rates), Number.MAX_SAFE_INTEGER);
  let worst = 0;
  for (const reached of [0, ...(rates.above ?? []).map(({ tokens }) => tokens + 1)]) {
    if (reached > most.input) break;
    for (const tier of [undefined, ...tiers]) worst = Math.max(worst, worstByRow(most, rowFor(rates, reached, tier)));
  }
  return Math.min(worst, Number.MAX_SAFE_INTEGER);
}

function worstByRow(most: MostTokens, row: TokenRates): NanoUsd {
  const { input, output, audioInput = 0, imageInput = 0, keepsLong, writes } = most;
  const long = keepsLong ? (row.cacheWriteLong ?? 0) : 0;
  const text = Math.max(row.input, row.cacheRead ?? 0, row.cacheWrite ?? 0, long);
  const sound = writes?.audio ? (row.audioOutput ?? 0) : 0;
  const pictures = writes?.images ? (row.imageOutput ?? 0) : 0;
  let price = priceOfTokens(Math.max(0, input - audioInput - imageInput), text);
  if (audioInput > 0) price += priceOfTokens(audioInput, Math.max(text, row.audioInput ?? 0));
  if (imageInput > 0) price += priceOfTokens(imageInput, Math.max(text, row.imageInput ?? 0));
  return price + priceOfTokens(output, Math.max(row.output, row.reasoning ?? 0, sound, pictures)) + roundings(row);
}

const KINDS = [
  ...(["input", "output", "cacheRead", "cacheWrite", "cacheWriteLong", "reasoning"] as const),
  ...(["audioInput", "imageInput", "audioOutput", "imageOutput"] as const),
];

/** What a charge may be above the price of all its tokens at once: each kind is rounded up by itself. */
function roundings(row: TokenRates): NanoUsd {
  let rounded = 0;
  for (const kind of KINDS) {
    const nano = (row[kind] ?? 0) * 1_000;
    // Nothing is rounded where a token costs whole nano-dollars, but for the noise of the product.
    if (Math.abs(nano - Math.round(nano)) > nano * 2 * Number.EPSILON) rounded++;
  }
  return Math.max(0, rounded - 1);
}

/** The price list for a prompt of this length that is served this way. What a special list leaves open is as usual. */
function rowFor(rates: Rates, inputTokens: number, tier: ServiceTier | undefined): TokenRates {
  const long = rates.above?.findLast(({ tokens }) => inputTokens > tokens);
  const special = tier === undefined ? undefined : rates.tiers?.[tier];
  if (long === undefined && special === undefined) return rates;
  return { ...rates, ...long, ...special };
}

/** The tier that a call asks for, where prices differ by it. Anthropic's `speed` is one of its own. */
export function tierOf({ serviceTier, operation, extra }: ModelRequest): ServiceTier | undefined {
  if (operation?.type === "object") return operation.name === "batches.create" ? "batch" : undefined;
  if (extra?.speed === "fast") return "fast";
  const word = serviceTier?.toLowerCase().replace(/^service_tier_/, "");
  // OpenAI's name for it since July 2026.
  if (word === "fast") return "priority";
  return SERVICE_TIERS.find((tier) => tier === word);
}

/**
 * The tier by which an answer is priced: the one by which the provider says that it was served (a busy one
 * serves what asked for `priority` as usual), or else the one that was asked for.
 */
export function chargedTier(request: ModelRequest, served: ServedTier | undefined): ServiceTier | undefined {
  if (served === undefined) return tierOf(request);
  return served === "standard" ? undefined : served;
}

/**
 * The tiers by which a provider may come to price a call. One that asks for none (or says `auto`) is
 * served as the account is set, which nobody here can see: faster, perhaps. A cheaper one is never
 * certain: a provider without room for it may serve the usual way.
 */
export function tiersOf(request: ModelRequest): readonly ServiceTier[] {
  const asked = tierOf(request);
  if (asked !== undefined) return [asked];
  const { serviceTier, operation } = request;
  return operation?.type !== "object" && (serviceTier === undefined || serviceTier === "auto") ? OPEN : NONE;
}

const OPEN: readonly ServiceTier[] = ["priority"];
const NONE: readonly ServiceTier[] = [];
