import type { Json } from "../../kernel/json.ts";
import type { DocumentPart, Message, Part } from "../../spec/message.ts";
import { givenTokens } from "../../spec/operation.ts";
import type { ModelRequest, Tool } from "../../spec/request.ts";
import { REMOTE_MEDIUM_TOKENS, utf8Length } from "./estimate.ts";
import { pdfPages } from "./pdf-pages.ts";
import { COUNTED_CHARACTERS, type TextCount } from "./text-tokens.ts";
import type { Around, ModelTokenizer } from "./tokenizers.ts";
import { bearsReference, unseenFields } from "./unseen.ts";

/** Counts a text; undefined where it cannot. */
export type CountText = (text: string, characters: number) => TextCount | undefined;

/** What a prompt is, at most. */
export interface CountedInput {
  input: number;
  /** Parts of it. */
  audioInput: number;
  imageInput: number;
  /** Whether a part of it is to stay in the provider's cache for longer than usual. */
  keepsLong: boolean;
}

/** Tokens that a provider may put around what the caller sent. */
function aroundPrompt({ messages, tools = [], responseFormat, operation }: ModelRequest, around: Around): number {
  if (operation?.type === "relay" || operation?.type === "object" || operation?.type === "count-tokens") return 0;
  let tokens = around.call + messages.length * around.message;
  if (operation?.type === "embed") tokens += operation.inputs.length * around.message;
  if (operation?.type === "complete") tokens += operation.prompts.length * around.message;
  if (tools.length > 0) tokens += around.tools;
  for (const tool of tools) tokens += tool.type === "opaque" ? PROVIDERS_TOOL_TOKENS : around.tool;
  if (responseFormat !== undefined && responseFormat.type !== "text") tokens += around.schema;
  for (const { parts } of messages) {
    for (const part of parts) {
      if (part.type === "document") tokens += pagesOf(part) * PAGE_TOKENS;
      else if (part.type === "tool-result")
        for (const item of part.content) if (item.type === "document") tokens += pagesOf(item) * PAGE_TOKENS;
    }
  }
  return tokens;
}

/**
 * The most that a page costs, whose few bytes may show much. Anthropic reads it as text of 1,500 to 3,000 tokens, and as
 * a picture of up to 1,600 (docs.anthropic.com, PDF support); Gemini as one of 258 to 1,120 (ai.google.dev, Document processing).
 */
const PAGE_TOKENS = 4_608;

/** In any case, and with parameters (RFC 9110, section 8.3.1). */
const PDF = /^application\/(?:x-)?pdf\s*(?:;|$)/i;

/** A file is looked through once, however often and for whatever model its call is bounded. */
const pages = new WeakMap<object, number>();

function pagesOf({ source }: DocumentPart): number {
  if (source.kind !== "base64" || !PDF.test(source.mediaType)) return 1;
  let count = pages.get(source);
  if (count === undefined) {
    count = pdfPages(source.data);
    pages.set(source, count);
  }
  return count;
}

/** What explains a tool of the provider's making to the model: Anthropic's for a computer takes 1,500. */
const PROVIDERS_TOOL_TOKENS = 2_048;

/** Bytes of sound that make a token in the tightest of formats: 10 to 32 tokens a second, at 6 kbit a second. */
const AUDIO_BYTES_PER_TOKEN = 16;

/** Without a tokenizer: a token of text stands for at least one byte. */
export const countBytes: CountText = () => undefined;

/**
 * The most tokens of a prompt, by a model's tokenizer: every text of it counted, whatever lies in it
 * that is no text at the most it can be. Not of what providers read beside it (`readsUnseen`).
 * @returns undefined for operations whose input is no such text: what is relayed, files, batches
 */
