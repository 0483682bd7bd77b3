import { describe, expect, test } from "bun:test";
import type { Message } from "../spec/message.ts";
import type { ModelRequest } from "../spec/request.ts";
import { withFormTold } from "./told-form.ts";

const say = (role: Message["role"], text: string): Message => ({ role, parts: [{ type: "text", text }] });
const told = (responseFormat: ModelRequest["responseFormat"], ...messages: Message[]) =>
  withFormTold({
    dialect: "openai-chat",
    model: "m",
    messages,
    stream: false,
    includeUsage: false,
    ...(responseFormat === undefined ? {} : { responseFormat }),
  }).messages;

describe("the form of an answer is told", () => {
  test("in a message of the system's own where there is none", () => {
    const [system, user] = told({ type: "json" }, say("user", "hi"));
    expect(system).toEqual(say("system", "Answer with one JSON object and nothing else."));
    expect(user).toEqual(say("user", "hi"));
  });

  test("at the end of the last text that the system says before anybody else", () => {
    const schema = { type: "object" };
    const format = { type: "json-schema", name: "a", schema, description: "Theirs." } as const;
    const messages = told(
      format,
      say("system", "One."),
      say("developer", "Two."),
      say("user", "hi"),
      say("system", "Three."),
    );
    expect(messages).toHaveLength(4);
    expect(messages[1]!.parts).toEqual([
      { type: "text", text: expect.stringMatching(/^Two\.\n\nAnswer .*\(Theirs\.\).*\n\{"type":"object"\}$/) },
    ]);
  });

  test("not where there is none to tell", () => {
    for (const format of [undefined, { type: "text" }] as const) {
      expect(told(format, say("user", "hi"))).toEqual([say("user", "hi")]);
    }
  });
});
