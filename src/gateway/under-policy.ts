import type { Api } from "../domain/catalog/catalog.ts";
import { policed } from "../domain/catalog/parameters.ts";
import { storedStateOf } from "../domain/catalog/stored-state.ts";
import { worstCase } from "../domain/plans/estimate.ts";
import { GatewayError } from "../errors.ts";
import type { BatchCall, ModelRequest } from "../spec/request.ts";
import type { Call } from "./call.ts";
import type { Located } from "./locate.ts";
import { inCall } from "./telling/in-call.ts";

/** The request under the API's policy, and each of the calls in it. */
export function underPolicies({ request, call, objects }: Located, api: Api): ModelRequest {
  const own = new Set(objects.own.map(({ id }) => id));
  const allowed = underPolicy(request, api, call, own);
  if (request.calls === undefined) return allowed;
  const calls = request.calls.map((each) => {
    try {
      return { ...each, request: underPolicy(each.request, api, call, own) };
    } catch (thrown) {
      throw thrown instanceof GatewayError ? inCall(each.place, thrown) : thrown;
    }
  });
  const { operation } = allowed;
  // A list of calls is the batch; a file of calls waits for one.
  if (operation?.type !== "object" || operation.name !== "batches.create") return { ...allowed, calls };
  return { ...allowed, calls, operation: { ...operation, most: mostOf(calls) } };
}

function mostOf(calls: readonly BatchCall[]): { input: number; output: number } {
  const all = { input: 0, output: 0 };
  for (const { request, bytes } of calls) {
    const { input, output } = worstCase(request, bytes);
    all.input += input;
    all.output += output;
  }
  return all;
}

/** @throws GatewayError parameter_not_allowed, naming the caller's field */
function underPolicy(request: ModelRequest, api: Api, call: Call, own: ReadonlySet<string>): ModelRequest {
  const stored = api.storedState === true ? undefined : storedStateOf(request, own);
  if (stored !== undefined) {
    // A field may be as long as a body.
    const field = stored.slice(0, 200);
    throw new GatewayError(
      "parameter_not_allowed",
      `This API does not take ${JSON.stringify(field)}: what it refers to lies at the provider's account, which applications share. Send the content itself; an administrator allows it with storedState: true on the API.`,
      { param: field },
    );
  }
  if (api.parameters === undefined) return request;
  const judged = policed(request, api.parameters);
  if ("refused" in judged) {
    const { field, message } = judged.refused;
    throw new GatewayError("parameter_not_allowed", message, { param: field });
  }
  for (const { field, message } of judged.warnings) call.observed.warnings.push(`${field}: ${message}`);
  return judged.request;
}
