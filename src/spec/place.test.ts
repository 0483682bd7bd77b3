import { expect, test } from "bun:test";
import type { Dialect } from "./dialect.ts";
import type { Message } from "./message.ts";
import { placeOf } from "./place.ts";

const user: Message = { role: "user", parts: [{ type: "text", text: "x" }] };
const system: Message = { role: "system", parts: [{ type: "text", text: "y" }] };

test.each<[Dialect, Message[], string]>([
  ["openai-chat", [system, user], "messages[1].content[0]"],
  ["anthropic-messages", [system, user], "messages[0].content[0]"],
  ["anthropic-messages", [user, user], "messages[1].content[0]"],
  ["gemini", [system, user], "contents"],
  ["openai-responses", [system, user], "input"],
  ["ollama", [system, user], "messages"],
])("a part of %s has the name that its caller gave it", (dialect, messages, place) => {
  expect(placeOf({ dialect, model: "m", messages, stream: false, includeUsage: true }, 1, 0)).toBe(place);
});
