import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { anthropicMessages } from "../../wire/anthropic-messages/index.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { openaiResponses } from "../../wire/openai-responses/index.ts";
import { openaiCompatible } from "./index.ts";
import { LOOKALIKES } from "./table.ts";

const request = openaiChat.decode({ model: "m", messages: [{ role: "user", content: "hi" }] });

const FUNCTION = { type: "function", function: { name: "f" } };

describe("lookalikes of OpenAI's", () => {
  test("are one row each, and every row is a provider", () => {
    const kinds = LOOKALIKES.map((row) => row.kind);
    expect(new Set(kinds).size).toBe(kinds.length);
    expect(openaiCompatible.map((adapter) => adapter.kind)).toEqual(kinds);
    expect(kinds[0]).toBe("openai-compatible");
  });

  test.each(LOOKALIKES.map((row) => [row.kind, row] as const))("%s says where it is and what it needs", (kind, row) => {
    if (row.baseUrl !== null)
      expect(row.baseUrl).toMatch(/^https:\/\/[a-z0-9.-]+(\/[a-z0-9/.-]*[a-z0-9])?$|^http:\/\/127\.0\.0\.1:\d+\/v1$/);
    if (row.keyVariable !== null) expect(row.keyVariable).toMatch(/^[A-Z_]+(_API_KEY|_TOKEN)$/);
    expect(row.needsKey).toBe(row.keyVariable !== null);
    if (row.quirks.topK) expect(row.capabilities.topK).toBe(true);
    const adapter = openaiCompatible.find((one) => one.kind === kind)!;
    expect(adapter.dialect).toBe("openai-chat");
    expect(adapter.encode(request, "x").body).toEqual({ model: "x", messages: [{ role: "user", content: "hi" }] });
  });

  const written = (kind: string, body: JsonObject, model = "m") =>
    openaiCompatible
      .find((adapter) => adapter.kind === kind)!
      .encode(openaiChat.decode({ model: "m", messages: [{ role: "user", content: "hi" }], ...body }), model).body;

  /** What a caller of another dialect makes of it: only there do most quirks show. */
  const translated = (kind: string, body: JsonObject, model = "m") =>
    openaiCompatible
      .find((adapter) => adapter.kind === kind)!
      .encode(
        anthropicMessages.decode({ model: "m", max_tokens: 5, messages: [{ role: "user", content: "hi" }], ...body }),
        model,
      ).body;

  /** What the three servers with closed schemas take in an assistant's message (their API references). */
  test.each([
    ["mistral", ["role", "content", "tool_calls", "prefix"]],
    ["groq", ["role", "content", "tool_calls", "function_call", "reasoning"]],
    ["cerebras", ["role", "content", "name", "tool_calls", "reasoning"]],
  ])("%s, which refuses unknown fields, is sent no others with an answer that comes back", (kind, taken) => {
    const call = { id: "abcdefghi", type: "function", function: { name: "f", arguments: "{}" }, extra_content: {} };
    const nothing = { refusal: null, annotations: [], audio: null, function_call: null, reasoning_content: null };
    const answer = { role: "assistant", name: "ada", content: "so", tool_calls: [call], ...nothing };
    const detail = { type: "reasoning.text", text: "hm", index: 0 };
    const thought = { reasoning_content: "hm", reasoning_details: [detail] };
    const messages = [{ role: "user", content: "hi" }, answer, { ...answer, ...thought, refusal: "no" }];
    for (const turn of (written(kind, { messages }).messages as JsonObject[]).slice(1)) {
      expect(Object.keys(turn).filter((name) => !taken.includes(name))).toEqual([]);
      expect(turn.tool_calls).toEqual([
        { id: "abcdefghi", type: "function", function: { name: "f", arguments: "{}" } },
      ]);
    }
  });

  test("Mistral is sent no field of OpenAI's that it lacks, and is asked for the usage of a stream as others are", () => {
    const asked = { user: "u", store: true, verbosity: "low", safety_identifier: "s", prompt_cache_retention: "24h" };
    const body = { ...asked, stream: true, safe_prompt: true, prompt_mode: null, tools: [FUNCTION] };
    const { messages: _, ...sent } = written("mistral", body);
    const parameters = { type: "object", properties: {} };
    const tools = [{ type: "function", function: { name: "f", parameters } }];
    const usage = { stream_options: { include_usage: true } };
    expect(sent).toEqual({ model: "m", stream: true, ...usage, safe_prompt: true, prompt_mode: null, tools });
    expect(translated("mistral", { metadata: { user_id: "u" } })).not.toHaveProperty("user");
  });

  test("only those that keep responses are asked for one in the background", () => {
    const request = openaiResponses.decode({ model: "m", input: "hi", background: true });
    const asking = openaiCompatible.flatMap((adapter) => {
      const asked = adapter.variant?.(request, "m", {});
      return asked?.dialect === "openai-responses" ? asked : [];
    });
    const keep = asking.filter(({ keepsResponses }) => keepsResponses);
    expect(keep.map(({ kind }) => kind).sort()).toEqual(["fireworks", "lmstudio", "xai"]);
    for (const adapter of asking) {
      const encode = () => adapter.encode(request, "m");
      if (keep.includes(adapter)) expect(encode().body).toMatchObject({ background: true });
      else expect(encode).toThrow("keeps no responses");
    }
  });

  test("an unknown one gets the caller's own words, but for the role that few know", () => {
    const messages = [{ role: "developer", content: "x" }];
    expect(written("openai-compatible", { messages, max_completion_tokens: 5, min_p: 0.1 })).toEqual({
      model: "m",
      messages: [{ role: "system", content: "x" }],
      max_completion_tokens: 5,
      min_p: 0.1,
    });
  });

  test.each(["gpt-5", "o3"])("the model %s at an unknown one is asked with max_tokens", (model) => {
    expect(written("openai-compatible", { max_tokens: 5 }, model)).toMatchObject({ max_tokens: 5 });
  });

  test("Mistral gets its own names", () => {
    expect(written("mistral", { max_completion_tokens: 5, seed: 7 })).toMatchObject({ max_tokens: 5, random_seed: 7 });
  });

  test("Mistral gets documents and sounds in its own form, and asked for thoughts as its callers ask", () => {
    const file = { type: "file", file: { file_data: "data:application/pdf;base64,AA", filename: "a.pdf" } };
    const sound = { type: "input_audio", input_audio: { data: "BBBB", format: "wav" } };
    const messages = [{ role: "user", content: [file, sound] }];
    const [turn] = written("mistral", { messages, prompt_mode: "reasoning" }).messages as JsonObject[];
    expect(turn!.content).toEqual([
      { type: "document_url", document_url: "data:application/pdf;base64,AA", document_name: "a.pdf" },
      { type: "input_audio", input_audio: "BBBB" },
    ]);
    expect(written("mistral", { prompt_mode: "reasoning" }).prompt_mode).toBe("reasoning");
  });

  const MISTRALS = {
    type: "document_url",
    document_url: "data:application/pdf;base64,JVBERi0x",
    document_name: "a.pdf",
  };
  const PERPLEXITYS = { type: "file_url", file_url: { url: "JVBERi0x" }, file_name: "a.pdf" };
  const OPENAIS = {
    type: "file",
    file: { file_data: "data:application/pdf;base64,JVBERi0x", filename: "a.pdf" },
  };
  test.each([
    ["mistral", MISTRALS, MISTRALS],
    ["mistral", PERPLEXITYS, MISTRALS],
    ["perplexity", PERPLEXITYS, PERPLEXITYS],
    ["perplexity", MISTRALS, PERPLEXITYS],
    ["perplexity", OPENAIS, PERPLEXITYS],
    ["openai-compatible", MISTRALS, MISTRALS],
    ["openai-compatible", PERPLEXITYS, PERPLEXITYS],
    ["openai-compatible", OPENAIS, OPENAIS],
  ])("%s, asked with a document as %j, gets %j", (kind, written_, sent) => {
    const messages = [{ role: "user", content: [written_, { type: "text", text: "x" }] }];
    const [turn] = written(kind, { messages }).messages as JsonObject[];
    expect(turn!.content).toEqual([sent, { type: "text", text: "x" }]);
  });

  test("a sound of Mistral's form stays one at an unknown server, which may be Mistral's", () => {
    const sound = { type: "input_audio", input_audio: "UklGRg" };
    const messages = [{ role: "user", content: [sound] }];
    const contentAt = (kind: string) => (written(kind, { messages }).messages as JsonObject[])[0]!.content;
    expect([contentAt("mistral"), contentAt("openai-compatible")]).toEqual([[sound], [sound]]);
    expect(contentAt("vllm")).toEqual([sound]);
  });

  test("Mistral gets ids of calls in its own form, the same in call and result", () => {
    const call = { id: "call_12345", type: "function", function: { name: "f", arguments: "{}" } };
    const messages = [
      { role: "user", content: "x" },
      { role: "assistant", content: null, tool_calls: [call, { ...call, id: "Nr1uNItcS" }] },
      { role: "tool", tool_call_id: "call_12345", content: "y" },
      { role: "tool", tool_call_id: "Nr1uNItcS", content: "z" },
    ];
    const [, assistant, first, second] = written("mistral", { messages }).messages as JsonObject[];
    const ids = (assistant!.tool_calls as JsonObject[]).map(({ id }) => id!);
    expect(ids[0]).toMatch(/^[a-zA-Z0-9]{9}$/);
    expect(ids[1]).toBe("Nr1uNItcS");
    expect([first!.tool_call_id!, second!.tool_call_id!]).toEqual(ids);
    expect(written("openai-compatible", { messages }).messages).toEqual(messages);
  });

  test("Groq is not sent the thoughts that it refuses", () => {
    const messages = [{ role: "assistant", content: "x", reasoning_content: "hm" }];
    expect(written("groq", { messages }).messages).toEqual([{ role: "assistant", content: "x" }]);
  });

  const CALL = { type: "tool_use", id: "toolu_1", name: "f", input: {} };
  const RESULT = { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "42" }] };
  /** The thought that goes upstream with each turn of the model's in a tool loop by Messages. */
  const thoughtsAt = (kind: string, model: string, thinking: string) => {
    const body = translated(
      kind,
      {
        messages: [
          { role: "user", content: "hi" },
          { role: "assistant", content: "Let me see." },
          { role: "assistant", content: [CALL] },
          RESULT,
          { role: "assistant", content: [{ type: "thinking", thinking: "hm", signature: "" }, CALL] },
          RESULT,
        ],
        ...(thinking === "unsaid" ? {} : { thinking: { type: thinking, budget_tokens: 1024 } }),
      },
      model,
    );
    return (body.messages as JsonObject[])
      .filter(({ role }) => role === "assistant")
      .map((turn) => turn.reasoning_content);
  };
  test.each<[string, string, string, (string | undefined)[]]>([
    ["deepseek", "deepseek-v4-pro", "enabled", ["", "", "hm"]],
    ["deepseek", "deepseek-v4-pro", "unsaid", ["", "", "hm"]],
    ["deepseek", "deepseek-v4-pro", "disabled", [undefined, undefined, "hm"]],
    ["deepseek", "deepseek-reasoner", "unsaid", ["", "", "hm"]],
    ["deepseek", "deepseek-chat", "enabled", ["", "", "hm"]],
    ["deepseek", "deepseek-chat", "unsaid", [undefined, undefined, "hm"]],
    ["moonshot", "kimi-k2.6", "enabled", [undefined, " ", "hm"]],
    ["moonshot", "kimi-k2.5", "unsaid", [undefined, " ", "hm"]],
    ["moonshot", "kimi-k2.6", "disabled", [undefined, undefined, "hm"]],
    ["moonshot", "kimi-k3", "unsaid", [undefined, " ", "hm"]],
    ["moonshot", "kimi-k2-thinking", "unsaid", [undefined, " ", "hm"]],
    ["moonshot", "kimi-k2-0905-preview", "unsaid", [undefined, undefined, "hm"]],
    ["zai", "glm-5.2", "enabled", [undefined, undefined, "hm"]],
  ])("at %s, %s with thinking %s is sent turns without a thought as it takes them", (kind, model, thinking, sent) => {
    expect(thoughtsAt(kind, model, thinking)).toEqual(sent);
  });

  test.each([
    ["deepseek", "deepseek-v4-pro"],
    ["moonshot", "kimi-k2.6"],
  ])("at %s, callers of its own dialect have their turns as they wrote them", (kind, model) => {
    const call = { id: "c", type: "function", function: { name: "f", arguments: "{}" } };
    const messages = [
      { role: "user", content: "hi" },
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", tool_call_id: "c", content: "42" },
      { role: "assistant", content: null, reasoning_content: "", tool_calls: [call] },
      { role: "tool", tool_call_id: "c", content: "42" },
    ];
    expect(written(kind, { messages, thinking: { type: "enabled" } }, model).messages).toEqual(messages);
  });

  test("OpenRouter is not asked for other models", () => {
    expect(() => written("openrouter", { preset: "dear" })).toThrow("preset");
  });

  test("DeepInfra is told by an effort not to think, gets top_k, and no role that it refuses", () => {
    expect(translated("deepinfra", { thinking: { type: "disabled" }, top_k: 7 })).toMatchObject({
      reasoning_effort: "none",
      top_k: 7,
    });
    const messages = [{ role: "developer", content: "x" }];
    expect(written("deepinfra", { messages }).messages).toEqual([{ role: "system", content: "x" }]);
  });

  test("DeepInfra is not asked for more stop sequences than it takes", () => {
    expect(() => translated("deepinfra", { stop_sequences: ["a", "b", "c", "d", "e"] })).toThrow("at most 4");
  });
});
