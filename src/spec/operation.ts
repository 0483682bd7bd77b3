import type { Json, JsonObject } from "../kernel/json.ts";
import type { Extensible } from "./message.ts";

/**
 * What may be asked of a model beside an answer in a conversation. Everything else of the road
 * is the same: who asks, what it may, what it costs, which guards read it.
 */
export type Operation = Embed | CountTokens | Complete | Relay | ObjectCall;

/** One text; or the numbers of its tokens, which only a provider with the caller's tokenizer can read. */
export type EmbedInput = Extensible & ({ text: string } | { tokens: number[] });

/** What the vectors are for. Some models make different ones of a question and of what may answer it. */
export type EmbedTask = "query" | "document" | "similarity" | "classification" | "clustering";

/** A vector for each of some texts, in their order. */
export interface Embed {
  type: "embed";
  inputs: EmbedInput[];
  /** Numbers in each vector; the model's own where absent. */
  dimensions?: number;
  /** OpenAI's two ways of writing vectors; base64 is of 32-bit floats, little-endian. */
  encoding?: "float" | "base64";
  task?: EmbedTask;
}

/** How many tokens the request's `messages` and `tools` are. Nothing is written, and nothing is charged. */
export interface CountTokens {
  type: "count-tokens";
}

/** How a text goes on: OpenAI's legacy Completions. Sampling stands on the request, as in a conversation. */
export interface Complete {
  type: "complete";
  /** Texts, or the numbers of their tokens. */
  prompts: (string | number[])[];
  /** What comes after what is written. */
  suffix?: string;
  /** The prompt comes first in the answer. */
  echo?: boolean;
  /** So many answers are written, and the best given. */
  bestOf?: number;
  /** Alternatives to tell for each token; 0 tells those that were chosen. */
  logprobs?: number;
}

export type RelayName =
  | "images.generate"
  | "images.edit"
  | "images.variation"
  | "audio.speech"
  | "audio.transcribe"
  | "audio.translate"
  | "moderate"
  | "rerank";

/** Something that providers of the caller's dialect do, and others not at all. */
export interface Relay {
  type: "relay";
  name: RelayName;
  /** The fields as parsed, but for the model's name. */
  fields: JsonObject;
  /** Those whose strings a person wrote, and that guards may rewrite. */
  texts: readonly string[];
  /** Present where the request is a form (RFC 7578) instead of JSON. */
  files?: FormFile[];
}

export type ObjectVerb =
  | "files.create"
  | "files.retrieve"
  | "files.content"
  | "files.delete"
  | "batches.create"
  | "batches.retrieve"
  | "batches.cancel"
  | "batches.delete"
  | "batches.results"
  | "responses.retrieve"
  | "responses.items"
  | "responses.cancel"
  | "responses.delete";

/** Something about what lies with the provider: a file, a batch, a response. Whose it is, is known before it is asked. */
export interface ObjectCall {
  type: "object";
  name: ObjectVerb;
  /** The provider's id of what it is about; absent where that is made. */
  id?: string;
  /** The fields as parsed, but for the model's name. */
  fields: JsonObject;
  /** What is uploaded. The calls in a file of calls stand on the request. */
  file?: FormFile;
  /** The most that a batch can use, in tokens; it is charged when the batch is made. */
  most?: { input: number; output: number };
}

/** One file of a form. */
export interface FormFile {
  /** The field's name. */
  field: string;
  name: string;
  mediaType: string;
  bytes: Uint8Array;
}

export type OperationResult =
  /** Of one input of `Embed`, counted from 0. */
  | { kind: "vector"; index: number; vector: readonly number[] }
  /** The answer to `CountTokens`. */
  | { kind: "token-count"; tokens: number }
  /** The whole answer to a `Relay`. */
  | RelayedBody;

export interface RelayedBody {
  kind: "body";
  mediaType: string;
  /** `lines`: a text of which each line is JSON. */
  content: { json: Json } | { lines: Json[] } | { text: string } | { bytes: Uint8Array };
}

export type OperationName = Exclude<Operation["type"], "relay" | "object"> | RelayName | ObjectVerb;

export function nameOf(operation: Operation): OperationName {
  return operation.type === "relay" || operation.type === "object" ? operation.name : operation.type;
}

/** Whether a model writes for it; to judge and to sort is to read. */
export function writesTokens({ name }: Relay): boolean {
  return name !== "moderate" && name !== "rerank";
}

/** What a person wrote of it, joined; for counting. */
export function textsOf(operation: Operation): string[] {
  switch (operation.type) {
    case "embed":
      return operation.inputs.flatMap((input) => ("text" in input ? [input.text] : []));
    case "complete":
      return [...operation.prompts.filter((prompt) => typeof prompt === "string"), operation.suffix ?? ""];
    case "relay":
      return operation.texts.flatMap((name) => stringsOf(operation.fields[name]));
    case "count-tokens":
    case "object":
      return [];
  }
}

/** Tokens that came as numbers. */
export function givenTokens(operation: Operation): number {
  let count = 0;
  if (operation.type === "embed")
    for (const input of operation.inputs) if ("tokens" in input) count += input.tokens.length;
  if (operation.type === "complete")
    for (const each of operation.prompts) if (typeof each !== "string") count += each.length;
  return count;
}

/** The caller's fields of what shapes it; not those of what it is about, nor how vectors are written. */
export function parametersOf(operation: Operation | undefined): string[] {
  switch (operation?.type) {
    case "embed":
      return operation.dimensions === undefined ? [] : ["dimensions"];
    case "complete": {
      const { suffix, echo, bestOf, logprobs } = operation;
      const fields = { suffix, echo, best_of: bestOf, logprobs };
      return Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : name));
    }
    case "relay":
      return Object.keys(operation.fields).filter((name) => !operation.texts.includes(name));
    default:
      return [];
  }
}

/** For records: without the bytes of files. */
export function shownOperation(operation: Operation): unknown {
  const shown = ({ field, name, mediaType }: FormFile) => ({ field, name, mediaType });
  if (operation.type === "relay" && operation.files !== undefined) {
    return { ...operation, files: operation.files.map(shown) };
  }
  if (operation.type === "object") {
    const { requests: _, ...fields } = operation.fields;
    return { ...operation, fields, ...(operation.file === undefined ? {} : { file: shown(operation.file) }) };
  }
  return operation;
}

function stringsOf(value: Json | undefined): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(stringsOf);
}
