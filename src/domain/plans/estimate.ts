import type { Message, Part } from "../../spec/message.ts";
import { givenTokens, type Operation, type Relay, textsOf, writesTokens } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";
import {
  answersOf,
  bearsReference,
  extraThinkingBudget,
  outputBound,
  readsUnseen,
  UNBOUNDED_INPUT_TOKENS,
  unseenFields,
} from "./unseen.ts";

/** Output that is reserved where the caller sets no `max_tokens`: the largest that today's models write. */
export const UNBOUNDED_OUTPUT_TOKENS = 128_000;

/**
 * Output that is charged for an answer nobody saw, where the caller set no `max_tokens`: a long
 * answer. The provider writes on when its caller has left, and charges what it has written.
 */
export const ABANDONED_OUTPUT_TOKENS = 4_096;

/** Tokens that a medium behind a URL or a file id may cost; the largest known image is below 2,000, a long document far above. */
export const REMOTE_MEDIUM_TOKENS = 50_000;

/** Tokens of a picture of middling size, as providers count them: from 250 to 1,600. */
const IMAGE_TOKENS = 1_000;

/** Tokens that no text can be below: every message, role and tool has some of its own. */
const TOKENS_PER_MESSAGE = 16;

/** What is known of a model, in tokens. */
export interface ModelBounds {
  /** What it takes, prompt and answer together; an answer without a bound is no longer. */
  context?: number | undefined;
  /** The longest answer to a caller who sets no bound. */
  answer?: number | undefined;
  /** What one answer's thoughts may have on top of its bound, where that does not bound them. */
  thoughts?: number | undefined;
}

/**
 * The most a call can use. A token of text stands for at least one byte, so the body's length bounds
 * its text; a picture of few bytes may be large, and what a provider fetches by itself is not in the
 * body: both are added. Where the provider reads what nobody here can measure, the input is all that
 * fits into the model.
 */
export function worstCase(
  request: ModelRequest,
  bodyBytes: number,
  { context, answer, thoughts }: ModelBounds = {},
): { input: number; output: number } {
  const unbounded = Math.min(answer ?? UNBOUNDED_OUTPUT_TOKENS, context ?? UNBOUNDED_INPUT_TOKENS);
  const output = mostOutput(request, bodyBytes, unbounded, thoughts);
  if (request.operation !== undefined) return { input: mostInput(request.operation, bodyBytes), output };
  let input = bodyBytes + request.messages.length * TOKENS_PER_MESSAGE;
  for (const message of request.messages) for (const part of message.parts) input += beyondItsBytes(part);
  return { input: readsUnseen(request) ? Math.max(input, context ?? UNBOUNDED_INPUT_TOKENS) : input, output };
}

/**
 * Output to charge for a question that was sent and whose answer nobody saw; never above what
 * `worstCase` reserves. Its whole bound where the caller set one.
 */
export function abandonedOutput(request: ModelRequest): number {
  return mostOutput(request, 0, ABANDONED_OUTPUT_TOKENS);
}

/** What connecting and reading the prompt take, before a model writes, in milliseconds. */
const BEGINNING_MS = 1_000;

/** Tokens that a model writes in a second while nothing is seen of it: about the fastest of those that hide their thoughts. */
const SILENT_TOKENS_PER_SECOND = 100;

/**
 * Output to charge for the silence before a stream's first word, where its caller left before anybody
 * said what was used: models think unseen, and what they have thought is charged by the provider.
 * @param silentMs from the question to the first word, or to the end where there was none
 */
export function silentOutput({ operation, stream }: ModelRequest, silentMs: number): number {
  if (operation !== undefined || !stream) return 0;
  return Math.ceil((Math.max(0, silentMs - BEGINNING_MS) * SILENT_TOKENS_PER_SECOND) / 1_000);
}

/** Whether nothing is charged for it but the request: no model is at work. */
export function isFree({ operation }: ModelRequest): boolean {
  return operation?.type === "count-tokens" || (operation?.type === "object" && operation.name !== "batches.create");
}

/** The most that a picture, or a minute of speech, was seen to cost; a call makes as many as it asks for. */
const MEDIUM_OUTPUT_TOKENS = 20_000;

