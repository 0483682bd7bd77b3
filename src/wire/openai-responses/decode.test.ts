import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import type { Message } from "../../spec/message.ts";
import { InvalidRequest } from "../../spec/wire.ts";
import { decodeRequest } from "./decode.ts";
import { wrapped } from "./thoughts.ts";

// With it input.ts, content.ts and tools.ts.

const decode = (body: JsonObject) => decodeRequest({ model: "m", input: "Hello.", ...body });

/** Turns without their wording. */
const said = (messages: Message[]) =>
  messages.map(({ role, parts }) => [role, ...parts.map(({ form: _, ...part }) => part)]);

describe("input", () => {
  test("is a text, with instructions before it", () => {
    const { messages } = decode({ instructions: "Be brief.", input: "Hello." });
    expect(said(messages)).toEqual([
      ["system", { type: "text", text: "Be brief." }],
      ["user", { type: "text", text: "Hello." }],
    ] as never);
  });

  test("makes one turn of a thought, a message and its calls, so that every dialect can hold them", () => {
    const { messages } = decode({
      input: [
        { role: "user", content: [{ type: "input_text", text: "Weather?" }] },
        { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "Hm." }], encrypted_content: "gAAA" },
        {
          type: "message",
          role: "assistant",
          id: "msg_1",
          status: "completed",
          content: [{ type: "output_text", text: "I look.", annotations: [] }],
        },
        { type: "function_call", id: "fc_1", call_id: "c1", name: "a", arguments: '{"x":1}' },
        { type: "function_call", call_id: "c2", name: "b", arguments: "" },
        { type: "function_call_output", call_id: "c1", output: "one" },
        { type: "function_call_output", call_id: "c2", output: [{ type: "input_text", text: "two" }] },
      ],
    });
    expect(said(messages)).toEqual([
      ["user", { type: "text", text: "Weather?" }],
      [
        "assistant",
        { type: "reasoning", text: "Hm.", extra: { encrypted_content: "gAAA" } },
        { type: "text", text: "I look." },
        { type: "tool-call", id: "c1", name: "a", arguments: '{"x":1}' },
        { type: "tool-call", id: "c2", name: "b", arguments: "{}" },
      ],
      [
        "tool",
        {
          type: "tool-result",
          callId: "c1",
          content: [{ type: "text", text: "one", form: { item: 5, content: "string" } }],
        },
      ],
      [
        "tool",
        {
          type: "tool-result",
          callId: "c2",
          content: [{ type: "text", text: "two", form: { item: 6 } }],
        },
      ],
    ] as never);
  });

  test("keeps two messages of the model's apart, unless a call waits for its result", () => {
    const text = (content: string) => ({ role: "assistant", content });
    const call = { type: "function_call", call_id: "c", name: "a", arguments: "{}" };
    expect(decode({ input: [text("A."), text("B.")] }).messages).toHaveLength(2);
    expect(decode({ input: [text("A."), call, text("B.")] }).messages).toHaveLength(1);
  });

  test("gives back what this gateway wrapped, and leaves what OpenAI sealed beside the text", () => {
    const reasoning = (encrypted_content: string) => ({
      type: "reasoning",
      summary: [{ type: "summary_text", text: "Hm." }],
      encrypted_content,
    });
    const part = (encrypted: string) => said(decode({ input: [reasoning(encrypted)] }).messages)[0]![1];
    expect(part(wrapped({ signature: "sig" }))).toEqual({ type: "reasoning", text: "Hm.", signature: "sig" } as never);
    expect(part(wrapped({ redacted: "blob" }))).toEqual({ type: "reasoning", text: "Hm.", redacted: "blob" } as never);
    expect(part("gAAA")).toEqual({ type: "reasoning", text: "Hm.", extra: { encrypted_content: "gAAA" } } as never);
    expect(part("sallyport1.spoilt")).toEqual({ type: "reasoning", text: "Hm." } as never);
  });

  test("reads images and files in every form, and keeps whole what it does not know", () => {
    const content = [
      { type: "input_image", image_url: "https://x.test/a.png", detail: "low" },
      { type: "input_image", image_url: "data:image/png;base64,AAAA" },
      { type: "input_file", filename: "a.pdf", file_data: "data:application/pdf;base64,BBBB" },
      { type: "input_file", file_url: "https://x.test/a.pdf" },
      { type: "input_file", file_id: "file-1" },
      { type: "input_video", video: "v" },
    ];
    const [message] = said(decode({ input: [{ role: "user", content }] }).messages);
    expect(message!.slice(1)).toEqual([
      { type: "image", source: { kind: "url", url: "https://x.test/a.png" }, detail: "low" },
      { type: "image", source: { kind: "base64", mediaType: "image/png", data: "AAAA" } },
      { type: "document", source: { kind: "base64", mediaType: "application/pdf", data: "BBBB" }, name: "a.pdf" },
      { type: "document", source: { kind: "url", url: "https://x.test/a.pdf" } },
      { type: "document", source: { kind: "file", fileId: "file-1" } },
      { type: "opaque", value: { type: "input_video", video: "v" } },
    ] as never);
  });

  test("of a provider's own tools is work that is done; what answers a tool that is not known is the caller's word", () => {
    const { messages } = decode({
      input: [
        { type: "web_search_call", id: "ws_1", status: "completed" },
        { type: "computer_call_output", call_id: "c", output: {} },
      ],
    });
    expect(
      messages.map(({ role, parts }) => [role, parts.map((part) => part.type === "opaque" && part.optional)]),
    ).toEqual([
      ["assistant", [true]],
      ["user", [undefined as never]],
    ]);
  });
});

