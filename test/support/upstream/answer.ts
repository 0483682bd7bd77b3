import type { Json, JsonObject } from "../../../src/kernel/json.ts";
import type { ReceivedRequest } from "./received.ts";
import type { BodyOptions, Script, SseOptions } from "./script.ts";

/**
 * What a model says, in no dialect: the makers of each dialect write it as their provider
 * would. A list of texts is the pieces of a stream; one text is cut into pieces by word,
 * arguments by every few characters.
 */
export interface Answer {
  id?: string;
  model?: string;
  /** Seconds since 1970. */
  created?: number;
  reasoning?: string | string[];
  /** Seals the reasoning (Anthropic). */
  signature?: string;
  /** Thought that came sealed (Anthropic's redacted_thinking). */
  redactedReasoning?: string;
  text?: string | string[];
  refusal?: string | string[];
  toolCalls?: ToolCall[];
  /** The provider's own word; without it, the one that fits. */
  finish?: string;
  stopSequence?: string;
  usage?: AnswerUsage;
  /** Several answers (OpenAI's n): each replaces the fields above for its choice. */
  choices?: Pick<Answer, "text" | "refusal" | "toolCalls" | "finish" | "logprobs">[];
  /** OpenAI's `logprobs` value of the choice, as is. */
  logprobs?: Json;
  /** Fields that no specification knows, added to the body and to every frame. */
  extra?: JsonObject;
}

export interface ToolCall {
  id: string;
  name: string;
  /** JSON text. */
  arguments: string | string[];
}

export interface AnswerUsage {
  /** Everything the model read, cached or not. */
  input: number;
  /** Everything it wrote, reasoning included. */
  output: number;
  cacheRead?: number;
  cacheWrite?: number;
  reasoning?: number;
}

export const DEFAULT_USAGE: AnswerUsage = { input: 12, output: 7 };

export interface ReplyOptions {
  unary?: BodyOptions;
  stream?: SseOptions;
}

/** Answers each request as it asks to be answered. */
export type Replies = (answer: Answer, options?: ReplyOptions) => (request: ReceivedRequest) => Script;

/** The pieces of a streamed text. */
export function words(text: string | string[]): string[] {
  return typeof text === "string" ? (text.match(/\s*\S+(?:\s+$)?|\s+$/g) ?? []) : text;
}

/** The pieces of streamed arguments. */
export function fragments(text: string | string[]): string[] {
  return typeof text === "string" ? (text.match(/[\s\S]{1,7}/gu) ?? []) : text;
}

export function whole(text: string | string[]): string {
  return typeof text === "string" ? text : text.join("");
}
