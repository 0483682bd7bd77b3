import { createHash } from "node:crypto";
import { calcPrice } from "@pydantic/genai-prices";
import packageJson from "../../package.json" with { type: "json" };
import type { Price, ProviderAccount, TenantPrice, TokenPrices } from "../domain/catalog/catalog.ts";
import { matchesPattern } from "../domain/catalog/catalog.ts";
import type { LongContext, Rates, TokenRates } from "../domain/plans/price.ts";
import type { PriceQuery, Prices } from "../ports/prices.ts";

/** Our kinds whose id in the public list is another word. */
const PUBLIC_NAMES: Record<string, string> = { xai: "x-ai", "azure-openai": "azure", bedrock: "aws" };

/** A look-up in the public list searches thousands of patterns, so what was found is kept. */
const KEPT = 10_000;

/** Some public prices change at an hour of the day or a date; they are looked up anew as often. */
const LOOKED_UP_EVERY_MS = 60_000;

interface Found {
  rates: Rates | undefined;
  contextTokens: number | undefined;
  /** For which minute it holds; undefined: always. */
  minute: number | undefined;
}

/** The tenant's and the account's own prices, then the public list of @pydantic/genai-prices, as of the installed version. */
export class PriceList implements Prices {
  readonly #found = new Map<string, Found>();
  readonly #isTest: (kind: string) => boolean;

  /** @param isTest whether a kind of provider is a test provider, which costs nothing. */
  constructor(isTest: (kind: string) => boolean) {
    this.#isTest = isTest;
  }

