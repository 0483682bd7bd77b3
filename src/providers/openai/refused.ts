import { isObject, type Json } from "../../kernel/json.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { Losses } from "../losses.ts";
import type { Quirks } from "./quirks.ts";

/**
 * Refuses what would let the caller get around the gateway's choice: fields that choose the model or
 * who serves it, and, at providers that pass calls on, plugins where the API's policy says who may
 * keep or learn from them: a plugin is a third party, of which that is not asked.
 * @throws UnsupportedFeature
 */
export function refuseChoices({ extra, store, training }: ModelRequest, quirks: Quirks, losses: Losses): void {
  if (extra === undefined || !losses.own) return;
  for (const path of quirks.refused) {
    if (says(extra, path)) losses.refuse(path, `${path} is not taken from callers: the gateway chooses the model`);
  }
  if (quirks.privacy === "routes" && (store === false || training === false) && says(extra, "plugins")) {
    losses.refuse("plugins", "plugins are not taken where nothing may be kept or learnt from: others run them");
  }
}

/** Whether there is a value at a path with dots. */
function says(extra: Json, path: string): boolean {
  let value: Json | undefined = extra;
  for (const name of path.split(".")) value = isObject(value) ? value[name] : undefined;
  return value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);
}
