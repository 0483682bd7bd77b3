import { hmac } from "../../kernel/digest.ts";
import type { Dialect } from "../../spec/dialect.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { callersToolNames, type ToolNameForm, toolNameIn } from "../../spec/tool-name.ts";

/**
 * Names and ids that other dialects allow and servers of this one refuse: OpenAI and
 * DeepSeek take names of functions up to 64 characters, of letters, digits, `_` and `-` (Anthropic:
 * 128, Google: also `.` and `:`), OpenAI takes ids of calls up to 40, Mistral exactly nine letters
 * and digits. A conversation that has moved from one provider to another brings what the other one made.
 */
const NAMES: ToolNameForm = {
  allowed: /^[\w-]{1,64}$/,
  plain: (name) => name.replace(/[^\w-]/g, "_"),
  max: 64,
};

export function nameForServer(name: string): string {
  return toolNameIn(NAMES, name);
}

/**
 * From the names that the server was given to the caller's own; undefined where all are the same.
 * @param dialect the server's: what a caller of it calls its tools is between the two
 */
export function callersNames(request: ModelRequest, dialect: Dialect): ReadonlyMap<string, string> | undefined {
  return request.dialect === dialect ? undefined : callersToolNames(NAMES, request);
}

/** The ids of calls that a server takes, and the length of those that stand in place of others. */
export interface CallIdForm {
  allowed: RegExp;
  length: number;
}

const NO_KEY = new Uint8Array(0);

export function idForServer(id: string, { allowed, length }: CallIdForm): string {
  if (allowed.test(id)) return id;
  return hmac(NO_KEY, id).replace(/[-_]/g, "").padEnd(length, "0").slice(0, length);
}
