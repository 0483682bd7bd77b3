import type { Json } from "../../kernel/json.ts";
import type { FinishReason } from "../../spec/event.ts";

/** Why an answer ended (https://ai.google.dev/api/generate-content#FinishReason), by name or by its place in Google's list. */
const REASONS: Readonly<Record<string, FinishReason>> = {
  STOP: "stop",
  MAX_TOKENS: "length",
  SAFETY: "content-filter",
  RECITATION: "content-filter",
  BLOCKLIST: "content-filter",
  PROHIBITED_CONTENT: "content-filter",
  SPII: "content-filter",
  IMAGE_SAFETY: "content-filter",
  IMAGE_PROHIBITED_CONTENT: "content-filter",
  IMAGE_RECITATION: "content-filter",
  MODEL_ARMOR: "content-filter",
};

const NUMBERED = [
  ...["FINISH_REASON_UNSPECIFIED", "STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "OTHER", "BLOCKLIST"],
  ...["PROHIBITED_CONTENT", "SPII", "MALFORMED_FUNCTION_CALL"],
];

/** undefined: it has not ended. */
export function finishWord(value: Json | undefined): string | undefined {
  if (typeof value === "number") return NUMBERED[value] || "OTHER";
  if (typeof value !== "string" || value === "" || value === "FINISH_REASON_UNSPECIFIED") return undefined;
  return value;
}

/** Google has two words for an answer that is one, and a growing list of others for what went wrong. */
export function reasonOf(word: string): FinishReason {
  return Object.hasOwn(REASONS, word) ? REASONS[word]! : "failed";
}
