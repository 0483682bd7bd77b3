import { describe, expect, test } from "bun:test";
import type { Json } from "../kernel/json.ts";
import { type ProviderAdapter, UnsupportedFeature } from "../spec/adapter.ts";
import type { ModelRequest } from "../spec/request.ts";
import { ADAPTERS } from "./adapters.ts";
import { guarded } from "./guarded.ts";
import { openai } from "./openai/index.ts";

const adapter = guarded(openai);
const anthropic = ADAPTERS.find(({ kind }) => kind === "anthropic")!;
const request = (over: Partial<ModelRequest>): ModelRequest => ({
  dialect: "openai-responses",
  model: "m",
  messages: [{ role: "user", parts: [{ type: "text", text: "x" }] }],
  stream: false,
  includeUsage: true,
  ...over,
});

describe("a request that only its own dialect can answer", () => {
  test("is refused by every provider of another one, by the name of the field", () => {
    for (const each of ADAPTERS) {
      const dialect = each.dialect === "openai-chat" ? "anthropic-messages" : "openai-chat";
      const asked = request({ dialect, dialectBound: ["previous_response_id"] });
      const send = () => (each.local ?? each.encode)(asked, "m");
      expect(send).toThrow(UnsupportedFeature);
      expect(send).toThrow("previous_response_id");
    }
  });

  test("goes on to one of the same dialect, whichever API of the account that is", () => {
    const asked = request({ dialectBound: ["previous_response_id"], extra: { previous_response_id: "resp_1" } });
    const chosen = adapter.variant!(asked, "gpt-5", {});
    expect(chosen.encode(asked, "gpt-5").body).toMatchObject({ previous_response_id: "resp_1" });
    expect(adapter.variant!(asked, "gpt-5", {})).toBe(chosen);
    // Served by Chat Completions alone.
    const other = adapter.variant!(asked, "gpt-audio", {});
    expect(() => other.encode(asked, "gpt-audio")).toThrow("previous_response_id");
  });
});

describe("what a provider may go without", () => {
  const over: Partial<ModelRequest> = {
    tools: [
      { type: "function", name: "f" },
      { type: "opaque", value: { type: "web_search" }, optional: true },
    ],
    messages: [
      { role: "user", parts: [{ type: "text", text: "x" }] },
      {
        role: "assistant",
        parts: [{ type: "opaque", value: { type: "web_search_call" }, optional: true, form: { item: 1, whole: true } }],
      },
      { role: "user", parts: [{ type: "text", text: "y" }] },
    ],
  };

  test.each([["openai", openai as ProviderAdapter] as const, ["anthropic", anthropic] as const])(
    "is left out for %s, with a warning",
    (_, each) => {
      const written = guarded(each).encode(request(over), "claude-sonnet-4-5");
      expect(JSON.stringify(written.body)).not.toContain("web_search");
      expect(written.warnings.map(({ field }) => field)).toEqual(["tools[1]", "web_search_call"]);
    },
  );

  test("goes on where the dialect is the same", () => {
    const asked = request(over);
    const { body, warnings } = adapter.variant!(asked, "gpt-5", {}).encode(asked, "gpt-5");
    expect(JSON.stringify(body)).toContain('"web_search"');
    expect(warnings).toEqual([]);
  });

  test("is refused where it is not optional", () => {
    const tools = [{ type: "opaque" as const, value: { type: "web_search" } }];
    expect(() => adapter.encode(request({ tools }), "m")).toThrow("web_search");
  });
});

test.each([
  [{ type: "web_search" }, "has no tool of type web_search"],
  // Google names its tools by field.
  [{ googleSearch: {} }, "has no tool of type googleSearch"],
] as const)("whoever refuses a tool of another dialect's says which: %j", (value, words) => {
  const asked = request({ dialect: "gemini", tools: [{ type: "opaque", value }] });
  const others = ADAPTERS.filter(
    (each) => each.dialect !== "gemini" && each.local === undefined && each.capabilities.tools,
  );
  for (const each of others) {
    const send = () => each.encode(asked, "m", { region: "us-east-1", project: "p", location: "global" });
    expect(send).toThrow(words);
  }
});

