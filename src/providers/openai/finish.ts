import type { Json } from "../../kernel/json.ts";
import type { FinishReason } from "../../spec/event.ts";

/** Why an answer ended, in the words of OpenAI and its lookalikes. */
const REASONS: Record<string, FinishReason> = {
  stop: "stop",
  eos: "stop", // Together
  end_turn: "stop",
  stop_sequence: "stop-sequence",
  length: "length",
  max_tokens: "length",
  model_length: "length", // Mistral
  tool_calls: "tool-calls",
  tool_call: "tool-calls",
  function_call: "tool-calls",
  content_filter: "content-filter",
  sensitive: "content-filter", // Z.ai
  network_error: "failed", // Z.ai
  insufficient_system_resource: "failed", // DeepSeek
};

/** Google's endpoint for OpenAI's clients: a call that cannot be read, or of no function. */
const FILTERED_CALL = /^function_call_filter\b/;

/** Whether this is a reason at all: "" (Snowflake) and "null" (DashScope) stand for none yet. */
export function isReason(raw: Json | undefined): raw is string {
  return typeof raw === "string" && raw !== "" && raw !== "null";
}

export function reasonOf(raw: string): FinishReason {
  if (Object.hasOwn(REASONS, raw)) return REASONS[raw]!;
  return FILTERED_CALL.test(raw) ? "failed" : "other";
}
