import type { Json, JsonObject } from "../kernel/json.ts";
import type { Dialect } from "./dialect.ts";
import type { Extensible, Message } from "./message.ts";
import type { Operation } from "./operation.ts";

export interface FunctionTool extends Extensible {
  type: "function";
  name: string;
  description?: string;
  /** JSON Schema of the arguments, as given. Absent: the tool takes none. */
  parameters?: JsonObject;
  strict?: boolean;
}

/** A tool that the provider itself runs, or that only the request's dialect defines. */
export interface OpaqueTool {
  type: "opaque";
  value: JsonObject;
  /** The caller brings tools of its own and forces none: a provider that has no such tool goes on without it, with a warning. */
  optional?: true;
}

export type Tool = FunctionTool | OpaqueTool;

export type ToolChoice =
  | { type: "auto" }
  | { type: "none" }
  | { type: "required" }
  | { type: "tool"; name: string }
  /** `among`: which functions may be called, or of which one must be, where that is what it says. */
  | { type: "opaque"; value: Json; among?: { type: "auto" | "required"; names: string[] } };

export type ResponseFormat =
  | { type: "text" }
  | { type: "json" }
  | { type: "json-schema"; name: string; schema?: JsonObject; strict?: boolean; description?: string };

/** How much the model shall think. Effort words are the caller's; budgets are in tokens. */
export interface ReasoningRequest {
  enabled?: boolean;
  /** The model shall decide each time, said in so many words (Google's budget of -1), which some need to think at all. */
  dynamic?: true;
  effort?: string;
  budgetTokens?: number;
}

/** One call of a batch. */
export interface BatchCall {
  /** Where it stands: a line of its file, from 1, or a place in a list, from 0. */
  place: { line: number } | { request: number };
  /** The caller's name for it, by which its answer is found. */
  customId: string;
  /** The endpoint that it calls, as written in the file; empty in a list, which is for one. */
  url: string;
  request: ModelRequest;
  /** Length of its body. */
  bytes: number;
}

/** What one caller asks of a model, in no dialect. `extra` holds what only `dialect` has a name for. */
export interface ModelRequest extends Extensible {
  dialect: Dialect;
  /** The name that the caller used; targets have their own. */
  model: string;
  messages: Message[];
  stream: boolean;
  /** Whether the caller asked for the usage of a stream (OpenAI's `stream_options.include_usage`; Anthropic's always tells). */
  includeUsage: boolean;
  /** What is asked for instead of an answer in a conversation; `messages` is empty then, but for what shall be counted. */
  operation?: Operation;
  /** The calls in a file that is uploaded for a batch, each a call of this model's. */
  calls?: BatchCall[];

  tools?: Tool[];
  toolChoice?: ToolChoice;
  parallelToolCalls?: boolean;
  responseFormat?: ResponseFormat;
  reasoning?: ReasoningRequest;

  /** Upper bound of what one answer may write, in tokens, reasoning included. */
  maxOutputTokens?: number;
  temperature?: number;
  topP?: number;
  topK?: number;
  stop?: string[];
  /** Answers wanted; absent is one. */
  choices?: number;
  seed?: number;
  presencePenalty?: number;
  frequencyPenalty?: number;
  logprobs?: boolean;
  topLogprobs?: number;
  logitBias?: Record<string, number>;
  /** Who the caller's end user is, in the caller's words. */
  endUser?: string;
  serviceTier?: string;
  /** The API demands that the provider keeps nothing of the call; set by its policy, never by the caller. */
  store?: false;
  /** The API demands that the provider learns nothing from the call; set by its policy, never by the caller. */
  training?: false;
  /**
   * Headers that the caller's dialect defines beside its body (`Wire.requestHeaders`), names in
   * lower case. They go upstream where the provider speaks that dialect, and nowhere else.
   */
  headers?: Record<string, string>;
  /**
   * Fields, by their paths, that only a provider of `dialect` can act on and without which the
   * request would mean something else: a conversation that lies with the provider. Others refuse it.
   */
  dialectBound?: string[];
}