describe("a field that only the caller's dialect knows, wherever it stands", () => {
  const NAMES = ["at_request", "at_message", "at_text", "at_tool", "at_call", "at_result", "at_answer"];
  const asked = (value: Json, dialect: ModelRequest["dialect"]) => {
    const extra = (name: string) => ({ extra: { [name]: value } });
    const said = (name: string) => [{ type: "text" as const, text: "x", ...extra(name) }];
    return request({
      dialect,
      ...extra("at_request"),
      tools: [{ type: "function", name: "f", ...extra("at_tool") }],
      messages: [
        { role: "user", parts: said("at_text"), ...extra("at_message") },
        {
          role: "assistant",
          parts: [
            ...said("at_answer"),
            { type: "tool-call", id: "c", name: "f", arguments: "{}", ...extra("at_call") },
          ],
        },
        { role: "tool", name: "f", parts: [{ type: "tool-result", callId: "c", content: [], ...extra("at_result") }] },
      ],
    });
  };
  const others = ADAPTERS.filter(({ local, capabilities }) => local === undefined && capabilities.tools);
  const warned = (each: ProviderAdapter, value: Json) => {
    const dialect = each.dialect === "gemini" ? "openai-chat" : "gemini";
    const options = { region: "us-east-1", project: "p", location: "global" };
    return each.encode(asked(value, dialect), "m", options).warnings.map(({ field }) => field);
  };

  test.each(others.map((each) => [each.kind, each] as const))("is a warning at %s", (_, each) => {
    expect(warned(each, 1).sort()).toEqual([...NAMES].sort());
  });

  test.each(others.map((each) => [each.kind, each] as const))("is none at %s where it says nothing", (_, each) => {
    for (const nothing of [null, []]) expect(warned(each, nothing)).toEqual([]);
  });
});

test("the words of Anthropic's compaction, which stands for what was said before, reach every other provider", () => {
  const compaction = { type: "opaque" as const, value: { type: "compaction", content: "They spoke of Rome." } };
  const [first] = request({}).messages;
  const messages = [first!, { role: "assistant" as const, parts: [compaction] }, first!];
  const asked = request({ dialect: "anthropic-messages", messages });
  for (const each of ADAPTERS.filter(({ dialect, local }) => dialect !== "anthropic-messages" && local === undefined)) {
    const { body, warnings } = each.encode(asked, "m", { region: "us-east-1", project: "p", location: "global" });
    expect([each.kind, JSON.stringify(body)]).toEqual([each.kind, expect.stringContaining("They spoke of Rome.")]);
    expect(warnings).toEqual([]);
  }
});

describe("a choice among some of the functions", () => {
  const tools: ModelRequest["tools"] = [
    ...["f", "g", "h"].map((name) => ({ type: "function" as const, name })),
    { type: "opaque", value: { type: "web_search" } },
  ];
  const among = (type: "auto" | "required", ...names: string[]): Partial<ModelRequest> => ({
    tools,
    toolChoice: { type: "opaque", value: { type: "allowed_tools" }, among: { type, names } },
  });
  const written = (over: Partial<ModelRequest>) => guarded(anthropic).encode(request(over), "claude-sonnet-4-5");

  test.each([
    ["auto", ["f", "g"], { type: "auto" }],
    ["required", ["g", "h"], { type: "any" }],
    ["required", ["h"], { type: "tool", name: "h" }],
  ] as const)("offers those alone to a provider of another dialect: %s of %j", (type, names, choice) => {
    const { body, warnings } = written(among(type, ...names));
    expect((body.tools as { name: string }[]).map(({ name }) => name)).toEqual([...names]);
    expect(body.tool_choice).toEqual(choice);
    expect(warnings.map(({ field }) => field)).toEqual(["tool_choice"]);
  });

  test("is a choice like any other where it names them all", () => {
    const { body, warnings } = written({ ...among("required", "f", "g", "h"), tools: tools.slice(0, 3) });
    expect(body.tool_choice).toEqual({ type: "any" });
    expect(warnings).toEqual([]);
  });

  test("is refused where it names one that is not there", () => {
    expect(() => written({ ...among("auto", "f", "x"), tools: tools.slice(0, 3) })).toThrow(UnsupportedFeature);
  });

  test("goes on as it came where the dialect is the same", () => {
    const asked = request(among("required", "f", "g"));
    const { body } = adapter.variant!(asked, "gpt-5", {}).encode(asked, "gpt-5");
    expect([body.tools, body.tool_choice]).toMatchObject([{ length: 4 }, { type: "allowed_tools" }]);
  });
});
