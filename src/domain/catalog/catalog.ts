import type { Limit } from "../../kernel/limit.ts";
import type { AccountOptions } from "../../spec/adapter.ts";
import type { ParameterPolicy } from "./parameters.ts";

/** What the administrators have published, as one frozen value that is replaced whole when anything in it changes. */
export interface Catalog {
  /** Counts the changes; what was decided under another revision may be decided again. */
  revision: number;
  /** By name. */
  providers: ReadonlyMap<string, ProviderAccount>;
  /** Exact names. */
  models: ReadonlyMap<string, CatalogModel>;
  /** Names that end in `*`, longest first. */
  patterns: readonly CatalogModel[];
  /** By `slug/version`. */
  apis: ReadonlyMap<string, Api>;
  /** By name. */
  plans: ReadonlyMap<string, Plan>;
  /** By name. */
  guardrails: ReadonlyMap<string, Guardrail>;
  /** By the tenant's id; absent where no tenant has prices of its own. */
  tenantPrices?: ReadonlyMap<string, readonly TenantPrice[]>;
}

/** An account at a provider. Its key is sealed; only dispatch and the trial of an account have it opened. */
export interface ProviderAccount {
  name: string;
  /** Kind of the adapter that speaks to it. */
  kind: string;
  /** Without a trailing slash; null for a provider that has no upstream. */
  baseUrl: string | null;
  /** What accounts of this kind say beside address and key: a region, a project. Checked against the adapter's list. */
  options: AccountOptions;
  /** Ciphertext of the key, for the vault; null where the provider needs none. */
  sealedKey: string | null;
  /** Whether loopback, private and link-local addresses may be called. */
  allowPrivateNetwork: boolean;
  /** Prices that stand before the public list. */
  prices: readonly Price[];
  /** Where what is sent there is processed (`eu`); absent where nobody says. */
  region?: string;
  /** What the provider has promised of what is sent there (`no-training`, `zero-retention`). */
  dataHandling?: readonly string[];
  /** How it is asked whether it is there; absent where only calls tell. */
  healthCheck?: HealthCheck;
  /** What may be spent there by everyone together; nothing is limited where absent. */
  limits?: readonly Limit[];
}

/** A GET without the account's key: any answer below 500 means that somebody is there. */
export interface HealthCheck {
  /** Relative to the base URL, with a leading slash. */
  path: string;
  /** Milliseconds between two checks. */
  everyMs: number;
}

/** US dollars per million tokens of each kind; a kind without a price of its own costs what its whole does. */
export interface TokenPrices {
  inputPerMTokUsd: number;
  outputPerMTokUsd: number;
  cacheReadPerMTokUsd?: number;
  cacheWritePerMTokUsd?: number;
  /** Kept in the cache for longer than usual. */
  cacheWriteLongPerMTokUsd?: number;
  audioInputPerMTokUsd?: number;
  imageInputPerMTokUsd?: number;
  audioOutputPerMTokUsd?: number;
  imageOutputPerMTokUsd?: number;
  reasoningPerMTokUsd?: number;
}

/** One row of an administrator's price list. */
export interface Price extends TokenPrices {
  /** The provider's name of the model. */
  model: string;
  /** Since when it counts, milliseconds since 1970; absent: since ever. */
  from?: number;
  /** Other prices for prompts that are longer than so many tokens, by rising number. */
  above?: readonly ({ tokens: number } & Partial<TokenPrices>)[];
  /** Other prices for calls that are served in these ways. */
  tiers?: {
    batch?: Partial<TokenPrices>;
    flex?: Partial<TokenPrices>;
    priority?: Partial<TokenPrices>;
    fast?: Partial<TokenPrices>;
  };
}

/** A price for one tenant; it stands before the provider account's. */
export interface TenantPrice extends Price {
  /** Name of the provider account that it is about; absent: any. */
  provider?: string;
}

export interface TargetRow {
  /** Name of the provider account. */
  provider: string;
  /**
   * The provider's own name of the model. Under a name with a star, one `*` in it stands for
   * what that star matched: `openai/*` with target `*` asks for `gpt-x` when `openai/gpt-x`
   * is called; `gpt-*` with target `gpt-*` passes the name on as it is.
   */
  model: string;
  /** Share among the targets of the same model; at least 1. */
  weight: number;
  /** The longest prompt and answer together that the model takes, in tokens, where it is not publicly known. */
  contextTokens?: number;
  /** The longest answer that it gives where the caller sets no bound, in tokens, where that is not known. */
  outputTokens?: number;
}

