import { isObject, type JsonObject } from "../../kernel/json.ts";
import type { AbsentThought, Quirks } from "./quirks.ts";

/**
 * Marks the turns of the model's that have no thought, where the server refuses them while the model
 * thinks: the turn of another model, or one that was answered without a thought. `body` is whole: its
 * messages, and how much to think.
 */
export function writeAbsentThoughts(body: JsonObject, model: string, quirks: Quirks): void {
  const { thoughtsAbsent, thoughtsWritten } = quirks;
  if (thoughtsAbsent === undefined || thoughtsWritten === null || !Array.isArray(body.messages)) return;
  if (!thoughtsAbsent.demanded(model, askedToThink(body))) return;
  for (const turn of demandedOf(body.messages.filter(isObject), thoughtsAbsent)) {
    turn[thoughtsWritten] ??= thoughtsAbsent.text;
  }
}

function demandedOf(turns: readonly JsonObject[], { turns: which }: AbsentThought): JsonObject[] {
  const calling = turns.filter((turn) => turn.tool_calls !== undefined);
  if (which === "with-calls" || calling.length === 0) return calling;
  return turns.filter(({ role }) => role === "assistant");
}

/** undefined: nothing was said of it. */
function askedToThink({ thinking }: JsonObject): boolean | undefined {
  return isObject(thinking) ? thinking.type !== "disabled" : undefined;
}
