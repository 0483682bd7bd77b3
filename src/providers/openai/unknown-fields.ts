import type { JsonObject } from "../../kernel/json.ts";
import { type Losses, saysNothing } from "../losses.ts";

/** Takes fields out of what was written that the server would refuse as unknown. One that says nothing goes without a word. */
export function leaveOut(names: readonly string[] | undefined, written: JsonObject, losses: Losses): void {
  for (const name of names ?? []) {
    const value = written[name];
    if (value === undefined) continue;
    delete written[name];
    if (!saysNothing(value)) losses.warn(name, "the provider has no such field; it was left out");
  }
}
