import type { JsonObject } from "../../kernel/json.ts";
import { hasFixedSampling, isReasoningModel, maxOutputOf } from "./models.ts";
import type { CallIdForm } from "./tool-names.ts";

/** A field of an assistant message in which servers take its thoughts back. `content`: as an item of the content list. */
export type ThoughtField = "reasoning_content" | "reasoning" | "reasoning_details" | "content";

/** What stands where a turn of the model's has no thought, at a server that refuses such a turn. */
export interface AbsentThought {
  text: string;
  /** Turns with calls, or, as soon as there is a call, all of them. */
  turns: "with-calls" | "all";
  /** Where it stands, and what was thought once more, if that is not where thoughts go. */
  field?: ThoughtField;
  /** Whether the server demands it. `asked`: whether the model is told to think; undefined where it is told nothing. */
  demanded: (model: string, asked: boolean | undefined) => boolean;
}

/**
 * How a server of OpenAI's dialect differs from OpenAI, as data. What the caller wrote in this
 * dialect goes through in its own words; these say how to write what came from another one, and
 * the few things in which a server refuses words that OpenAI or its other lookalikes take.
 */
export interface Quirks {
  /** Takes the role `developer`; elsewhere it becomes `system`. */
  developer: boolean;
  /**
   * The bound of the output: `max_tokens` unless the caller wrote the other name, `max_tokens`
   * in any case, or `max_completion_tokens` for models that think, which refuse the older name.
   */
  maxTokens: "max_tokens" | "max_tokens-only" | "by-model";
  /** Most tokens that a model writes, where that is known and more is refused. */
  maxOutput: (model: string) => number | undefined;
  /**
   * How reasoning is asked for: `reasoning_effort`, `reasoning: {effort | max_tokens | enabled}`
   * (OpenRouter), `thinking: {type}` (DeepSeek, Z.ai, Moonshot), `enable_thinking` with
   * `thinking_budget` (DashScope), or not at all.
   */
  reasoning: "effort" | "object" | "thinking" | "enable_thinking" | "none";
  /** Where the bound on the output does not bound the thoughts: the most tokens that they may have, by what is sent. */
  thoughtsOnTop?: (body: JsonObject, model: string) => number;
  /** Which models may be asked to think; others refuse the request. */
  thinks: (model: string) => boolean;
  /** Whether `reasoning_effort: "none"` switches thinking off. */
  effortNone: boolean;
  /** Whether callers of OpenAI's Responses have their words for effort go through (`none`, `xhigh`), which are the same here. */
  effortWords: boolean;
  /** The fields in which earlier thoughts may come back; what came in another one is moved, or left out. */
  thoughtsTaken: readonly ThoughtField[] | "any";
  /** Where thoughts go that came otherwise; null leaves them out. */
  thoughtsWritten: ThoughtField | null;
  /** What is written there for callers of other dialects where there was no thought. Absent: nothing. */
  thoughtsAbsent?: AbsentThought;
  /** Models that take nothing but an answer of theirs behind the result of a tool. */
  answersResults: (model: string) => boolean;
  /** Models that refuse settings of sampling, by whether they are asked to think. */
  fixedSampling: (model: string, thinks: boolean) => boolean;
  /** Whether `top_k` is asked of it for callers of other dialects. Its own may give it wherever the capability is declared. */
  topK: boolean;
  /**
   * Where refusals of earlier answers go: into `refusal`, there only for callers of this dialect who wrote it
   * (it knows its server), or into the text. A server that does not know the field loses the words with it.
   */
  refusals: "field" | "as-written" | "text";
  /**
   * What clients of OpenAI's send and this server refuses as unknown, in the body and in messages: fields of
   * answers above all, which come back with the conversation. They are left out. Absent: unknown fields do no harm.
   */
  unknownFields?: { body: readonly string[]; messages: readonly string[] };
  /** Whether a function that takes nothing must say so. */
  parametersDemanded: boolean;
  /** The word for "some tool must be called". */
  required: "required" | "any";
  seed: "seed" | "random_seed";
  /** Knows `stream_options.include_usage`. Others tell the usage of a stream unasked. */
  usageSwitch: boolean;
  /**
   * Whether a list of texts may stand for a string: `always`, only where the caller of this
   * dialect wrote one (it knows its server), or `never`.
   */
  textLists: "always" | "as-written" | "never";
  /** Can hold its answers to a schema (`strict`). Others refuse the word for some of their models, or do so unasked. */
  strictSchemas: boolean;
  callIds: CallIdForm;
  /**
   * Documents as OpenAI's `file`, as Mistral's `document_url`, by address or as data, or as Perplexity's
   * `file_url`; sounds as an object with a format, or (Mistral) as bytes alone. `any`: OpenAI's, and
   * whatever the caller wrote.
   */
  media: "openai" | "mistral" | "perplexity" | "any";
  /**
   * How it is asked to go on with an unfinished last turn of the assistant's: by a word at that turn (`prefix`:
   * Mistral, DeepSeek; `partial`: Moonshot, DashScope) or in the body (vLLM), or it does so `unasked`. `never`: it
   * begins anew, or refuses such a turn.
   */
  continues: "prefix" | "partial" | "continue_final_message" | "unasked" | "unknown" | "never";
  /** Its answer repeats what it continues. */
  echoes: boolean;
  /** Whether it tells the pages that an answer rests on behind the reason why it ended. */
  sourcesLast: boolean;
  /** Most stop sequences that are taken. */
  maxStops: number;
  /** Fields of the body, by paths with dots, that would let the caller get around the gateway's choice, and are refused. */
  refused: readonly string[];
  /**
   * How it is told that a call must not be kept, or learnt from: OpenAI's `store`, OpenRouter's
   * `provider.zdr` and `provider.data_collection`, or not at all.
   */
  privacy: "store" | "routes" | "none";
  /** Speaks Responses too, under the same address: callers of that dialect are relayed. For others it is Chat Completions. */
  responses: boolean;
  /** Keeps what it answers by Responses unless it is told not to; a later request may go on from it. */
  keepsResponses: boolean;
}

export const OPENAI_QUIRKS: Quirks = {
  developer: true,
  maxTokens: "by-model",
  maxOutput: maxOutputOf,
  reasoning: "effort",
  thinks: isReasoningModel,
  effortNone: false,
  effortWords: true,
  thoughtsTaken: [],
  thoughtsWritten: null,
  answersResults: () => false,
  fixedSampling: hasFixedSampling,
  topK: false,
  refusals: "field",
  parametersDemanded: false,
  required: "required",
  seed: "seed",
  usageSwitch: true,
  textLists: "always",
  strictSchemas: true,
  callIds: { allowed: /^.{0,40}$/s, length: 40 },
  media: "openai",
  continues: "never",
  echoes: false,
  sourcesLast: false,
  maxStops: 4,
  refused: [],
  privacy: "store",
  responses: true,
  keepsResponses: true,
};
