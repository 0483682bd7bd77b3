import type { JsonObject } from "../kernel/json.ts";
import { type ProviderAdapter, UnsupportedFeature } from "../spec/adapter.ts";
import type { BatchCall, ModelRequest } from "../spec/request.ts";
import { apiOf } from "./api-of.ts";
import type { Call } from "./call.ts";
import { inCall, turn } from "./in-line.ts";
import type { Target } from "./target.ts";
import { toCallError } from "./upstream-error.ts";

/**
 * The request as it goes to one account: a batch's calls are written anew from what was parsed and
 * checked, each in the form that the account's provider takes, for its own name of the model. A request
 * without such calls is as it was.
 * @throws GatewayError unsupported_feature, naming the line or the place
 */
export async function withCalls(
  request: ModelRequest,
  kind: ProviderAdapter,
  target: Target,
  call: Call,
): Promise<ModelRequest> {
  const { operation, calls } = request;
  if (calls === undefined || operation?.type !== "object") return request;
  const bodies = await bodiesOf(calls, kind, target, call);
  if (operation.file === undefined) {
    const requests = calls.map(({ customId }, at) => ({ custom_id: customId, params: bodies[at]! }));
    return { ...request, operation: { ...operation, fields: { ...operation.fields, requests } } };
  }
  const lines = calls.map(({ customId, url }, at) => {
    return `${JSON.stringify({ custom_id: customId, method: "POST", url, body: bodies[at]! })}\n`;
  });
  const bytes = new TextEncoder().encode(lines.join(""));
  return { ...request, operation: { ...operation, file: { ...operation.file, bytes } } };
}

async function bodiesOf(
  calls: readonly BatchCall[],
  kind: ProviderAdapter,
  { account, model }: Target,
  call: Call,
): Promise<JsonObject[]> {
  const bodies: JsonObject[] = [];
  for (const { place, request } of calls) {
    try {
      const adapter = apiOf(kind, request, model, account.options);
      if (adapter.local !== undefined || adapter.dialect !== request.dialect) {
        throw new UnsupportedFeature("url", "The provider of this model is asked in another dialect for that.");
      }
      const { body, warnings } = adapter.encode(request, model, account.options);
      // Where the address says the model, the body does not; here there is no address.
      bodies.push({ ...body, model });
      for (const { field, message } of warnings) call.observed.warnings.push(`${field}: ${message}`);
    } catch (thrown) {
      throw inCall(place, toCallError(thrown));
    }
    await turn(call, bodies.length);
  }
  return bodies;
}
