import type { Message, Part } from "../../spec/message.ts";
import { givenTokens, type Operation, type Relay, textsOf } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";

/** Output that is reserved where the caller sets no `max_tokens`: the largest that today's models write. */
export const UNBOUNDED_OUTPUT_TOKENS = 128_000;

/** Tokens that a medium behind a URL or a file id may cost; the largest known image is below 2,000, a long document far above. */
const REMOTE_MEDIUM_TOKENS = 50_000;

/** Tokens that no text can be below: every message, role and tool has some of its own. */
const TOKENS_PER_MESSAGE = 16;

/**
 * The most a call can use. A token stands for at least one byte, so the body's length
 * bounds its text; what a provider fetches by itself is not in the body and is added.
 */
export function worstCase(request: ModelRequest, bodyBytes: number): { input: number; output: number } {
  if (request.operation !== undefined) return worstOf(request, request.operation, bodyBytes);
  let remote = 0;
  for (const message of request.messages) for (const part of message.parts) if (isRemote(part)) remote++;
  const input = bodyBytes + request.messages.length * TOKENS_PER_MESSAGE + remote * REMOTE_MEDIUM_TOKENS;
  const output = (request.maxOutputTokens ?? UNBOUNDED_OUTPUT_TOKENS) * (request.choices ?? 1);
  return { input, output };
}

/** Whether nothing is charged for it but the request: no model is at work. */
export function isFree({ operation }: ModelRequest): boolean {
  return operation?.type === "count-tokens";
}

/** The most that a picture, or a minute of speech, was seen to cost; a call makes as many as it asks for. */
const MEDIUM_OUTPUT_TOKENS = 20_000;

function worstOf(request: ModelRequest, operation: Operation, bodyBytes: number): { input: number; output: number } {
  switch (operation.type) {
    case "count-tokens":
      return { input: 0, output: 0 };
    case "embed":
      return { input: bodyBytes, output: 0 };
    case "complete": {
      const answers = Math.max(request.choices ?? 1, operation.bestOf ?? 1) * operation.prompts.length;
      const echoed = operation.echo === true ? bodyBytes : 0;
      return { input: bodyBytes, output: (request.maxOutputTokens ?? UNBOUNDED_OUTPUT_TOKENS) * answers + echoed };
    }
    case "relay":
      return {
        input: inputOf(operation, bodyBytes),
        output: writesTokens(operation) ? MEDIUM_OUTPUT_TOKENS * (request.choices ?? 1) : 0,
      };
  }
}

/** A file is bounded by what models listen to or look at, not by its bytes. */
function inputOf({ fields, files }: Relay, bodyBytes: number): number {
  if (files === undefined) return bodyBytes;
  return utf8Length(JSON.stringify(fields)) + files.length * REMOTE_MEDIUM_TOKENS;
}

function writesTokens({ name }: Relay): boolean {
  return name !== "moderate" && name !== "rerank";
}

function isRemote(part: Part): boolean {
  if (part.type === "image" || part.type === "document")
    return part.source.kind === "url" || part.source.kind === "file";
  return part.type === "opaque";
}

/** Bytes of text that usually make a token; English has somewhat more, Chinese and code fewer. */
const BYTES_PER_TOKEN = 4;

/** Tokens of a text of so many UTF-8 bytes, where nobody reported them. */
export function countTokens(utf8Bytes: number): number {
  return Math.ceil(utf8Bytes / BYTES_PER_TOKEN);
}

/** Tokens of a picture of middling size, as providers count them: from 250 to 1,600. */
const IMAGE_TOKENS = 1_000;

/** Tokens of a prompt and its pictures, for a caller who asks before it is sent. What is in a file is not seen. */
export function estimateTokens(request: ModelRequest): number {
  let images = 0;
  const look = (part: Part) => {
    if (part.type === "image") images++;
    else if (part.type === "tool-result") for (const item of part.content) look(item);
  };
  for (const message of request.messages) for (const part of message.parts) look(part);
  return countPromptTokens(request) + images * IMAGE_TOKENS;
}

/** Tokens of a prompt, where nobody reported them. */
export function countPromptTokens(request: ModelRequest): number {
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

/** Length in UTF-8 without encoding: two bytes from U+0080, three from U+0800, and a surrogate pair makes four. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) continue;
    bytes += code < 0x800 || (code >= 0xd800 && code <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}
