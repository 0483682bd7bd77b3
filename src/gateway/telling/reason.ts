import type { GatewayError } from "../../errors.ts";
import { withoutAccountNames } from "./redact.ts";

/** A reason is a line among others. */
const LONGEST = 300;

/** Where what was wrong with a provider's answer begins to quote it. */
const QUOTES = /: | with index /;

/**
 * Why a call failed, for the line of it in the log: what the code does not say, and nothing of what a caller or a model
 * has written. undefined where there is nothing to add.
 */
export function reasonOf({ code, internal, cause }: GatewayError): string | undefined {
  if (internal === undefined) return undefined;
  // What nobody foresaw may quote what it failed on.
  if (code === "internal" && cause !== undefined) return cause instanceof Error ? cause.name : undefined;
  const told = code === "upstream_malformed" ? internal.split(QUOTES, 1)[0]! : internal;
  return withoutAccountNames(told.slice(0, LONGEST)).slice(0, LONGEST);
}
