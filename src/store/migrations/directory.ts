import { begin } from "./directory-1-begin.ts";
import { accountOptions } from "./directory-2-account-options.ts";
import { routing } from "./directory-3-routing.ts";
import { providerObjects } from "./directory-4-provider-objects.ts";
import { tenantPrices } from "./directory-5-tenant-prices.ts";
import { limits } from "./directory-6-limits.ts";
import { limitRequests } from "./directory-7-limit-requests.ts";
import { expiringObjects } from "./directory-8-expiring-objects.ts";
import { planSettings } from "./directory-9-plan-settings.ts";
import { chargedObjects } from "./directory-10-charged-objects.ts";
import type { Migration } from "./migration.ts";

/** The life of the directory's schema, oldest first. */
export const DIRECTORY_MIGRATIONS: readonly Migration[] = [
  begin,
  accountOptions,
  routing,
  providerObjects,
  tenantPrices,
  limits,
  limitRequests,
  expiringObjects,
  planSettings,
  chargedObjects,
];
