import type { Principal } from "../domain/access/principal.ts";
import type { Catalog } from "../domain/catalog/catalog.ts";

/** What the data plane asks about the world of tenants and APIs, at every call; answered from memory. */
export interface Directory {
  /** The catalog of this moment. */
  catalog(): Catalog;
  /** Whose key has this digest; at most one indexed look-up in the store, then from memory until it changes. */
  findPrincipal(digest: string): Principal | undefined;
}
