/**
 * Every setting of a request, from each dialect to each provider: asked in the provider's
 * words, left out with a warning, or refused by name; never dropped in silence.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Json, JsonObject } from "../../src/kernel/json.ts";
import { SdkScene } from "../support/sdk.ts";

let scene: SdkScene;
beforeAll(async () => {
  scene = await SdkScene.begin({ api: { storedState: true } });
});
afterAll(() => scene.stop());

/** What is sent beside what every request has. */
function beside(sent: JsonObject | null): JsonObject {
  const { model: _model, messages: _messages, ...rest } = sent!;
  return rest;
}

describe("OpenAI's dialect to OpenAI", () => {
  test("says what the caller said, unknown fields on every level included", async () => {
    const body: JsonObject = {
      model: "gpt",
      messages: [
        { role: "system", content: "s", name: "rules", x_message: 1 },
        { role: "user", content: [{ type: "text", text: "t", x_part: { a: [1] } }], name: "ada" },
      ],
      temperature: 1.7,
      top_p: 0.5,
      seed: 42,
      presence_penalty: -1.5,
      frequency_penalty: 0.5,
      logprobs: true,
      top_logprobs: 3,
      logit_bias: { "50256": -100 },
      n: 2,
      stop: "END",
      max_completion_tokens: 77,
      user: "user-1",
      service_tier: "flex",
      metadata: { team: "x" },
      store: false,
      modalities: ["text"],
      prediction: { type: "content", content: "p" },
      prompt_cache_key: "k",
      safety_identifier: "s",
      verbosity: "low",
      web_search_options: { search_context_size: "low" },
      response_format: {
        type: "json_schema",
        json_schema: { name: "n", strict: true, schema: { type: "object" }, x: 1 },
      },
      tools: [{ type: "function", function: { name: "f", strict: true, x_function: 1 }, x_tool: 2 }],
      tool_choice: { type: "allowed_tools", allowed_tools: { mode: "auto", tools: [] } },
      parallel_tool_calls: true,
      invented_tomorrow: { a: [null, 1.5, "x"] },
    };
    const { status, sent, warnings } = await scene.ask("openai", body);
    expect([status, warnings]).toEqual([200, ""]);
    expect(sent).toEqual({ ...body, model: "gpt-4.1" });
  });

  test.each(["max_tokens", "max_completion_tokens"])("keeps the caller's name of the bound: %s", async (name) => {
    expect(beside((await scene.ask("openai", { model: "gpt", [name]: 50 })).sent)).toEqual({ [name]: 50 });
    // A model that thinks refuses the older name.
    expect(beside((await scene.ask("openai", { model: "thinker", [name]: 50 })).sent)).toEqual({
      max_completion_tokens: 50,
    });
  });
});

describe("Anthropic's dialect to Anthropic", () => {
  test("says what the caller said, unknown fields on every level included", async () => {
    const body: JsonObject = {
      model: "claude",
      max_tokens: 50,
      system: [{ type: "text", text: "s", cache_control: { type: "ephemeral", ttl: "1h" } }],
      messages: [
        { role: "user", content: [{ type: "text", text: "t", cache_control: { type: "ephemeral" }, x_block: 1 }] },
      ],
      temperature: 0.5,
      top_p: 0.9,
      top_k: 40,
      stop_sequences: ["END", "  "],
      metadata: { user_id: "user-1", x_meta: 1 },
      service_tier: "standard_only",
      thinking: { type: "enabled", budget_tokens: 1024, display: "omitted" },
      output_config: { effort: "low", format: { type: "json_schema", schema: { type: "object" } }, x_config: 1 },
      tools: [
        { name: "f", input_schema: { type: "object" }, strict: true, input_examples: [{}], defer_loading: true },
        { type: "web_search_20260209", name: "web_search", max_uses: 2 },
      ],
      tool_choice: { type: "auto", disable_parallel_tool_use: true, x_choice: 1 },
      context_management: { edits: [{ type: "clear_thinking_20251015", keep: "all" }] },
      container: "container_1",
      mcp_servers: [{ type: "url", url: "https://mcp.example.com", name: "m" }],
      inference_geo: "us",
      invented_tomorrow: { a: [null, 1.5, "x"] },
    };
    const { status, sent, warnings } = await scene.ask("anthropic", body);
    expect([status, warnings]).toEqual([200, ""]);
    expect(sent).toEqual({ ...body, model: "claude-sonnet-4-5" });
  });

  test("beta flags go upstream, and no other header of the caller's", async () => {
    await scene.ask(
      "anthropic",
      { model: "claude" },
      { "anthropic-beta": "context-1m-2025-08-07, x-2099", "x-other": "1" },
    );
    const [request] = scene.up.requests;
    expect(request!.header("anthropic-beta")).toBe("context-1m-2025-08-07, x-2099");
    expect(request!.header("anthropic-version")).toBe("2023-06-01");
    expect(request!.header("x-other")).toBeNull();
    await scene.ask("anthropic", { model: "gpt" }, { "anthropic-beta": "context-1m-2025-08-07" });
    expect(scene.up.requests[0]!.headerNames.filter((name) => name.startsWith("anthropic"))).toEqual([]);
  });
});

