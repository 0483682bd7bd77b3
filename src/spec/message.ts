import type { JsonObject } from "../kernel/json.ts";

export type Role = "system" | "developer" | "user" | "assistant" | "tool";

/**
 * Fields of the caller's own dialect that the canonical form has no name for, as parsed
 * values. They go upstream where the provider speaks that dialect, and are a warning elsewhere.
 */
export interface Extensible {
  extra?: JsonObject;
  /**
   * How the caller's dialect worded this, where it has several ways of saying the same
   * (`max_tokens` or `max_completion_tokens`): a provider of that dialect is asked in the same
   * words. It holds nothing of the content, and is left out elsewhere without a warning.
   */
  form?: JsonObject;
}

export type MediaSource =
  | { kind: "url"; url: string }
  | { kind: "base64"; mediaType: string; data: string }
  | { kind: "file"; fileId: string };

export interface TextPart extends Extensible {
  type: "text";
  text: string;
}

export interface ImagePart extends Extensible {
  type: "image";
  source: MediaSource;
  /** OpenAI's `detail`: how closely to look. */
  detail?: string;
}

export interface AudioPart extends Extensible {
  type: "audio";
  /** `wav`, `mp3`, … */
  format: string;
  /** base64 */
  data: string;
}

export interface DocumentPart extends Extensible {
  type: "document";
  source: MediaSource | { kind: "text"; mediaType: string; text: string };
  name?: string;
}

/** What the model thought. `signature` must come back to the provider unchanged. */
export interface ReasoningPart extends Extensible {
  type: "reasoning";
  text: string;
  signature?: string;
  /** Thought that the provider sealed (Anthropic's `redacted_thinking.data`); `text` is empty then. */
  redacted?: string;
}

export interface ToolCallPart extends Extensible {
  type: "tool-call";
  id: string;
  name: string;
  /** JSON text, exactly as the model wrote it; `{}` where it wrote nothing. */
  arguments: string;
}

export interface ToolResultPart extends Extensible {
  type: "tool-result";
  callId: string;
  content: (TextPart | ImagePart | DocumentPart | OpaquePart)[];
  isError?: boolean;
}

export interface RefusalPart extends Extensible {
  type: "refusal";
  text: string;
}

/** Something that only the request's own dialect knows, whole: server-side tools and their results. */
export interface OpaquePart extends Extensible {
  type: "opaque";
  value: JsonObject;
  /** Work of the model's that is done and told of in its text: a provider of another dialect goes on without it, with a warning. */
  optional?: true;
}

export type Part =
  | TextPart
  | ImagePart
  | AudioPart
  | DocumentPart
  | ReasoningPart
  | ToolCallPart
  | ToolResultPart
  | RefusalPart
  | OpaquePart;

/** One turn. A `tool` message holds tool results only; other roles may hold them too, where the dialect does. */
export interface Message extends Extensible {
  role: Role;
  parts: Part[];
  /** OpenAI's `name`: which of several speakers of this role. */
  name?: string;
}
