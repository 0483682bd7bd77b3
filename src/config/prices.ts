import { z } from "zod";
import type { Price, TenantPrice } from "../domain/catalog/catalog.ts";
import { instant, parseInstant, rate } from "./values.ts";

const PER_MILLION = "US dollars per million tokens";

const cached = {
  cacheReadPerMTokUsd: rate()
    .exactOptional()
    .describe(`${PER_MILLION} read from the provider's cache; as input where absent.`),
  cacheWritePerMTokUsd: rate()
    .exactOptional()
    .describe(`${PER_MILLION} written to the provider's cache; as input where absent.`),
  cacheWriteLongPerMTokUsd: rate()
    .exactOptional()
    .describe(
      `${PER_MILLION} written to be kept for longer than usual (Anthropic's hour); as cacheWrite where absent.`,
    ),
};

const apart = {
  ...cached,
  audioInputPerMTokUsd: rate().exactOptional().describe(`${PER_MILLION} of sound read; as input where absent.`),
  imageInputPerMTokUsd: rate().exactOptional().describe(`${PER_MILLION} of pictures read; as input where absent.`),
  audioOutputPerMTokUsd: rate().exactOptional().describe(`${PER_MILLION} of sound written; as output where absent.`),
  imageOutputPerMTokUsd: rate().exactOptional().describe(`${PER_MILLION} of pictures written; as output where absent.`),
  reasoningPerMTokUsd: rate().exactOptional().describe(`${PER_MILLION} of reasoning written; as output where absent.`),
};

const whole = {
  inputPerMTokUsd: rate().describe("US dollars per million input tokens."),
  outputPerMTokUsd: rate().describe("US dollars per million output tokens."),
};

/** What differs from the row it stands in. */
const other = {
  inputPerMTokUsd: whole.inputPerMTokUsd.exactOptional(),
  outputPerMTokUsd: whole.outputPerMTokUsd.exactOptional(),
  ...cached,
};

const tier = (meaning: string) =>
  z.strictObject(other).exactOptional().describe(`${meaning}. What is absent costs as usual.`);

const fields = {
  model: z
    .string()
    .min(1)
    .max(256)
    .describe(
      "The provider's name of the model, where a * at its end stands for any rest, or else the name that callers use. The first row that matches counts.",
    ),
  from: instant()
    .exactOptional()
    .describe(
      "Since when it counts; a date is its first moment, UTC. Of several rows for one name the last begun counts.",
    ),
  ...whole,
  ...apart,
  above: z
    .array(
      z.strictObject({
        tokens: z.int().min(1).max(1_000_000_000).describe("Input tokens above which the whole call is priced by it."),
        ...other,
      }),
    )
    .max(16)
    .exactOptional()
    .describe("Other prices for long prompts, by rising number of tokens. What is absent costs as usual."),
  tiers: z
    .strictObject({
      batch: tier("For calls of a batch"),
      flex: tier("For calls that are served as flex"),
      priority: tier("For calls that are served as priority; held also for those that ask for no tier"),
      fast: tier("For calls that Anthropic serves at its fast speed"),
    })
    .exactOptional()
    .describe("Other prices for other ways of being served."),
};

/** On a provider account. */
export const prices = z.array(z.strictObject(fields)).default([]).describe("Prices that stand before the public list.");

/** On a tenant. */
export const tenantPrices = z
  .array(
    z.strictObject({
      provider: z.string().exactOptional().describe("Name of the provider account it is about; absent: any."),
      ...fields,
    }),
  )
  .default([])
  .describe("What models cost this tenant; before the accounts' prices and the public list.");

type Written<P extends Price> = Omit<P, "from"> & { from?: string };

/** A row as the store keeps it. */
export function priceRow<P extends Price | TenantPrice>({ from, ...price }: Written<P>): P {
  return (from === undefined ? price : { ...price, from: parseInstant(from) }) as unknown as P;
}

/** What is wrong with a list though each field is right. @param path of the list */
export function priceFindings(
  list: readonly Written<TenantPrice>[],
  path: (string | number)[],
): { path: (string | number)[]; message: string }[] {
  const first = new Map<string, number>();
  return list.flatMap((price, at) => {
    const found = [];
    const since = price.from === undefined ? "" : ` from ${new Date(parseInstant(price.from)).toISOString()}`;
    const about = price.provider === undefined ? "" : ` at ${price.provider}`;
    const name = `${price.model}${about}${since}`;
    const before = first.get(name);
    if (before === undefined) first.set(name, at);
    else {
      const message = `is ${name}, as prices[${before}] is; which of them counts would be open`;
      found.push({ path: [...path, at, "model"], message });
    }
    let above = 0;
    for (const [a, row] of (price.above ?? []).entries()) {
      if (row.tokens <= above)
        found.push({ path: [...path, at, "above", a, "tokens"], message: "must be more than in the entry before it" });
      above = row.tokens;
      if (Object.keys(row).length === 1)
        found.push({ path: [...path, at, "above", a], message: "must name at least one price" });
    }
    return found;
  });
}
