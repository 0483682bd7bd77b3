import type { Principal, Subscription } from "../../domain/access/principal.ts";
import type { Catalog, CatalogModel } from "../../domain/catalog/catalog.ts";
import { HOUSE_ZONE, modelScope, providerScope } from "../../domain/plans/charges.ts";
import type { ScopeDemand } from "../../ports/meter.ts";

/** What is the same of a scope from call to call. */
export type Scope = Omit<ScopeDemand, "amounts">;

interface CatalogScopes {
  model: Scope;
  accounts: readonly Scope[];
}

/*
 * Principals, subscriptions and catalogs are the same objects for as long as nothing about them changes, and so are
 * their scopes: names that are made anew for each call are also hashed anew by each map that is asked for them.
 */
const ofCallers = new WeakMap<Principal, readonly Scope[]>();
const ofSubscriptions = new WeakMap<Subscription, string>();
const ofCatalogs = new WeakMap<Catalog, Map<CatalogModel, CatalogScopes>>();

/** Key, application, team and tenant. */
export function callerScopes(principal: Principal): readonly Scope[] {
  const known = ofCallers.get(principal);
  if (known !== undefined) return known;
  const { key, application, team, tenant, limits, timeZone: zone } = principal;
  const made: Scope[] = [
    { scope: `key:${key.id}`, zone, limits: limits.key },
    { scope: `application:${application.id}`, zone, limits: limits.application },
    { scope: `team:${team.id}`, zone, limits: limits.team },
    { scope: `tenant:${tenant.id}`, zone, limits: limits.tenant },
  ];
  ofCallers.set(principal, made);
  return made;
}

export function subscriptionScope(subscription: Subscription): string {
  const known = ofSubscriptions.get(subscription);
  if (known !== undefined) return known;
  const made = `subscription:${subscription.id}`;
  ofSubscriptions.set(subscription, made);
  return made;
}

/** The model's entry, and the accounts that may serve it, each once. */
export function catalogScopes(catalog: Catalog, model: CatalogModel): CatalogScopes {
  const models = ofCatalogs.get(catalog) ?? new Map<CatalogModel, CatalogScopes>();
  const known = models.get(model);
  if (known !== undefined) return known;
  const names = new Set([...model.targets, ...model.fallbacks].map(({ provider }) => provider));
  const made = {
    model: { scope: modelScope(model.name), zone: HOUSE_ZONE, limits: model.limits ?? [] },
    accounts: Array.from(names, (name): Scope => {
      // An account that is gone is nowhere to be asked, and has nothing to say here.
      return { scope: providerScope(name), zone: HOUSE_ZONE, limits: catalog.providers.get(name)?.limits ?? [] };
    }),
  };
  ofCatalogs.set(catalog, models.set(model, made));
  return made;
}
