/**
 * Promise: the targets that may serve this request, in the order in which to ask them; never none.
 * An account that is not where the API demands, or does not promise what it demands, is not among
 * them, whatever else fails.
 */
import { type Routing, type TargetRow, targetModel, USUAL_ROUTING } from "../domain/catalog/catalog.ts";
import { PREVIOUS_RESPONSE } from "../domain/catalog/stored-state.ts";
import { providerScope } from "../domain/plans/charges.ts";
import { worstCase } from "../domain/plans/estimate.ts";
import { tiersOf, worstPriceOf } from "../domain/plans/price.ts";
import { conversationOf } from "../domain/routing/conversation.ts";
import type { TargetHealth } from "../domain/routing/health.ts";
import { order } from "../domain/routing/order.ts";
import { mayServe } from "../domain/routing/placement.ts";
import { GatewayError } from "../errors.ts";
import type { Prices } from "../ports/prices.ts";
import { type HealthBook, targetKey } from "./asking/health.ts";
import type { Call } from "./call.ts";
import type { CleanRequest } from "./guard-input.ts";
import { notHere } from "./locate.ts";
import { priceQueryOf } from "./metering/price-query.ts";
import type { Target } from "./target.ts";

/** A target with what is known of it. */
export interface Choice {
  target: Target;
  row: TargetRow;
  weight: number;
  key: string;
  health: TargetHealth;
  cost: number | undefined;
}

class Ticket {
  protected readonly madeBy = "route";
  readonly call: Call;
  readonly clean: CleanRequest;
  readonly choices: readonly Choice[];
  readonly routing: Routing;

  constructor(clean: CleanRequest, choices: readonly Choice[], routing: Routing) {
    this.call = clean.call;
    this.clean = clean;
    this.choices = choices;
    this.routing = routing;
  }
}

export type Routed = Ticket;

export interface RoutePorts {
  health: HealthBook;
  prices: Prices;
  /** From 0 inclusive to 1 exclusive. */
  draw: () => number;
}

export function createRoute(ports: RoutePorts) {
  return function route(clean: CleanRequest): Routed {
    const { model, caller, objects } = clean.hold.grant;
    const routing = model.routing ?? USUAL_ROUTING;
    const choices = (rows: readonly TargetRow[]) => rows.flatMap((row) => choiceOf(row, clean, routing, ports) ?? []);
    const conversation = routing.sticky ? conversationOf(caller.principal.application.id, clean.request) : null;
    const ordered = order(choices(model.targets), choices(model.fallbacks), {
      strategy: routing.strategy,
      conversation,
      stream: clean.request.stream,
      now: clean.call.ticks(),
      random: ports.draw,
    });
    if (ordered.length === 0 && objects.own.length > 0) throw elsewhere(clean);
    if (ordered.length === 0) {
      throw new GatewayError("not_allowed", "No provider of this model is where this API demands it to be.", {
        internal: `${model.name} has no target that ${clean.hold.grant.api.slug} may use`,
      });
    }
    return new Ticket(clean, ordered, routingOf(clean, routing));
  };
}

/** What makes, stops or deletes something would do it twice. An upload may go on to the next account. */
function routingOf({ request: { operation } }: CleanRequest, routing: Routing): Routing {
  if (operation?.type !== "object") return routing;
  const once = { ...routing, retries: 0, hedgeAfterMs: null };
  return operation.name === "files.create" ? once : { ...once, maxAttempts: 1 };
}

/** What lies at an account that does not serve this model, or may not, is not there for this call. */
function elsewhere({ request, hold }: CleanRequest): GatewayError {
  const [first] = hold.grant.objects.own;
  if (request.operation !== undefined) return notHere(first!.kind, first!.id, null);
  const isResponse = first!.kind === "response";
  const param = isResponse ? PREVIOUS_RESPONSE : "file_id";
  const hint = isResponse ? "send the whole conversation in input" : "upload it for this model";
  const message = `${param} ${JSON.stringify(first!.id)} lies at an account that does not serve this model; ${hint}.`;
  return new GatewayError("invalid_request", message, { param });
}

function choiceOf(row: TargetRow, clean: CleanRequest, { strategy }: Routing, ports: RoutePorts): Choice | undefined {
  const { hold } = clean;
  const { catalog, model, api, bodyBytes, objects } = hold.grant;
  const account = catalog.providers.get(row.provider);
  if (objects.own.length > 0 && objects.own[0]!.provider !== row.provider) return undefined;
  if (account === undefined || !mayServe(account, api.placement)) return undefined;
  // It has reached a limit of its own, so nothing was reserved there.
  if (!hold.open.has(providerScope(account.name))) return undefined;
  const target = { account, model: targetModel(model, row, clean.request.model) };
  const cost = strategy === "cheapest" ? costOf(target, clean, bodyBytes, ports.prices) : undefined;
  return {
    target,
    row,
    weight: row.weight,
    key: targetKey(target),
    health: ports.health.of(target, clean.call.ticks()),
    cost,
  };
}

function costOf(
  target: Target,
  { request, hold }: CleanRequest,
  bodyBytes: number,
  prices: Prices,
): number | undefined {
  const rates = prices.rates(target.account, target.model, priceQueryOf(hold.grant));
  if (rates === undefined) return undefined;
  return worstPriceOf(worstCase(request, bodyBytes), rates, tiersOf(request));
}
