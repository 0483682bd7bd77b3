import { calcPrice } from "@pydantic/genai-prices";
import packageJson from "../../package.json" with { type: "json" };
import type { ProviderAccount } from "../domain/catalog/catalog.ts";
import { matchesPattern } from "../domain/catalog/catalog.ts";
import type { Rates } from "../domain/plans/price.ts";
import type { Prices } from "../ports/prices.ts";

/** Our kinds whose id in the public list is another word. */
const PUBLIC_NAMES: Record<string, string> = { xai: "x-ai", "azure-openai": "azure", bedrock: "aws" };

/** A look-up in the public list searches thousands of patterns, so what was found is kept. */
const KEPT = 10_000;

/** An account's own prices, then the public list of @pydantic/genai-prices, as of the installed version. */
export class PriceList implements Prices {
  readonly #known = new Map<string, Rates | undefined>();
  readonly #isTest: (kind: string) => boolean;

  /** @param isTest whether a kind of provider is a test provider, which costs nothing. */
  constructor(isTest: (kind: string) => boolean) {
    this.#isTest = isTest;
  }

  rates(account: ProviderAccount, model: string): Rates | undefined {
    if (this.#isTest(account.kind)) return FREE;
    const own = account.prices.find((price) => matchesPattern(price.model, model));
    if (own !== undefined) {
      const rates: Rates = { input: own.inputPerMTokUsd, output: own.outputPerMTokUsd, source: "configuration" };
      if (own.cacheReadPerMTokUsd !== undefined) rates.cacheRead = own.cacheReadPerMTokUsd;
      if (own.cacheWritePerMTokUsd !== undefined) rates.cacheWrite = own.cacheWritePerMTokUsd;
      return rates;
    }
    const key = `${account.kind} ${model}`;
    if (!this.#known.has(key)) {
      if (this.#known.size >= KEPT) this.#known.clear();
      this.#known.set(key, publicRates(account.kind, model));
    }
    return this.#known.get(key);
  }

  contextTokens(account: ProviderAccount, model: string): number | undefined {
    return publicContext(account.kind, model);
  }
}

function publicContext(kind: string, model: string): number | undefined {
  const found = calcPrice({ input_tokens: 0, output_tokens: 0 }, model, { providerId: PUBLIC_NAMES[kind] ?? kind });
  return found?.model.context_window;
}

const FREE: Rates = { input: 0, output: 0, source: "test provider" };

function publicRates(kind: string, model: string): Rates | undefined {
  const found = calcPrice({ input_tokens: 0, output_tokens: 0 }, model, { providerId: PUBLIC_NAMES[kind] ?? kind });
  const prices = found?.model_price;
  const input = base(prices?.input_mtok);
  const output = base(prices?.output_mtok) ?? (isReadOnly(prices) ? 0 : undefined);
  if (input === undefined || output === undefined) return undefined;
  const rates: Rates = { input, output, source: `genai-prices ${packageJson.dependencies["@pydantic/genai-prices"]}` };
  const cacheRead = base(prices?.cache_read_mtok);
  const cacheWrite = base(prices?.cache_write_mtok);
  if (cacheRead !== undefined) rates.cacheRead = cacheRead;
  if (cacheWrite !== undefined) rates.cacheWrite = cacheWrite;
  return rates;
}

/** A model with a price for what it reads and none at all beside it writes nothing: it embeds. */
function isReadOnly(prices: object | undefined): boolean {
  return prices !== undefined && Object.keys(prices).every((name) => name === "input_mtok");
}

/** A tiered price is taken at its dearest tier: a bill that is too high is noticed, one that is too low is not. */
function base(price: unknown): number | undefined {
  if (typeof price === "number") return price;
  if (typeof price !== "object" || price === null) return undefined;
  const { base: first, tiers } = price as { base?: number; tiers?: { price: number }[] };
  if (typeof first !== "number") return undefined;
  return Math.max(first, ...(tiers ?? []).map((tier) => tier.price));
}
