import { isObject, type Json, type JsonObject, parseBounded } from "../../kernel/json.ts";
import type { Block, EventPart, TokenLogprob } from "../../spec/event.ts";
import { InputText } from "./input-text.ts";
import type { Item, Output } from "./items.ts";
import { annotationOf, logprobsBody } from "./response.ts";
import { wrapped } from "./thoughts.ts";

/** A block of the answer, as it is told: in an item of its own, or as a part of one. */
export interface OpenBlock {
  /** A piece of text, thought, refusal or arguments. @param logprobs of this very piece */
  text(piece: string, logprobs?: readonly TokenLogprob[]): void;
  signature?(piece: string): void;
  citation?(part: Extract<EventPart, { type: "citation" }>): void;
  logprobs?(tokens: readonly TokenLogprob[]): void;
  opaque?(value: JsonObject): void;
  end(): void;
}

const NO_LOGPROBS = ',"logprobs":[]';

/** A text, or a refusal: a part of a message. */
export class TextBlock implements OpenBlock {
  readonly #output: Output;
  readonly #item: Item;
  readonly #place: { item_id: string; output_index: number; content_index: number };
  readonly #part: JsonObject;
  readonly #refusal: boolean;
  readonly #annotations: JsonObject[] = [];
  readonly #logprobs: JsonObject[] = [];
  #text = "";
  #ended = false;

