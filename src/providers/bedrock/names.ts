import type { ModelRequest } from "../../spec/request.ts";
import { callersToolNames, type ToolNameForm, toolNameIn } from "../../spec/tool-name.ts";

/**
 * Names of tools and ids of calls: Bedrock allows letters, digits, `_` and `-`, 64 of them at
 * most (API reference, ToolSpecification and ToolUseBlock). Others get a name of that kind.
 */
const NAMES: ToolNameForm = {
  allowed: /^[\w-]{1,64}$/,
  plain: (name) => name.replace(/[^\w-]/g, "_"),
  max: 64,
};

export function nameForBedrock(name: string): string {
  return toolNameIn(NAMES, name);
}

/** From the names that Bedrock was given to the caller's own; undefined where they are the same. */
export function callersNames(request: ModelRequest): ReadonlyMap<string, string> | undefined {
  return callersToolNames(NAMES, request);
}
