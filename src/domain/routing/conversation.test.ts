import { expect, test } from "bun:test";
import type { Message } from "../../spec/message.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { conversationOf } from "./conversation.ts";

const say = (role: Message["role"], text: string): Message => ({ role, parts: [{ type: "text", text }] });
const asking = (...messages: Message[]): ModelRequest => {
  return { dialect: "openai-chat", model: "m", messages, stream: false, includeUsage: false };
};
const system = say("system", "Be brief.");
const first = asking(system, say("user", "Why?"));

test("it stays the same from the first call to the last", () => {
  const later = asking(system, say("user", "Why?"), say("assistant", "Because."), say("user", "And now?"));
  expect(conversationOf("app", later)).toBe(conversationOf("app", first));
});

test("another owner, model, system prompt or first question is another conversation", () => {
  const all = [
    conversationOf("app", first),
    conversationOf("other", first),
    conversationOf("app", { ...first, model: "n" }),
    conversationOf("app", asking(say("system", "Be long."), say("user", "Why?"))),
    conversationOf("app", asking(system, say("user", "How?"))),
  ];
  expect(new Set(all).size).toBe(all.length);
});

test("a long prompt does not make a long key", () => {
  expect(conversationOf("app", asking(say("user", "x".repeat(1e6)))).length).toBeLessThan(2_100);
});
