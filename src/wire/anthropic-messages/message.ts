import type { Json, JsonObject } from "../../kernel/json.ts";
import { isObject, parseBounded } from "../../kernel/json.ts";
import type { Block, EventPart } from "../../spec/event.ts";
import { argumentsAsObject } from "../../spec/tool-arguments.ts";
import type { AnswerState } from "./answer.ts";
import { citationFor } from "./citations.ts";
import { providerErrorBody } from "./errors.ts";
import { idForCaller } from "./tool-ids.ts";

/** A block as it grows. */
interface Collected {
  content: Block;
  rest: JsonObject | undefined;
  text: string;
  signature: string;
  citations: Json[];
  /** For opaque blocks: the value with its deltas applied, and the JSON text of its input. */
  value: JsonObject;
  input: string;
}

/** A whole answer as Anthropic's message object; an answer that failed is its error object. */
export function messageOf(parts: readonly EventPart[], state: AnswerState): JsonObject {
  const blocks = new Map<number, Collected>();
  for (const part of parts) {
    if (part.type === "error") return providerErrorBody(part.error);
    if ("choice" in part && part.choice !== 0) continue;
    collect(part, state, blocks);
  }
  const content: JsonObject[] = [];
  for (const block of blocks.values()) {
    const value = blockOf(block);
    if (value !== undefined) content.push(value);
  }
  const { type: _, delta, usage, ...rest } = state.delta();
  const message = state.message();
  return {
    ...message,
    content,
    ...rest,
    ...(delta as JsonObject),
    usage: { ...(message.usage as JsonObject), ...(usage as JsonObject) },
  };
}

function collect(part: EventPart, state: AnswerState, blocks: Map<number, Collected>): void {
  switch (part.type) {
    case "start":
      state.begin(part);
      return;
    case "usage":
      Object.assign(state.usage, part.usage);
      return;
    case "finish":
      state.finish = part;
      return;
    case "unknown":
      state.unknown(part);
      return;
    case "block-start":
      state.calledTool ||= part.content.kind === "tool-call";
      state.refused ||= part.content.kind === "refusal";
      blocks.set(part.block, {
        content: part.content,
        rest: state.takeBlockRest(),
        text: "",
        signature: "",
        citations: [],
        value: part.content.kind === "opaque" ? { ...part.content.value } : {},
        input: "",
      });
      return;
    default:
      if ("block" in part) grow(part, blocks.get(part.block));
  }
}

function grow(part: EventPart, block: Collected | undefined): void {
  if (block === undefined) return;
  switch (part.type) {
    case "text-delta":
    case "arguments-delta":
      block.text += part.text;
      return;
    case "signature-delta":
      block.signature += part.signature;
      return;
    case "citation": {
      const citation = citationFor(part);
      if (citation !== undefined) block.citations.push(citation);
      return;
    }
    case "opaque-delta":
      applyDelta(block, part.value);
  }
}

/** Anthropic's deltas add text to the field of their name; `input_json_delta` is the input in pieces. */
function applyDelta(block: Collected, delta: JsonObject): void {
  for (const name in delta) {
    const more = delta[name]!;
    if (name === "type") continue;
    if (name === "partial_json" && typeof more === "string") {
      block.input += more;
    } else if (name === "citation") {
      const before = block.value.citations;
      block.value.citations = Array.isArray(before) ? [...before, more] : [more];
    } else {
      const before = block.value[name];
      block.value[name] = typeof before === "string" && typeof more === "string" ? before + more : more;
    }
  }
}

/** undefined: a block that this dialect cannot hold. */
function blockOf(block: Collected): JsonObject | undefined {
  const { content, rest, text } = block;
  switch (content.kind) {
    case "text":
    case "refusal":
      return { type: "text", text, ...rest, ...(block.citations.length > 0 ? { citations: block.citations } : {}) };
    case "reasoning":
      return { type: "thinking", thinking: text, signature: block.signature, ...rest };
    case "redacted-reasoning":
      return { type: "redacted_thinking", data: content.data, ...rest };
    case "tool-call":
      return {
        type: "tool_use",
        id: idForCaller(content.id),
        name: content.name,
        input: argumentsAsObject(text),
        ...rest,
      };
    case "opaque": {
      if (content.dialect !== "anthropic-messages") return undefined;
      const input = block.input === "" ? undefined : parseBounded(block.input);
      return isObject(input) ? { ...block.value, input } : block.value;
    }
  }
}
