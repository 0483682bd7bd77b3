import type { Json, JsonObject } from "../../src/kernel/json.ts";
import type { Dialect } from "../../src/spec/dialect.ts";
import type { Answer } from "../support/upstream/answer.ts";
import * as anthropic from "../support/upstream/anthropic-messages.ts";
import { awsEvent, encodeAwsMessages } from "../support/upstream/aws-event-stream.ts";
import * as cohere from "../support/upstream/cohere.ts";
import * as gemini from "../support/upstream/gemini.ts";
import * as ollama from "../support/upstream/ollama.ts";
import * as openai from "../support/upstream/openai-chat.ts";
import * as responses from "../support/upstream/openai-responses.ts";

/** One rich answer and one rich request in each dialect, of our own making: what is damaged in the fuzzing. */

const ANSWER: Answer = {
  reasoning: "Thinking about it.",
  signature: "c2lnbmF0dXJl",
  text: "The weather is fair, ünd warm.",
  toolCalls: [
    { id: "call_1", name: "get_weather", arguments: '{"city":"Paris","days":[1,2]}' },
    { id: "call_2", name: "now", arguments: "{}" },
  ],
  usage: { input: 40, output: 20, cacheRead: 10, reasoning: 5 },
};

export interface Sample {
  whole: Json;
  /** The events of a stream, before they are framed. */
  events: Json[];
  /** Writes events as the provider frames them. */
  framed(events: readonly Json[]): Uint8Array;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const data = (value: Json) => (typeof value === "string" ? value : JSON.stringify(value));
const sse = (events: readonly Json[]) => bytes(events.map((event) => `data: ${data(event)}\n\n`).join(""));

function dashscope(): Sample {
  const head = { request_id: "r1" };
  const usage = { input_tokens: 40, output_tokens: 20, total_tokens: 60, prompt_tokens_details: { cached_tokens: 10 } };
  const piece = (message: JsonObject, finish_reason: string): Json => {
    return { ...head, output: { choices: [{ message: { role: "assistant", ...message }, finish_reason }] }, usage };
  };
  const call = { index: 0, id: "call_1", type: "function", function: { name: "now", arguments: "{}" } };
  const message = { content: "Fair.", reasoning_content: "Thinking.", tool_calls: [call] };
  return {
    whole: piece(message, "tool_calls"),
    events: [
      piece({ content: "", reasoning_content: "Thinking." }, "null"),
      piece({ content: "Fair." }, "null"),
      piece({ content: "", tool_calls: [call] }, "tool_calls"),
    ],
    framed: (events) =>
      bytes(events.map((event) => `id:1\nevent:result\n:HTTP_STATUS/200\ndata:${data(event)}\n\n`).join("")),
  };
}

function converse(): Sample {
  const tool = { toolUseId: "t1", name: "get_weather" };
  const usage = { inputTokens: 30, outputTokens: 20, totalTokens: 60, cacheReadInputTokens: 10 };
  const delta = (contentBlockIndex: number, delta: JsonObject): Json => [
    "contentBlockDelta",
    { contentBlockIndex, delta },
  ];
  return {
    whole: {
      output: {
        message: {
          role: "assistant",
          content: [
            { reasoningContent: { reasoningText: { text: "Thinking.", signature: "c2ln" } } },
            { text: "Fair." },
            { toolUse: { ...tool, input: { city: "Paris" } } },
          ],
        },
      },
      stopReason: "tool_use",
      usage,
      metrics: { latencyMs: 7 },
    },
    events: [
      ["messageStart", { role: "assistant" }],
      delta(0, { reasoningContent: { text: "Thinking." } }),
      delta(0, { reasoningContent: { signature: "c2ln" } }),
      ["contentBlockStop", { contentBlockIndex: 0 }],
      delta(1, { text: "Fair." }),
      ["contentBlockStop", { contentBlockIndex: 1 }],
      ["contentBlockStart", { contentBlockIndex: 2, start: { toolUse: tool } }],
      delta(2, { toolUse: { input: '{"city":' } }),
      delta(2, { toolUse: { input: '"Paris"}' } }),
      ["contentBlockStop", { contentBlockIndex: 2 }],
      ["messageStop", { stopReason: "tool_use" }],
      ["metadata", { usage, metrics: { latencyMs: 7 } }],
    ],
    framed: (events) =>
      encodeAwsMessages(
        events.map((event) => {
          const [type, payload] = Array.isArray(event) ? event : [event, null];
          return awsEvent(typeof type === "string" ? type : "contentBlockDelta", payload ?? null);
        }),
      ),
  };
}

/** The data of server-sent events in the texts that the makers give. */
const dataOf = (frames: readonly unknown[]): Json[] =>
  frames.flatMap((frame) =>
    String(frame)
      .split(/\r?\n/)
      .filter((line) => line.startsWith("data: {"))
      .map((line) => JSON.parse(line.slice(6)) as Json),
  );

/** By the provider's dialect. */
export const ANSWERS: Partial<Record<Dialect, Sample>> = {
  "openai-chat": {
    whole: openai.body(ANSWER),
    events: [...openai.chunks(ANSWER, { includeUsage: true }), "[DONE]"],
    framed: sse,
  },
  "openai-responses": { whole: responses.body(ANSWER), events: responses.events(ANSWER), framed: sse },
  "anthropic-messages": {
    whole: anthropic.body(ANSWER),
    events: anthropic.events(ANSWER).map((event) => event.data),
    framed: sse,
  },
  gemini: { whole: gemini.body(ANSWER), events: dataOf(gemini.frames(ANSWER)), framed: sse },
  "cohere-chat": { whole: cohere.body(ANSWER), events: cohere.events(ANSWER), framed: sse },
  ollama: {
    whole: ollama.body(ANSWER),
    events: ollama.lines(ANSWER),
    framed: (events) => bytes(events.map((event) => `${data(event)}\n`).join("")),
  },
  dashscope: dashscope(),
  "bedrock-converse": converse(),
};

const SCHEMA: JsonObject = {
  type: "object",
  properties: { city: { type: "string", description: "Where" }, days: { type: "array", items: { type: "integer" } } },
  required: ["city"],
};
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const TOOL = { name: "get_weather", description: "The weather" };

/** By the caller's dialect. */
export const REQUESTS: Partial<Record<Dialect, JsonObject>> = {
  "openai-chat": {
    model: "m",
    messages: [
      { role: "system", content: "Be brief." },
      {
        role: "user",
        content: [
          { type: "text", text: "Weather?" },
          { type: "image_url", image_url: { url: `data:image/png;base64,${PIXEL}`, detail: "low" } },
        ],
      },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "c1", type: "function", function: { name: "get_weather", arguments: '{"city":"Paris"}' } }],
      },
      { role: "tool", tool_call_id: "c1", content: "fair" },
    ],
    tools: [{ type: "function", function: { ...TOOL, parameters: SCHEMA, strict: true } }],
    tool_choice: { type: "function", function: { name: "get_weather" } },
    parallel_tool_calls: false,
    response_format: { type: "json_schema", json_schema: { name: "weather", schema: SCHEMA, strict: true } },
    stream: true,
    stream_options: { include_usage: true },
    temperature: 0.5,
    stop: ["x"],
    logit_bias: { "50256": -100 },
    max_completion_tokens: 100,
    metadata: { a: "b" },
  },
  "openai-responses": {
    model: "m",
    instructions: "Be brief.",
    input: [
      {
        role: "user",
        content: [
          { type: "input_text", text: "Weather?" },
          { type: "input_image", image_url: `data:image/png;base64,${PIXEL}`, detail: "low" },
        ],
      },
      { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "Hm." }], encrypted_content: "c2Vh" },
      { type: "function_call", call_id: "c1", name: "get_weather", arguments: '{"city":"Paris"}' },
      { type: "function_call_output", call_id: "c1", output: "fair" },
    ],
    tools: [{ type: "function", ...TOOL, parameters: SCHEMA, strict: true }],
    tool_choice: { type: "function", name: "get_weather" },
    text: { format: { type: "json_schema", name: "weather", schema: SCHEMA, strict: true }, verbosity: "low" },
    reasoning: { effort: "low", summary: "auto" },
    include: ["reasoning.encrypted_content"],
    store: false,
    stream: true,
    max_output_tokens: 100,
  },
  "anthropic-messages": {
    model: "m",
    max_tokens: 100,
    system: [{ type: "text", text: "Be brief.", cache_control: { type: "ephemeral" } }],
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: "Weather?" },
          { type: "image", source: { type: "base64", media_type: "image/png", data: PIXEL } },
          { type: "document", source: { type: "text", media_type: "text/plain", data: "notes" }, title: "Notes" },
        ],
      },
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "Hm.", signature: "c2ln" },
          { type: "tool_use", id: "c1", name: "get_weather", input: { city: "Paris" } },
        ],
      },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "c1", content: [{ type: "text", text: "fair" }], is_error: false },
        ],
      },
    ],
    tools: [{ ...TOOL, input_schema: SCHEMA }],
    tool_choice: { type: "any", disable_parallel_tool_use: true },
    thinking: { type: "enabled", budget_tokens: 1_024 },
    stop_sequences: ["x"],
    metadata: { user_id: "u" },
    stream: true,
  },
  gemini: {
    systemInstruction: { parts: [{ text: "Be brief." }] },
    contents: [
      { role: "user", parts: [{ text: "Weather?" }, { inlineData: { mimeType: "image/png", data: PIXEL } }] },
      {
        role: "model",
        parts: [{ functionCall: { name: "get_weather", args: { city: "Paris" } }, thoughtSignature: "c2ln" }],
      },
      { role: "user", parts: [{ functionResponse: { name: "get_weather", response: { result: "fair" } } }] },
    ],
    tools: [{ functionDeclarations: [{ ...TOOL, parametersJsonSchema: SCHEMA }] }],
    toolConfig: { functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["get_weather"] } },
    generationConfig: {
      temperature: 0.5,
      maxOutputTokens: 100,
      stopSequences: ["x"],
      responseMimeType: "application/json",
      responseJsonSchema: SCHEMA,
      thinkingConfig: { thinkingBudget: 1_024, includeThoughts: true },
    },
    safetySettings: [{ category: "HARM_CATEGORY_HARASSMENT", threshold: "BLOCK_NONE" }],
  },
  ollama: {
    model: "m",
    messages: [
      { role: "system", content: "Be brief." },
      { role: "user", content: "Weather?", images: [PIXEL] },
      {
        role: "assistant",
        content: "",
        tool_calls: [{ function: { name: "get_weather", arguments: { city: "Paris" } } }],
      },
      { role: "tool", tool_name: "get_weather", content: "fair" },
    ],
    tools: [{ type: "function", function: { ...TOOL, parameters: SCHEMA } }],
    format: SCHEMA,
    options: { temperature: 0.5, num_predict: 100, stop: ["x"], seed: 7 },
    think: true,
    stream: true,
    keep_alive: "5m",
  },
};