/** A status of a provider's that says the request or the account is at fault. */
export type FinalStatus = 400 | 401 | 403 | 404;

/** How the targets of a model are chosen and asked. Times in milliseconds. */
export interface Routing {
  strategy: "weighted" | "listed" | "least-latency" | "cheapest";
  /** Whether a conversation stays with one target, for the sake of the provider's prompt cache. */
  sticky: boolean;
  /** Targets asked for one call in all. */
  maxAttempts: number;
  /** Rounds over the targets after the first one. */
  retries: number;
  /** From the first attempt on; none is begun later. */
  maxAttemptMs: number;
  /** The next target is asked as well when the first has been silent for so long; null: never. */
  hedgeAfterMs: number | null;
  /** Statuses that otherwise end the call, and here lead to the next target. */
  fallbackOn: readonly FinalStatus[];
}

export const USUAL_ROUTING: Routing = {
  strategy: "weighted",
  sticky: false,
  maxAttempts: 10,
  // Official clients retry by themselves; rounds on top of theirs multiply.
  retries: 0,
  maxAttemptMs: 600_000,
  hedgeAfterMs: null,
  fallbackOn: [],
};

export interface CatalogModel {
  /** The name that callers use; a last `*` stands for any rest of at least one character. */
  name: string;
  targets: readonly TargetRow[];
  /** Asked in order when the targets have failed. */
  fallbacks: readonly TargetRow[];
  /** `USUAL_ROUTING` where absent. */
  routing?: Routing;
  /** What may be spent on it by everyone together; nothing is limited where absent. */
  limits?: readonly Limit[];
}

export type Stage = "draft" | "published" | "deprecated" | "retired";

/** A published product. */
export interface Api {
  slug: string;
  version: string;
  stage: Stage;
  /** When it was deprecated and when it goes away, milliseconds since 1970, where announced. */
  deprecatedAt: number | null;
  sunsetAt: number | null;
  /** Names of models, as in the catalog; a last `*` stands for any rest. */
  models: readonly string[];
  /** Names of guardrails, applied in this order. */
  guardrails: readonly string[];
  approval: "auto" | "manual";
  /** Whether prompts and answers are kept in the usage records. */
  capture: boolean;
  /** What an account must be and promise to be asked; nothing where absent. */
  placement?: Placement;
  /** What becomes of the callers' parameters; nothing where absent. */
  parameters?: ParameterPolicy;
  /** Whether media that callers name by address are fetched for providers that want bytes. */
  remoteMedia?: boolean;
  /** Whether a call that does not fit its limits is shortened to what does: its bound on output is lowered, and the answer says so. */
  shorten?: boolean;
  /** Whether callers may refer to what is kept at the provider's account: conversations, files, stores. */
  storedState?: boolean;
}

export interface Placement {
  /** One of these regions; an empty list demands nothing. */
  regions: readonly string[];
  /** All of these promises. */
  dataHandling: readonly string[];
}

export interface Plan {
  name: string;
  limits: readonly Limit[];
  /** What is admitted of each subscription, on each node, while shared counters cannot be reached; nothing where absent. */
  whenStoreAway?: { requests: number };
}

/** A guard and how it is set. `phrases`: literal texts, found whatever their case. */
export interface Guardrail {
  name: string;
  kind: "phrases";
  phrases: readonly string[];
  action: "mask" | "deny";
  direction: "input" | "output" | "both";
}

/** The model of this name, or the longest pattern that it matches. */
export function findModel(catalog: Catalog, name: string): CatalogModel | undefined {
  return (
    catalog.models.get(name) ??
    catalog.patterns.find((model) => name.length >= model.name.length && matchesPattern(model.name, name))
  );
}

/** The provider's name of the model, when `model` was found by `name` and goes to `target`. */
export function targetModel(model: CatalogModel, target: TargetRow, name: string): string {
  if (!model.name.endsWith("*")) return target.model;
  const rest = name.slice(model.name.length - 1);
  // A function, because in a replacement text `$&` and its like would mean something.
  return target.model.replace("*", () => rest);
}

/** Whether `name` is `pattern`, or begins with what stands before the pattern's last `*`. */
export function matchesPattern(pattern: string, name: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}

export function apiKey(slug: string, version: string): string {
  return `${slug}/${version}`;
}
