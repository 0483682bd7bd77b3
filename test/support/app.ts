import { randomBytes } from "node:crypto";
import type { Principal } from "../../src/domain/access/principal.ts";
import { keyDigest, mintVirtualKey, type VirtualKey } from "../../src/domain/access/virtual-key.ts";
import type {
  Api,
  Catalog,
  CatalogModel,
  Guardrail,
  Price,
  ProviderAccount,
  TenantPrice,
} from "../../src/domain/catalog/catalog.ts";
import { createGateway, type Gateway, type GatewaySettings } from "../../src/gateway/gateway.ts";
import { gatewayHandler } from "../../src/http/gateway-listener.ts";
import { type Listener, listen } from "../../src/http/listener.ts";
import { parseCidr } from "../../src/kernel/address.ts";
import type { Clock } from "../../src/kernel/clock.ts";
import { pooled, type RandomBytes } from "../../src/kernel/id.ts";
import type { Limit } from "../../src/kernel/limit.ts";
import { Secret } from "../../src/kernel/secret.ts";
import type { Directory } from "../../src/ports/directory.ts";
import type { Event, Events } from "../../src/ports/events.ts";
import type { LogFields } from "../../src/ports/log.ts";
import type { Media } from "../../src/ports/media.ts";
import type { ProviderObjects } from "../../src/ports/provider-objects.ts";
import type { UsageRecord } from "../../src/ports/records.ts";
import type { Tokenizer } from "../../src/ports/tokenizer.ts";
import type { Upstream } from "../../src/ports/upstream.ts";
import { ADAPTERS } from "../../src/providers/adapters.ts";
import type { Journal } from "../../src/store/journal.ts";
import { MemoryMeter } from "../../src/store/memory/meter.ts";
import { PriceList } from "../../src/store/price-list.ts";
import { Vocabularies } from "../../src/store/vocabularies.ts";
import { Egress } from "../../src/upstream/egress.ts";
import { createMedia } from "../../src/upstream/media.ts";
import { createUpstream } from "../../src/upstream/send.ts";
import { MemoryEvents } from "./memory-events.ts";
import { MemoryJournal } from "./memory-journal.ts";
import { MemoryObjects } from "./memory-objects.ts";

export const PEPPER = new Uint8Array(32).fill(7);

/** There before the first call, or each test of limits would wait for it. */
const tokenizer = new Vocabularies((cause) => {
  throw cause;
});
await tokenizer.load("o200k");

const adapter = (kind: string) => ADAPTERS.find((known) => known.kind === kind);

export interface AppOptions {
  /** Base URL of a provider, without a path; both dialects are offered there. */
  upstream?: string;
  limits?: Limit[];
  guardrails?: Guardrail[];
  api?: Partial<Api>;
  models?: CatalogModel[];
  providers?: Partial<ProviderAccount>[];
  prices?: Price[];
  /** Else one that has its vocabulary already. */
  tokenizer?: Tokenizer;
  /** Of the tenant that holds the key. */
  tenantPrices?: TenantPrice[];
  principal?: Partial<Principal>;
  /** More callers, each with a key of its own. */
  others?: Partial<Principal>[];
  settings?: Partial<Omit<GatewaySettings, "deadlines">> & { deadlines?: Partial<GatewaySettings["deadlines"]> };
  clock?: Clock;
  journal?: Journal;
  upstreamPort?: Upstream;
  media?: Media;
  objects?: ProviderObjects;
  /** A directory instead of plain values: what is said of models, limits and principals above is not heard then. */
  directory?: Directory;
  events?: Events;
}