  /** @param content of the message, to which it is added */
  constructor(output: Output, item: Item, content: Json[], refusal: boolean) {
    this.#output = output;
    this.#item = item;
    this.#refusal = refusal;
    this.#place = { item_id: item.id, output_index: item.index, content_index: content.length };
    this.#part = refusal
      ? { type: "refusal", refusal: "" }
      : { type: "output_text", annotations: this.#annotations, logprobs: this.#logprobs, text: "" };
    content.push(this.#part);
    output.event("response.content_part.added", { ...this.#place, part: this.#part });
  }

  text(piece: string, logprobs?: readonly TokenLogprob[]): void {
    this.#text += piece;
    const place = `"content_index":${this.#place.content_index},`;
    if (this.#refusal) {
      this.#output.delta("response.refusal.delta", this.#item, place, piece);
      return;
    }
    let told = NO_LOGPROBS;
    if (logprobs !== undefined) {
      const tokens = logprobsBody(logprobs);
      this.#logprobs.push(...tokens);
      told = `,"logprobs":${JSON.stringify(tokens)}`;
    }
    this.#output.delta("response.output_text.delta", this.#item, place, piece, told);
  }

  logprobs(tokens: readonly TokenLogprob[]): void {
    this.#logprobs.push(...logprobsBody(tokens));
  }

  citation({ value, dialect }: Extract<EventPart, { type: "citation" }>): void {
    const annotation = annotationOf(value, dialect === "openai-responses", this.#text.length);
    if (annotation === undefined) return;
    const annotation_index = this.#annotations.push(annotation) - 1;
    this.#output.event("response.output_text.annotation.added", { ...this.#place, annotation_index, annotation });
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    const text = this.#text;
    if (this.#refusal) {
      this.#part.refusal = text;
      this.#output.event("response.refusal.done", { ...this.#place, refusal: text });
    } else {
      this.#part.text = text;
      this.#output.event("response.output_text.done", { ...this.#place, text, logprobs: this.#logprobs });
    }
    this.#output.event("response.content_part.done", { ...this.#place, part: this.#part });
  }
}

/** Thoughts of one reasoning item, or, of another provider's, one thought. */
export class ThoughtItem {
  readonly item: Item;
  /** Whether it came from a provider of this dialect, so that what it sealed goes on as it came. */
  readonly own: boolean;
  readonly #output: Output;
  readonly summary: JsonObject[] = [];
  readonly content: JsonObject[] = [];
  #signature = "";
  #ended = false;

  constructor(output: Output, own: JsonObject | undefined) {
    this.#output = output;
    this.own = own !== undefined;
    this.item = output.add("rs", { type: "reasoning", summary: [] }, own);
  }

  sign(piece: string): void {
    this.#signature += piece;
  }

  end(redacted?: string): void {
    if (this.#ended) return;
    this.#ended = true;
    const last: JsonObject = { summary: this.summary };
    if (this.content.length > 0) last.content = this.content;
    const sealed = redacted ?? this.#signature;
    if (sealed !== "") {
      last.encrypted_content = this.own
        ? sealed
        : wrapped(redacted === undefined ? { signature: sealed } : { redacted: sealed });
    }
    this.#output.done(this.item, last);
  }
}

export class ThoughtBlock implements OpenBlock {
  readonly #output: Output;
  readonly #thought: ThoughtItem;
  readonly #list: "summary" | "content";
  #part: JsonObject | undefined;
  #place: JsonObject = {};
  #text = "";

  constructor(output: Output, thought: ThoughtItem, list: "summary" | "content") {
    this.#output = output;
    this.#thought = thought;
    this.#list = list;
  }

  text(piece: string): void {
    if (this.#part === undefined) this.#begin();
    this.#text += piece;
    const inSummary = this.#list === "summary";
    const place = inSummary
      ? `"summary_index":${this.#place.summary_index},`
      : `"content_index":${this.#place.content_index},`;
    const type = inSummary ? "response.reasoning_summary_text.delta" : "response.reasoning_text.delta";
    this.#output.delta(type, this.#thought.item, place, piece);
  }

  #begin(): void {
    const { item, summary, content } = this.#thought;
    const place = { item_id: item.id, output_index: item.index };
    if (this.#list === "summary") {
      this.#part = { type: "summary_text", text: "" };
      this.#place = { ...place, summary_index: summary.push(this.#part) - 1 };
      this.#output.event("response.reasoning_summary_part.added", { ...this.#place, part: this.#part });
    } else {
      this.#part = { type: "reasoning_text", text: "" };
      this.#place = { ...place, content_index: content.push(this.#part) - 1 };
      this.#output.event("response.content_part.added", { ...this.#place, part: this.#part });
    }
  }

  signature(piece: string): void {
    this.#thought.sign(piece);
  }

  end(): void {
    const part = this.#part;
    if (part !== undefined) {
      part.text = this.#text;
      const inSummary = this.#list === "summary";
      const [text, done] = inSummary
        ? ["response.reasoning_summary_text.done", "response.reasoning_summary_part.done"]
        : ["response.reasoning_text.done", "response.content_part.done"];
      this.#output.event(text!, { ...this.#place, text: this.#text });
      this.#output.event(done!, { ...this.#place, part });
    }
    // More may follow of an item that its provider told in several parts.
    if (!this.#thought.own) this.#thought.end();
  }
}

/** A call of a function: agents break on one whose arguments never came in a delta. */
export class CallBlock implements OpenBlock {
  readonly #output: Output;
  readonly #item: Item;
  #arguments = "";

  constructor(output: Output, call: Extract<Block, { kind: "tool-call" }>, own: JsonObject | undefined) {
    this.#output = output;
    const { id, name } = call;
    const value = { type: "function_call", status: "in_progress", arguments: "", call_id: id, name };
    this.#item = output.add("fc", value, own);
  }

  text(piece: string): void {
    if (piece === "") return;
    this.#arguments += piece;
    this.#output.delta("response.function_call_arguments.delta", this.#item, "", piece);
  }

  end(): void {
    if (this.#arguments === "") this.text("{}");
    const { id, index, value } = this.#item;
    const told = { item_id: id, output_index: index, name: value.name!, arguments: this.#arguments };
    this.#output.event("response.function_call_arguments.done", told);
    this.#output.done(this.#item, { status: "completed", arguments: this.#arguments });
  }
}

/** A call of a custom tool, which the model made as that of a function with one text. */
export class CustomCallBlock implements OpenBlock {
  readonly #output: Output;
  readonly #item: Item;
  readonly #input = new InputText();

  constructor(output: Output, { id, name }: Extract<Block, { kind: "tool-call" }>, own: JsonObject | undefined) {
    this.#output = output;
    const value = { type: "custom_tool_call", status: "in_progress", call_id: id, name, input: "" };
    this.#item = output.add("ctc", value, own);
  }

  text(piece: string): void {
    const text = this.#input.push(piece);
    if (text !== "") this.#output.delta("response.custom_tool_call_input.delta", this.#item, "", text);
  }

  end(): void {
    const input = this.#input.close();
    const { id, index } = this.#item;
    this.#output.event("response.custom_tool_call_input.done", { item_id: id, output_index: index, input });
    this.#output.done(this.#item, { status: "completed", input });
  }
}

/** A call of the local shell: its action has to be whole before it can be told. */
export class ShellCallBlock implements OpenBlock {
  readonly #output: Output;
  readonly #call: Extract<Block, { kind: "tool-call" }>;
  #arguments = "";

  constructor(output: Output, call: Extract<Block, { kind: "tool-call" }>) {
    this.#output = output;
    this.#call = call;
  }

  text(piece: string): void {
    this.#arguments += piece;
  }

  end(): void {
    const action = actionOf(this.#arguments);
    if (action === undefined) {
      // No command: whoever reads it must not take it for one.
      const call = new CallBlock(this.#output, this.#call, undefined);
      call.text(this.#arguments);
      call.end();
      return;
    }
    const value = { type: "local_shell_call", status: "in_progress", call_id: this.#call.id, action };
    this.#output.done(this.#output.add("lsh", value, undefined), { status: "completed" });
  }
}

function actionOf(text: string): JsonObject | undefined {
  const value = parseBounded(text);
  if (!isObject(value) || !Array.isArray(value.command)) return undefined;
  if (value.command.length === 0 || !value.command.every((word) => typeof word === "string")) return undefined;
  const action: JsonObject = { type: "exec", command: value.command, env: isObject(value.env) ? value.env : {} };
  if (typeof value.timeout_ms === "number") action.timeout_ms = value.timeout_ms;
  if (typeof value.working_directory === "string") action.working_directory = value.working_directory;
  return action;
}

/** An item that only this dialect knows. Its deltas are the provider's own events. */
export class OpaqueItem implements OpenBlock {
  readonly #output: Output;
  readonly #item: Item;
  #last: JsonObject = {};

  constructor(output: Output, value: JsonObject) {
    this.#output = output;
    this.#item = output.add("item", value, value);
  }

  text(): void {}

  opaque(value: JsonObject): void {
    const { type, sequence_number: _, ...rest } = value;
    if (type === "response.output_item.done") {
      if (isObject(rest.item)) this.#last = rest.item;
    } else if (typeof type === "string" && /^[\w.]+$/.test(type)) {
      this.#output.event(type, { ...rest, output_index: this.#item.index });
    }
  }

  end(): void {
    this.#output.done(this.#item, this.#last);
  }
}
