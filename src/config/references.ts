import { matchesPattern } from "../domain/catalog/catalog.ts";
import type { AccountOptions } from "../spec/adapter.ts";
import type { Document, ProviderKind } from "./document.ts";
import { didYouMean } from "./nearest.ts";
import { priceFindings } from "./prices.ts";
import { isWholly, parseInstant } from "./values.ts";

/** Where in the document something is wrong, and what. */
export interface Finding {
  path: (string | number)[];
  message: string;
  /** Whether the field's name is at fault, not its value. */
  name?: boolean;
}

/** What a field alone cannot tell: references to things that are not there, names given twice, parts that do not fit. */
export function checkReferences(document: Document, kinds: readonly ProviderKind[]): Finding[] {
  return [
    ...duplicates(document),
    ...providerFindings(document, kinds),
    ...modelFindings(document),
    ...apiFindings(document),
    ...subscriptionFindings(document),
  ];
}

function duplicates(document: Document): Finding[] {
  const { providers, models, guardrails, plans, apis, tenants } = document;
  const found = [
    ...twice(providers, ["providers"], "name", (provider) => provider.name),
    ...providers.flatMap((provider, p) => priceFindings(provider.prices, ["providers", p, "prices"])),
    ...twice(models, ["models"], "name", (model) => model.name),
    ...twice(guardrails, ["guardrails"], "name", (guardrail) => guardrail.name),
    ...twice(plans, ["plans"], "name", (plan) => plan.name),
    ...twice(apis, ["apis"], "slug", (api) => `${api.slug}/${api.version}`),
    ...twice(tenants, ["tenants"], "name", (tenant) => tenant.name),
  ];
  const accounts = new Set(providers.map((provider) => provider.name));
  tenants.forEach((tenant, t) => {
    found.push(...priceFindings(tenant.prices, ["tenants", t, "prices"]));
    tenant.prices.forEach(({ provider }, p) => {
      if (provider !== undefined)
        found.push(...unknown(["tenants", t, "prices", p, "provider"], "provider", provider, accounts));
    });
    found.push(...twice(tenant.teams, ["tenants", t, "teams"], "name", (team) => team.name));
    tenant.teams.forEach((team, m) => {
      const here = ["tenants", t, "teams", m];
      found.push(...twice(team.members, [...here, "members"], "email", (member) => member.email.toLowerCase()));
      found.push(...twice(team.applications, [...here, "applications"], "name", (application) => application.name));
      team.applications.forEach((application, a) => {
        const inside = [...here, "applications", a];
        const subscribed = (s: { api: string; version: string }) => `${s.api}/${s.version}`;
        found.push(...twice(application.subscriptions, [...inside, "subscriptions"], "api", subscribed));
        found.push(...twice(application.keys, [...inside, "keys"], "name", (key) => key.name));
      });
    });
  });
  return found;
}

function twice<T>(items: readonly T[], path: Finding["path"], field: string, name: (item: T) => string): Finding[] {
  const first = new Map<string, number>();
  return items.flatMap((item, at) => {
    const before = first.get(name(item));
    if (before === undefined) first.set(name(item), at);
    return before === undefined
      ? []
      : [
          {
            path: [...path, at, field],
            message: `is ${name(item)}, as ${path.at(-1)}[${before}] is; names must differ`,
          },
        ];
  });
}

function providerFindings(document: Document, kinds: readonly ProviderKind[]): Finding[] {
  return document.providers.flatMap((provider, at) => {
    const kind = kinds.find((candidate) => candidate.kind === provider.kind);
    if (kind === undefined) return [];
    const path = ["providers", at];
    const findings: Finding[] = [];
    const refuse = (field: string, message: string) => findings.push({ path: [...path, field], message });
    findings.push(...optionFindings(provider.options, kind, provider.baseUrl === undefined, [...path, "options"]));
    if (kind.local !== undefined) {
      const why = `has no use with kind ${kind.kind}, which answers by itself`;
      if (provider.baseUrl !== undefined) refuse("baseUrl", why);
      if (provider.apiKey !== undefined) refuse("apiKey", why);
      return findings;
    }
    if (kind.baseUrl === null && kind.baseUrlOf === undefined && provider.baseUrl === undefined)
      refuse("baseUrl", `is required with kind ${kind.kind}`);
    if (kind.needsKey && provider.apiKey === undefined) refuse("apiKey", `is required with kind ${kind.kind}`);
    return findings;
  });
}

