import type { JsonObject } from "../../kernel/json.ts";
import type { ChatRequestForm } from "../../spec/chat-form.ts";
import type { Block, EventPart } from "../../spec/event.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { Usage } from "../../spec/usage.ts";
import type { AnswerEncoder, EncoderContext, PublicError } from "../../spec/wire.ts";
import { annotationOf, answerId, finishWord, imagesOf, logprobsBody, reasoningDetail, usageBody } from "./answer.ts";
import { errorFrame } from "./errors.ts";
import { unaryAnswer } from "./unary.ts";

/** Mistral's own clients refuse a fragment of a call without a name. Others take an empty one for the call's name, so they get none. */
const NAMES_FRAGMENTS = /^mistral-client-/;

/** What every choice of a chunk has, also where something else is told of it: strict clients look for it. */
const NO_NEWS = { delta: {}, finish_reason: null };

interface BlockState {
  content: Block;
  /** Place of a call among the calls of its choice. */
  tool: number;
  /** Whether a call has had arguments. */
  written: boolean;
  /** A thought so far: its signature covers the whole of it. */
  text: string;
  signature: string;
  /** Where in the choice's content the block began, in UTF-16 units. */
  from: number;
  citations: JsonObject[] | undefined;
}

interface ChoiceState {
  index: number;
  started: boolean;
  finished: boolean;
  blocks: Map<number, BlockState>;
  tools: number;
  thoughts: number;
  length: number;
}

/**
 * Writes an answer as chat.completion.chunk events, or as one chat.completion object. Each
 * choice's first delta carries the role; our `[DONE]` follows the part `end` and nothing else,
 * so a stream that was cut or failed never looks whole.
 */
export class ChatEncoder implements AnswerEncoder {
  readonly #request: ModelRequest;
  readonly #context: EncoderContext;
  readonly #legacy: boolean;
  readonly #choices = new Map<number, ChoiceState>();
  /** Everything of a chunk before its choices; empty until the first chunk. */
  #head = "";
  readonly #tail: string;
  /** What stands before the arguments in a fragment of a call. */
  readonly #unnamed: string;
  #start: Extract<EventPart, { type: "start" }> = { type: "start" };
  #usage: Partial<Usage> | undefined;
  /** Whether usage is known that the caller has not been told. */
  #usageOwed = false;
  /** Whether the batch of parts that is written now tells some. */
  #usageNew = false;
  /** Whether bytes of the provider's, and whether words of ours, went out. */
  #relayed = false;
  #wrote = false;
  #over = false;

  constructor(request: ModelRequest, context: EncoderContext) {
    this.#request = request;
    this.#context = context;
    this.#unnamed = NAMES_FRAGMENTS.test(context.userAgent ?? "") ? `"name":"",` : "";
    this.#legacy = (request.form as ChatRequestForm | undefined)?.functions === true;
    this.#tail = request.includeUsage ? `],"usage":null}\n\n` : "]}\n\n";
  }

  errorFrame(error: PublicError): string {
    return errorFrame(error);
  }

