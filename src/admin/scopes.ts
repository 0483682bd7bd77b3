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

/** Names that make one of each kind. Keys, models and provider accounts are called by one name only. */
const LENGTHS: ReadonlyMap<string, number> = new Map([
  ["tenant", 1],
  ["team", 2],
  ["application", 3],
  ["subscription", 5],
]);
