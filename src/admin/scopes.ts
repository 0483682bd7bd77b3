import { findApplication } from "./applications.ts";
import type { ReadContext } from "./operation.ts";

/** How people write scopes, for messages. */
export const SCOPE_FORMS =
  "tenant:<tenant>, team:<tenant/team>, application:<tenant/team/application>, subscription:<tenant/team/application/api/version>, " +
  "key:<public id>, model:<name>, provider:<name>, or with ids in place of names";

/**
 * What people call a scope (`team:acme/research`), as its id (`team:team_…`); undefined where it is no name that is known,
 * so that it may be an id. No name has a slash.
 */
export async function scopeByNames({ administration }: ReadContext, text: string): Promise<string | undefined> {
  const [kind, name] = [text.slice(0, text.indexOf(":")), text.slice(text.indexOf(":") + 1)];
  const names = name.split("/");
  if (names.length !== LENGTHS.get(kind)) return undefined;
  const applications = await administration.applications();
  if (kind === "tenant") {
    // An id stands before a name that looks like one.
    if (applications.some(({ tenant }) => tenant.id === name)) return undefined;
    const found = applications.find(({ tenant }) => tenant.name === name);
    return found && `tenant:${found.tenant.id}`;
  }
  if (kind === "team") {
    const found = applications.find(({ tenant, team }) => tenant.name === names[0] && team.name === names[1]);
    return found && `team:${found.team.id}`;
  }
  const application = findApplication(applications, names.slice(0, 3).join("/"));
  if (application === undefined) return undefined;
  if (kind === "application") return `application:${application.id}`;
  const subscriptions = await administration.subscriptions(application.id);
  const subscription = subscriptions.find(({ api }) => api === names.slice(3).join("/"));
  return subscription && `subscription:${subscription.id}`;
}

/** The id of a tenant that is called by its id or its name. */
export async function tenantId(context: ReadContext, text: string): Promise<string> {
  const scope = await scopeByNames(context, `tenant:${text}`);
  return scope === undefined ? text : scope.slice("tenant:".length);
}

/**
 * What people call an application, or a part of one: `acme/research/bot`, `acme/research/bot/chat/v1`, a key's after its
 * application's. Null where that is gone.
 */
export async function nameOfScope({ administration }: ReadContext, scope: string): Promise<string | null> {
  const [own] = await administration.chargedScopes(scope);
  const application = (await administration.applications()).find(({ id }) => id === own?.applicationId);
  if (own === undefined || application === undefined) return null;
  const name = `${application.tenant.name}/${application.team.name}/${application.name}`;
  if (scope.startsWith("key:")) return `${name}: ${own.name}`;
  if (!scope.startsWith("subscription:")) return name;
  const subscription = (await administration.subscriptions(application.id)).find(({ id }) => scope.endsWith(`:${id}`));
  return subscription === undefined ? null : `${name}/${subscription.api}`;
}

/** Names that make one of each kind. Keys, models and provider accounts are called by one name only. */
const LENGTHS: ReadonlyMap<string, number> = new Map([
  ["tenant", 1],
  ["team", 2],
  ["application", 3],
  ["subscription", 5],
]);