describe("tools", () => {
  const lark = { type: "grammar", syntax: "lark", definition: "start: /a+/" };

  test("that the caller runs become functions which any model can call", () => {
    const { tools } = decode({
      tools: [
        {
          type: "function",
          name: "f",
          description: "d",
          parameters: { type: "object" },
          strict: true,
          defer_loading: true,
        },
        { type: "custom", name: "apply_patch", description: "Edit.", format: lark },
        { type: "local_shell" },
      ],
    });
    expect(tools![0]).toEqual({
      type: "function",
      name: "f",
      description: "d",
      parameters: { type: "object" },
      strict: true,
      extra: { defer_loading: true },
    });
    expect(tools![1]).toMatchObject({ type: "function", name: "apply_patch", form: { as: "custom", format: lark } });
    // The model has to know the grammar, and guards have to read it.
    expect(JSON.stringify((tools![1] as { parameters: unknown }).parameters)).toContain("start: /a+/");
    expect(tools![2]).toMatchObject({ type: "function", name: "local_shell", form: { as: "local_shell" } });
  });

  test("of the provider's are optional beside the caller's own, and only there", () => {
    const own = { type: "function", name: "f" };
    const search = { type: "web_search" };
    const optional = (body: JsonObject) =>
      decode(body).tools!.some((tool) => tool.type === "opaque" && tool.optional === true);
    expect(optional({ tools: [own, search] })).toBe(true);
    expect(optional({ tools: [own, search], tool_choice: "auto" })).toBe(true);
    expect(optional({ tools: [search] })).toBe(false);
    expect(optional({ tools: [own, search], tool_choice: "required" })).toBe(false);
    expect(optional({ tools: [own, search], tool_choice: { type: "web_search" } })).toBe(false);
  });

  test("are chosen by word or by name", () => {
    const choice = (tool_choice: never) => decode({ tool_choice }).toolChoice;
    expect(choice("required" as never)).toEqual({ type: "required" });
    expect(choice({ type: "function", name: "f" } as never)).toEqual({ type: "tool", name: "f" });
    expect(choice({ type: "custom", name: "f" } as never)).toEqual({ type: "tool", name: "f" });
    expect(choice({ type: "web_search" } as never)).toEqual({ type: "opaque", value: { type: "web_search" } });
  });
});