  unary(parts: readonly EventPart[]): string {
    return JSON.stringify(unaryAnswer(parts, this.#request, this.#context, this.#legacy));
  }

  frames(parts: readonly EventPart[]): string {
    let text = "";
    this.#usageNew = false;
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i]!;
      if (part.type === "text-delta") {
        const next = parts[i + 1];
        // OpenAI tells the log probabilities of some text in the chunk of that text.
        const logprobs = next?.type === "logprobs" && next.choice === part.choice ? next : undefined;
        if (logprobs !== undefined) i++;
        text += this.#textDelta(part, logprobs);
      } else text += this.#frame(part);
    }
    // Not left for the end, which may come as the provider's own bytes. What was told before the finish is a
    // beginning (Anthropic's message_start): clients expect one chunk with usage, and take the first for the whole.
    if (this.#usageOwed && this.#usageNew && this.#finished()) text += this.#usageChunk();
    this.#wrote ||= text !== "";
    return text;
  }

  #finished(): boolean {
    for (const choice of this.#choices.values()) if (!choice.finished) return false;
    return this.#choices.size > 0 && !this.#over;
  }

  #usageChunk(): string {
    this.#usageOwed = false;
    if (!this.#request.includeUsage || this.#usage === undefined) return "";
    if (this.#head === "") this.#openHead();
    return `${this.#head}],"usage":${JSON.stringify(usageBody(this.#usage))}}\n\n`;
  }

  relayed(parts: readonly EventPart[]): void {
    this.#relayed = true;
    for (const part of parts) {
      switch (part.type) {
        case "text-delta": {
          const choice = this.#choice(part.choice);
          choice.started = true;
          this.#grow(choice, choice.blocks.get(part.block), part.text);
          break;
        }
        case "arguments-delta": {
          const block = this.#choice(part.choice).blocks.get(part.block);
          if (block !== undefined) block.written = true;
          break;
        }
        case "usage":
          this.#frame(part);
          this.#usageOwed = false;
          break;
        default:
          this.#frame(part);
      }
    }
  }

  #frame(part: EventPart): string {
    switch (part.type) {
      case "start":
        if (this.#head === "") this.#start = part;
        return "";
      case "block-start":
        return this.#blockStart(this.#choice(part.choice), part.block, part.content);
      case "text-delta":
        return this.#textDelta(part, undefined);
      case "arguments-delta":
        return this.#argumentsDelta(part);
      case "signature-delta": {
        const block = this.#choice(part.choice).blocks.get(part.block);
        if (block !== undefined) block.signature += part.signature;
        return "";
      }
      case "citation":
        return this.#citation(part);
      case "opaque-delta":
        return this.#opaque(this.#choice(part.choice), part.block, part.value);
      case "block-end":
        return this.#blockEnd(this.#choice(part.choice), part.block);
      case "logprobs":
        return this.#chunk(this.#choice(part.choice), "", this.#logprobs(part), "null");
      case "finish": {
        const choice = this.#choice(part.choice);
        choice.finished = true;
        return this.#chunk(choice, "", "null", `"${finishWord(part, this.#legacy)}"`);
      }
      case "usage":
        this.#usage = { ...this.#usage, ...part.usage };
        this.#usageOwed = true;
        this.#usageNew = true;
        return "";
      case "ping":
        // A comment: it keeps the connection alive, and no client sees it (WHATWG HTML, server-sent events).
        return ": ping\n\n";
      case "unknown":
        return part.dialect === "openai-chat" ? this.#unknown(part.value as JsonObject) : "";
      case "error":
        this.#over = true;
        return "";
      case "result":
        return "";
      case "end":
        return this.#end();
    }
  }

  #blockStart(choice: ChoiceState, number: number, content: Block): string {
    const tool = content.kind === "tool-call" ? choice.tools++ : 0;
    const block: BlockState = {
      content,
      tool,
      written: false,
      text: "",
      signature: "",
      from: choice.length,
      citations: undefined,
    };
    choice.blocks.set(number, block);
    if (content.kind === "tool-call") {
      const name = JSON.stringify(content.name);
      if (this.#legacy) return this.#chunk(choice, `"function_call":{"name":${name},"arguments":""}`);
      const id = JSON.stringify(content.id);
      return this.#chunk(
        choice,
        `"tool_calls":[{"index":${tool},"id":${id},"type":"function","function":{"name":${name},"arguments":""}}]`,
      );
    }
    // What only another dialect knows (a server-side tool, say) is not this client's to act on.
    if (content.kind === "opaque" && content.dialect === "openai-chat") {
      return this.#opaque(choice, number, content.value);
    }
    const images = imagesOf(content);
    return images === undefined ? "" : this.#chunk(choice, JSON.stringify(images).slice(1, -1));
  }

  #textDelta(
    part: Extract<EventPart, { type: "text-delta" }>,
    logprobs: Extract<EventPart, { type: "logprobs" }> | undefined,
  ): string {
    const choice = this.#choice(part.choice);
    const block = choice.blocks.get(part.block);
    this.#grow(choice, block, part.text);
    const kind = block?.content.kind;
    const field = kind === "reasoning" ? "reasoning_content" : kind === "refusal" ? "refusal" : "content";
    const said = logprobs === undefined ? "null" : this.#logprobs(logprobs);
    return this.#chunk(choice, `"${field}":${JSON.stringify(part.text)}`, said);
  }

