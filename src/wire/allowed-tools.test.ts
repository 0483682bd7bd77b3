import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../kernel/json.ts";
import { openaiChat } from "./openai-chat/index.ts";
import { openaiResponses } from "./openai-responses/index.ts";

const chat = (tool_choice: JsonObject) =>
  openaiChat.decode({ model: "m", messages: [{ role: "user", content: "x" }], tool_choice }).toolChoice;
const responses = (tool_choice: JsonObject) =>
  openaiResponses.decode({ model: "m", input: "x", tool_choice }).toolChoice;

describe("a choice among some of the functions is understood, and goes on as it came,", () => {
  test("nested, as Chat Completions has it", () => {
    const tools = ["f", "g"].map((name) => ({ type: "function", function: { name } }));
    const value = { type: "allowed_tools", allowed_tools: { mode: "required", tools } };
    expect(chat(value)).toEqual({ type: "opaque", value, among: { type: "required", names: ["f", "g"] } });
  });

  test("flat, as Responses has it", () => {
    const tools = [
      { type: "function", name: "f" },
      { type: "custom", name: "c" },
    ];
    const value = { type: "allowed_tools", mode: "auto", tools };
    expect(responses(value)).toEqual({ type: "opaque", value, among: { type: "auto", names: ["f", "c"] } });
  });
});

test.each([
  ["a tool that the provider runs", { mode: "auto", tools: [{ type: "web_search" }, { type: "function", name: "f" }] }],
  ["a mode that nobody knows", { mode: "maybe", tools: [{ type: "function", name: "f" }] }],
  ["no list", { mode: "auto", tools: "all" }],
  ["a function without a name", { mode: "auto", tools: [{ type: "function" }] }],
  ["nothing", {}],
] as const)("with %s it is the provider's own to understand", (_, allowed) => {
  const flat = { type: "allowed_tools", ...allowed } as unknown as JsonObject;
  expect(responses(flat)).toEqual({ type: "opaque", value: flat });
  const nested = { type: "allowed_tools", allowed_tools: allowed } as unknown as JsonObject;
  expect(chat(nested)).toEqual({ type: "opaque", value: nested });
});