  rates(account: ProviderAccount, model: string, { at, tenant, calledBy }: PriceQuery): Rates | undefined {
    if (this.#isTest(account.kind)) return FREE;
    if (tenant !== undefined) {
      const about = ({ provider }: TenantPrice) => provider === undefined || provider === account.name;
      const own = current(tenant.prices.filter(about), model, calledBy, at);
      if (own !== undefined) return ratesOf(own, "tenant", tenant.name);
    }
    const own = current(account.prices, model, calledBy, at);
    if (own !== undefined) return ratesOf(own, "provider", account.name);
    return this.#public(account.kind, model, at).rates;
  }

  contextTokens(account: ProviderAccount, model: string): number | undefined {
    return this.#public(account.kind, model, undefined).contextTokens;
  }

  /** @param at undefined: whenever */
  #public(kind: string, model: string, at: number | undefined): Found {
    const key = `${kind} ${model}`;
    const minute = Math.floor((at ?? 0) / LOOKED_UP_EVERY_MS);
    const known = this.#found.get(key);
    if (known !== undefined && (at === undefined || (known.minute ?? minute) === minute)) return known;
    const found = publicly(kind, model, minute);
    if (this.#found.size >= KEPT) this.#found.clear();
    this.#found.set(key, found);
    return found;
  }
}

const FREE: Rates = { input: 0, output: 0, source: "test provider" };

/** The row that counts: by the provider's name of the model, or else by the very name that callers use. */
function current<P extends Price>(
  prices: readonly P[],
  model: string,
  calledBy: string | undefined,
  at: number,
): P | undefined {
  return (
    newest(prices, at, (pattern) => matchesPattern(pattern, model)) ??
    newest(prices, at, (pattern) => pattern === calledBy)
  );
}

/** Of the rows for the first matching name, the one that began last. A name of which none has begun yet is passed over. */
function newest<P extends Price>(
  prices: readonly P[],
  at: number,
  matches: (pattern: string) => boolean,
): P | undefined {
  let found: P | undefined;
  for (const price of prices) {
    const { model, from = 0 } = price;
    if (from > at || !matches(model)) continue;
    if (found === undefined || (model === found.model && from > (found.from ?? 0))) found = price;
  }
  return found;
}

const KINDS = {
  inputPerMTokUsd: "input",
  outputPerMTokUsd: "output",
  cacheReadPerMTokUsd: "cacheRead",
  cacheWritePerMTokUsd: "cacheWrite",
  cacheWriteLongPerMTokUsd: "cacheWriteLong",
  audioInputPerMTokUsd: "audioInput",
  imageInputPerMTokUsd: "imageInput",
  audioOutputPerMTokUsd: "audioOutput",
  imageOutputPerMTokUsd: "imageOutput",
  reasoningPerMTokUsd: "reasoning",
} as const satisfies Record<keyof TokenPrices, keyof TokenRates>;

/** Rows are frozen with the catalog, so what was made of one holds as long as it does. */
const made = new WeakMap<Price, Rates>();

function ratesOf(price: Price | TenantPrice, whose: "tenant" | "provider", name: string): Rates {
  let rates = made.get(price);
  if (rates === undefined) {
    rates = { ...tokenRates(price), source: `${whose} ${name} ${digestOf(price)}` } as Rates;
    if (price.above !== undefined) {
      rates.above = price.above.map((row) => ({ tokens: row.tokens, ...tokenRates(row) }));
    }
    if (price.tiers !== undefined) {
      rates.tiers = Object.fromEntries(Object.entries(price.tiers).map(([tier, row]) => [tier, tokenRates(row)]));
    }
    made.set(price, rates);
  }
  return rates;
}

function tokenRates(prices: Partial<TokenPrices>): Partial<TokenRates> {
  const rates: Partial<TokenRates> = {};
  for (const [field, kind] of Object.entries(KINDS) as [keyof TokenPrices, keyof TokenRates][]) {
    const price = prices[field];
    if (price !== undefined) rates[kind] = price;
  }
  return rates;
}

/** The version of a row: as soon as anything in it changes, it is another one. */
function digestOf(price: Price): string {
  return createHash("sha256").update(JSON.stringify(price, sorted)).digest("hex").slice(0, 12);
}

/** The order in which fields were written is no difference. */
function sorted(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const PUBLIC_KINDS: Record<string, keyof TokenRates> = {
  input_mtok: "input",
  output_mtok: "output",
  cache_read_mtok: "cacheRead",
  cache_write_mtok: "cacheWrite",
  cache_write_1h_mtok: "cacheWriteLong",
  input_audio_mtok: "audioInput",
  input_image_mtok: "imageInput",
  output_audio_mtok: "audioOutput",
  output_image_mtok: "imageOutput",
  output_reasoning_mtok: "reasoning",
};

type PublicPrice = number | { base: number; tiers: { start: number; price: number }[] };

function publicly(kind: string, model: string, minute: number): Found {
  const found = calcPrice({ input_tokens: 0, output_tokens: 0 }, model, {
    providerId: PUBLIC_NAMES[kind] ?? kind,
    timestamp: new Date(minute * LOOKED_UP_EVERY_MS),
  });
  if (found === null) return { rates: undefined, contextTokens: undefined, minute: undefined };
  const rates = publicRates(found.model_price as Record<string, PublicPrice>);
  if (rates !== undefined) {
    rates.source = `genai-prices ${packageJson.dependencies["@pydantic/genai-prices"]} / ${found.model.id}`;
  }
  return {
    rates,
    contextTokens: found.model.context_window,
    minute: Array.isArray(found.model.prices) ? minute : undefined,
  };
}

/**
 * Undefined where the list does not say what both directions cost. Nothing but zeros is no price either:
 * it is a model whose price was not known, or that was free for a time, and none is to be free by accident.
 */
function publicRates(prices: Record<string, PublicPrice>): Rates | undefined {
  const named = Object.entries(PUBLIC_KINDS).flatMap(([name, kind]) => {
    const price = prices[name];
    return price === undefined ? [] : [{ kind, price }];
  });
  const at = (inputTokens: number): Partial<TokenRates> =>
    Object.fromEntries(named.map(({ kind, price }) => [kind, priceAt(price, inputTokens)]));
  const { input, output = isReadOnly(prices) ? 0 : undefined, ...others } = at(0);
  if (input === undefined || output === undefined) return undefined;
  if (Math.max(input, output, ...Object.values(others)) === 0) return undefined;
  const rates: Rates = { input, output, ...others, source: "" };
  const starts = named.flatMap(({ price }) => (typeof price === "number" ? [] : price.tiers.map(({ start }) => start)));
  const above = [...new Set(starts)]
    .sort((a, b) => a - b)
    .map((tokens): LongContext => ({ tokens, ...at(tokens + 1) }));
  if (above.length > 0) rates.above = above;
  return rates;
}

/** The list's tiers hold for the whole call, as soon as its input is above their start. */
function priceAt(price: PublicPrice, inputTokens: number): number {
  if (typeof price === "number") return price;
  let reached = { start: -1, price: price.base };
  for (const tier of price.tiers) if (inputTokens > tier.start && tier.start > reached.start) reached = tier;
  return reached.price;
}

/** A model with a price for what it reads and none at all beside it writes nothing: it embeds. */
function isReadOnly(prices: object): boolean {
  return Object.keys(prices).every((name) => name === "input_mtok");
}
