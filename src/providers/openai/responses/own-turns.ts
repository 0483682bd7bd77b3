import { isObject, type Json, type JsonObject, parseBounded } from "../../../kernel/json.ts";
import type { Message, Part, ReasoningPart, ToolCallPart, ToolResultPart } from "../../../spec/message.ts";
import type { ResponsesPartForm } from "../../../spec/responses-form.ts";
import type { Losses } from "../../losses.ts";
import { documentItem, imageItem } from "./content.ts";
import { itemsOf } from "./turns.ts";

/** The items of a caller of this dialect, as they came. Turns that nobody wrote so are written as for other dialects. */
export function ownInput(messages: readonly Message[], losses: Losses): JsonObject[] {
  const items: JsonObject[] = [];
  for (const message of messages) {
    if (!message.parts.every((part) => formOf(part) !== undefined)) {
      items.push(...itemsOf(message, losses));
      continue;
    }
    for (let from = 0; from < message.parts.length; ) {
      const { item } = formOf(message.parts[from]!)!;
      let to = from + 1;
      while (to < message.parts.length && formOf(message.parts[to]!)!.item === item) to++;
      const written = itemOf(message.parts.slice(from, to), message.role, losses);
      if (written !== undefined) items.push(written);
      from = to;
    }
  }
  return items;
}

function formOf(part: Part): ResponsesPartForm | undefined {
  const form = part.form as ResponsesPartForm | undefined;
  return form?.item === undefined ? undefined : form;
}

/** @param parts of one item @param role of its turn */
function itemOf(parts: readonly Part[], role: Message["role"], losses: Losses): JsonObject | undefined {
  const first = parts[0]!;
  const form = formOf(first)!;
  switch (first.type) {
    case "tool-call":
      return withRest(callItem(first, form), first, form, losses);
    case "tool-result":
      return withRest(resultItem(first, form, losses), first, form, losses);
    case "reasoning":
      return thoughtItem(parts as readonly ReasoningPart[], form, losses);
    case "opaque":
      if (form.whole === true) return first.value;
  }
  const item: JsonObject = { role, content: contentOf(parts, role, losses), ...form.head };
  losses.carry(isObject(first.extra?.item) ? first.extra.item : undefined, item);
  return item;
}

function withRest(item: JsonObject, part: Part, form: ResponsesPartForm, losses: Losses): JsonObject {
  Object.assign(item, form.head);
  losses.carry(part.extra, item);
  return item;
}

function callItem(part: ToolCallPart, form: ResponsesPartForm): JsonObject {
  const { id, arguments: given } = part;
  const name = form.own ?? part.name;
  if (form.as === undefined) return { type: "function_call", call_id: id, name, arguments: given };
  const value = parseBounded(given);
  const read = isObject(value) ? value : {};
  if (form.as === "custom") return { type: "custom_tool_call", call_id: id, name, input: read.input ?? "" };
  return { type: "local_shell_call", call_id: id, action: { type: "exec", ...read } };
}

function resultItem(part: ToolResultPart, form: ResponsesPartForm, losses: Losses): JsonObject {
  const output = contentOf(part.content, "tool", losses);
  if (form.as === "local_shell") return { type: "local_shell_call_output", output };
  const type = form.as === "custom" ? "custom_tool_call_output" : "function_call_output";
  return { type, call_id: part.callId, output };
}

/** Ids of items that this gateway made up: no provider knows them. */
const MADE_UP = /^rs_sp_/;

function thoughtItem(parts: readonly ReasoningPart[], form: ResponsesPartForm, losses: Losses): JsonObject | undefined {
  const { encrypted_content, ...extra } = parts[0]!.extra ?? {};
  const id = form.head?.id;
  if (form.wrapped === true || (encrypted_content === undefined && typeof id === "string" && MADE_UP.test(id))) {
    losses.warn("reasoning", "the provider takes no earlier thoughts back but its own; they were left out");
    return undefined;
  }
  const item: JsonObject = { type: "reasoning", summary: textsOf(parts, "summary"), ...form.head };
  const content = textsOf(parts, "content");
  if (content.length > 0 || form.empty?.includes("content")) item.content = content;
  if (encrypted_content !== undefined) item.encrypted_content = encrypted_content;
  losses.carry(extra, item);
  return item;
}

function textsOf(parts: readonly ReasoningPart[], list: "summary" | "content"): JsonObject[] {
  const type = list === "summary" ? "summary_text" : "reasoning_text";
  return parts.filter((part) => formOf(part)?.list === list).map(({ text }) => ({ type, text }));
}

function contentOf(parts: readonly Part[], role: Message["role"], losses: Losses): Json {
  const first = parts[0];
  const form = first === undefined ? undefined : formOf(first);
  if (first === undefined || form?.content === "none") return [];
  if (form?.content === "string" && first.type === "text") return first.text;
  return parts.map((part) => partOf(part, role, losses));
}

function partOf(part: Part, role: Message["role"], losses: Losses): JsonObject {
  const form = formOf(part);
  const { item: _, ...extra } = part.extra ?? {};
  switch (part.type) {
    case "text": {
      const type = form?.type ?? (role === "assistant" ? "output_text" : "input_text");
      const written: JsonObject = { type, text: part.text };
      for (const name of form?.empty ?? []) written[name] = [];
      losses.carry(extra, written);
      return written;
    }
    case "refusal": {
      const written: JsonObject = { type: "refusal", refusal: part.text };
      losses.carry(extra, written);
      return written;
    }
    case "image":
      return imageItem({ ...part, extra }, losses);
    case "document":
      return documentItem({ ...part, extra }, losses);
    case "opaque":
      return part.value;
    default:
      return losses.refuse("input", `a message cannot hold a part of type ${part.type}`);
  }
}
