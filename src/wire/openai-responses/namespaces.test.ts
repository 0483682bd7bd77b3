import { expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { decodeRequest } from "./decode.ts";
import { openaiResponses } from "./index.ts";
import { flatName } from "./namespaces.ts";

const AGENTS: JsonObject = {
  type: "namespace",
  name: "agents",
  description: "Tools for agents.",
  tools: [
    { type: "function", name: "spawn", description: "Starts one.", parameters: { type: "object" }, strict: false },
    { type: "custom", name: "patch", description: "Patches.", format: { type: "text" } },
  ],
};
const PLAIN: JsonObject = { type: "function", name: "shell", description: null, parameters: null, strict: null };

const decode = (tools: JsonObject[], input: string | JsonObject[] = "x") => decodeRequest({ model: "m", input, tools });
const names = (tools: JsonObject[]) =>
  decode(tools).tools!.map((tool) => (tool.type === "function" ? tool.name : tool.value));

test("a tool in a namespace is offered under a name that holds both", () => {
  expect(names([PLAIN, AGENTS])).toEqual(["shell", "agents__spawn", "agents__patch"]);
  expect(flatName("mcp__files__", "read")).toBe("mcp__files__read");
});

const OPAQUE: [string, JsonObject[]][] = [
  ["has no tools", [{ ...AGENTS, tools: [] }]],
  ["holds a tool that is not the caller's", [{ ...AGENTS, tools: [{ type: "web_search" }] }]],
];
test.each(OPAQUE)("a namespace that %s stays what only its dialect knows", (_, tools) => {
  expect(names([PLAIN, ...tools])).toEqual(["shell", tools[0]!]);
});

test("no two tools are offered under one name: a namespace that would need it stays what only its dialect knows", () => {
  const taken = { ...PLAIN, name: "agents__spawn" };
  expect(names([AGENTS, taken])).toEqual([AGENTS, "agents__spawn"]);
  expect(names([AGENTS, AGENTS])).toEqual(["agents__spawn", "agents__patch", AGENTS]);
});

test("what guards read of a tool holds the namespace's own fields", () => {
  const [tool] = decode([AGENTS]).tools!;
  const own = { type: "namespace", name: "agents", description: "Tools for agents." };
  expect(tool!.type === "function" && tool!.extra).toEqual({ namespace: own });
});

test("tools in namespaces count as tools", () => {
  const many = Array.from({ length: 200 }, (_, i) => ({ type: "function", name: `t${i}` }));
  const spaces = Array.from({ length: 200 }, (_, i) => ({ type: "namespace", name: `n${i}`, tools: many }));
  expect(() => decode(spaces)).toThrow("those in namespaces counted");
});

test("an earlier call gets the name under which its tool is offered, and keeps the namespace for its own dialect", () => {
  const call = { type: "function_call", call_id: "c", name: "spawn", namespace: "agents", arguments: "{}" };
  const [turn] = decode([AGENTS], [call]).messages;
  expect(turn!.parts).toEqual([
    {
      type: "tool-call",
      id: "c",
      name: "agents__spawn",
      arguments: "{}",
      form: { item: 0, own: "spawn", head: { namespace: "agents" } },
    },
  ]);
  const foreign = decode([PLAIN], [call]).messages[0]!.parts[0]!;
  expect(foreign).toMatchObject({ name: "spawn", extra: { namespace: "agents" } });
});

test("a call names the namespace and the tool in it, and the answer repeats the tools as they were given", () => {
  const body = { model: "m", input: "x", tools: [AGENTS, PLAIN] };
  const encoder = openaiResponses.encoder(decodeRequest(body), { requestId: "call_01ab", created: 1 });
  const answer = JSON.parse(
    encoder.unary([
      { type: "start", id: "resp_1", model: "served" },
      { type: "block-start", choice: 0, block: 0, content: { kind: "tool-call", id: "c1", name: "agents__spawn" } },
      { type: "arguments-delta", choice: 0, block: 0, text: "{}" },
      { type: "block-end", choice: 0, block: 0 },
      { type: "block-start", choice: 0, block: 1, content: { kind: "tool-call", id: "c2", name: "agents__patch" } },
      { type: "arguments-delta", choice: 0, block: 1, text: '{"input":"+a"}' },
      { type: "block-end", choice: 0, block: 1 },
      { type: "finish", choice: 0, reason: "tool-calls", raw: null },
      { type: "end" },
    ]),
  ) as JsonObject;
  expect(answer.output).toMatchObject([
    { type: "function_call", call_id: "c1", namespace: "agents", name: "spawn", arguments: "{}" },
    { type: "custom_tool_call", call_id: "c2", namespace: "agents", name: "patch", input: "+a" },
  ]);
  expect(answer.tools).toEqual([AGENTS, PLAIN]);
});
