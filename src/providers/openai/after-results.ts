import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import type { Losses } from "../losses.ts";

/**
 * Puts an answer of one word between the result of a tool and a message of the user's, for models whose format of a
 * conversation has none there ("Unexpected role 'user' after role 'tool'"). Other dialects have results and what
 * the user says beside them in one turn; coding agents put reminders there.
 */
export function answerBetween(messages: Json, losses: Losses): Json {
  if (!Array.isArray(messages)) return messages;
  const roleOf = (message: Json | undefined) => (isObject(message) ? message.role : undefined);
  const isGap = (at: number) => roleOf(messages[at]) === "user" && roleOf(messages[at - 1]) === "tool";
  if (!messages.some((_, at) => isGap(at))) return messages;
  losses.warn(
    "messages",
    "the model takes no message of the user's right behind a tool's result: an answer, OK, was put between",
  );
  const answer: JsonObject = { role: "assistant", content: "OK" };
  return messages.flatMap((message, at) => (isGap(at) ? [answer, message] : [message]));
}