test("settings have their canonical names, and the rest goes on under its own", () => {
  const request = decode({
    stream: true,
    max_output_tokens: 100,
    temperature: 0.5,
    top_p: 0.9,
    top_logprobs: 2,
    include: ["reasoning.encrypted_content", "message.output_text.logprobs"],
    reasoning: { effort: "low", summary: "auto", new: 1 },
    text: { verbosity: "low", format: { type: "json_schema", name: "n", schema: { type: "object" }, strict: true } },
    parallel_tool_calls: false,
    user: "u",
    service_tier: "flex",
    store: true,
    truncation: "disabled",
    prompt_cache_key: "k",
    metadata: null,
  });
  expect(request).toMatchObject({
    stream: true,
    includeUsage: true,
    maxOutputTokens: 100,
    temperature: 0.5,
    topP: 0.9,
    logprobs: true,
    topLogprobs: 2,
    reasoning: { effort: "low" },
    responseFormat: { type: "json-schema", name: "n", schema: { type: "object" }, strict: true },
    parallelToolCalls: false,
    endUser: "u",
    serviceTier: "flex",
    extra: { store: true, reasoning: { new: 1 }, "text.verbosity": "low", prompt_cache_key: "k" },
  });
  expect(request.extra).not.toHaveProperty("metadata");
  expect(request.dialectBound).toBeUndefined();
});

test("what lies with the provider is bound to it, by the name of its field", () => {
  const bound = (body: JsonObject) => decode(body).dialectBound;
  expect(bound({ previous_response_id: "resp_1" })).toEqual(["previous_response_id"]);
  expect(bound({ conversation: "conv_1" })).toEqual(["conversation"]);
  expect(bound({ background: true, stream: true })).toEqual(["background"]);
  expect(bound({ background: false, previous_response_id: null })).toBeUndefined();
  expect(bound({ prompt: { id: "pmpt_1" } })).toEqual(["prompt"]);
  expect(
    bound({
      input: [
        { role: "user", content: "x" },
        { type: "item_reference", id: "msg_1" },
      ],
    }),
  ).toEqual(["input[1]"]);
  expect(bound({ store: true })).toBeUndefined();
});

describe("a 400 names the field", () => {
  const ROWS: [string, JsonObject][] = [
    ["model", { model: 1 }],
    ["background", { background: true, store: false }],
    ["background", { background: true, store: false, stream: true }],
    ["background", { background: "true", stream: true }],
    ["input", { input: 5 }],
    ["input", { input: [] }],
    ["input", { input: null }],
    ["input[0]", { input: ["x"] }],
    ["input[0].type", { input: [{ id: "x" }] }],
    ["input[0].role", { input: [{ type: "message", role: "bot", content: "x" }] }],
    [
      "input[0].content[1].text",
      { input: [{ role: "user", content: [{ type: "input_text", text: "a" }, { type: "input_text" }] }] },
    ],
    ["input[0].call_id", { input: [{ type: "function_call_output", output: "x" }] }],
    ["input[0].action", { input: [{ type: "local_shell_call", call_id: "c" }] }],
    ["instructions", { instructions: ["x"] }],
    ["max_output_tokens", { max_output_tokens: -1 }],
    ["temperature", { temperature: -1 }],
    ["include[0]", { include: ["a b"] }],
    ["tools[0].type", { tools: [{}] }],
    ["tools[0].name", { tools: [{ type: "function", name: "" }] }],
    ["tool_choice", { tool_choice: "perhaps" }],
    ["reasoning.summary", { reasoning: { summary: "x y" } }],
    ["text.format.type", { text: { format: {} } }],
    ["store", { store: "yes" }],
    ["api_base", { api_base: "http://evil.test" }],
  ];
  test.each(ROWS)("%s", (field, body) => {
    let thrown: unknown;
    try {
      decode(body);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(InvalidRequest);
    expect((thrown as InvalidRequest).field).toBe(field);
  });
});
