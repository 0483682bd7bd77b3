import { UnsupportedFeature, type Warning } from "../spec/adapter.ts";
import type { Capabilities, Feature } from "../spec/capability.ts";
import type { Dialect } from "../spec/dialect.ts";
import type { DocumentPart, ImagePart, Part } from "../spec/message.ts";
import { placeOf } from "../spec/place.ts";
import type { ModelRequest } from "../spec/request.ts";
import { withFormTold } from "./told-form.ts";

/**
 * What of a request a provider's API cannot be asked for, as its adapter declares. Where the answer
 * would be another one without, the request is refused, so that another target is asked, or the caller
 * told which field it is. Where it would only be likelier, it is left out with a warning:
 *
 * | left out | why the answer is none other |
 * |---|---|
 * | `seed` | who takes it promises no more than best effort |
 * | penalties, `top_k` | they lean on the dice; any answer with them is one without |
 * | reasoning | how much a model thinks is its own; the answer is to the same question |
 * | one call at a time | every dialect's callers read several calls; agents send it with every request |
 *
 * What asks for nothing (`n: 1`, `logprobs: false`, tools that must not be called) goes without a word.
 */
interface Row {
  feature: Feature;
  /** The caller's field by dialect; OpenAI's elsewhere. */
  names: Readonly<Partial<Record<Dialect, string>> & { "openai-chat": string }>;
  asked: (request: ModelRequest) => boolean;
  /** What is left out, where it asks for nothing or may go. */
  keys: readonly (keyof ModelRequest)[];
  /** What the provider cannot do, behind "the provider". */
  says: string;
  mayGo?: true;
  /** The same asked in other words, where the provider has some. */
  otherwise?: (request: ModelRequest, capabilities: Capabilities) => ModelRequest | undefined;
  /** What the caller must know of them. */
  loses?: string;
}

/** What `json_object` means, as a schema. */
const ANY_OBJECT: NonNullable<ModelRequest["responseFormat"]> = {
  type: "json-schema",
  name: "response",
  schema: { type: "object" },
};

const JSON_NAMES = {
  "openai-chat": "response_format",
  "openai-responses": "text.format",
  "anthropic-messages": "output_config.format",
  gemini: "generationConfig.responseMimeType",
  ollama: "format",
};

