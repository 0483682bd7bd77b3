import type { JsonObject } from "../../kernel/json.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { Quirks } from "./quirks.ts";

/**
 * What the API's policy demands of the provider. It is written before what the caller says, which
 * is joined to it and replaces nothing. Sources: OpenAI's API reference, OpenRouter's provider routing.
 */
export function writePrivacy({ store, training }: ModelRequest, privacy: Quirks["privacy"], body: JsonObject): void {
  if (privacy === "store" && store === false) body.store = false;
  if (privacy !== "routes") return;
  const provider: JsonObject = {};
  if (store === false) provider.zdr = true;
  if (training === false) provider.data_collection = "deny";
  if (Object.keys(provider).length > 0) body.provider = provider;
}
