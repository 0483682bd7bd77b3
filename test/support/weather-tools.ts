/** Two tools and a question for them, in the words of both official clients, for the suites of tools. */
import type Anthropic from "@anthropic-ai/sdk";
import type OpenAI from "openai";
import type { Question } from "./sdk.ts";
import type { ToolCall } from "./upstream/answer.ts";

export const CITY = { type: "object" as const, properties: { city: { type: "string" } }, required: ["city"] };

export const OPENAI_TOOLS: OpenAI.ChatCompletionTool[] = [
  { type: "function", function: { name: "weather", description: "Weather of a city.", parameters: CITY } },
  { type: "function", function: { name: "now" } },
];
export const ANTHROPIC_TOOLS: Anthropic.Tool[] = [
  { name: "weather", description: "Weather of a city.", input_schema: CITY },
  { name: "now", input_schema: { type: "object", properties: {} } },
];

export const ASKED: Question = {
  openai: { messages: [{ role: "user", content: "Weather and time?" }], tools: OPENAI_TOOLS },
  anthropic: { max_tokens: 100, messages: [{ role: "user", content: "Weather and time?" }], tools: ANTHROPIC_TOOLS },
};

export const called = (id: string, name: string, text: string | string[]): ToolCall => ({ id, name, arguments: text });
