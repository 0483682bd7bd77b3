import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { UnsupportedFeature } from "../../spec/adapter.ts";
import type { Message, Part, Role } from "../../spec/message.ts";
import { BlockWriter } from "./blocks.ts";
import { traitsOf } from "./models.ts";
import { TurnsBuilder } from "./turns.ts";

const OLD = "claude-sonnet-4-5";
const NEW = "claude-opus-4-8";

function build(messages: Message[], model = OLD) {
  const warnings: string[] = [];
  const warn = (field: string) => warnings.push(field);
  const { system, turns } = new TurnsBuilder(traitsOf(model), new BlockWriter(false, warn), warn).build(messages);
  return { system: system.map((block) => block.text), turns, warnings };
}

const say = (role: Role, text: string): Message => ({ role, parts: [{ type: "text", text }] });
const call = (id: string): Part => ({ type: "tool-call", id, name: "f", arguments: "{}" });
const result = (callId: string): Message => ({
  role: "tool",
  parts: [{ type: "tool-result", callId, content: [{ type: "text", text: "42" }] }],
});
const text = (words: string): JsonObject => ({ type: "text", text: words });

describe("system and developer messages", () => {
  test("at the start become the system prompt, each a block", () => {
    const built = build([say("system", "a"), say("developer", "b"), say("user", "c")]);
    expect(built).toEqual({ system: ["a", "b"], turns: [{ role: "user", content: [text("c")] }], warnings: [] });
  });

  test("later ones move to the system prompt where the model takes no system turns, with a warning", () => {
    const built = build([say("system", "a"), say("user", "b"), say("system", "c"), say("user", "d")]);
    expect(built.system).toEqual(["a", "c"]);
    expect(built.turns).toEqual([{ role: "user", content: [text("b"), text("d")] }]);
    expect(built.warnings).toEqual(["messages[2]"]);
  });

  test.each<[string, Message[], string[]]>([
    ["behind the user's turn, they stay", [say("user", "a"), say("system", "s")], ["user a", "system s"]],
    [
      "before the user's turn, they move behind it",
      [say("user", "a"), say("assistant", "b"), say("system", "s"), say("developer", "t"), say("user", "c")],
      ["user a", "assistant b", "user c", "system s|t"],
    ],
    [
      "between two user's turns, they move behind both",
      [say("user", "a"), say("system", "s"), say("user", "b"), say("assistant", "c"), say("user", "d")],
      ["user a|b", "system s", "assistant c", "user d"],
    ],
  ])("where the model takes system turns: %s", (_, messages, expected) => {
    const { turns, warnings } = build(messages, NEW);
    expect(turns.map((turn) => `${turn.role} ${turn.content.map((block) => block.text).join("|")}`)).toEqual(expected);
    expect(warnings).toEqual([]);
  });

  test("alone they are sent as the user's turn, since there must be one", () => {
    const { system, turns, warnings } = build([say("system", "a"), say("system", "b")]);
    expect(system).toEqual(["a"]);
    expect(turns).toEqual([{ role: "user", content: [text("b")] }]);
    expect(warnings).toEqual(["messages"]);
  });
});

describe("turns", () => {
  test("of one role in a row become one", () => {
    const { turns } = build([
      say("user", "a"),
      say("user", "b"),
      say("assistant", "c"),
      say("assistant", "d"),
      say("user", "e"),
    ]);
    expect(turns.map((turn) => [turn.role, turn.content.length])).toEqual([
      ["user", 2],
      ["assistant", 2],
      ["user", 1],
    ]);
  });

  test("the results of parallel calls stand in one user turn, before any text", () => {
    const calls: Message = { role: "assistant", parts: [call("a"), call("b")] };
    const { turns } = build([say("user", "x"), calls, result("a"), say("user", "and?"), result("b")]);
    expect(turns.at(-1)).toEqual({
      role: "user",
      content: [
        { type: "tool_result", tool_use_id: "a", content: "42" },
        { type: "tool_result", tool_use_id: "b", content: "42" },
        text("and?"),
      ],
    });
  });

  test("that say nothing are left out, since Anthropic refuses empty text", () => {
    const calls: Message = { role: "assistant", parts: [{ type: "text", text: "" }, call("a")] };
    const { turns } = build([
      say("user", " \n"),
      say("user", "x"),
      calls,
      result("a"),
      say("assistant", ""),
      say("user", "y"),
    ]);
    expect(turns.map((turn) => turn.content.map((block) => block.type))).toEqual([
      ["text"],
      ["tool_use"],
      ["tool_result", "text"],
    ]);
  });

  test("the last, if the assistant's, ends without white space", () => {
    expect(build([say("user", "x"), say("assistant", "The answer: \n")]).turns.at(-1)?.content).toEqual([
      text("The answer:"),
    ]);
  });

  test("the last must be the user's where the model continues none", () => {
    const attempt = () => build([say("user", "x"), say("assistant", "The answer:")], "claude-opus-4-6");
    expect(attempt).toThrow(UnsupportedFeature);
  });

  test("there must be one that says something", () => {
    expect(() => build([say("user", "")])).toThrow(UnsupportedFeature);
  });

  test("a speaker's name is left out with a warning", () => {
    expect(build([{ ...say("user", "x"), name: "ada" }]).warnings).toEqual(["name"]);
  });
});
