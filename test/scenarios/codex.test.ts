/**
 * What Codex CLI sends, in front of providers that know nothing of Responses: one of Chat
 * Completions and Anthropic. It speaks streams only, stores nothing, brings functions, a custom
 * tool with a grammar, the local shell and a web search that OpenAI would run, and sends back
 * what it was given, without the ids.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { JsonObject } from "../../src/kernel/json.ts";
import { post } from "../support/app.ts";
import { SdkScene } from "../support/sdk.ts";
import type { Answer } from "../support/upstream/answer.ts";
import * as openaiResponses from "../support/upstream/openai-responses.ts";

let scene: SdkScene;
beforeAll(async () => {
  scene = await SdkScene.begin();
});
afterAll(() => scene.stop());

const PATCH = "*** Begin Patch\n*** Add File: a.txt\n+héllo\n*** End Patch";

const TOOLS: JsonObject[] = [
  {
    type: "function",
    name: "update_plan",
    description: "Updates the task plan.",
    strict: false,
    parameters: {
      type: "object",
      properties: { plan: { type: "array", items: { type: "string" } } },
      required: ["plan"],
    },
  },
  {
    type: "custom",
    name: "apply_patch",
    description: "Use the `apply_patch` tool to edit files.",
    format: { type: "grammar", syntax: "lark", definition: 'start: "*** Begin Patch" LF hunk+ "*** End Patch" LF?' },
  },
  { type: "local_shell" },
  { type: "web_search", external_web_access: false },
];

const user = (text: string): JsonObject => ({ type: "message", role: "user", content: [{ type: "input_text", text }] });

const asked = (model: string, input: JsonObject[]): JsonObject => ({
  model,
  instructions: "You are a coding agent running in the Codex CLI.",
  input,
  tools: TOOLS,
  tool_choice: "auto",
  parallel_tool_calls: false,
  reasoning: { effort: "medium", summary: "auto" },
  store: false,
  stream: true,
  include: ["reasoning.encrypted_content"],
  prompt_cache_key: "0199f0a8-0000-7000-8000-000000000000",
  text: { verbosity: "medium" },
});

const INPUT = [
  { type: "message", role: "developer", content: [{ type: "input_text", text: "<permissions>none</permissions>" }] },
  user("<environment_context>cwd</environment_context>"),
  user("Add a file."),
];

const CALLS: Answer = {
  text: "I do it.",
  toolCalls: [
    { id: "call_1", name: "apply_patch", arguments: JSON.stringify({ input: PATCH }) },
    { id: "call_2", name: "local_shell", arguments: '{"command":["cat","a.txt"]}' },
    { id: "call_3", name: "update_plan", arguments: '{"plan":["done"]}' },
  ],
};

/** The items that a turn ends with, as Codex collects them: from `output_item.done` alone. */
async function turn(model: string, input: JsonObject[]): Promise<JsonObject[]> {
  const response = await post(scene.app, { path: "/v1/responses", body: asked(model, input) });
  const text = await response.text();
  expect([response.status, text]).toEqual([200, text]);
  const events = [...text.matchAll(/^data: (.*)$/gm)].map((match) => JSON.parse(match[1]!) as JsonObject);
  expect(events.at(-1)).toMatchObject({
    type: "response.completed",
    response: { id: expect.any(String), usage: { total_tokens: 19 } },
  });
  return events.filter(({ type }) => type === "response.output_item.done").map(({ item }) => item as JsonObject);
}

/** Codex leaves ids and states of items out when it sends them back. */
const sentBack = (items: JsonObject[]) => items.map(({ id: _, status: __, ...item }) => item as JsonObject);

