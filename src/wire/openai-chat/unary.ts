import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import type { Block, EventPart, TokenLogprob } from "../../spec/event.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { Usage } from "../../spec/usage.ts";
import type { EncoderContext } from "../../spec/wire.ts";
import { annotationOf, answerId, finishWord, imagesOf, logprobsBody, reasoningDetail, usageBody } from "./answer.ts";

interface Piece {
  content: Block;
  text: string;
  signature: string;
  citations: { own: boolean; value: JsonObject }[];
}

interface Choice {
  index: number;
  pieces: Map<number, Piece>;
  /** Fields of the message, and of the choice, that only this dialect knows. */
  message: JsonObject;
  extra: JsonObject;
  content: TokenLogprob[] | null;
  refusal: TokenLogprob[] | null;
  finish: Extract<EventPart, { type: "finish" }> | null;
}

/** All parts of one answer as a `chat.completion` object. */
export function unaryAnswer(
  parts: readonly EventPart[],
  request: ModelRequest,
  context: EncoderContext,
  legacy: boolean,
): JsonObject {
  const choices = new Map<number, Choice>();
  const rest: JsonObject = {};
  let start: Extract<EventPart, { type: "start" }> = { type: "start" };
  let usage: Partial<Usage> | undefined;
  for (const part of parts) {
    if (part.type === "start") start = part;
    else if (part.type === "usage") usage = { ...usage, ...part.usage };
    else if (part.type === "unknown") {
      if (part.dialect === "openai-chat" && isObject(part.value)) mergeUnknown(part.value, rest, choices);
    } else if ("choice" in part) collect(choiceOf(choices, part.choice), part);
  }
  const answer: JsonObject = {
    id: start.id ?? answerId(context),
    object: "chat.completion",
    created: start.created ?? context.created,
    model: start.model ?? request.model,
    choices: [...choices.values()].sort((a, b) => a.index - b.index).map((choice) => choiceBody(choice, legacy)),
  };
  if (usage !== undefined) answer.usage = usageBody(usage);
  for (const name of ["service_tier", "system_fingerprint"]) {
    const value = start.extra?.[name];
    if (typeof value === "string") answer[name] = value;
  }
  return { ...rest, ...answer };
}

function choiceOf(choices: Map<number, Choice>, index: number): Choice {
  let choice = choices.get(index);
  if (choice === undefined) {
    choice = { index, pieces: new Map(), message: {}, extra: {}, content: null, refusal: null, finish: null };
    choices.set(index, choice);
  }
  return choice;
}

function collect(choice: Choice, part: Extract<EventPart, { choice: number }>): void {
  switch (part.type) {
    case "block-start":
      choice.pieces.set(part.block, { content: part.content, text: "", signature: "", citations: [] });
      if (part.content.kind === "opaque" && part.content.dialect === "openai-chat") {
        merge(choice.message, part.content.value);
      } else merge(choice.message, imagesOf(part.content) ?? {});
      return;
    case "text-delta":
    case "arguments-delta": {
      const piece = choice.pieces.get(part.block);
      if (piece !== undefined) piece.text += part.text;
      return;
    }
    case "signature-delta": {
      const piece = choice.pieces.get(part.block);
      if (piece !== undefined) piece.signature += part.signature;
      return;
    }
    case "citation":
      choice.pieces.get(part.block)?.citations.push({ own: part.dialect === "openai-chat", value: part.value });
      return;
    case "opaque-delta": {
      const content = choice.pieces.get(part.block)?.content;
      if (content?.kind === "opaque" && content.dialect === "openai-chat") merge(choice.message, part.value);
      return;
    }
    case "logprobs":
      if (part.content !== null) choice.content = [...(choice.content ?? []), ...part.content];
      if (part.refusal !== null) choice.refusal = [...(choice.refusal ?? []), ...part.refusal];
      return;
    case "finish":
      choice.finish = part;
      return;
    case "block-end":
      return;
  }
}

