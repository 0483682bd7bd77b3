import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import type { AbsentThought, Quirks } from "./quirks.ts";

/**
 * Marks the turns of the model's that have no thought, where the server refuses them while the model
 * thinks: the turn of another model, or one that was answered without a thought. `body` is whole: its
 * messages, and how much to think.
 */
export function writeAbsentThoughts(body: JsonObject, model: string, quirks: Quirks): void {
  const { thoughtsAbsent, thoughtsWritten } = quirks;
  const field = thoughtsAbsent?.field ?? thoughtsWritten;
  if (thoughtsAbsent === undefined || field === null || !Array.isArray(body.messages)) return;
  if (!thoughtsAbsent.demanded(model, askedToThink(body))) return;
  for (const turn of demandedOf(body.messages.filter(isObject), thoughtsAbsent)) {
    turn[field] ??= toldIn(turn.reasoning_details) || thoughtsAbsent.text;
  }
}

/** The thought in OpenRouter's own form. */
function toldIn(details: Json | undefined): string {
  if (!Array.isArray(details)) return "";
  return details
    .filter(isObject)
    .map(({ text, summary }) => text ?? summary)
    .filter((text) => typeof text === "string")
    .join("");
}

function demandedOf(turns: readonly JsonObject[], { turns: which }: AbsentThought): JsonObject[] {
  const calling = turns.filter((turn) => turn.tool_calls !== undefined);
  if (which === "with-calls" || calling.length === 0) return calling;
  return turns.filter(({ role }) => role === "assistant");
}

/** undefined: nothing was said of it. */
function askedToThink({ thinking, reasoning }: JsonObject): boolean | undefined {
  if (isObject(thinking)) return thinking.type !== "disabled";
  return isObject(reasoning) ? reasoning.enabled !== false && reasoning.effort !== "none" : undefined;
}
