import type { ReasoningPart } from "../../spec/message.ts";
import { seal, unseal } from "../../spec/sealed.ts";

/**
 * A thought of Cohere's stands in the content (`thinking`) or beside it (`tool_plan`), and must go back to where it was.
 * Callers' dialects have one place for both; the note stands where a signature would.
 */
export function noteOf(place: "thought" | "plan"): string {
  return seal({ dialect: "cohere-chat", place, data: "" });
}

export function isPlan({ signature }: ReasoningPart): boolean {
  const known = unseal(signature);
  return known?.dialect === "cohere-chat" && known.place === "plan";
}