function choiceBody(choice: Choice, legacy: boolean): JsonObject {
  let content: string | null = null;
  let refusal: string | null = null;
  let reasoning: string | null = null;
  const details: JsonObject[] = [];
  const annotations: JsonObject[] = [];
  const calls: JsonObject[] = [];
  const items: Json[] = [];
  let thoughts = 0;
  let isList = false;
  for (const piece of choice.pieces.values()) {
    const { content: block, text, signature } = piece;
    if (block.kind === "text") {
      const from = content?.length ?? 0;
      content = (content ?? "") + text;
      items.push({ type: "text", text });
      for (const { own, value } of piece.citations) {
        const annotation = annotationOf(value, own, from, content.length);
        if (annotation !== undefined) annotations.push(annotation);
      }
    } else if (block.kind === "refusal") refusal = (refusal ?? "") + text;
    else if (block.kind === "tool-call") {
      const called = { name: block.name, arguments: text === "" ? "{}" : text };
      calls.push({ id: block.id, type: "function", function: called });
    } else if (block.kind === "opaque") {
      // What Mistral's content holds beside text: references to what it found.
      if (block.dialect !== "openai-chat" || !Array.isArray(block.value.content)) continue;
      items.push(...block.value.content);
      isList = true;
    } else {
      if (block.kind === "reasoning") reasoning = (reasoning ?? "") + text;
      const detail = reasoningDetail(block, text, signature, thoughts++);
      if (detail !== undefined) details.push(detail);
    }
  }
  // OpenAI says null where calls or a refusal stand instead of text, and "" where nothing was said.
  if (content === null && calls.length === 0 && refusal === null && !hasAny(choice.message)) content = "";
  const message: JsonObject = { role: "assistant", content: isList ? items : content, refusal };
  if (reasoning !== null && reasoning !== "") message.reasoning_content = reasoning;
  if (details.length > 0) message.reasoning_details = details;
  if (annotations.length > 0) message.annotations = annotations;
  if (calls.length > 0 && legacy) message.function_call = calls[0]!.function!;
  else if (calls.length > 0) message.tool_calls = calls;
  const { tool_calls: others, ...fragment } = choice.message;
  if (Array.isArray(others)) message.tool_calls = [...((message.tool_calls as Json[]) ?? []), ...others];
  const told = choice.content !== null || choice.refusal !== null;
  return {
    ...choice.extra,
    index: choice.index,
    message: { ...fragment, ...message },
    logprobs: told ? { content: logprobsBody(choice.content), refusal: logprobsBody(choice.refusal) } : null,
    finish_reason: choice.finish === null ? null : finishWord(choice.finish, legacy),
  };
}

function hasAny(object: JsonObject): boolean {
  for (const _ in object) return true;
  return false;
}

/** A fragment of a chunk, as the decoder of this dialect left it: what stands in deltas goes into the messages. */
function mergeUnknown(value: JsonObject, rest: JsonObject, choices: Map<number, Choice>): void {
  const { choices: fragments, ...top } = value;
  merge(rest, top);
  if (!Array.isArray(fragments)) return;
  for (const fragment of fragments) {
    if (!isObject(fragment)) continue;
    const { index, delta, ...extra } = fragment;
    const choice = choiceOf(choices, typeof index === "number" ? index : 0);
    merge(choice.extra, extra);
    if (isObject(delta)) merge(choice.message, delta);
  }
}

/** Text that comes in pieces, of which later ones are appended; anything else is replaced by what comes later. */
const GROWING = new Set(["data", "transcript", "arguments", "input"]);

/** Keys come from the provider: `__proto__` must not reach what all objects inherit. */
function merge(into: JsonObject, from: JsonObject): void {
  for (const name of Object.keys(from)) {
    if (name === "__proto__") continue;
    const value = from[name]!;
    const old = Object.hasOwn(into, name) ? into[name] : undefined;
    if (isObject(old) && isObject(value)) merge(old, value);
    else if (Array.isArray(old) && Array.isArray(value)) into[name] = [...old, ...value];
    else if (typeof old === "string" && typeof value === "string" && GROWING.has(name)) into[name] = old + value;
    else into[name] = isObject(value) ? { ...value } : value;
  }
}