  #grow(choice: ChoiceState, block: BlockState | undefined, text: string): void {
    if (block?.content.kind === "reasoning") block.text += text;
    else choice.length += text.length;
  }

  #argumentsDelta(part: Extract<EventPart, { type: "arguments-delta" }>): string {
    const choice = this.#choice(part.choice);
    const block = choice.blocks.get(part.block);
    if (block === undefined || part.text === "") return "";
    block.written = true;
    return this.#writeArguments(choice, block, part.text);
  }

  #writeArguments(choice: ChoiceState, block: BlockState, text: string): string {
    const json = JSON.stringify(text);
    if (this.#legacy) return this.#chunk(choice, `"function_call":{"arguments":${json}}`);
    return this.#chunk(
      choice,
      `"tool_calls":[{"index":${block.tool},"function":{${this.#unnamed}"arguments":${json}}}]`,
    );
  }

  #citation(part: Extract<EventPart, { type: "citation" }>): string {
    const choice = this.#choice(part.choice);
    if (part.dialect === "openai-chat") return this.#chunk(choice, `"annotations":[${JSON.stringify(part.value)}]`);
    const block = choice.blocks.get(part.block);
    if (block !== undefined) {
      block.citations ??= [];
      block.citations.push(part.value);
    }
    return "";
  }

  #opaque(choice: ChoiceState, number: number, value: JsonObject): string {
    const content = choice.blocks.get(number)?.content;
    if (content?.kind !== "opaque" || content.dialect !== "openai-chat") return "";
    return this.#chunk(choice, JSON.stringify(value).slice(1, -1));
  }

  #blockEnd(choice: ChoiceState, number: number): string {
    const block = choice.blocks.get(number);
    if (block === undefined) return "";
    choice.blocks.delete(number);
    const { content } = block;
    if (content.kind === "tool-call") return block.written ? "" : this.#writeArguments(choice, block, "{}");
    if (content.kind === "reasoning" || content.kind === "redacted-reasoning") {
      const detail = reasoningDetail(content, block.text, block.signature, choice.thoughts++);
      return detail === undefined ? "" : this.#chunk(choice, `"reasoning_details":[${JSON.stringify(detail)}]`);
    }
    if (block.citations === undefined) return "";
    const annotations = block.citations
      .map((citation) => annotationOf(citation, false, block.from, choice.length))
      .filter((annotation) => annotation !== undefined);
    return annotations.length === 0 ? "" : this.#chunk(choice, `"annotations":${JSON.stringify(annotations)}`);
  }

  #unknown(value: JsonObject): string {
    const { choices, ...rest } = value;
    const { id, created, model } = this.#envelope();
    const told = Array.isArray(choices) ? choices.map((choice) => ({ ...NO_NEWS, ...(choice as JsonObject) })) : [];
    const chunk = { id, object: "chat.completion.chunk", created, model, choices: told, ...rest };
    return `data: ${JSON.stringify(chunk)}\n\n`;
  }

  #end(): string {
    if (this.#over) return "";
    this.#over = true;
    const usage = this.#usageOwed ? this.#usageChunk() : "";
    // A provider that has no `[DONE]` is relayed as it is.
    return this.#relayed && !this.#wrote && usage === "" ? "" : `${usage}data: [DONE]\n\n`;
  }

  /** @param fields of the delta, without its braces; the other two are JSON */
  #chunk(choice: ChoiceState, fields: string, logprobs = "null", finish = "null"): string {
    if (this.#head === "") this.#openHead();
    let delta = fields;
    if (!choice.started) {
      // OpenAI's own client counts log probabilities twice that come with a choice's first chunk.
      if (logprobs !== "null") return this.#chunk(choice, "") + this.#chunk(choice, fields, logprobs, finish);
      choice.started = true;
      // OpenAI's first delta has role and content, null where something else comes first.
      const content = fields === "" ? `,"content":""` : fields.startsWith(`"content"`) ? "" : `,"content":null`;
      delta = `"role":"assistant"${content}${fields === "" ? "" : `,${fields}`}`;
    }
    return `${this.#head}{"index":${choice.index},"delta":{${delta}},"logprobs":${logprobs},"finish_reason":${finish}}${this.#tail}`;
  }

  #logprobs(part: Extract<EventPart, { type: "logprobs" }>): string {
    return JSON.stringify({ content: logprobsBody(part.content), refusal: logprobsBody(part.refusal) });
  }

  #envelope(): { id: string; created: number; model: string } {
    return {
      id: this.#start.id ?? answerId(this.#context),
      created: this.#start.created ?? this.#context.created,
      model: this.#start.model ?? this.#request.model,
    };
  }

  #openHead(): void {
    const { id, created, model } = this.#envelope();
    let more = "";
    for (const name of ["service_tier", "system_fingerprint"]) {
      const value = this.#start.extra?.[name];
      if (typeof value === "string") more += `"${name}":${JSON.stringify(value)},`;
    }
    this.#head = `data: {"id":${JSON.stringify(id)},"object":"chat.completion.chunk","created":${created},"model":${JSON.stringify(model)},${more}"choices":[`;
  }

  #choice(index: number): ChoiceState {
    let choice = this.#choices.get(index);
    if (choice === undefined) {
      choice = { index, started: false, finished: false, blocks: new Map(), tools: 0, thoughts: 0, length: 0 };
      this.#choices.set(index, choice);
    }
    return choice;
  }
}
