import type { Asking } from "../../ports/prices.ts";
import type { Grant } from "../authorize.ts";

/** Whose prices a call is priced by, and as of when: those of its arrival, at its end as at its beginning. */
export function askingOf({ call, caller, catalog, request }: Grant): Asking {
  const { tenant } = caller.principal;
  const prices = catalog.tenantPrices?.get(tenant.id);
  const asking = { at: call.at, calledBy: request.model };
  return prices === undefined ? asking : { ...asking, tenant: { name: tenant.name, prices } };
}
