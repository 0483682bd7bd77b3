import type { PriceQuery } from "../../ports/prices.ts";
import type { Grant } from "../authorize.ts";

/** Whose prices a call is priced by, and as of when: those of its arrival, at its end as at its beginning. */
export function priceQueryOf({ call, caller, catalog, request }: Grant): PriceQuery {
  const { tenant } = caller.principal;
  const prices = catalog.tenantPrices?.get(tenant.id);
  const query = { at: call.at, calledBy: request.model };
  return prices === undefined ? query : { ...query, tenant: { name: tenant.name, prices } };
}