/** A gateway on a port of its own, with the directory in plain values and the books in memory. */
export interface App {
  url: string;
  /** A key that may use every model here. */
  key: string;
  /** The keys of `others`, in their order. */
  otherKeys: string[];
  gateway: Gateway;
  meter: MemoryMeter;
  journal: Journal;
  /** Records in the order of their arrival. */
  records(): Promise<UsageRecord[]>;
  logs: { level: string; message: string; fields: LogFields }[];
  /** Events that this gateway raised, and nobody before. */
  raised: Event[];
  principal: Principal;
  /** How often the directory was asked whose key a digest is. */
  readonly lookUps: number;
  listener: Listener;
  stop(): Promise<void>;
}

export const PROVIDER_KEY = "sk-provider-secret-0123456789";

const DEADLINES = {
  bodyMs: 30_000,
  firstByteMs: 120_000,
  unaryMs: 600_000,
  idleMs: 120_000,
  totalMs: 1_800_000,
  readerMs: 60_000,
};

const SETTINGS = {
  trustedProxies: [],
  maxBodyBytes: 8 * 1024 * 1024,
  maxOpenCalls: 8_192,
  badCredentialsPerMinute: 1_000,
};

export async function startApp(options: AppOptions = {}): Promise<App> {
  const clock = options.clock ?? { now: () => Date.now(), ticks: () => performance.now() };
  const random = pooled((count) => new Uint8Array(randomBytes(count)));
  const key = mintVirtualKey(options.principal?.key?.mode ?? "live", random);
  const principal = principalOf(key, options.principal);
  const principals = new Map([[keyDigest(PEPPER, key.text), principal]]);
  const otherKeys = addOthers(options, principals, random);
  const catalog = catalogOf(options);
  const journal = options.journal ?? new MemoryJournal();
  const meter = new MemoryMeter(journal, clock);
  const logs: App["logs"] = [];
  const events = options.events ?? new MemoryEvents();
  const raised: Event[] = [];
  let lookUps = 0;
  const findPrincipal = (digest: string) => {
    lookUps++;
    return principals.get(digest);
  };
  const gateway = createGateway(
    {
      directory: options.directory ?? { catalog: () => catalog, findPrincipal },
      meter,
      records: journal,
      objects: options.objects ?? new MemoryObjects(),
      prices: new PriceList((kind) => adapter(kind)?.test === true),
      tokenizer: options.tokenizer ?? tokenizer,
      upstream: options.upstreamPort ?? createUpstream(new Egress(clock), clock),
      media: options.media ?? createMedia(new Egress(clock)),
      unsealer: { open: (sealed: string) => new Secret(sealed) },
      log: { write: (level, message, fields = {}) => void logs.push({ level, message, fields }) },
      clock,
      random,
      draw: Math.random,
      digest: (credential) => keyDigest(PEPPER, credential),
      adapter,
      events,
      onEvent: (event) => void raised.push(event),
      onRecord: () => {},
    },
    { ...SETTINGS, ...options.settings, deadlines: { ...DEADLINES, ...options.settings?.deadlines } },
  );
  const answer = gatewayHandler({ handle: gateway.handle, ready: () => ({ ready: !gateway.draining }) });
  const listener = listen({ hostname: "127.0.0.1", port: 0, tls: undefined, answer });
  const sweeper = setInterval(() => gateway.sweep(), 25);
  return {
    url: listener.url,
    key: key.text,
    otherKeys,
    gateway,
    meter,
    journal,
    records: async () => (await journal.page({ limit: 200 })).records.reverse(),
    logs,
    raised,
    principal,
    get lookUps() {
      return lookUps;
    },
    listener,
    async stop() {
      clearInterval(sweeper);
      await listener.stop(true);
    },
  };
}

/** @returns their keys */
function addOthers({ others = [] }: AppOptions, principals: Map<string, Principal>, random: RandomBytes): string[] {
  return others.map((over) => {
    const key = mintVirtualKey(over.key?.mode ?? "live", random);
    principals.set(keyDigest(PEPPER, key.text), principalOf(key, over));
    return key.text;
  });
}