describe("OpenAI's dialect to Anthropic", () => {
  const CLAUDE = { max_tokens: 64_000 };

  test.each<[string, JsonObject]>([
    ["n", { n: 2 }],
    ["logprobs", { logprobs: true }],
    ["top_logprobs", { top_logprobs: 2 }],
    ["logit_bias", { logit_bias: { "1": 100 } }],
    ["stop", { stop: ["\n"] }],
    ["modalities", { modalities: ["text", "audio"], audio: { voice: "alloy", format: "wav" } }],
    ["web_search_options", { web_search_options: {} }],
    ["moderation", { moderation: { model: "m" } }],
    [
      "tool_choice",
      {
        tools: [{ type: "function", function: { name: "f" } }],
        tool_choice: { type: "custom", custom: { name: "f" } },
      },
    ],
    ["tools[0]", { tools: [{ type: "custom", custom: { name: "f" } }] }],
    [
      "messages[0].content[0]",
      {
        messages: [{ role: "user", content: [{ type: "input_audio", input_audio: { data: "AA==", format: "wav" } }] }],
      },
    ],
    ["messages[0].content", { messages: [{ role: "user", content: [{ type: "file", file: { file_id: "file-1" } }] }] }],
  ])("%s is refused by name where the answer would mean something else: %j", async (param, over) => {
    const { status, sent, error } = await scene.ask("openai", { model: "claude", ...over });
    expect([status, sent]).toEqual([400, null]);
    expect(error).toMatchObject({ param, code: "unsupported_feature", type: "invalid_request_error" });
  });

  test.each<[string, JsonObject, JsonObject, string]>([
    ["one answer is what there is", { n: 1 }, {}, ""],
    ["no log probabilities", { logprobs: false, top_logprobs: 0 }, {}, ""],
    ["a bound by either name", { max_tokens: 9 }, { max_tokens: 9 }, ""],
    ["a bound by either name", { max_completion_tokens: 9 }, { max_tokens: 9 }, ""],
    ["a bound beyond the model's", { max_tokens: 999_999 }, { max_tokens: 64_000 }, "max_tokens"],
    ["temperature", { temperature: 0.3 }, { ...CLAUDE, temperature: 0.3 }, ""],
    ["a temperature beyond Anthropic's", { temperature: 1.7 }, { ...CLAUDE, temperature: 1 }, "temperature"],
    ["top_p", { top_p: 0.3 }, { ...CLAUDE, top_p: 0.3 }, ""],
    ["both, where the model takes one", { temperature: 0.3, top_p: 0.3 }, { ...CLAUDE, temperature: 0.3 }, "top_p"],
    ["seed", { seed: 7 }, CLAUDE, "seed"],
    ["penalties", { presence_penalty: 1, frequency_penalty: -1 }, CLAUDE, "presence_penalty"],
    ["penalties of zero say nothing", { presence_penalty: 0, frequency_penalty: 0 }, CLAUDE, ""],
    ["one stop sequence", { stop: "END" }, { ...CLAUDE, stop_sequences: ["END"] }, ""],
    ["several, without the empty one", { stop: ["END", ""] }, { ...CLAUDE, stop_sequences: ["END"] }, ""],
    ["the end user", { user: "user-1" }, { ...CLAUDE, metadata: { user_id: "user-1" } }, ""],
    ["metadata is for OpenAI's store", { metadata: { a: "b" } }, CLAUDE, "metadata"],
    ["a tier", { service_tier: "default" }, { ...CLAUDE, service_tier: "standard_only" }, ""],
    ["a tier that is OpenAI's own", { service_tier: "flex" }, CLAUDE, "service_tier"],
    ["text is what there is", { response_format: { type: "text" }, modalities: ["text"] }, CLAUDE, ""],
    ["tools without a choice", { tools: [], tool_choice: "auto" }, CLAUDE, ""],
    ["an unknown field", { invented_tomorrow: 1 }, CLAUDE, "invented_tomorrow"],
  ])("%s: %j", async (_, over, sent, warning) => {
    const outcome = await scene.ask("openai", { model: "claude", ...over });
    expect(outcome.status).toBe(200);
    expect(beside(outcome.sent)).toEqual({ ...CLAUDE, ...sent });
    if (warning === "") expect(outcome.warnings).toBe("");
    else expect(outcome.warnings).toContain(`${warning}:`);
  });

  test("a model without sampling gets none, and the caller is told", async () => {
    const { sent, warnings } = await scene.ask("openai", { model: "opus", temperature: 0, top_p: 0.1 });
    expect(beside(sent)).toEqual({ max_tokens: 128_000 });
    expect(warnings).toMatch(/temperature:[\s\S]*top_p:/);
  });
});

