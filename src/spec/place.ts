import type { ModelRequest } from "./request.ts";

/** Where a part stood, in the caller's words; the whole list where its places are not the caller's. */
export function placeOf({ dialect, messages }: ModelRequest, at: number, part: number): string {
  if (dialect === "openai-chat") return `messages[${at}].content[${part}]`;
  // The system prompt is a field of its own there.
  const index = messages[0]?.role === "system" ? at - 1 : at;
  if (dialect === "anthropic-messages") return `messages[${index}].content[${part}]`;
  if (dialect === "gemini") return "contents";
  return dialect === "openai-responses" ? "input" : "messages";
}
