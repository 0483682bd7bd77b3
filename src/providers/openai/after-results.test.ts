import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { anthropicMessages } from "../../wire/anthropic-messages/index.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { Losses } from "../losses.ts";
import { answerBetween } from "./after-results.ts";
import { OPENAI_QUIRKS } from "./quirks.ts";
import { encodeRequest } from "./request.ts";

const OK = { role: "assistant", content: "OK" };

describe("an answer is put behind the result of a tool", () => {
  const between = (...roles: string[]) => {
    const losses = new Losses(false);
    const messages = answerBetween(
      roles.map((role) => ({ role })),
      losses,
    ) as JsonObject[];
    return { roles: messages.map(({ role }) => role), added: messages.filter((each) => each.content === "OK"), losses };
  };

  test("where the user speaks next, once for several results, with a warning", () => {
    const { roles, added, losses } = between("user", "assistant", "tool", "tool", "user", "assistant", "tool", "user");
    expect(roles.join(" ")).toBe("user assistant tool tool assistant user assistant tool assistant user");
    expect(added).toEqual([OK, OK]);
    expect(losses.warnings.map(({ field }) => field)).toEqual(["messages"]);
  });

  test("not where the model answers, or is to answer, next", () => {
    const { roles, losses } = between("user", "assistant", "tool", "assistant", "user", "assistant", "tool");
    expect(roles).toHaveLength(7);
    expect(losses.warnings).toEqual([]);
  });
});

describe("of a model that takes nothing else there", () => {
  const turn = [
    { type: "tool_result", tool_use_id: "c", content: "4" },
    { type: "text", text: "and?" },
  ];
  const call = { type: "tool_use", id: "c", name: "f", input: {} };
  const foreign = anthropicMessages.decode({
    model: "m",
    max_tokens: 9,
    tools: [{ name: "f", input_schema: { type: "object" } }],
    messages: [
      { role: "user", content: "hi" },
      { role: "assistant", content: [call] },
      { role: "user", content: turn },
    ],
  });
  const quirks = { ...OPENAI_QUIRKS, answersResults: (model: string) => model === "devstral" };
  const rolesOf = (model: string) =>
    (encodeRequest(foreign, model, quirks).body.messages as JsonObject[]).map(({ role }) => role).join(" ");

  test("callers of other dialects are helped so, and others have their turns as they are", () => {
    expect(rolesOf("devstral")).toBe("user assistant tool assistant user");
    expect(rolesOf("gpt-4o")).toBe("user assistant tool user");
  });

  test("callers of its own dialect have written what they meant", () => {
    const calls = [{ id: "c", type: "function", function: { name: "f", arguments: "{}" } }];
    const messages = [
      { role: "user", content: "hi" },
      { role: "assistant", content: null, tool_calls: calls },
      { role: "tool", tool_call_id: "c", content: "4" },
      { role: "user", content: "and?" },
    ];
    const own = openaiChat.decode({ model: "m", messages });
    expect(encodeRequest(own, "devstral", quirks).body.messages).toEqual(messages);
  });
});