describe.each([
  ["small", "a provider of Chat Completions only"],
  ["claude", "Anthropic"],
])("with the model %s of %s", (model) => {
  test("a task is done in two turns", async () => {
    scene.says(CALLS);
    const items = await turn(model, INPUT);
    expect(items).toMatchObject([
      { type: "message", role: "assistant", content: [{ type: "output_text", text: "I do it." }] },
      { type: "custom_tool_call", call_id: "call_1", name: "apply_patch", input: PATCH },
      {
        type: "local_shell_call",
        call_id: "call_2",
        status: "completed",
        action: { type: "exec", command: ["cat", "a.txt"], env: {} },
      },
      { type: "function_call", call_id: "call_3", name: "update_plan", arguments: '{"plan":["done"]}' },
    ]);
    expect(scene.up.everything()).not.toContain("web_search");
    expect((await scene.record()).warnings.join("\n")).toContain("web_search");

    scene.says({ text: "Done." });
    const results = [
      { type: "custom_tool_call_output", call_id: "call_1", output: "Success." },
      { type: "function_call_output", call_id: "call_2", output: '{"output":"héllo","metadata":{"exit_code":0}}' },
      { type: "function_call_output", call_id: "call_3", output: "Plan updated" },
    ];
    expect(await turn(model, [...INPUT, ...sentBack(items), ...results])).toMatchObject([{ type: "message" }]);
    expect(conversation(scene.sent(), model)).toEqual({
      tools: ["update_plan", "apply_patch", "local_shell"],
      calls: [
        ["call_1", "apply_patch", { input: PATCH }],
        ["call_2", "local_shell", { command: ["cat", "a.txt"], env: {} }],
        ["call_3", "update_plan", { plan: ["done"] }],
      ],
      results: [
        ["call_1", "Success."],
        ["call_2", '{"output":"héllo","metadata":{"exit_code":0}}'],
        ["call_3", "Plan updated"],
      ],
    });
    await scene.record();
  });
});

/** What of the conversation left the gateway, in either dialect. */
function conversation(sent: JsonObject, model: string) {
  if (model === "claude") {
    const blocks = (sent.messages as { content: JsonObject[] | string }[]).flatMap(({ content }) =>
      typeof content === "string" ? [] : content,
    );
    return {
      tools: (sent.tools as JsonObject[]).map(({ name }) => name),
      calls: blocks.filter(({ type }) => type === "tool_use").map(({ id, name, input }) => [id, name, input]),
      results: blocks
        .filter(({ type }) => type === "tool_result")
        .map(({ tool_use_id, content }) => [tool_use_id, content]),
    };
  }
  interface Turn {
    role: string;
    content: string;
    tool_call_id: string;
    tool_calls?: { id: string; function: { name: string; arguments: string } }[];
  }
  const turns = sent.messages as unknown as Turn[];
  return {
    tools: (sent.tools as { function: JsonObject }[]).map((tool) => tool.function.name),
    calls: turns.flatMap(({ tool_calls = [] }) =>
      tool_calls.map((call) => [call.id, call.function.name, JSON.parse(call.function.arguments) as unknown]),
    ),
    results: turns.filter(({ role }) => role === "tool").map(({ tool_call_id, content }) => [tool_call_id, content]),
  };
}

describe("tools in a namespace, as Codex brings those of its agents and of MCP servers,", () => {
  const spawn = {
    type: "function",
    name: "spawn",
    description: "Starts one.",
    strict: false,
    parameters: { type: "object" },
  };
  const tools = [{ type: "namespace", name: "agents", description: "Tools for agents.", tools: [spawn] }];
  const result = { type: "function_call_output", call_id: "call_1", output: "started" };
  const ask = (model: string, input: JsonObject[]) =>
    post(scene.app, { path: "/v1/responses", body: { model, input, tools, store: false } });

  test.each(["small", "claude"])("are called and answered with the model %s", async (model) => {
    scene.says({ toolCalls: [{ id: "call_1", name: "agents__spawn", arguments: "{}" }] });
    const { output } = (await (await ask(model, [user("Go.")])).json()) as { output: JsonObject[] };
    expect(output).toMatchObject([{ type: "function_call", call_id: "call_1", namespace: "agents", name: "spawn" }]);
    scene.says({ text: "Done." });
    await ask(model, [user("Go."), ...sentBack(output), result]);
    expect(conversation(scene.sent(), model)).toEqual({
      tools: ["agents__spawn"],
      calls: [["call_1", "agents__spawn", {}]],
      results: [["call_1", "started"]],
    });
  });

  test("reach OpenAI as they came", async () => {
    scene.forget();
    scene.up.plan(openaiResponses.replies({ text: "Done." }));
    const call = { type: "function_call", call_id: "call_1", namespace: "agents", name: "spawn", arguments: "{}" };
    const input = [user("Go."), call, result];
    expect((await ask("gpt", input)).status).toBe(200);
    expect(scene.sent()).toEqual({ model: "gpt-4.1", input, tools, store: false });
  });
});
