import { parseVirtualKey } from "../domain/access/virtual-key.ts";
import { apiKey, type Price, type TargetRow, type TenantPrice } from "../domain/catalog/catalog.ts";
import type { Secret } from "../kernel/secret.ts";
import type { DesiredKey, DesiredState, ProviderRow } from "../ports/administration.ts";
import { providerKeyContext, type Sealer } from "../ports/vault.ts";
import type { AccountOptions } from "../spec/adapter.ts";
import type { Document, ProviderKind } from "./document.ts";
import { limitsOf } from "./limits.ts";
import { parseNetwork } from "./network.ts";
import { priceRow } from "./prices.ts";
import { keyPath, type Secrets } from "./secrets.ts";
import { parseBaseUrl, parseInstant } from "./values.ts";

/** How secrets become what the store may keep. */
export interface Sealing {
  sealer: Sealer;
  /** HMAC of a virtual key. */
  digest(key: string): string;
}

type DocumentTenant = Document["tenants"][number];
type DocumentApplication = DocumentTenant["teams"][number]["applications"][number];

/** The directory as a checked document declares it. */
export function desiredState(
  document: Document,
  secrets: Secrets,
  kinds: readonly ProviderKind[],
  sealing: Sealing,
): DesiredState {
  const approvals = new Map(document.apis.map((api) => [apiKey(api.slug, api.version), api.approval]));
  return {
    origin: "config",
    providers: document.providers.map((provider, at) => {
      const kind = kinds.find((candidate) => candidate.kind === provider.kind);
      const baseUrl =
        provider.baseUrl === undefined ? usualAddress(kind, provider.options) : parseBaseUrl(provider.baseUrl);
      const key = provider.apiKey === undefined ? undefined : secrets.at(["providers", at, "apiKey"]);
      const { apiKey: _, ...settings } = provider;
      const account = {
        ...settings,
        prices: settings.prices.map((price) => priceRow<Price>(price)),
        limits: limitsOf(settings.limits),
        baseUrl,
      };
      return providerRow(account, key, sealing.sealer);
    }),
    models: document.models.map((model) => ({
      name: model.name,
      targets: model.targets.map((target): TargetRow => ({ ...target })),
      fallbacks: model.fallbacks.map((target): TargetRow => ({ ...target, weight: 1 })),
      routing: { ...model.routing, hedgeAfterMs: model.routing.hedgeAfterMs ?? null },
      limits: limitsOf(model.limits),
    })),
    guardrails: document.guardrails.map((guardrail) => ({ ...guardrail })),
    plans: document.plans.map((plan) => ({ ...plan, limits: limitsOf(plan.limits) })),
    apis: document.apis.map(({ deprecatedAt, sunsetAt, ...api }) => ({
      ...api,
      deprecatedAt: deprecatedAt === undefined ? null : parseInstant(deprecatedAt),
      sunsetAt: sunsetAt === undefined ? null : parseInstant(sunsetAt),
    })),
    tenants: document.tenants.map((tenant, t) => ({
      name: tenant.name,
      prices: tenant.prices.map((price) => priceRow<TenantPrice>(price)),
      limits: limitsOf(tenant.limits),
      timeZone: tenant.timeZone,
      teams: tenant.teams.map((team, m) => ({
        name: team.name,
        limits: limitsOf(team.limits),
        members: team.members.map((member) => ({ email: member.email.toLowerCase(), roles: [...member.roles] })),
        applications: team.applications.map((application, a) => ({
          name: application.name,
          limits: limitsOf(application.limits),
          subscriptions: application.subscriptions.map((subscription) => subscriptionOf(subscription, approvals)),
          keys: application.keys.map((key, k) => keyOf(key, secrets.at(keyPath(t, m, a, k)), sealing)),
        })),
      })),
    })),
  };
}

/** Where accounts of a kind are called that name no address of their own; null where the kind has none. */
export function usualAddress(kind: ProviderKind | undefined, options: AccountOptions): string | null {
  return kind?.baseUrlOf?.(options) ?? kind?.baseUrl ?? null;
}

/** An account with its key sealed for this very account, if it has one. */
export function providerRow(
  account: Omit<ProviderRow, "sealedKey" | "keyFingerprint">,
  key: Secret<string> | undefined,
  sealer: Sealer,
): ProviderRow {
  const context = providerKeyContext(account);
  return {
    ...account,
    sealedKey: key === undefined ? null : sealer.seal(key, context),
    keyFingerprint: key === undefined ? null : sealer.fingerprint(key, context),
  };
}

function subscriptionOf(
  subscription: DocumentApplication["subscriptions"][number],
  approvals: ReadonlyMap<string, "auto" | "manual">,
): DesiredState["tenants"][number]["teams"][number]["applications"][number]["subscriptions"][number] {
  const api = apiKey(subscription.api, subscription.version);
  const state = subscription.state ?? (approvals.get(api) === "auto" ? "approved" : "requested");
  return { api, plan: subscription.plan, state };
}

function keyOf(key: DocumentApplication["keys"][number], value: Secret<string>, sealing: Sealing): DesiredKey {
  const text = value.reveal();
  const own = parseVirtualKey(text);
  return {
    name: key.name,
    mode: own?.mode ?? "live",
    digest: sealing.digest(text),
    publicId: own?.publicId ?? null,
    allowFrom: key.allowFrom.map(parseNetwork),
    expiresAt: key.expires === undefined ? null : parseInstant(key.expires),
    limits: limitsOf(key.limits),
  };
}