/**
 * @param unbounded tokens of one answer where the caller set no bound
 * @param thoughts on top of that
 */
function mostOutput(request: ModelRequest, bodyBytes: number, unbounded: number, thoughts = 0): number {
  const { operation } = request;
  if (operation === undefined) {
    const bound = outputBound(request, unbounded);
    // A budget for thoughts above the bound tells of a server whose bound does not hold for them.
    const budget = Math.max(extraThinkingBudget(request), request.reasoning?.budgetTokens ?? 0);
    return (bound + Math.max(thoughts, budget > bound ? budget : 0)) * answersOf(request);
  }
  switch (operation.type) {
    case "count-tokens":
    case "embed":
      return 0;
    case "complete": {
      const answers = Math.max(answersOf(request), operation.bestOf ?? 1) * operation.prompts.length;
      return outputBound(request, unbounded) * answers + (operation.echo === true ? bodyBytes : 0);
    }
    case "relay":
      return writesTokens(operation) ? MEDIUM_OUTPUT_TOKENS * answersOf(request) : 0;
    case "object":
      return operation.most?.output ?? 0;
  }
}

function mostInput(operation: Operation, bodyBytes: number): number {
  if (operation.type === "count-tokens") return 0;
  if (operation.type === "object") return operation.most?.input ?? 0;
  return operation.type === "relay" ? inputOf(operation, bodyBytes) : bodyBytes;
}

/** A file is bounded by what models listen to or look at, not by its bytes. */
function inputOf({ fields, files }: Relay, bodyBytes: number): number {
  if (files === undefined) return bodyBytes;
  return utf8Length(JSON.stringify(fields)) + files.length * REMOTE_MEDIUM_TOKENS;
}

/** Tokens that a part may cost and that the bytes of the body do not bound. */
function beyondItsBytes(part: Part): number {
  switch (part.type) {
    case "image":
      return part.source.kind === "base64" ? IMAGE_TOKENS : REMOTE_MEDIUM_TOKENS;
    case "document":
      return part.source.kind === "url" || part.source.kind === "file" ? REMOTE_MEDIUM_TOKENS : 0;
    case "opaque":
      return REMOTE_MEDIUM_TOKENS;
    case "tool-result":
      // What a tool of the caller's found is text in most cases, in whatever form its dialect has.
      return part.content.reduce(
        (sum, item) => sum + (item.type === "opaque" && !bearsReference(item.value) ? 0 : beyondItsBytes(item)),
        0,
      );
    default:
      return 0;
  }
}

/** Bytes of text that usually make a token; English has somewhat more, Chinese and code fewer. */
const BYTES_PER_TOKEN = 4;

/** Tokens of a text of so many UTF-8 bytes, where nobody reported them. */
export function countTokens(utf8Bytes: number): number {
  return Math.ceil(utf8Bytes / BYTES_PER_TOKEN);
}

/** Bytes of a document that make a token: a page of some thousand tokens has from 5,000 bytes (text) to 500,000 (a scan). */
const DOCUMENT_BYTES_PER_TOKEN = 16;

/** Bytes of a recording that make a token, in the tightest of the usual formats: a second is 10 to 32 tokens. */
const AUDIO_BYTES_PER_TOKEN = 32;

/** Tokens of a prompt and its pictures, for a caller who asks before it is sent. What is in a file is not seen. */
export function estimateTokens(request: ModelRequest): number {
  let images = 0;
  const look = (part: Part) => {
    if (part.type === "image") images++;
    else if (part.type === "tool-result") for (const item of part.content) look(item);
  };
  for (const message of request.messages) for (const part of message.parts) look(part);
  return countTexts(request) + images * IMAGE_TOKENS;
}

/**
 * Tokens of a prompt, where nobody reported them: its texts by their length, pictures at a constant,
 * documents and recordings by their size, and what lies elsewhere at a constant. Rather too many than too few.
 */