const ROWS: readonly Row[] = [
  {
    feature: "tools",
    names: { "openai-chat": "tools" },
    asked: ({ tools, toolChoice }) => (tools?.length ?? 0) > 0 && toolChoice?.type !== "none",
    keys: ["tools", "toolChoice", "parallelToolCalls"],
    says: "takes no tools",
  },
  {
    feature: "forcedTool",
    names: { "openai-chat": "tool_choice", gemini: "toolConfig.functionCallingConfig.mode" },
    asked: ({ tools, toolChoice }) =>
      (tools?.length ?? 0) > 0 && (toolChoice?.type === "required" || toolChoice?.type === "tool"),
    keys: [],
    says: "cannot make a model call a tool",
  },
  {
    feature: "parallelToolSwitch",
    names: {
      "openai-chat": "parallel_tool_calls",
      "anthropic-messages": "tool_choice.disable_parallel_tool_use",
    },
    asked: ({ tools, toolChoice, parallelToolCalls }) =>
      parallelToolCalls === false && (tools?.length ?? 0) > 0 && toolChoice?.type !== "none",
    keys: ["parallelToolCalls"],
    says: "cannot keep a model to one call at a time",
    mayGo: true,
  },
  {
    feature: "jsonObject",
    names: JSON_NAMES,
    asked: ({ responseFormat }) => responseFormat?.type === "json",
    keys: [],
    says: "cannot hold an answer to JSON",
    otherwise: (request, { jsonSchema }) => (jsonSchema ? { ...request, responseFormat: ANY_OBJECT } : undefined),
  },
  {
    feature: "jsonSchema",
    names: JSON_NAMES,
    asked: ({ responseFormat }) => responseFormat?.type === "json-schema",
    keys: [],
    says: "cannot hold an answer to a JSON schema",
    otherwise: (request, { jsonObject }) => (jsonObject ? toldSchema(request) : undefined),
    loses: "the provider cannot hold an answer to a schema: the model is told of it, and the answer is JSON",
  },
  {
    feature: "reasoning",
    names: {
      "openai-chat": "reasoning_effort",
      "openai-responses": "reasoning",
      "anthropic-messages": "thinking",
      gemini: "generationConfig.thinkingConfig",
      ollama: "think",
    },
    asked: ({ reasoning }) => reasoning !== undefined && reasoning.enabled !== false && reasoning.effort !== "none",
    keys: ["reasoning"],
    says: "has no model that thinks before it answers",
    mayGo: true,
  },
  {
    feature: "choices",
    names: { "openai-chat": "n", gemini: "generationConfig.candidateCount" },
    asked: ({ choices }) => (choices ?? 1) > 1,
    keys: ["choices"],
    says: "gives one answer a call",
  },
  {
    feature: "logprobs",
    names: {
      "openai-chat": "logprobs",
      "openai-responses": "include",
      gemini: "generationConfig.responseLogprobs",
    },
    asked: ({ logprobs }) => logprobs === true,
    keys: ["logprobs"],
    says: "tells no log probabilities",
  },
  {
    feature: "logprobs",
    names: { "openai-chat": "top_logprobs", gemini: "generationConfig.logprobs" },
    asked: ({ topLogprobs }) => (topLogprobs ?? 0) > 0,
    keys: ["topLogprobs"],
    says: "tells no log probabilities",
  },
  {
    feature: "logitBias",
    names: { "openai-chat": "logit_bias" },
    asked: ({ logitBias }) => Object.keys(logitBias ?? {}).length > 0,
    keys: ["logitBias"],
    says: "takes no bias for tokens",
  },
  {
    feature: "seed",
    names: { "openai-chat": "seed", gemini: "generationConfig.seed", ollama: "options.seed" },
    asked: ({ seed }) => seed !== undefined,
    keys: ["seed"],
    says: "takes no seed",
    mayGo: true,
  },
  {
    feature: "penalties",
    names: {
      "openai-chat": "presence_penalty",
      gemini: "generationConfig.presencePenalty",
      ollama: "options.presence_penalty",
    },
    asked: ({ presencePenalty }) => (presencePenalty ?? 0) !== 0,
    keys: ["presencePenalty"],
    says: "has no penalties",
    mayGo: true,
  },
  {
    feature: "penalties",
    names: {
      "openai-chat": "frequency_penalty",
      gemini: "generationConfig.frequencyPenalty",
      ollama: "options.frequency_penalty",
    },
    asked: ({ frequencyPenalty }) => (frequencyPenalty ?? 0) !== 0,
    keys: ["frequencyPenalty"],
    says: "has no penalties",
    mayGo: true,
  },
  {
    feature: "topK",
    names: { "openai-chat": "top_k", gemini: "generationConfig.topK", ollama: "options.top_k" },
    asked: ({ topK }) => topK !== undefined,
    keys: ["topK"],
    says: "has no top_k",
    mayGo: true,
  },
];

export interface Fitted {
  known: ModelRequest;
  warnings: Warning[];
}

/** The request as an API with these capabilities can be asked. @throws UnsupportedFeature naming the caller's field */
export function withinCapabilities(request: ModelRequest, capabilities: Capabilities): Fitted {
  const warnings: Warning[] = [];
  let known = request;
  for (const { feature, names, asked, keys, says, mayGo, otherwise, loses } of ROWS) {
    if (capabilities[feature]) continue;
    if (asked(known)) {
      const field = names[request.dialect] ?? names["openai-chat"];
      const same = otherwise?.(known, capabilities);
      if (same !== undefined) {
        known = same;
        if (loses !== undefined) warnings.push({ field, message: loses });
        continue;
      }
      if (mayGo === undefined) throw new UnsupportedFeature(field, `the provider ${says}: ${field}`);
      warnings.push({ field, message: `the provider ${says}; it was left out` });
    }
    if (keys.some((key) => known[key] !== undefined)) known = without(known, keys);
  }
  if (!capabilities.documents) known = withTextsAsText(known);
  checkContent(known, capabilities);
  return { known, warnings };
}

