import type { JsonObject } from "../../kernel/json.ts";
import { type ProviderAdapter, UnsupportedFeature } from "../../spec/adapter.ts";
import type { BatchCall, ModelRequest } from "../../spec/request.ts";
import { apiOf } from "../asking/api-of.ts";
import type { Call } from "../call.ts";
import type { Target } from "../target.ts";
import { inCall } from "../telling/in-call.ts";
import { toCallError } from "../telling/upstream-error.ts";
import { turn } from "../turn.ts";

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
  const { file } = operation;
  if (file === undefined) {
    const written = ({ customId }: BatchCall, params: JsonObject) => ({ custom_id: customId, params });
    const requests = await allWritten(calls, kind, target, call, written);
    return { ...request, operation: { ...operation, fields: { ...operation.fields, requests } } };
  }
  const lines = await allWritten(calls, kind, target, call, ({ customId, url }, body) => {
    return `${JSON.stringify({ custom_id: customId, method: "POST", url, body })}\n`;
  });
  const bytes = new TextEncoder().encode(lines.join(""));
  return { ...request, operation: { ...operation, file: { ...file, bytes } } };
}

/** @param written the call with its body as the provider takes it */
async function allWritten<T>(
  calls: readonly BatchCall[],
  kind: ProviderAdapter,
  { account, model }: Target,
  call: Call,
  written: (each: BatchCall, body: JsonObject) => T,
): Promise<T[]> {
  const all: T[] = [];
  for (const each of calls) {
    const { place, request } = each;
    try {
      const adapter = apiOf(kind, request, model, account.options);
      if (adapter.local !== undefined || adapter.dialect !== request.dialect) {
        throw new UnsupportedFeature("url", "The provider of this model is asked in another dialect for that.");
      }
      const { body, warnings } = adapter.encode(request, model, account.options);
      // Where the address says the model, the body does not; here there is no address.
      all.push(written(each, { ...body, model }));
      for (const { field, message } of warnings) call.observed.warnings.push(`${field}: ${message}`);
    } catch (thrown) {
      throw inCall(place, toCallError(thrown));
    }
    await turn(call, all.length);
  }
  return all;
}
