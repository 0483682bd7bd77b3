import { maskFor } from "../../domain/guardrails/phrases.ts";
import { GatewayError } from "../../errors.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { Call } from "../call.ts";
import { limitedIn } from "../metering/demand.ts";
import { type ExtendPorts, extendTo } from "../metering/extend.ts";
import { type WorstPorts, worstCaseOf } from "../metering/worst.ts";
import type { Hold } from "../reserve.ts";
import type { Guard } from "./guards.ts";

export interface HoldingPorts extends WorstPorts, ExtendPorts {}

/**
 * A mask may be longer than what it stands for, and then the prompt is more than was held for it.
 * @param request as `guards` have made it
 * @returns the same, once all of it is held
 * @throws GatewayError rate_limit_exceeded
 */
export async function heldAsMasked(
  hold: Hold,
  request: ModelRequest,
  guards: readonly Guard[],
  ports: HoldingPorts,
): Promise<ModelRequest> {
  const { grant, call, worst } = hold;
  const bytes = bytesOfMasks(guards, call);
  // Nothing was held where no limit asks for tokens or money.
  if (bytes === 0 || worst.input === 0) return request;
  const masked = grant.masked(withMasks(request, bytes), grant.bodyBytes + bytes);
  if (await extendTo(hold, worstCaseOf(masked, ports, limitedIn(grant), "counted"), ports)) return request;
  throw new GatewayError(
    "rate_limit_exceeded",
    "What is left of a limit does not allow this call after guardrails masked its prompt.",
  );
}

/** What all masks together may have added to the body, where they stand in base64 as well. */
function bytesOfMasks(guards: readonly Guard[], { observed }: Call): number {
  let bytes = 0;
  for (const { rule, matcher } of guards) {
    const verdict = observed.verdicts.find(
      ({ guardrail, direction }) => guardrail === rule.name && direction === "input",
    );
    if (verdict?.action === "mask") bytes += 2 * verdict.count * maskFor(rule.name, matcher).length;
  }
  return bytes;
}

/** The calls of a batch are held by their bytes. */
function withMasks(request: ModelRequest, bytes: number): ModelRequest {
  const { operation } = request;
  if (operation?.type !== "object" || operation.most === undefined) return request;
  const { input, output } = operation.most;
  return { ...request, operation: { ...operation, most: { input: input + bytes, output } } };
}
