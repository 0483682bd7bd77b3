import type { ModelRequest } from "../../spec/request.ts";

/** So much of each text tells conversations apart. */
const ENOUGH = 2_000;

/**
 * What stays the same from a conversation's first call to its last: whose it is, and everything
 * up to its first question, which is also what a provider's prompt cache is keyed by.
 */
export function conversationOf(owner: string, request: ModelRequest): string {
  const pieces = [owner, request.model];
  for (const message of request.messages) {
    for (const part of message.parts) if (part.type === "text") pieces.push(part.text.slice(0, ENOUGH));
    if (message.role === "user") break;
  }
  return pieces.join("\n");
}
