import type { CatalogModel } from "../domain/catalog/catalog.ts";
import { Secret } from "../kernel/secret.ts";
import type { DesiredState, ProviderRow } from "../ports/administration.ts";
import type { Sealer } from "../ports/vault.ts";
import type { AccountOptions } from "../spec/adapter.ts";
import { providerRow, usualAddress } from "./desired.ts";
import type { ProviderKind } from "./document.ts";
import { isPrivateHost } from "./network.ts";
import { type Problem, Refusal } from "./problem.ts";
import { isWholly, parseBaseUrl } from "./values.ts";

/** The names of what the very first start makes, where no configuration file says otherwise. */
export const FIRST_START = {
  tenant: "default",
  team: "default",
  application: "default",
  api: { slug: "default", version: "v1" },
  plan: "unlimited",
  /** Kind and name of the built-in provider, and name of its model. */
  demo: "demo",
} as const;

/** Where an account of a kind is usually found in the environment: in the variables of the vendor's own clients. */
export interface AccountVariables {
  kind: string;
  /** Of the key; null where accounts have none, and the address alone tells that there is one. */
  keyVariable: string | null;
  /** Of the address, where there is one. One that ends in `_HOST` may be written without scheme, port and path. */
  addressVariable?: string;
  /** Where the key is a JSON text: its fields, and the variables that hold them. `keyVariable` is one of these. */
  keyFields?: Readonly<Record<string, { variable: string; required: boolean }>>;
  /** Options of the account, and the variables that may hold them: the first that is set counts. */
  optionVariables?: Readonly<Record<string, readonly string[]>>;
}

/**
 * Source: the defaults of the OpenAI, Anthropic, Google and AWS SDKs. Of two rows of one kind the
 * first that finds its key makes the account. Lookalikes of OpenAI's bring their
 * rows with them; whoever composes the parts appends those.
 */
export const NATIVE_ACCOUNTS: readonly AccountVariables[] = [
  { kind: "openai", keyVariable: "OPENAI_API_KEY", addressVariable: "OPENAI_BASE_URL" },
  { kind: "anthropic", keyVariable: "ANTHROPIC_API_KEY", addressVariable: "ANTHROPIC_BASE_URL" },
  { kind: "google", keyVariable: "GEMINI_API_KEY" },
  {
    kind: "azure-openai",
    keyVariable: "AZURE_OPENAI_API_KEY",
    addressVariable: "AZURE_OPENAI_ENDPOINT",
    optionVariables: { apiVersion: ["OPENAI_API_VERSION", "AZURE_OPENAI_API_VERSION"] },
  },
  {
    kind: "bedrock",
    keyVariable: "AWS_BEARER_TOKEN_BEDROCK",
    addressVariable: "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
    optionVariables: { region: ["AWS_REGION", "AWS_DEFAULT_REGION"] },
  },
  {
    kind: "bedrock",
    keyVariable: "AWS_ACCESS_KEY_ID",
    addressVariable: "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
    keyFields: {
      accessKeyId: { variable: "AWS_ACCESS_KEY_ID", required: true },
      secretAccessKey: { variable: "AWS_SECRET_ACCESS_KEY", required: true },
      sessionToken: { variable: "AWS_SESSION_TOKEN", required: false },
    },
    optionVariables: { region: ["AWS_REGION", "AWS_DEFAULT_REGION"] },
  },
  { kind: "cohere", keyVariable: "COHERE_API_KEY" },
  { kind: "ollama", keyVariable: null, addressVariable: "OLLAMA_HOST" },
];

export interface FirstStartOptions {
  env: Readonly<Record<string, string | undefined>>;
  kinds: readonly ProviderKind[];
  sealer: Sealer;
  /** Which accounts to look for, in this order. */
  accounts?: readonly AccountVariables[];
}

export interface FirstStart {
  desired: DesiredState;
  /** Names of the accounts that were found in the environment. */
  providers: string[];
  /** Variables whose accounts could not be made. The start goes on without them. */
  problems: readonly Problem[];
}

/**
 * The directory of a gateway that nobody has configured: one tenant with one application
 * that may call everything, the demo model, and an account for every provider whose
 * variables are set.
 *
 * Each account publishes the models that its kind is known to have under their own names
 * (of two accounts that have a name in common, the first has it), and any other of its
 * models as `<account>/<model>`: `openai/*` stands for every model of the account.
 */
export function firstStart({ env, kinds, sealer, accounts = NATIVE_ACCOUNTS }: FirstStartOptions): FirstStart {
  const providers: ProviderRow[] = [];
  const problems: Problem[] = [];
  const models = new Map<string, CatalogModel>();
  for (const variables of accounts) {
    const kind = kinds.find((candidate) => candidate.kind === variables.kind);
    if (kind === undefined || kind.local !== undefined) continue;
    if (providers.some((made) => made.kind === kind.kind)) continue;
    const account = accountOf(variables, kind, env, sealer);
    if (account === undefined) continue;
    if ("message" in account) {
      problems.push(account);
      continue;
    }
    providers.push(account);
    for (const model of [
      ...kind.models.map((name) => served(name, kind.kind, name)),
      served(`${kind.kind}/*`, kind.kind, "*"),
    ]) {
      if (!models.has(model.name)) models.set(model.name, model);
    }
  }
  const found = providers.map((provider) => provider.name);
  for (const kind of kinds.filter((candidate) => candidate.kind === FIRST_START.demo)) {
    const account = {
      name: kind.kind,
      kind: kind.kind,
      baseUrl: null,
      options: {},
      allowPrivateNetwork: false,
      prices: [],
    };
    providers.push(providerRow(account, undefined, sealer));
    models.set(FIRST_START.demo, served(FIRST_START.demo, kind.kind, FIRST_START.demo));
  }
  return { desired: directoryOf(providers, [...models.values()]), providers: found, problems };
}