/** JSON of no schema, and the schema among what the system says. */
function toldSchema(request: ModelRequest): ModelRequest {
  const { responseFormat } = request;
  const known = responseFormat?.type === "json-schema" && responseFormat.schema !== undefined;
  return { ...(known ? withFormTold(request) : request), responseFormat: { type: "json" } };
}

/** What is text, though it came as bytes. */
const IS_TEXT = /^(?:text\/[\w.+-]+|application\/json)(?:;|$)/i;

/** Documents that are text, for APIs that read no others: what came as bytes is told as what it says. */
function withTextsAsText(request: ModelRequest): ModelRequest {
  const read = <P extends Part>(part: P): P => {
    if (part.type !== "document" || part.source.kind !== "base64" || !IS_TEXT.test(part.source.mediaType)) return part;
    const { mediaType, data } = part.source;
    const text = Buffer.from(data, "base64").toString("utf8");
    return { ...part, source: { kind: "text", mediaType, text } };
  };
  const isBytes = (part: Part): boolean =>
    part.type === "tool-result"
      ? part.content.some(isBytes)
      : part.type === "document" && part.source.kind === "base64";
  if (!request.messages.some(({ parts }) => parts.some(isBytes))) return request;
  const messages = request.messages.map((message) => ({
    ...message,
    parts: message.parts.map((part) =>
      part.type === "tool-result" ? { ...part, content: part.content.map(read) } : read(part),
    ),
  }));
  return { ...request, messages };
}

function without(request: ModelRequest, keys: readonly (keyof ModelRequest)[]): ModelRequest {
  const rest = { ...request };
  for (const key of keys) delete rest[key];
  return rest;
}

/** @throws UnsupportedFeature */
function checkContent(request: ModelRequest, capabilities: Capabilities): void {
  for (const [at, { parts }] of request.messages.entries()) {
    for (const [index, part] of parts.entries()) {
      for (const inner of part.type === "tool-result" ? [part, ...part.content] : [part]) {
        const lack = lackOf(inner, capabilities);
        if (lack === undefined) continue;
        const field = placeOf(request, at, index);
        throw new UnsupportedFeature(field, `the provider ${lack}: ${field}`);
      }
    }
  }
}

function lackOf(part: Part, capabilities: Capabilities): string | undefined {
  switch (part.type) {
    case "tool-call":
    case "tool-result":
      return capabilities.tools ? undefined : "takes no tools, nor calls and results of earlier ones";
    case "image":
      return lackOfImage(part, capabilities);
    case "document":
      return lackOfDocument(part, capabilities);
    case "audio":
      return capabilities.audioInput ? undefined : "hears no sound";
    default:
      return undefined;
  }
}

/** Other addresses (`gs:`, `s3:`) name a place that only some provider knows: its adapter judges them. */
const ON_THE_WEB = /^https?:/i;

function lackOfImage({ source }: ImagePart, { imageUrl, imageBytes }: Capabilities): string | undefined {
  if (!imageUrl && !imageBytes) return "looks at no images";
  if (!imageUrl && source.kind === "url" && ON_THE_WEB.test(source.url)) return "takes images as bytes only";
  if (!imageBytes && source.kind === "base64") return "takes images by address only";
  return undefined;
}

/** A plain text can be told to every model. */
function lackOfDocument({ source }: DocumentPart, { documents, documentUrl }: Capabilities): string | undefined {
  if (source.kind === "text") return undefined;
  const onTheWeb = source.kind === "url" && ON_THE_WEB.test(source.url);
  if (!documents && !(documentUrl && onTheWeb)) return "reads no documents but plain text";
  return !documentUrl && onTheWeb ? "takes documents as bytes only" : undefined;
}
