import type { ModelRequest } from "../../spec/request.ts";
import type { Losses } from "../losses.ts";
import type { Quirks } from "./quirks.ts";

/** What such models take at these values only, and what each is called. */
const FIXED = [
  ["temperature", 1, "temperature"],
  ["topP", 1, "top_p"],
  ["presencePenalty", 0, "presence_penalty"],
  ["frequencyPenalty", 0, "frequency_penalty"],
] as const;

/**
 * A request of another dialect without the settings of sampling that the model refuses (400, "Unsupported value"):
 * Gemini CLI sends them with every call. Callers of OpenAI's dialects know whom they ask, and hear it from OpenAI.
 */
export function withoutFixedSampling(
  request: ModelRequest,
  model: string,
  quirks: Quirks,
  losses: Losses,
): ModelRequest {
  if (request.dialect === "openai-chat" || request.dialect === "openai-responses") return request;
  if (!quirks.fixedSampling(model, asksToThink(request))) return request;
  const rest = { ...request };
  for (const [key, usual, name] of FIXED) {
    if (rest[key] === undefined) continue;
    if (rest[key] !== usual) losses.warn(name, "this model takes no other than its own; it was left out");
    delete rest[key];
  }
  return rest;
}

function asksToThink({ reasoning }: ModelRequest): boolean {
  return reasoning !== undefined && reasoning.enabled !== false && reasoning.effort !== "none";
}
