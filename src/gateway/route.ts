/** Promise: the targets that may serve this request, in the order in which to ask them; never none. */
import { type TargetRow, targetModel } from "../domain/catalog/catalog.ts";
import { weightedOrder } from "../domain/routing/weighted-order.ts";
import { GatewayError } from "../errors.ts";
import type { Call } from "./call.ts";
import type { CleanRequest } from "./guard-input.ts";
import type { Target } from "./target.ts";

class Ticket {
  protected readonly madeBy = "route";
  readonly call: Call;
  readonly clean: CleanRequest;
  readonly targets: readonly Target[];

  constructor(clean: CleanRequest, targets: readonly Target[]) {
    this.call = clean.call;
    this.clean = clean;
    this.targets = targets;
  }
}

export type Routed = Ticket;

/** @param random a number from 0 inclusive to 1 exclusive. */
export function createRoute(random: () => number) {
  return function route(clean: CleanRequest): Routed {
    const { grant } = clean.hold;
    const rows = [...weightedOrder(grant.model.targets, random), ...grant.model.fallbacks];
    const targets = rows.flatMap((row) => targetOf(row, clean) ?? []);
    if (targets.length === 0) {
      throw new GatewayError("internal", "The gateway failed to handle this call.", {
        internal: `${grant.model.name} has no target`,
      });
    }
    return new Ticket(clean, targets);
  };
}

function targetOf(row: TargetRow, clean: CleanRequest): Target | undefined {
  const { catalog, model } = clean.hold.grant;
  const account = catalog.providers.get(row.provider);
  return account === undefined ? undefined : { account, model: targetModel(model, row, clean.request.model) };
}
