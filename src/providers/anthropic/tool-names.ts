import type { ModelRequest } from "../../spec/request.ts";
import { callersToolNames, type ToolNameForm, toolNameIn } from "../../spec/tool-name.ts";

/** Anthropic takes letters, digits, `_` and `-`, at most 128 (https://docs.claude.com/en/api/messages, `tools[].name`). */
const NAMES: ToolNameForm = {
  allowed: /^[\w-]{1,128}$/,
  plain: (name) => name.replace(/[^\w-]/g, "_"),
  max: 128,
};

/** The name of a function of the client's; those that Anthropic runs have names of its own. */
export function nameForAnthropic(name: string): string {
  return toolNameIn(NAMES, name);
}

/** From the names that Anthropic was given to the caller's own; undefined where all are the same. */
export function callersNames(request: ModelRequest): ReadonlyMap<string, string> | undefined {
  return request.dialect === "anthropic-messages" ? undefined : callersToolNames(NAMES, request);
}