/** Whoever holds the key: one application of one team, with one subscription. */
function principalOf(key: VirtualKey, over: Partial<Principal> | undefined): Principal {
  return {
    key: { id: key.publicId, name: "test", mode: key.mode },
    tenant: { id: "ten_1", name: "acme" },
    team: { id: "team_1", name: "research" },
    application: { id: "app_1", name: "bot" },
    subscriptions: [{ id: "sub_1", api: "chat/v1", plan: "standard", state: "approved" }],
    allowFrom: [],
    expiresAt: null,
    revokedAt: null,
    timeZone: "UTC",
    limits: { key: [], application: [], team: [], tenant: [] },
    raises: [],
    ...over,
  };
}

/** Models `small` and `claude` at the upstream, in OpenAI's and in Anthropic's dialect, and `demo` here. */
function catalogOf(options: AppOptions): Catalog {
  const account = (over: Partial<ProviderAccount>): ProviderAccount => ({
    name: "up",
    kind: "openai-compatible",
    baseUrl: null,
    options: {},
    sealedKey: PROVIDER_KEY,
    allowPrivateNetwork: true,
    prices: options.prices ?? [{ model: "*", inputPerMTokUsd: 1, outputPerMTokUsd: 2 }],
    ...over,
  });
  const providers = [
    account({ name: "up", baseUrl: `${options.upstream}/v1` }),
    account({ name: "ant", kind: "anthropic", baseUrl: options.upstream ?? null }),
    account({ name: "demo", kind: "demo", sealedKey: null, prices: [] }),
    ...(options.providers ?? []).map(account),
  ];
  const model = (name: string, provider: string, target: string): CatalogModel => ({
    name,
    targets: [{ provider, model: target, weight: 1 }],
    fallbacks: [],
  });
  const models = options.models ?? [
    model("small", "up", "small-2026"),
    model("claude", "ant", "claude-2026"),
    model("demo", "demo", "demo"),
  ];
  const api: Api = {
    slug: "chat",
    version: "v1",
    stage: "published",
    deprecatedAt: null,
    sunsetAt: null,
    models: models.map(({ name }) => name),
    guardrails: (options.guardrails ?? []).map(({ name }) => name),
    approval: "auto",
    capture: false,
    ...options.api,
  };
  return {
    revision: 1,
    providers: new Map(providers.map((provider) => [provider.name, provider])),
    models: new Map(models.filter(({ name }) => !name.endsWith("*")).map((entry) => [entry.name, entry])),
    patterns: models.filter(({ name }) => name.endsWith("*")),
    apis: new Map([[`${api.slug}/${api.version}`, api]]),
    plans: new Map([["standard", { name: "standard", limits: options.limits ?? [] }]]),
    guardrails: new Map((options.guardrails ?? []).map((rule) => [rule.name, rule])),
    tenantPrices: new Map(options.tenantPrices === undefined ? [] : [["ten_1", options.tenantPrices]]),
  };
}

export interface CallOptions {
  path?: string;
  headers?: Record<string, string>;
  key?: string | null;
  body?: unknown;
  signal?: AbortSignal;
}

/** One call in OpenAI's dialect, unless told otherwise. `body` may be a string or bytes, sent as they are. */
export function post(app: Pick<App, "url" | "key">, options: CallOptions = {}): Promise<Response> {
  const { path = "/v1/chat/completions", body = chat(), key = app.key } = options;
  const init: RequestInit = {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      ...options.headers,
    },
    body: typeof body === "string" || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
  };
  if (options.signal !== undefined) init.signal = options.signal;
  return fetch(app.url + path, init);
}

export function chat(over: Record<string, unknown> = {}) {
  return { model: "small", messages: [{ role: "user", content: "Say hello." }], ...over };
}

export function messages(over: Record<string, unknown> = {}) {
  return { model: "claude", max_tokens: 100, messages: [{ role: "user", content: "Say hello." }], ...over };
}

export const trusted = (text: string) => parseCidr(text)!;