describe("Anthropic's dialect to OpenAI", () => {
  const GPT = { max_tokens: 100 };

  test.each<[string, JsonObject]>([
    ["stop", { stop_sequences: ["1", "2", "3", "4", "5"] }],
    ["mcp_servers", { mcp_servers: [{ type: "url", url: "https://mcp.example.com", name: "m" }] }],
    ["container", { container: "container_1" }],
    ["inference_geo", { inference_geo: "us" }],
    ["compaction", { compaction: { type: "summarize" } }],
    ["tools[0]", { tools: [{ type: "web_search_20260209", name: "web_search" }] }],
    ["tool_choice", { tools: [{ name: "f", input_schema: {} }], tool_choice: { type: "invented" } }],
    [
      "messages",
      { messages: [{ role: "user", content: [{ type: "search_result", source: "s", title: "t", content: [] }] }] },
    ],
    [
      "messages",
      { messages: [{ role: "user", content: [{ type: "image", source: { type: "file", file_id: "file_1" } }] }] },
    ],
    [
      "messages",
      {
        messages: [
          { role: "user", content: [{ type: "document", source: { type: "url", url: "https://example.com/a.pdf" } }] },
        ],
      },
    ],
  ])("%s is refused by name where the answer would mean something else: %j", async (param, over) => {
    const { status, sent, code, error } = await scene.ask("anthropic", { model: "gpt", ...over });
    expect([status, sent, code]).toEqual([400, null, "unsupported_feature"]);
    expect(error).toMatchObject({ type: "invalid_request_error" });
    // The envelope has no place for the field, so the message must tell what it is about.
    expect(error!.message).toMatch(param === "messages" ? /content|image|document/ : /./);
  });

  test.each<[string, JsonObject, JsonObject, string]>([
    ["temperature and top_p", { temperature: 0.3, top_p: 0.9 }, { temperature: 0.3, top_p: 0.9 }, ""],
    ["top_k", { top_k: 5 }, {}, "top_k"],
    ["stop sequences", { stop_sequences: ["END"] }, { stop: ["END"] }, ""],
    ["the end user", { metadata: { user_id: "user-1" } }, { user: "user-1" }, ""],
    ["an end user whose name OpenAI would refuse", { metadata: { user_id: "u".repeat(65) } }, {}, "metadata.user_id"],
    ["other metadata", { metadata: { x: 1 } }, {}, "metadata"],
    ["the tier that means the same", { service_tier: "auto" }, { service_tier: "auto" }, ""],
    ["a tier that is Anthropic's own", { service_tier: "standard_only" }, {}, "service_tier"],
    ["caching is automatic at OpenAI", { cache_control: { type: "ephemeral" } }, {}, "cache_control"],
    ["context management", { context_management: { edits: [] } }, {}, "context_management"],
    ["no thinking asked, none switched off", { thinking: { type: "disabled" } }, {}, ""],
    ["an unknown field", { invented_tomorrow: 1 }, {}, "invented_tomorrow"],
    [
      "a schema for the answer",
      { output_config: { format: { type: "json_schema", schema: { type: "object", properties: {} } } } },
      {
        response_format: {
          type: "json_schema",
          json_schema: { name: "response", schema: { type: "object", properties: {} } },
        },
      },
      "",
    ],
  ])("%s: %j", async (_, over, sent, warning) => {
    const outcome = await scene.ask("anthropic", { model: "gpt", ...over });
    expect(outcome.status).toBe(200);
    expect(beside(outcome.sent)).toEqual({ ...GPT, ...sent });
    if (warning === "") expect(outcome.warnings).toBe("");
    else expect(outcome.warnings).toContain(`${warning}:`);
  });

  test("a compaction that Anthropic made keeps its words: it stands for the conversation before it", async () => {
    const messages: Json = [
      { role: "assistant", content: [{ type: "compaction", content: "They spoke of Rome.", encrypted_content: "e" }] },
      { role: "user", content: "And then?" },
    ];
    const { sent, status } = await scene.ask("anthropic", { model: "gpt", messages });
    expect(status).toBe(200);
    expect(JSON.stringify(sent!.messages)).toContain("They spoke of Rome.");
  });
});