export function countPromptTokens(request: ModelRequest): number {
  let tokens = countTexts(request) + unseenFields(request).length * REMOTE_MEDIUM_TOKENS;
  for (const message of request.messages) for (const part of message.parts) tokens += mediaTokens(part);
  if (request.operation?.type === "relay") {
    for (const { mediaType, bytes } of request.operation.files ?? []) tokens += fileTokens(mediaType, bytes.length);
  }
  return tokens;
}

function mediaTokens(part: Part): number {
  switch (part.type) {
    case "image":
      return IMAGE_TOKENS;
    case "audio":
      return Math.ceil(bytesOfBase64(part.data) / AUDIO_BYTES_PER_TOKEN);
    case "document":
      if (part.source.kind === "text") return 0;
      if (part.source.kind !== "base64") return REMOTE_MEDIUM_TOKENS;
      return fileTokens(part.source.mediaType, bytesOfBase64(part.source.data));
    case "reasoning":
      return countTokens(part.redacted?.length ?? 0);
    case "tool-result":
      return part.content.reduce((sum, item) => sum + mediaTokens(item), 0);
    case "opaque":
      return (
        opaqueTokens(part.value) + (part.optional !== true && bearsReference(part.value) ? REMOTE_MEDIUM_TOKENS : 0)
      );
    default:
      return 0;
  }
}

function fileTokens(mediaType: string, bytes: number): number {
  if (mediaType.startsWith("image/")) return IMAGE_TOKENS;
  if (mediaType.startsWith("text/")) return countTokens(bytes);
  const each = /^(?:audio|video)\//.test(mediaType) ? AUDIO_BYTES_PER_TOKEN : DOCUMENT_BYTES_PER_TOKEN;
  return Math.ceil(bytes / each);
}

/** A text that no person wrote: a file, or something sealed. */
const BLOB = /^(?:data:[^,]{0,200},)?[A-Za-z0-9+/_=-]{4096,}$/;

function opaqueTokens(value: unknown): number {
  if (typeof value === "string") {
    return BLOB.test(value)
      ? Math.ceil(bytesOfBase64(value) / DOCUMENT_BYTES_PER_TOKEN)
      : countTokens(utf8Length(value));
  }
  if (typeof value !== "object" || value === null) return 1;
  let tokens = 0;
  for (const inner of Object.values(value)) tokens += opaqueTokens(inner);
  return tokens;
}

function bytesOfBase64(data: string): number {
  return Math.floor((data.length * 3) / 4);
}

function countTexts(request: ModelRequest): number {
  let bytes = 0;
  let tokens = 0;
  if (request.operation !== undefined) {
    tokens += givenTokens(request.operation);
    for (const text of textsOf(request.operation)) tokens += countTokens(utf8Length(text));
  }
  for (const message of request.messages) {
    bytes += textOf(message);
    tokens += TOKENS_PER_MESSAGE / 4;
  }
  if (request.tools !== undefined) bytes += JSON.stringify(request.tools).length;
  return tokens + countTokens(bytes);
}

function textOf(message: Message): number {
  let bytes = 0;
  for (const part of message.parts) {
    if (part.type === "text" || part.type === "reasoning" || part.type === "refusal") bytes += utf8Length(part.text);
    else if (part.type === "document" && part.source.kind === "text") bytes += utf8Length(part.source.text);
    else if (part.type === "tool-call") bytes += utf8Length(part.arguments);
    else if (part.type === "tool-result")
      for (const item of part.content) if (item.type === "text") bytes += utf8Length(item.text);
  }
  return bytes;
}

function isLowSurrogate(code: number): boolean {
  return code >= 0xdc00 && code <= 0xdfff;
}

/** Longer texts are measured by native code, whose call costs as much as so many characters. */
const SHORT = 64;

/** Length in UTF-8 without encoding: two bytes from U+0080, three from U+0800, four for a pair of surrogates, three for one alone. */
export function utf8Length(text: string): number {
  if (text.length > SHORT) return Buffer.byteLength(text);
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) continue;
    bytes += code < 0x800 ? 1 : 2;
    if (code >= 0xd800 && code <= 0xdbff && isLowSurrogate(text.charCodeAt(i + 1))) i++;
  }
  return bytes;
}
