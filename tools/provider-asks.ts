import type { JsonObject } from "../src/kernel/json.ts";
import type { Capabilities } from "../src/spec/capability.ts";
import type { Wire } from "../src/spec/wire.ts";
import { anthropicMessages } from "../src/wire/anthropic-messages/index.ts";
import { gemini } from "../src/wire/gemini/index.ts";
import { ollamaChat } from "../src/wire/ollama/index.ts";
import { openaiChat } from "../src/wire/openai-chat/index.ts";
import { openaiResponses } from "../src/wire/openai-responses/index.ts";

/**
 * One small request for each feature, as a caller of each front asks for it: what is tried for docs/providers.md. A
 * front without a row for a feature has no word for it.
 */

export type Feature = keyof Capabilities;

export interface AskingFront {
  name: string;
  wire: Wire;
  /** What asks for nothing else. */
  plain: JsonObject;
  asks: Partial<Record<Feature, JsonObject>>;
}

const SCHEMA = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const PDF = "JVBERi0xLjQKJSVFT0YK";
const WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=";
const IMAGE_URL = "https://example.com/cat.png";
const PDF_URL = "https://example.com/notes.pdf";

const said = (...content: JsonObject[]): JsonObject => ({ messages: [{ role: "user", content }] });
const chatTool = { type: "function", function: { name: "get_weather", parameters: SCHEMA } };
const responsesTool = { type: "function", name: "get_weather", parameters: SCHEMA };
const input = (...content: JsonObject[]): JsonObject => ({ input: [{ role: "user", content }] });
const claudeTool = { name: "get_weather", input_schema: SCHEMA };
const parts = (...all: JsonObject[]): JsonObject => ({ contents: [{ role: "user", parts: all }] });
const config = (generationConfig: JsonObject): JsonObject => ({ generationConfig });
const options = (given: JsonObject): JsonObject => ({ options: given });

export const ASKING_FRONTS: readonly AskingFront[] = [
  {
    name: "OpenAI Chat Completions",
    wire: openaiChat,
    plain: { model: "m", messages: [{ role: "user", content: "x" }] },
    asks: {
      tools: { tools: [chatTool] },
      forcedTool: { tools: [chatTool], tool_choice: "required" },
      parallelToolSwitch: { tools: [chatTool], parallel_tool_calls: false },
      imageUrl: said({ type: "image_url", image_url: { url: IMAGE_URL } }),
      imageBytes: said({ type: "image_url", image_url: { url: `data:image/png;base64,${PIXEL}` } }),
      documents: said({ type: "file", file: { filename: "a.pdf", file_data: `data:application/pdf;base64,${PDF}` } }),
      audioInput: said({ type: "input_audio", input_audio: { data: WAV, format: "wav" } }),
      reasoning: { reasoning_effort: "low" },
      jsonObject: { response_format: { type: "json_object" } },
      jsonSchema: { response_format: { type: "json_schema", json_schema: { name: "w", schema: SCHEMA } } },
      logprobs: { logprobs: true },
      choices: { n: 2 },
      seed: { seed: 7 },
      logitBias: { logit_bias: { "50": -100 } },
      penalties: { presence_penalty: 0.5 },
      // Not OpenAI's; its lookalikes' callers know it.
      topK: { top_k: 5 },
    },
  },
  {
    name: "OpenAI Responses",
    wire: openaiResponses,
    plain: { model: "m", input: "x" },
    asks: {
      tools: { tools: [responsesTool] },
      forcedTool: { tools: [responsesTool], tool_choice: "required" },
      parallelToolSwitch: { tools: [responsesTool], parallel_tool_calls: false },
      imageUrl: input({ type: "input_image", image_url: IMAGE_URL, detail: "auto" }),
      imageBytes: input({ type: "input_image", image_url: `data:image/png;base64,${PIXEL}`, detail: "auto" }),
      documents: input({ type: "input_file", filename: "a.pdf", file_data: `data:application/pdf;base64,${PDF}` }),
      documentUrl: input({ type: "input_file", file_url: PDF_URL }),
      reasoning: { reasoning: { effort: "low" } },
      jsonObject: { text: { format: { type: "json_object" } } },
      jsonSchema: { text: { format: { type: "json_schema", name: "w", schema: SCHEMA } } },
      logprobs: { include: ["message.output_text.logprobs"] },
    },
  },
  {
    name: "Anthropic Messages",
    wire: anthropicMessages,
    plain: { model: "m", max_tokens: 2_000, messages: [{ role: "user", content: "x" }] },
    asks: {
      tools: { tools: [claudeTool] },
      forcedTool: { tools: [claudeTool], tool_choice: { type: "any" } },
      parallelToolSwitch: { tools: [claudeTool], tool_choice: { type: "auto", disable_parallel_tool_use: true } },
      imageUrl: said({ type: "image", source: { type: "url", url: IMAGE_URL } }),
      imageBytes: said({ type: "image", source: { type: "base64", media_type: "image/png", data: PIXEL } }),
      documents: said({ type: "document", source: { type: "base64", media_type: "application/pdf", data: PDF } }),
      documentUrl: said({ type: "document", source: { type: "url", url: PDF_URL } }),
      reasoning: { thinking: { type: "enabled", budget_tokens: 1_024 } },
      jsonSchema: { output_config: { format: { type: "json_schema", schema: SCHEMA } } },
      topK: { top_k: 5 },
    },
  },
  {
    name: "Gemini",
    wire: gemini,
    plain: { contents: [{ role: "user", parts: [{ text: "x" }] }] },
    asks: {
      tools: { tools: [{ functionDeclarations: [{ name: "get_weather", parametersJsonSchema: SCHEMA }] }] },
      forcedTool: {
        tools: [{ functionDeclarations: [{ name: "get_weather", parametersJsonSchema: SCHEMA }] }],
        toolConfig: { functionCallingConfig: { mode: "ANY" } },
      },
      imageUrl: parts({ fileData: { mimeType: "image/png", fileUri: IMAGE_URL } }),
      imageBytes: parts({ inlineData: { mimeType: "image/png", data: PIXEL } }),
      documents: parts({ inlineData: { mimeType: "application/pdf", data: PDF } }),
      documentUrl: parts({ fileData: { mimeType: "application/pdf", fileUri: PDF_URL } }),
      audioInput: parts({ inlineData: { mimeType: "audio/wav", data: WAV } }),
      reasoning: config({ thinkingConfig: { thinkingBudget: 1_024 } }),
      jsonObject: config({ responseMimeType: "application/json" }),
      jsonSchema: config({ responseMimeType: "application/json", responseJsonSchema: SCHEMA }),
      logprobs: config({ responseLogprobs: true }),
      choices: config({ candidateCount: 2 }),
      seed: config({ seed: 7 }),
      penalties: config({ presencePenalty: 0.5 }),
      topK: config({ topK: 5 }),
    },
  },
  {
    name: "Ollama",
    wire: ollamaChat,
    plain: { model: "m", messages: [{ role: "user", content: "x" }] },
    asks: {
      tools: { tools: [chatTool] },
      imageBytes: { messages: [{ role: "user", content: "x", images: [PIXEL] }] },
      reasoning: { think: true },
      jsonObject: { format: "json" },
      jsonSchema: { format: SCHEMA },
      logprobs: { logprobs: true },
      seed: options({ seed: 7 }),
      penalties: options({ presence_penalty: 0.5 }),
      topK: options({ top_k: 5 }),
    },
  },
];
