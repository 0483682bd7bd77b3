import { ADAPTERS } from "../src/providers/adapters.ts";
import { type ProviderAdapter, UnsupportedFeature } from "../src/spec/adapter.ts";
import { ASKING_FRONTS, type AskingFront, type Feature } from "./provider-asks.ts";

/** docs/providers.md: what each provider can, and what becomes of each feature between every front and every provider. */

/** In the words of the page, in the order of `Capabilities`. */
export const FEATURES: Readonly<Record<Feature, string>> = {
  tools: "tools",
  forcedTool: "a tool that must be called",
  parallelToolSwitch: "one call at a time",
  imageUrl: "images by address",
  imageBytes: "images as bytes",
  documents: "documents as bytes",
  documentUrl: "documents by address",
  audioInput: "sound",
  reasoning: "reasoning",
  jsonObject: "JSON of no schema",
  jsonSchema: "JSON of a schema",
  logprobs: "log probabilities",
  choices: "several answers",
  seed: "seed",
  logitBias: "logit bias",
  penalties: "penalties",
  topK: "top k",
};

const NAMES = Object.keys(FEATURES) as Feature[];

/** `carried`: asked of the provider. `warned`: left out, and said so. `refused`: a 400 that names the field. */
export type Fate = "carried" | "warned" | "refused";

const ADDRESS = { params: { model: "m" }, query: "" };

/** The model that is tried: the first of those that a fresh account publishes, or one of which nothing is known. */
export const modelOf = ({ models }: ProviderAdapter): string => models[0] ?? "some-model";

/** What becomes of a feature; undefined: the front has no word for it. */
export function fateOf(
  { wire, plain, asks }: AskingFront,
  adapter: ProviderAdapter,
  feature: Feature,
  model = modelOf(adapter),
): Fate | undefined {
  const ask = asks[feature];
  if (ask === undefined) return undefined;
  const request = wire.decode({ ...plain, ...ask }, ADDRESS);
  const asked = adapter.variant?.(request, model, {}) ?? adapter;
  try {
    return asked.encode(request, model, {}).warnings.length > 0 ? "warned" : "carried";
  } catch (thrown) {
    if (thrown instanceof UnsupportedFeature) return "refused";
    throw thrown;
  }
}

interface Row {
  kinds: string[];
  cells: string[];
}

/** Providers that are asked over the network, those of one behaviour together. */
function rowsOf(front: AskingFront, features: readonly Feature[]): Row[] {
  const rows = new Map<string, Row>();
  for (const adapter of asked()) {
    const cells = features.map((feature) => SIGNS[fateOf(front, adapter, feature)!]);
    const key = cells.join();
    const row = rows.get(key) ?? { kinds: [], cells };
    row.kinds.push(adapter.kind);
    rows.set(key, row);
  }
  return [...rows.values()];
}

const asked = () => ADAPTERS.filter(({ local }) => local === undefined);

const SIGNS: Record<Fate, string> = { carried: "yes", warned: "warned", refused: "400" };

type Table = (columns: readonly string[], rows: readonly (readonly string[])[]) => string[];

/** The sections of the page. */
export function providerSections(table: Table): string[] {
  return ["## Providers", ...providers(table), ...ASKING_FRONTS.flatMap((front) => frontSection(front, table))];
}

function providers(table: Table): string[] {
  const rows = asked().map((adapter) => {
    const { kind, dialect, baseUrl, needsKey, operations = {} } = adapter;
    const also = Object.keys(operations).join(", ");
    return [`\`${kind}\``, dialect, baseUrl ?? "", needsKey ? "yes" : "", `\`${modelOf(adapter)}\``, also];
  });
  const can = asked().map(({ kind, capabilities }) => [
    `\`${kind}\``,
    ...NAMES.map((feature) => (capabilities[feature] ? "yes" : "")),
  ]);
  return [
    "An account of a kind without an address names its own, or what it is made of ([config.md](config.md)).",
    table(["kind", "dialect", "address", "needs a key", "tried with", "beside conversations"], rows).join("\n"),
    "### What their APIs take",
    "As each adapter declares it. What is not `yes` is never asked of it. What depends on the model is not ruled out here: the provider says so itself.",
    table(["kind", ...Object.values(FEATURES)], can).join("\n"),
  ];
}

function frontSection(front: AskingFront, table: Table): string[] {
  const features = NAMES.filter((feature) => front.asks[feature] !== undefined);
  const rows = rowsOf(front, features).map(({ kinds, cells }) => [
    kinds.map((kind) => `\`${kind}\``).join(", "),
    ...cells,
  ]);
  return [
    `## Asked in ${front.name}`,
    table(["provider", ...features.map((feature) => FEATURES[feature])], rows).join("\n"),
  ];
}
