import type { ModelRequest } from "../../spec/request.ts";
import { callersToolNames, type ToolNameForm, toolNameIn } from "../../spec/tool-name.ts";

/** DashScope takes letters, digits, `_` and `-`, 64 at most (Alibaba's reference of its API, `tools`). */
const NAMES: ToolNameForm = {
  allowed: /^[\w-]{1,64}$/,
  plain: (name) => name.replace(/[^\w-]/g, "_"),
  max: 64,
};

export function nameForDashscope(name: string): string {
  return toolNameIn(NAMES, name);
}

/** From the names that DashScope was given to the caller's own; undefined where all are the same. */
export function callersNames(request: ModelRequest): ReadonlyMap<string, string> | undefined {
  return callersToolNames(NAMES, request);
}
