import { describe, expect, test } from "bun:test";
import { UnsupportedFeature } from "../../spec/adapter.ts";
import type { Message, Part } from "../../spec/message.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { contentOf } from "./content.ts";
import { Losses } from "./losses.ts";
import { OPENAI_QUIRKS, type Quirks } from "./quirks.ts";
import { encodeRequest } from "./request.ts";
import { writeMessages } from "./turns.ts";

/** What goes upstream of a call in another dialect. */
const foreign = (request: Partial<ModelRequest>, quirks: Partial<Quirks> = {}, model = "gpt-4o") =>
  encodeRequest(
    {
      dialect: "anthropic-messages",
      model: "small",
      messages: [{ role: "user", parts: [{ type: "text", text: "hi" }] }],
      stream: false,
      includeUsage: true,
      ...request,
    },
    model,
    { ...OPENAI_QUIRKS, ...quirks },
  );

describe("a call in another dialect", () => {
  const turns = (messages: Message[], quirks: Partial<Quirks> = {}) => foreign({ messages }, quirks).body.messages;
  const textOf = (...texts: string[]): Part[] => texts.map((text) => ({ type: "text", text }));
  const call: Part = { type: "tool-call", id: "toolu_1", name: "f", arguments: '{"a":1}' };
  const result = (content: Extract<Part, { type: "tool-result" }>["content"]): Part => ({
    type: "tool-result",
    callId: "toolu_1",
    content,
  });
  const image: Extract<Part, { type: "image" }> = {
    type: "image",
    source: { kind: "base64", mediaType: "image/png", data: "iV" },
  };
  const imageItem = { type: "image_url", image_url: { url: "data:image/png;base64,iV" } };

  test("has its system blocks in one message, as parts where the server takes them", () => {
    const system: Message = { role: "system", parts: textOf("a", "b") };
    expect(turns([system])).toEqual([
      {
        role: "system",
        content: [
          { type: "text", text: "a" },
          { type: "text", text: "b" },
        ],
      },
    ]);
    expect(turns([system], { textLists: "as-written" })).toEqual([{ role: "system", content: "a\n\nb" }]);
    expect(turns([{ role: "system", parts: textOf("a") }])).toEqual([{ role: "system", content: "a" }]);
  });

  test("has the model's own texts as one", () => {
    expect(turns([{ role: "assistant", parts: textOf("a", "b") }], { continues: "unasked" })).toEqual([
      { role: "assistant", content: "ab" },
    ]);
  });

  test("has calls and their results, which come first", () => {
    expect(
      turns([
        { role: "assistant", parts: [...textOf("so"), call] },
        { role: "user", parts: [result(textOf("42") as []), ...textOf("and?")] },
      ]),
    ).toEqual([
      {
        role: "assistant",
        content: "so",
        tool_calls: [{ id: "toolu_1", type: "function", function: { name: "f", arguments: '{"a":1}' } }],
      },
      { role: "tool", tool_call_id: "toolu_1", content: "42" },
      { role: "user", content: "and?" },
    ]);
    expect(turns([{ role: "assistant", parts: [{ ...call, arguments: "" }] }])).toMatchObject([
      { content: null, tool_calls: [{ function: { arguments: "{}" } }] },
    ]);
  });

  test("has what tools showed right after their results", () => {
    const label = { type: "text", text: "From the result of tool call toolu_1:" };
    const shown = result([{ type: "text", text: "see" }, image]);
    expect(turns([{ role: "user", parts: [shown, result([]), ...textOf("and?")] }])).toEqual([
      { role: "tool", tool_call_id: "toolu_1", content: "see" },
      { role: "tool", tool_call_id: "toolu_1", content: "" },
      { role: "user", content: [label, imageItem, { type: "text", text: "and?" }] },
    ]);
    expect(
      turns([
        { role: "tool", parts: [shown] },
        { role: "tool", parts: [result(textOf("b") as [])] },
        { role: "assistant", parts: [] },
      ]),
    ).toEqual([
      { role: "tool", tool_call_id: "toolu_1", content: "see" },
      { role: "tool", tool_call_id: "toolu_1", content: "b" },
      { role: "user", content: [label, imageItem] },
      { role: "assistant", content: "" },
    ]);
    expect(turns([{ role: "tool", parts: [shown] }])).toHaveLength(2);
    expect(turns([{ role: "tool", parts: [result([image])] }])).toMatchObject([
      { role: "tool", content: "The result follows in the next message." },
      { role: "user" },
    ]);
  });

  test("has images, sound and documents where the dialect has a place for them", () => {
    const pdf = { kind: "base64", mediaType: "application/pdf", data: "JV" } as const;
    const parts: Part[] = [
      image,
      { type: "image", source: { kind: "url", url: "https://a.example/i" } },
      { type: "document", source: pdf, name: "a.pdf" },
      { type: "document", source: pdf },
      { type: "document", source: { kind: "text", mediaType: "text/plain", text: "long" }, name: "Title" },
    ];
    expect(turns([{ role: "user", parts }])).toEqual([
      {
        role: "user",
        content: [
          imageItem,
          { type: "image_url", image_url: { url: "https://a.example/i" } },
          { type: "file", file: { file_data: "data:application/pdf;base64,JV", filename: "a.pdf" } },
          { type: "file", file: { file_data: "data:application/pdf;base64,JV", filename: "document.pdf" } },
          { type: "text", text: "Title\n\nlong" },
        ],
      },
    ]);
  });

  const user = (...parts: Part[]): Partial<ModelRequest> => ({ messages: [{ role: "user", parts }] });
  test.each<[string, Partial<ModelRequest>, string]>([
    [
      "an image that lies with another provider",
      user({ type: "image", source: { kind: "file", fileId: "f" } }),
      "messages",
    ],
    [
      "a document in another provider's store",
      user({ type: "document", source: { kind: "url", url: "gs://bucket/a.pdf" } }),
      "messages",
    ],
    ["content that only its dialect knows", user({ type: "opaque", value: { type: "container_upload" } }), "messages"],
    [
      "a result that only its dialect knows",
      user(result([{ type: "opaque", value: { type: "search_result" } }])),
      "messages",
    ],
    [
      "a tool that its provider runs",
      { tools: [{ type: "opaque", value: { type: "web_search_20250305", name: "web_search" } }] },
      "tools[0]",
    ],
    [
      "a choice of its own",
      { tools: [{ type: "function", name: "f" }], toolChoice: { type: "opaque", value: {} } },
      "tool_choice",
    ],
    [
      "tools on a server that only its provider calls",
      { extra: { mcp_servers: [{ url: "https://a.example/" }] } },
      "mcp_servers",
    ],
    ["too many stop sequences", { stop: ["a", "b", "c", "d", "e"] }, "stop"],
  ])("is refused where leaving something out would ask something else: %s", (_, request, field) => {
    expect(() => foreign(request)).toThrow(UnsupportedFeature);
    try {
      foreign(request);
    } catch (error) {
      expect((error as UnsupportedFeature).field).toBe(field);
    }
  });

  test.each<[string, Partial<ModelRequest>, string]>([
    ["top_k", { topK: 5 }, "top_k"],
    [
      "marks for caching",
      user({ type: "text", text: "x", extra: { cache_control: { type: "ephemeral" } } }),
      "cache_control",
    ],
    [
      "citations",
      user({
        type: "document",
        source: { kind: "text", mediaType: "text/plain", text: "x" },
        extra: { citations: { enabled: true } },
      }),
      "citations",
    ],
    [
      "signed thoughts",
      { messages: [{ role: "assistant", parts: [{ type: "reasoning", text: "hm", signature: "s" }] }] },
      "thinking",
    ],
    [
      "earlier work of its provider's tools",
      { messages: [{ role: "assistant", parts: [{ type: "opaque", value: { type: "server_tool_use" } }] }] },
      "server_tool_use",
    ],
    ["that a tool failed", user({ ...result([{ type: "text", text: "x" }]), isError: true } as Part), "is_error"],
    ["a tier of its own", { serviceTier: "standard_only" }, "service_tier"],
    ["thinking, where the model has none", { reasoning: { enabled: true, budgetTokens: 2048 } }, "thinking"],
    ["fields of its own", { extra: { context_management: {} } }, "context_management"],
  ])("leaves out with a warning: %s", (_, request, field) => {
    const { warnings, body } = foreign(request);
    expect(warnings.map((warning) => warning.field)).toEqual([field]);
    expect(JSON.stringify(body)).not.toContain(field);
  });

  test("has its settings under this dialect's names", () => {
    const { body, warnings } = foreign({
      maxOutputTokens: 10,
      temperature: 1,
      topP: 0.5,
      stop: ["END"],
      endUser: "u",
      serviceTier: "auto",
      tools: [{ type: "function", name: "f", description: "d", parameters: { type: "object" } }],
      toolChoice: { type: "required" },
      parallelToolCalls: false,
      responseFormat: { type: "json-schema", name: "s", schema: {} },
    });
    expect(body).toEqual({
      model: "gpt-4o",
      messages: [{ role: "user", content: "hi" }],
      tools: [{ type: "function", function: { name: "f", description: "d", parameters: { type: "object" } } }],
      tool_choice: "required",
      parallel_tool_calls: false,
      max_tokens: 10,
      stop: ["END"],
      temperature: 1,
      top_p: 0.5,
      response_format: { type: "json_schema", json_schema: { name: "s", schema: {} } },
      user: "u",
      service_tier: "auto",
    });
    expect(warnings).toEqual([]);
  });

  test("has no choice of tools without tools", () => {
    expect(foreign({ tools: [], toolChoice: { type: "none" }, parallelToolCalls: true }).body).toEqual({
      model: "gpt-4o",
      messages: [{ role: "user", content: "hi" }],
    });
  });

  test("gives thoughts back where the server reads them", () => {
    const messages: Message[] = [
      {
        role: "assistant",
        parts: [
          { type: "reasoning", text: "hm", signature: "s" },
          { type: "reasoning", text: "", redacted: "X" },
          { type: "text", text: "x" },
        ],
      },
    ];
    expect(turns(messages, { thoughtsWritten: "reasoning_content", continues: "unasked" })).toEqual([
      { role: "assistant", content: "x", reasoning_content: "hm" },
    ]);
    expect(turns(messages, { thoughtsWritten: "content", continues: "unasked" })).toEqual([
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: [{ type: "text", text: "hm" }] },
          { type: "text", text: "x" },
        ],
      },
    ]);
    expect(turns(messages, { thoughtsWritten: "reasoning_details", continues: "unasked" })).toEqual([
      {
        role: "assistant",
        content: "x",
        reasoning_details: [
          { type: "reasoning.text", text: "hm", signature: "s", index: 0 },
          { type: "reasoning.encrypted", data: "X", index: 1 },
        ],
      },
    ]);
  });
});

test("a warning is told once, however often it applies", () => {
  const losses = new Losses(false);
  writeMessages(
    [1, 2, 3].map(() => ({ role: "user", parts: [], extra: { cache_control: {} } })),
    OPENAI_QUIRKS,
    losses,
  );
  expect(losses.warnings.map(({ field }) => field)).toEqual(["cache_control"]);
});

test("nothing said is null to a model that only called, and empty in a message of the user's", () => {
  const empty = (role: "assistant" | "user") => contentOf([], { role, parts: [] }, OPENAI_QUIRKS, false);
  expect([empty("assistant"), empty("user")]).toEqual([null, ""]);
});
