import { isObject, type JsonObject } from "../../kernel/json.ts";
import type { Block, EventPart, TokenLogprob } from "../../spec/event.ts";
import type { Picture } from "../../spec/picture.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { ResponsesRequestForm } from "../../spec/responses-form.ts";
import type { AnswerEncoder, EncoderContext, PublicError } from "../../spec/wire.ts";
import { errorBody } from "../openai-chat/errors.ts";
import {
  CallBlock,
  CustomCallBlock,
  OpaqueItem,
  type OpenBlock,
  ShellCallBlock,
  TextBlock,
  ThoughtBlock,
  ThoughtItem,
} from "./blocks.ts";
import { type Item, Output } from "./items.ts";
import { ResponseHead } from "./response.ts";
import { type CalledAs, clientTools } from "./tools.ts";

/**
 * Writes an answer as the typed events of a response, or as one response object: the object
 * is what the last event holds, so there is one way of putting it together. Items begin in
 * the order in which the model made them; neighbouring texts are parts of one message, and
 * calls may be told side by side, each by its `output_index`.
 *
 * A decoder of this dialect hands over what has no canonical name in `unknown` parts:
 * `{response: {…}}` for the response, `{item: {…}}` for the item that begins next, and
 * events of their own. Only choice 0 exists here.
 */
export class ResponsesEncoder implements AnswerEncoder {
  readonly #request: ModelRequest;
  readonly #head: ResponseHead;
  readonly #tools: ReadonlyMap<string, CalledAs>;
  readonly #list: "summary" | "content";
  #output: Output;
  #begun = false;
  #over = false;
  #failure: JsonObject | undefined;
  readonly #blocks = new Map<number, OpenBlock>();
  #message: { item: Item; content: JsonObject[]; last: TextBlock | undefined } | undefined;
  #thought: ThoughtItem | undefined;
  /** The fields of the item that begins next. */
  #own: JsonObject | undefined;

  constructor(request: ModelRequest, context: EncoderContext) {
    this.#request = request;
    this.#head = new ResponseHead(request, context);
    this.#tools = clientTools(request);
    // A client that asked for summaries reads nothing else.
    const { summary } = (request.form ?? {}) as ResponsesRequestForm;
    this.#list = request.dialect === "openai-responses" && summary !== undefined ? "summary" : "content";
    this.#output = new Output(this.#head, false);
  }

  frames(parts: readonly EventPart[]): string {
    this.#write(parts);
    return this.#output.take();
  }

  /** Only what an error would need to know. */
  relayed(parts: readonly EventPart[]): void {
    this.#begun = true;
    this.#output.skip();
    for (const part of parts) if (part.type === "start") this.#head.begin(part);
  }

  unary(parts: readonly EventPart[]): string {
    this.#output = new Output(this.#head, true);
    this.#write(parts);
    if (this.#failure !== undefined) return JSON.stringify(this.#failure);
    this.#closeAll();
    return JSON.stringify(this.#head.ended(this.#output.items));
  }

  errorFrame(error: PublicError): string {
    const { error: told } = errorBody(error) as { error: { message: string; type: string; code: string } & JsonObject };
    this.#over = true;
    this.#begin();
    const { code, message, param = null } = told;
    // OpenAI's own stream nests it, its specification does not; clients read either.
    this.#output.event("error", { code, message, param, error: told });
    const own = WORDS.has(error.providerCode ?? "") ? error.providerCode : CODE_OF_STATUS[error.status];
    const why = own ?? (error.status < 500 ? "invalid_prompt" : "server_error");
    this.#output.event("response.failed", { response: this.#head.failed(this.#output.items, why, message) });
    return this.#output.take();
  }

  #write(parts: readonly EventPart[]): void {
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i]!;
      if (this.#over) return;
      if (part.type === "text-delta" && part.choice === 0) {
        const next = parts[i + 1];
        const tokens = next?.type === "logprobs" && next.choice === 0 ? (next.content ?? undefined) : undefined;
        if (tokens !== undefined) i++;
        this.#blocks.get(part.block)?.text(part.text, tokens);
      } else this.#part(part);
    }
  }

