import type { ModelRequest } from "../../spec/request.ts";
import { callersToolNames, type ToolNameForm, toolNameIn } from "../../spec/tool-name.ts";

/** Cohere takes letters, digits and `_`, not beginning with a digit; its own error for anything else says so. */
const NAMES: ToolNameForm = {
  allowed: /^[A-Za-z_]\w{0,63}$/,
  plain: (name) => name.replace(/\W/g, "_").replace(/^(?=\d)/, "_"),
  max: 64,
};

export function nameForCohere(name: string): string {
  return toolNameIn(NAMES, name);
}

/** From the names that Cohere was given to the caller's own; undefined where all are the same. */
export function callersNames(request: ModelRequest): ReadonlyMap<string, string> | undefined {
  return callersToolNames(NAMES, request);
}
