import type { Principal } from "../domain/access/principal.ts";
import type { Catalog } from "../domain/catalog/catalog.ts";

/**
 * What the data plane asks about the world of tenants and APIs, at every call; answered from
 * memory. Where the store is shared and has not been heard of for too long, memory is not trusted:
 * both fail with `store_unavailable`.
 */
export interface Directory {
  /** The catalog of this moment. */
  catalog(): Catalog;
  /**
   * Whose key has this digest; at most one indexed look-up in the store, then from memory until it
   * changes. A promise only where the store must be asked and is elsewhere.
   */
  findPrincipal(digest: string): Principal | undefined | Promise<Principal | undefined>;
}