/** Options become part of addresses, so only what the kind knows may stand there, in the form that it has. */
function optionFindings(
  options: AccountOptions,
  kind: ProviderKind,
  needsAddress: boolean,
  path: Finding["path"],
): Finding[] {
  const known = kind.options ?? {};
  const names = Object.keys(known);
  const strange = Object.entries(options).flatMap(([name, value]): Finding[] => {
    const option = Object.hasOwn(known, name) ? known[name] : undefined;
    if (option === undefined) {
      const which = names.length === 0 ? "which has none" : `which has ${names.join(", ")}`;
      const message = `is no option of kind ${kind.kind}, ${which}${didYouMean(name, names)}`;
      return [{ path: [...path, name], message, name: true }];
    }
    if (isWholly(value, option.pattern)) return [];
    return [{ path: [...path, name], message: `does not have the form ${option.pattern.source}` }];
  });
  const missing = names
    .filter((name) => needsAddress && known[name]!.required && !Object.hasOwn(options, name))
    .map((name): Finding => ({ path: [...path, name], message: `is required with kind ${kind.kind}` }));
  return [...strange, ...missing];
}

function modelFindings(document: Document): Finding[] {
  const providers = new Set(document.providers.map((provider) => provider.name));
  return document.models.flatMap((model, at) =>
    (["targets", "fallbacks"] as const).flatMap((list) =>
      model[list].flatMap((target, t) => {
        const path = ["models", at, list, t];
        const findings = unknown([...path, "provider"], "provider", target.provider, providers);
        if (target.model.includes("*") && !model.name.endsWith("*")) {
          findings.push({
            path: [...path, "model"],
            message: `has a *, but the model's name ${model.name} has none whose match it could stand for`,
          });
        }
        return findings;
      }),
    ),
  );
}

function apiFindings(document: Document): Finding[] {
  const models = document.models.map((model) => model.name);
  const guardrails = new Set(document.guardrails.map((guardrail) => guardrail.name));
  return document.apis.flatMap((api, at) => {
    const path = ["apis", at];
    const findings = [
      ...api.models.flatMap((name, m) =>
        models.some((model) => reaches(name, model))
          ? []
          : unknown([...path, "models", m], "model", name, new Set(models)),
      ),
      ...api.guardrails.flatMap((name, g) => unknown([...path, "guardrails", g], "guardrail", name, guardrails)),
      ...twice(api.models, [...path, "models"], "", (name) => name),
      ...twice(api.guardrails, [...path, "guardrails"], "", (name) => name),
    ].map((finding) => ({ ...finding, path: finding.path.filter((part) => part !== "") }));
    const { deprecatedAt, sunsetAt } = api;
    if (deprecatedAt !== undefined && sunsetAt !== undefined && parseInstant(sunsetAt) < parseInstant(deprecatedAt)) {
      findings.push({ path: [...path, "sunsetAt"], message: "must not be before deprecatedAt" });
    }
    return findings;
  });
}

/** Whether an API's entry names this model, covers it, or lies under its pattern. */
function reaches(entry: string, model: string): boolean {
  return matchesPattern(entry, model) || matchesPattern(model, entry);
}

function subscriptionFindings(document: Document): Finding[] {
  const apis = new Set(document.apis.map((api) => `${api.slug}/${api.version}`));
  const plans = new Set(document.plans.map((plan) => plan.name));
  const findings: Finding[] = [];
  document.tenants.forEach((tenant, t) => {
    tenant.teams.forEach((team, m) => {
      team.applications.forEach((application, a) => {
        application.subscriptions.forEach((subscription, s) => {
          const path = ["tenants", t, "teams", m, "applications", a, "subscriptions", s];
          findings.push(...unknown([...path, "api"], "API", `${subscription.api}/${subscription.version}`, apis));
          findings.push(...unknown([...path, "plan"], "plan", subscription.plan, plans));
        });
      });
    });
  });
  return findings;
}

function unknown(path: Finding["path"], noun: string, name: string, known: ReadonlySet<string>): Finding[] {
  if (known.has(name)) return [];
  return [
    { path, message: `names ${noun} ${JSON.stringify(name)}, which this file does not have${didYouMean(name, known)}` },
  ];
}
