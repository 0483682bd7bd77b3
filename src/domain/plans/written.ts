import type { Json } from "../../kernel/json.ts";
import type { ModelRequest } from "../../spec/request.ts";

/** Whether an answer may hold sound: no model speaks unless it is asked to. */
export function asksForSound({ operation, extra = {} }: ModelRequest): boolean {
  if (operation?.type === "relay") return operation.name.startsWith("audio.");
  return extra.audio !== undefined || named(extra.modalities) || named(extra.generationConfig);
}

/** OpenAI's and Gemini's words for it, wherever in a field they stand. */
function named(value: Json | undefined): boolean {
  return value !== undefined && /"(?:audio|AUDIO|speechConfig)"/.test(JSON.stringify(value));
}
