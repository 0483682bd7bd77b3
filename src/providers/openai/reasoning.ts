import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";

/** A piece of thought, or a sealed one. */
export interface Thought {
  /** Which thought of the answer, where the provider counts them. */
  index?: Json;
  text: string;
  signature: string;
  /** What the provider sealed (`reasoning.encrypted`). */
  sealed?: string;
  /** What must come back with it: `type`, `format`, `id`. */
  extra?: JsonObject;
}

/**
 * What a message or a delta says of reasoning: `reasoning_content` (DeepSeek, xAI, Z.ai, Qwen,
 * Moonshot) or `reasoning` (Groq, Cerebras, Ollama) is plain text; OpenRouter's
 * `reasoning_details` say the same text once more, with signatures and sealed thoughts. Where
 * the details hold the text it is taken from them, for they tell where a thought ends.
 */
export function thoughtsOf(details: Json | undefined, plain: string): Thought[] {
  if (!Array.isArray(details) || details.length === 0) return plain === "" ? [] : [{ text: plain, signature: "" }];
  const thoughts: Thought[] = [];
  let said = "";
  for (const detail of details) {
    if (!isObject(detail)) continue;
    const thought = thoughtOf(detail);
    said += thought.text;
    thoughts.push(thought);
  }
  if (plain === "" || said === plain) return thoughts;
  // Details that say nothing, or something else: the plain text is what other clients were shown.
  const first: Thought = { text: plain, signature: "" };
  const signed = thoughts.find((thought) => thought.sealed === undefined);
  if (signed?.index !== undefined) first.index = signed.index;
  return [first, ...thoughts.map((thought) => ({ ...thought, text: "" }))];
}

function thoughtOf(detail: JsonObject): Thought {
  const { type, text, summary, signature, data, index, id, format } = detail;
  const said = typeof text === "string" ? text : typeof summary === "string" ? summary : "";
  const thought: Thought = { text: said, signature: typeof signature === "string" ? signature : "" };
  if (index !== undefined && index !== null) thought.index = index;
  if (type === "reasoning.encrypted" && typeof data === "string") thought.sealed = data;
  const extra: JsonObject = {};
  if (type === "reasoning.summary") extra.type = type;
  if (typeof format === "string" && format !== "unknown") extra.format = format;
  if (typeof id === "string") extra.id = id;
  for (const _ in extra) {
    thought.extra = extra;
    break;
  }
  return thought;
}