function served(name: string, provider: string, model: string): CatalogModel {
  return { name, targets: [{ provider, model, weight: 1 }], fallbacks: [] };
}

function directoryOf(providers: ProviderRow[], models: CatalogModel[]): DesiredState {
  const { tenant, team, application, api, plan } = FIRST_START;
  const product = {
    ...api,
    stage: "published",
    deprecatedAt: null,
    sunsetAt: null,
    models: models.map((model) => model.name),
    guardrails: [],
    approval: "auto",
    capture: false,
  } as const;
  const subscription = { api: `${api.slug}/${api.version}`, plan, state: "approved" } as const;
  const applications = [{ name: application, subscriptions: models.length === 0 ? [] : [subscription], keys: [] }];
  return {
    origin: "first-start",
    providers,
    models,
    guardrails: [],
    plans: [{ name: plan, limits: [] }],
    apis: models.length === 0 ? [] : [product],
    tenants: [{ name: tenant, teams: [{ name: team, members: [], applications }] }],
  };
}

/** undefined: the environment speaks of no such account. */
function accountOf(
  variables: AccountVariables,
  kind: ProviderKind,
  env: FirstStartOptions["env"],
  sealer: Sealer,
): ProviderRow | Problem | undefined {
  const { keyVariable, addressVariable } = variables;
  const read: Read = (variable) => (variable && env[variable]?.trim()) || undefined;
  const address = read(addressVariable);
  if (read(keyVariable) === undefined && (keyVariable !== null || address === undefined)) return undefined;
  const key = keyOf(variables, read);
  if (typeof key === "object") return key;
  const options = optionsOf(variables, kind, read);
  if ("message" in options) return options as Problem;
  let baseUrl = usualAddress(kind, options);
  try {
    if (address !== undefined) {
      baseUrl = addressVariable!.endsWith("_HOST") ? baseUrlOfHost(address, kind.baseUrl) : parseBaseUrl(address);
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { where: addressVariable!, message: `${error.message}; no account was made of it` };
  }
  if (baseUrl === null) return missing(addressVariable ?? kind.kind, keyVariable);
  const account = {
    name: kind.kind,
    kind: kind.kind,
    baseUrl,
    options,
    // Whoever set the variable has named the private address himself.
    allowPrivateNetwork: address !== undefined && isPrivateHost(new URL(baseUrl).hostname),
    prices: [],
  };
  return providerRow(account, key === undefined ? undefined : new Secret(key), sealer);
}

type Read = (variable: string | null | undefined) => string | undefined;

/** The key of an account, out of one variable or several; undefined where it has none. */
function keyOf({ keyVariable, keyFields }: AccountVariables, read: Read): string | Problem | undefined {
  const fields: Record<string, string> = {};
  for (const [name, { variable, required }] of Object.entries(keyFields ?? {})) {
    const value = read(variable);
    if (value !== undefined) fields[name] = value;
    else if (required) return missing(variable, keyVariable);
  }
  const key = read(keyVariable);
  for (const [name, value] of Object.entries(keyFields === undefined ? { key } : fields)) {
    if (value === undefined || /^[\x21-\x7e]+$/.test(value)) continue;
    return {
      where: keyFields?.[name]?.variable ?? keyVariable!,
      message: "has spaces or characters that no header can carry; no account was made of it",
    };
  }
  return keyFields === undefined ? key : JSON.stringify(fields);
}

function optionsOf(variables: AccountVariables, kind: ProviderKind, read: Read): AccountOptions | Problem {
  const options: Record<string, string> = {};
  for (const [name, candidates] of Object.entries(variables.optionVariables ?? {})) {
    const where = candidates.find((variable) => read(variable) !== undefined);
    const option = kind.options?.[name];
    if (where === undefined) {
      if (option?.required) return missing(candidates[0]!, variables.keyVariable);
      continue;
    }
    const value = read(where)!;
    if (option !== undefined && !isWholly(value, option.pattern)) {
      return { where, message: `does not have the form ${option.pattern.source}; no account was made with it` };
    }
    options[name] = value;
  }
  return options;
}

function missing(where: string, keyVariable: string | null): Problem {
  return { where, message: `is not set; no account was made of ${keyVariable}` };
}

/**
 * OLLAMA_HOST as Ollama's own client reads it (ollama/envconfig): scheme, port and path may be
 * missing, and are then those of `usual`; the address that a server listens on everywhere is,
 * for a client, this machine.
 */
function baseUrlOfHost(text: string, usual: string | null): string {
  const model = new URL(usual ?? "http://127.0.0.1");
  const [, scheme, rest = ""] = /^(?:([a-z]+):\/\/)?(.*)$/i.exec(text) ?? [];
  const authority = /^:\d+(?:\/|$)/.test(rest) ? `${model.hostname}${rest}` : rest;
  const bracketed = /^[0-9a-f]*:[0-9a-f:.]*:[0-9a-f.]*$/i.test(authority) ? `[${authority}]` : authority;
  const url = new URL(parseBaseUrl(`${scheme ?? "http"}://${bracketed}`));
  const hasPort = /:\d+(?:\/|$)/.test(bracketed);
  if (!hasPort && scheme === undefined) url.port = model.port;
  if (url.hostname === "0.0.0.0" || url.hostname === "[::]") url.hostname = "127.0.0.1";
  if (url.pathname === "/") url.pathname = model.pathname;
  return url.href.replace(/\/+$/, "");
}