  #part(part: EventPart): void {
    switch (part.type) {
      case "start":
        this.#head.begin(part);
        this.#begin();
        return;
      case "usage":
        this.#head.count(part.usage);
        return;
      case "finish":
        if (part.choice !== 0) return;
        this.#head.finish(part);
        this.#closeAll();
        return;
      case "logprobs":
        if (part.choice === 0 && part.content !== null) this.#logprobs(part.content);
        return;
      case "unknown":
        if (part.dialect === "openai-responses" && isObject(part.value)) this.#unknown(part.value);
        return;
      case "ping":
      case "result":
        return;
      case "error":
        this.#fail(part.error.code ?? "server_error", part.error.message);
        return;
      case "end":
        this.#end();
        return;
      default:
        if (part.choice === 0) this.#block(part);
    }
  }

  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    const response = this.#head.inProgress();
    this.#output.event("response.created", { response });
    this.#output.event("response.in_progress", { response });
  }

  #fail(code: string, message: string): void {
    this.#begin();
    this.#over = true;
    this.#failure = this.#head.failed(this.#output.items, code, message);
    this.#output.event("error", { code, message, param: null });
    this.#output.event("response.failed", { response: this.#failure });
  }

  #end(): void {
    this.#begin();
    this.#closeAll();
    this.#over = true;
    const response = this.#head.ended(this.#output.items);
    this.#output.event(`response.${String(response.status)}`, { response });
  }

  #unknown(value: JsonObject): void {
    if (isObject(value.response)) this.#head.merge(value.response);
    else if (isObject(value.item)) this.#own = value.item;
    else if (typeof value.type === "string" && /^[\w.]+$/.test(value.type)) {
      const { type, sequence_number: _, ...rest } = value;
      this.#begin();
      this.#output.event(type as string, rest);
    }
  }

  #logprobs(tokens: readonly TokenLogprob[]): void {
    this.#message?.last?.logprobs(tokens);
  }

  #block(part: Extract<EventPart, { block: number }>): void {
    if (part.type === "block-start") {
      this.#begin();
      const block = this.#opened(part.content);
      if (block !== undefined) this.#blocks.set(part.block, block);
      return;
    }
    const block = this.#blocks.get(part.block);
    if (block === undefined) return;
    switch (part.type) {
      case "text-delta":
      case "arguments-delta":
        block.text(part.text);
        return;
      case "signature-delta":
        block.signature?.(part.signature);
        return;
      case "citation":
        block.citation?.(part);
        return;
      case "opaque-delta":
        block.opaque?.(part.value);
        return;
      case "block-end":
        this.#blocks.delete(part.block);
        block.end();
    }
  }

  /** undefined: nothing more will come, or the dialect has no place for it. */
  #opened(content: Block): OpenBlock | undefined {
    const own = this.#own;
    this.#own = undefined;
    switch (content.kind) {
      case "text":
      case "refusal": {
        const message = own === undefined ? (this.#message ?? this.#newMessage(undefined)) : this.#newMessage(own);
        message.last = new TextBlock(this.#output, message.item, message.content, content.kind === "refusal");
        return message.last;
      }
      case "reasoning": {
        const more = own === undefined && this.#thought?.own === true ? this.#thought : undefined;
        if (more === undefined) {
          this.#closeItems();
          this.#thought = new ThoughtItem(this.#output, own);
        }
        const list = content.extra?.type;
        const listed = list === "reasoning.summary" ? "summary" : list === "reasoning.text" ? "content" : undefined;
        return new ThoughtBlock(this.#output, this.#thought!, (this.#thought!.own ? listed : undefined) ?? this.#list);
      }
      case "redacted-reasoning":
        this.#closeItems();
        new ThoughtItem(this.#output, own).end(content.data);
        return undefined;
      case "tool-call": {
        this.#closeItems();
        const { kind, place } = this.#tools.get(content.name) ?? {};
        const call = place === undefined ? content : { ...content, name: place.own };
        const named = place === undefined ? own : { ...own, namespace: place.namespace };
        if (kind === "custom") return new CustomCallBlock(this.#output, call, named);
        return kind === "local_shell"
          ? new ShellCallBlock(this.#output, content)
          : new CallBlock(this.#output, call, named);
      }
      case "opaque":
        if (content.dialect !== "openai-responses" && content.picture !== undefined) this.#picture(content.picture);
        if (content.dialect !== this.#request.dialect || content.dialect !== "openai-responses") return undefined;
        this.#closeItems();
        return new OpaqueItem(this.#output, content.value);
    }
  }

  /** Another provider's picture, as if the tool that OpenAI has for it had made it. */
  #picture(picture: Picture): void {
    if (!("data" in picture)) return;
    this.#closeItems();
    const { mediaType, data } = picture;
    const value = { type: "image_generation_call", status: "in_progress", result: null };
    const item = this.#output.add("ig", value, undefined);
    this.#output.event("response.image_generation_call.completed", { output_index: item.index, item_id: item.id });
    this.#output.done(item, { status: "completed", output_format: mediaType.slice("image/".length), result: data });
  }

  #newMessage(own: JsonObject | undefined) {
    this.#closeItems();
    const value = { type: "message", status: "in_progress", role: "assistant", content: [] };
    this.#message = { item: this.#output.add("msg", value, own), content: [], last: undefined };
    return this.#message;
  }

  /** The message or the thought that is open ends before another item begins. */
  #closeItems(): void {
    this.#thought?.end();
    this.#thought = undefined;
    const message = this.#message;
    if (message === undefined) return;
    this.#message = undefined;
    message.last?.end();
    this.#output.done(message.item, {
      content: message.content,
      status: this.#head.isCut ? "incomplete" : "completed",
    });
  }

  #closeAll(): void {
    for (const block of this.#blocks.values()) block.end();
    this.#blocks.clear();
    this.#closeItems();
  }
}

/**
 * Words that OpenAI says in `response.error.code`: those of its specification (ResponseErrorCode), and two on which
 * agents act. Another provider's stands in the event `error` before it.
 */
const WORDS: ReadonlySet<string> = new Set([
  ...["server_error", "rate_limit_exceeded", "invalid_prompt", "context_length_exceeded", "insufficient_quota"],
  ...["invalid_image", "invalid_image_format", "invalid_base64_image", "invalid_image_url", "invalid_image_mode"],
  ...["image_too_large", "image_too_small", "image_parse_error", "image_content_policy_violation"],
  ...["image_file_too_large", "image_file_not_found", "unsupported_image_media_type", "empty_image_file"],
  ...["failed_to_download_image", "vector_store_timeout", "data_residency_mismatch", "bio_policy"],
]);

/** Words of OpenAI's `response.error.code` by the status that an error stands for. */
const CODE_OF_STATUS: Readonly<Record<number, string>> = { 429: "rate_limit_exceeded" };