export function countedInput(
  request: ModelRequest,
  { exact, image, around }: ModelTokenizer,
  count: CountText,
): CountedInput | undefined {
  const { operation } = request;
  if (operation !== undefined && operation.type !== "embed" && operation.type !== "complete") return undefined;
  const walk = new Walk(count, exact, image);
  walk.input += aroundPrompt(request, around) + unseenFields(request).length * REMOTE_MEDIUM_TOKENS;
  if (operation?.type === "embed") {
    for (const input of operation.inputs) if ("text" in input) walk.text(input.text);
    walk.input += givenTokens(operation);
  }
  if (operation?.type === "complete") {
    for (const prompt of operation.prompts) if (typeof prompt === "string") walk.text(prompt);
    walk.text(operation.suffix ?? "");
    walk.input += givenTokens(operation);
  }
  for (const message of request.messages) walk.message(message);
  for (const tool of request.tools ?? []) walk.tool(tool);
  const { responseFormat, toolChoice, extra } = request;
  if (responseFormat !== undefined) walk.json(responseFormat as unknown as Json);
  if (toolChoice !== undefined) walk.json(toolChoice as unknown as Json);
  if (extra !== undefined) walk.json(extra);
  const { imageInput, audioInput, keepsLong } = walk;
  return { input: walk.input + imageInput + audioInput, imageInput, audioInput, keepsLong };
}

/** A text that no person wrote: its bytes are looked at by nobody here. */
const BLOB = /^(?:data:[^,]{0,200},)?[A-Za-z0-9+/_=-]{4096,}$/;
const LEAST_BLOB = 4_096;

/** Adds up a request. */
class Walk {
  /** Tokens of text, so far. */
  input = 0;
  imageInput = 0;
  audioInput = 0;
  keepsLong = false;
  readonly #count: CountText;
  readonly #exact: boolean;
  readonly #image: number;
  #left = COUNTED_CHARACTERS;

  constructor(count: CountText, exact: boolean, image: number) {
    this.#count = count;
    this.#exact = exact;
    this.#image = image;
  }

  text(text: string): void {
    if (text === "") return;
    const looked = Math.min(this.#left, text.length);
    const counted = looked === 0 ? undefined : this.#count(text, looked);
    if (counted === undefined) {
      this.input += utf8Length(text);
      return;
    }
    this.#left -= looked;
    this.input += this.#exact ? counted.tokens : counted.bound;
    if (looked < text.length) this.input += utf8Length(text.slice(looked));
  }

  /** Whatever a value says, as its JSON text; what no person wrote, at its bytes. @returns whether there is any of that */
  json(value: Json | undefined): boolean {
    if (value === undefined) return false;
    let blobs = 0;
    let text = JSON.stringify(value);
    if (text.length >= LEAST_BLOB) {
      text = JSON.stringify(value, (_, inner: Json) => {
        if (typeof inner !== "string" || inner.length < LEAST_BLOB || !BLOB.test(inner)) return inner;
        blobs += inner.length;
        return "";
      });
    }
    // Anthropic's cache_control.
    if (text.includes('"ttl":"1h"')) this.keepsLong = true;
    this.input += blobs;
    this.text(text);
    return blobs > 0;
  }

  message(message: Message): void {
    if (message.name !== undefined) this.text(message.name);
    for (const part of message.parts) this.part(part);
    if (message.extra !== undefined) this.json(message.extra);
  }

  tool(tool: Tool): void {
    this.json((tool.type === "opaque" ? tool.value : tool) as unknown as Json);
  }

  part(part: Part): void {
    if (part.extra !== undefined) this.json(part.extra);
    switch (part.type) {
      case "text":
      case "refusal":
        this.text(part.text);
        break;
      case "reasoning":
        // What is sealed was text of at most as many tokens as it has bytes.
        this.text(part.text);
        this.input += (part.signature?.length ?? 0) + (part.redacted?.length ?? 0);
        break;
      case "tool-call":
        this.text(part.name);
        this.text(part.arguments);
        this.text(part.id);
        break;
      case "tool-result":
        this.text(part.callId);
        for (const item of part.content) this.part(item);
        break;
      case "image":
        this.imageInput += this.#image;
        break;
      case "audio":
        this.audioInput += Math.ceil(part.data.length / AUDIO_BYTES_PER_TOKEN);
        break;
      case "document":
        if (part.name !== undefined) this.text(part.name);
        if (part.source.kind === "text") this.text(part.source.text);
        else if (part.source.kind === "base64") this.input += part.source.data.length;
        else this.input += REMOTE_MEDIUM_TOKENS;
        break;
      case "opaque":
        if (this.json(part.value)) this.imageInput += this.#image;
        if (bearsReference(part.value)) this.input += REMOTE_MEDIUM_TOKENS;
        break;
    }
  }
}
