/**
 * Promise: this principal may call this model, under this subscription, now, with this request:
 * the one that was decoded, as the API's policy has it, so that what is reserved, guarded, priced
 * and sent is the same. Whatever is not granted answers like what does not exist.
 */
import { subscriptionFor } from "../domain/access/decide.ts";
import type { Subscription } from "../domain/access/principal.ts";
import {
  type Api,
  type Catalog,
  type CatalogModel,
  findModel,
  matchesPattern,
  type Plan,
  targetModel,
} from "../domain/catalog/catalog.ts";
import { GatewayError } from "../errors.ts";
import type { ProviderAdapter } from "../spec/adapter.ts";
import type { ModelRequest } from "../spec/request.ts";
import { isPathStep } from "../wire/chosen-upstream.ts";
import type { Call } from "./call.ts";
import type { Identified } from "./identify.ts";
import type { Located, Objects } from "./locate.ts";
import { checkObjects, missing } from "./objects/allowed-objects.ts";
import { underPolicies } from "./under-policy.ts";

interface Granted {
  catalog: Catalog;
  model: CatalogModel;
  api: Api;
  subscription: Subscription;
  plan: Plan;
}

/** Who, what, now. `reserve` takes nothing else, and nobody else can make one. */
class Ticket {
  protected readonly madeBy = "authorize";
  readonly call: Call;
  readonly caller: Identified;
  /** Under the API's policy; what the caller asked for before is gone. */
  readonly request: ModelRequest;
  readonly bodyBytes: number;
  readonly catalog: Catalog;
  readonly model: CatalogModel;
  readonly api: Api;
  readonly subscription: Subscription;
  readonly plan: Plan;
  /** What of the request lies at a provider: only its account may be asked. */
  readonly objects: Objects;

  constructor(located: Located, request: ModelRequest, granted: Granted) {
    this.call = located.call;
    this.caller = located.caller;
    this.request = request;
    this.bodyBytes = located.bodyBytes;
    this.objects = located.objects;
    this.catalog = granted.catalog;
    this.model = granted.model;
    this.api = granted.api;
    this.subscription = granted.subscription;
    this.plan = granted.plan;
    this.call.reached.granted = this;
  }

  /** The same with a lower bound on the output: what is granted less than what was. */
  bounded(maxOutputTokens: number): Ticket {
    const { request } = this;
    const lower = Math.min(maxOutputTokens, request.maxOutputTokens ?? maxOutputTokens);
    const bounded = Object.create(Ticket.prototype) as Ticket;
    return Object.assign(bounded, this, { request: { ...request, maxOutputTokens: lower } });
  }

  /** The same with what guards have made of the request. @param bodyBytes of a body that says it */
  masked(request: ModelRequest, bodyBytes: number): Ticket {
    return Object.assign(Object.create(Ticket.prototype) as Ticket, this, { request, bodyBytes });
  }
}

export type Grant = Ticket;

/** The adapter of a kind of accounts. */
type AdapterOf = (kind: string) => ProviderAdapter | undefined;

export function createAuthorize(catalogNow: () => Catalog, adapter: AdapterOf) {
  const isTestProvider = (kind: string) => adapter(kind)?.test === true;
  return function authorize(located: Located): Grant {
    const catalog = catalogNow();
    const { caller, request, objects } = located;
    const { principal, match } = caller;
    const onlyApi = match.api ?? objects.own[0]?.api ?? null;
    const granted = subscriptionFor(principal, request.model, onlyApi, (name) => catalog.apis.get(name), offers);
    const model = granted === undefined ? undefined : findModel(catalog, request.model);
    const plan = granted === undefined ? undefined : catalog.plans.get(granted.subscription.plan);
    if (granted === undefined || model === undefined || plan === undefined || leadsElsewhere(model, request.model))
      throw missing(located) ?? notFound(request.model, match.api);
    if (principal.key.mode === "test" && !onlyTest(catalog, model, isTestProvider))
      throw missing(located) ?? notFound(request.model, match.api);
    const { api, subscription } = granted;
    checkObjects(located, api, catalog, () => keepsAny(catalog, model, request, adapter));
    const allowed = underPolicies(located, api);
    return new Ticket(located, allowed, { catalog, model, api, subscription, plan });
  };
}

/** Names by which OpenRouter takes settings, or a choice of models, that lie there. */
const CHOOSES = /@preset\/|^openrouter\//;

/** Whether what a star stands for would make of a target's name something that chooses model or endpoint by itself. */
function leadsElsewhere(model: CatalogModel, name: string): boolean {
  return (
    model.name.endsWith("*") &&
    [...model.targets, ...model.fallbacks].some((row) => {
      const asked = targetModel(model, row, name);
      return isPathStep(asked) || (CHOOSES.test(asked) && !CHOOSES.test(row.model));
    })
  );
}

export function offers(api: Pick<Api, "models">, model: string): boolean {
  return api.models.some((name) => matchesPattern(name, model));
}

/** A test key reaches test providers only; a model with one real target is out of its reach. */
export function onlyTest(catalog: Catalog, model: CatalogModel, isTestProvider: (kind: string) => boolean): boolean {
  return [...model.targets, ...model.fallbacks].every((row) => {
    const account = catalog.providers.get(row.provider);
    return account !== undefined && isTestProvider(account.kind);
  });
}

/** Whether an account of the model keeps what it answers to such a request. */
function keepsAny(catalog: Catalog, model: CatalogModel, request: ModelRequest, adapter: AdapterOf): boolean {
  return [...model.targets, ...model.fallbacks].some((row) => {
    const account = catalog.providers.get(row.provider);
    const kind = account === undefined ? undefined : adapter(account.kind);
    const asked = kind?.variant?.(request, targetModel(model, row, request.model), account?.options ?? {}) ?? kind;
    return asked?.keepsResponses === true;
  });
}

function notFound(model: string, api: string | null): GatewayError {
  const where = api === null ? "to this key" : `to this key in ${api}`;
  const message = `The model ${JSON.stringify(model)} does not exist or is not available ${where}.`;
  return new GatewayError("model_not_found", message, { param: "model" });
}
