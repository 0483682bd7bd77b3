import type { Kysely, Selectable } from "kysely";
import {
  type Api,
  apiKey,
  type Catalog,
  type CatalogModel,
  findModel,
  type Guardrail,
  matchesPattern,
  type Plan,
  type ProviderAccount,
  type TenantPrice,
} from "../../domain/catalog/catalog.ts";
import { GatewayError } from "../../errors.ts";
import { deepFreeze } from "../../kernel/freeze.ts";
import type { Limit } from "../../kernel/limit.ts";
import type { Tables } from "./tables.ts";

/**
 * Reads the catalog as it stands in this transaction.
 * @throws GatewayError conflict when it does not hold together: a thing refers to another that is not there.
 */
export async function readCatalog(db: Kysely<Tables>, revision: number): Promise<Catalog> {
  const [providers, models, guardrails, plans, apis] = [
    await db.selectFrom("providers").selectAll().orderBy("name").execute(),
    await db.selectFrom("models").selectAll().orderBy("name").execute(),
    await db.selectFrom("guardrails").selectAll().orderBy("name").execute(),
    await db.selectFrom("plans").selectAll().orderBy("name").execute(),
    await db.selectFrom("apis").selectAll().orderBy("name").execute(),
  ];
  const priced = await db
    .selectFrom("tenants")
    .select(["id", "prices"])
    .where("prices", "!=", "[]")
    .where("removed_at", "is", null)
    .execute();
  const all = models.map(readModel);
  const catalog: Catalog = {
    revision,
    providers: byName(providers.map(readProvider)),
    models: byName(all.filter((model) => !model.name.endsWith("*"))),
    patterns: deepFreeze(all.filter((model) => model.name.endsWith("*")).sort((a, b) => b.name.length - a.name.length)),
    apis: new Map(apis.map(readApi).map((api) => [apiKey(api.slug, api.version), deepFreeze(api)])),
    plans: byName(
      plans.map((row): Plan => ({ name: row.name, limits: JSON.parse(row.limits), ...JSON.parse(row.settings) })),
    ),
    guardrails: byName(guardrails.map((row): Guardrail => ({ ...JSON.parse(row.settings), name: row.name }))),
    tenantPrices: new Map(
      priced.map((row) => [row.id, deepFreeze(JSON.parse(row.prices) as readonly TenantPrice[])] as const),
    ),
  };
  checkReferences(catalog);
  return Object.freeze(catalog);
}

/** The same catalog under another revision, when a change did not touch it. */
export function withRevision(catalog: Catalog, revision: number): Catalog {
  return Object.freeze({ ...catalog, revision });
}

function byName<T extends { name: string }>(items: T[]): ReadonlyMap<string, T> {
  return new Map(items.map((item) => [item.name, deepFreeze(item)]));
}

function readProvider(row: Selectable<Tables["providers"]>): ProviderAccount {
  return {
    name: row.name,
    kind: row.kind,
    baseUrl: row.base_url,
    options: JSON.parse(row.options),
    sealedKey: row.sealed_key,
    allowPrivateNetwork: row.allow_private_network === 1,
    prices: JSON.parse(row.prices),
    ...limitsOf(row),
    ...JSON.parse(row.placement),
  };
}

function limitsOf({ limits }: { limits: string }): { limits?: readonly Limit[] } {
  return limits === "[]" ? {} : { limits: JSON.parse(limits) as Limit[] };
}

function readModel(row: Selectable<Tables["models"]>): CatalogModel {
  return {
    name: row.name,
    targets: JSON.parse(row.targets),
    fallbacks: JSON.parse(row.fallbacks),
    ...limitsOf(row),
    ...JSON.parse(row.routing),
  };
}

function readApi(row: Selectable<Tables["apis"]>): Api {
  const slash = row.name.lastIndexOf("/");
  return {
    slug: row.name.slice(0, slash),
    version: row.name.slice(slash + 1),
    stage: row.stage as Api["stage"],
    deprecatedAt: row.deprecated_at,
    sunsetAt: row.sunset_at,
    models: JSON.parse(row.models),
    guardrails: JSON.parse(row.guardrails),
    approval: row.approval as Api["approval"],
    capture: row.capture === 1,
    ...JSON.parse(row.policy),
  };
}

/** A dangling reference found now is a refused change; found later it would be a guardrail that is silently not there. */
function checkReferences(catalog: Catalog): void {
  for (const model of [...catalog.models.values(), ...catalog.patterns]) {
    for (const target of [...model.targets, ...model.fallbacks]) {
      if (!catalog.providers.has(target.provider)) dangling(`model ${model.name}`, `provider ${target.provider}`);
    }
  }
  for (const api of catalog.apis.values()) {
    const subject = `api ${apiKey(api.slug, api.version)}`;
    for (const name of api.guardrails) if (!catalog.guardrails.has(name)) dangling(subject, `guardrail ${name}`);
    for (const name of api.models) if (!offersModel(catalog, name)) dangling(subject, `model ${name}`);
  }
}

function offersModel(catalog: Catalog, name: string): boolean {
  if (!name.endsWith("*")) return findModel(catalog, name) !== undefined;
  const isUnder = (model: CatalogModel) => matchesPattern(name, model.name) || matchesPattern(model.name, name);
  return [...catalog.models.values()].some(isUnder) || catalog.patterns.some(isUnder);
}

function dangling(subject: string, missing: string): never {
  throw new GatewayError("conflict", `${subject} refers to ${missing}, which would not be there.`);
}
