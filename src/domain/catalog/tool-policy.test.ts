import { describe, expect, test } from "bun:test";
import type { ModelRequest, Tool } from "../../spec/request.ts";
import { fits, policedTools, type ToolPolicy } from "./tool-policy.ts";

const call = (name: string): Tool => ({ type: "function", name });
const own = (value: Record<string, string>): Tool => ({ type: "opaque", value });
const request = (tools: Tool[], over: Partial<ModelRequest> = {}): ModelRequest => ({
  dialect: "openai-chat",
  model: "small",
  messages: [],
  stream: false,
  includeUsage: false,
  tools,
  ...over,
});

const NO_SERVER: ToolPolicy = { serverSide: false };

describe("tools", () => {
  const rows: { what: string; policy: ToolPolicy; asked: ModelRequest; field: string | undefined }[] = [
    {
      what: "by an allowed name are taken",
      policy: { allow: ["get_*"] },
      asked: request([call("get_x")]),
      field: undefined,
    },
    {
      what: "by another name are refused",
      policy: { allow: ["get_*"] },
      asked: request([call("get_x"), call("rm")]),
      field: "tools[1]",
    },
    {
      what: "by a denied name are refused",
      policy: { deny: ["*_all"] },
      asked: request([call("rm_all")]),
      field: "tools[0]",
    },
    { what: "are none where none may be", policy: { allow: [] }, asked: request([]), field: undefined },
    {
      what: "of Gemini are named as a list",
      policy: { allow: [] },
      asked: request([call("x")], { dialect: "gemini" }),
      field: "tools",
    },
    {
      what: "of the provider are refused",
      policy: NO_SERVER,
      asked: request([own({ type: "web_search_20250305", name: "web_search" })], { dialect: "anthropic-messages" }),
      field: "tools[0]",
    },
    {
      what: "of Google are refused",
      policy: NO_SERVER,
      asked: request([{ type: "opaque", value: { googleSearch: {} } }], { dialect: "gemini" }),
      field: "tools",
    },
    {
      what: "of MCP servers are refused",
      policy: NO_SERVER,
      asked: request([own({ type: "mcp" })]),
      field: "tools[0]",
    },
    {
      what: "that the caller runs itself are the provider's only by definition",
      policy: NO_SERVER,
      asked: request([own({ type: "bash_20250124", name: "bash" }), own({ type: "apply_patch" })]),
      field: undefined,
    },
    {
      what: "outside of the list of tools are refused too",
      policy: NO_SERVER,
      asked: request([], { extra: { web_search_options: {} } }),
      field: "web_search_options",
    },
    {
      what: "outside of the list that are switched off are none",
      policy: NO_SERVER,
      asked: request([], { extra: { enable_search: false, mcp_servers: [] } }),
      field: undefined,
    },
    {
      what: "of the provider are taken where nobody says otherwise",
      policy: {},
      asked: request([own({ type: "mcp" })]),
      field: undefined,
    },
    {
      what: "of the provider have names too",
      policy: { deny: ["mcp"] },
      asked: request([own({ type: "mcp" })]),
      field: "tools[0]",
    },
  ];
  test.each(rows)("$what", ({ policy, asked, field }) => {
    const judged = policedTools(asked, policy);
    expect("field" in judged ? judged.field : undefined).toBe(field!);
  });

  test("of the provider that the caller can go without are left out with a warning", () => {
    const optional: Tool = { type: "opaque", value: { type: "web_search" }, optional: true };
    const judged = policedTools(request([optional, call("shell")]), NO_SERVER);
    expect(judged).toMatchObject({ request: { tools: [call("shell")] }, warnings: [{ field: "tools[0]" }] });
  });
});

test("a name is told in one line, however long it is, and judged whole", () => {
  const name = `a\n${"b".repeat(10_000)}c`;
  const judged = policedTools(request([call(name)]), { deny: ["*c"] });
  expect("field" in judged && judged.message).toMatch(/^This API does not take the tool "a\\nb{98}" \(tools\[0\]\)\.$/);
});

describe("a pattern", () => {
  test.each([
    ["*", "", true],
    ["*", "x", true],
    ["get_*", "get_", true],
    ["get_*", "xget_", false],
    ["*_b", "a_b", true],
    ["a*a", "a", false],
    ["a*b*c", "a-b-b-c", true],
    ["a*b*c", "a-c", false],
    ["*bc*c", "abc", false],
    ["a.c", "abc", false],
    ["", "", true],
    ["", "x", false],
  ])("%j fits %j: %p", (pattern, name, want) => {
    expect(fits(pattern, name)).toBe(want);
  });

  test("of many stars is held against a long name in linear time", () => {
    const started = performance.now();
    expect(fits(`${"*a".repeat(60)}*b`, "a".repeat(100_000))).toBe(false);
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});
