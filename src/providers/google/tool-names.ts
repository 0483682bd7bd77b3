import type { ModelRequest } from "../../spec/request.ts";
import { callersToolNames, type ToolNameForm, toolNameIn } from "../../spec/tool-name.ts";

/**
 * Names of functions: letters, digits, `_`, `:`, `.` and `-`, beginning with a letter or `_`, at
 * most 64 (some models: 128). Other dialects allow more. What does not fit gets the same form in
 * every request, so that the beginning of a conversation stays the same, and comes back whole.
 */
const NAMES: ToolNameForm = {
  allowed: /^[A-Za-z_][\w:.-]{0,63}$/,
  plain: (name) => name.replace(/[^\w:.-]/g, "_").replace(/^(?=[^A-Za-z_])/, "_"),
  max: 64,
};

export function nameForGemini(name: string): string {
  return toolNameIn(NAMES, name);
}

/** From the names that Gemini knows to the caller's own; undefined where all are the same. */
export function changedNames(request: ModelRequest): ReadonlyMap<string, string> | undefined {
  return request.dialect === "gemini" ? undefined : callersToolNames(NAMES, request);
}
