import type { Principal, Subscription } from "./principal.ts";

/** What authorization must know of an API; the catalog's own type fits it. */
export interface ApiFacts {
  stage: "draft" | "published" | "deprecated" | "retired";
  models: readonly string[];
}

/** Whether callers may call an API in this stage. */
export function isCallable(stage: ApiFacts["stage"]): boolean {
  return stage === "published" || stage === "deprecated";
}

/**
 * The subscription under which a principal may call a model: approved, of an API that can
 * be called and has the model, and of `onlyApi` where the path names one. The first in the
 * order of subscribing. Undefined for every reason alike, so that an answer tells nobody
 * what exists.
 */
export function subscriptionFor<A extends ApiFacts>(
  principal: Principal,
  model: string,
  onlyApi: string | null,
  api: (name: string) => A | undefined,
  hasModel: (api: A, model: string) => boolean,
): { subscription: Subscription; api: A } | undefined {
  for (const subscription of principal.subscriptions) {
    if (onlyApi !== null && subscription.api !== onlyApi) continue;
    if (subscription.state !== "approved") continue;
    const facts = api(subscription.api);
    if (facts !== undefined && isCallable(facts.stage) && hasModel(facts, model)) return { subscription, api: facts };
  }
  return undefined;
}
