import { type ProviderAdapter, UnsupportedFeature } from "../spec/adapter.ts";
import type { FormFile } from "../spec/operation.ts";
import type { BatchCall, ModelRequest } from "../spec/request.ts";
import { apiOf } from "./api-of.ts";
import type { Call } from "./call.ts";
import { inLine, turn } from "./in-line.ts";
import type { Target } from "./target.ts";
import { toCallError } from "./upstream-error.ts";

/** What is uploaded, as it goes to one account; anything else as it is. */
export async function withCalls(
  request: ModelRequest,
  kind: ProviderAdapter,
  target: Target,
  call: Call,
): Promise<ModelRequest> {
  const { operation, calls } = request;
  if (calls === undefined || operation?.type !== "object" || operation.file === undefined) return request;
  return { ...request, operation: { ...operation, file: await batchFile(operation.file, calls, kind, target, call) } };
}

/**
 * A file of calls as it goes to one account: written anew from what was parsed and checked, each call
 * in the form that the account's provider takes, for its own name of the model.
 * @throws GatewayError unsupported_feature, naming the line
 */
async function batchFile(
  file: FormFile,
  calls: readonly BatchCall[],
  kind: ProviderAdapter,
  { account, model }: Target,
  call: Call,
): Promise<FormFile> {
  const lines: string[] = [];
  for (const { line, customId, url, request } of calls) {
    try {
      const adapter = apiOf(kind, request, model, account.options);
      if (adapter.local !== undefined || adapter.dialect !== request.dialect) {
        throw new UnsupportedFeature("url", "The provider of this model is asked in another dialect for that.");
      }
      const { body, warnings } = adapter.encode(request, model, account.options);
      // Where the address says the model, the body does not; a line has no address.
      lines.push(JSON.stringify({ custom_id: customId, method: "POST", url, body: { ...body, model } }));
      for (const { field, message } of warnings) call.observed.warnings.push(`${field}: ${message}`);
    } catch (thrown) {
      throw inLine(line, toCallError(thrown));
    }
    await turn(call, lines.length);
  }
  return { ...file, bytes: new TextEncoder().encode(`${lines.join("\n")}\n`) };
}
