import type { Api, Catalog } from "../../domain/catalog/catalog.ts";
import { hmac } from "../../kernel/digest.ts";

const KEY = new TextEncoder().encode("guards and policy");

/**
 * A mark of all that an API demands of what its callers send: its guards and its policy, as they are
 * now. A file that is read later must have passed the same.
 */
export function judgedUnder(api: Api, catalog: Catalog): string {
  const guards = api.guardrails.map((name) => catalog.guardrails.get(name) ?? null);
  return hmac(KEY, JSON.stringify([guards, api.parameters ?? null, api.storedState ?? null]));
}
