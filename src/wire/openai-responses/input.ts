import { MAX_MESSAGES } from "../../kernel/bounds.ts";
import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import type { Message, Part, ReasoningPart, ToolCallPart, ToolResultPart } from "../../spec/message.ts";
import type { ClientTool, ResponsesPartForm, ResponsesRequestForm } from "../../spec/responses-form.ts";
import { Fields } from "../read.ts";
import { asResultPart, type ContentPart, readContent, withExtra } from "./content.ts";
import { isWrapped, unwrapped } from "./thoughts.ts";
import { LOCAL_SHELL } from "./tools.ts";

const ROLES = ["system", "developer", "user", "assistant"] as const;

/** What identifies and describes an item, and says nothing to the model. */
const HEAD = new Set(["id", "status", "phase"]);
const MESSAGE = new Set(["type", "role", "content"]);
const CALL = new Set(["type", "call_id", "name", "arguments"]);
const CUSTOM_CALL = new Set(["type", "call_id", "name", "input"]);
const SHELL_CALL = new Set(["type", "call_id", "action"]);
const RESULT = new Set(["type", "call_id", "output"]);
const SHELL_RESULT = new Set(["type", "output"]);
const REASONING = new Set(["type", "summary", "content", "encrypted_content"]);

/** Items that stand for a conversation, or a part of one, that this request does not bring. */
const ELSEWHERE: ReadonlySet<string> = new Set(["item_reference", "compaction", "compaction_summary"]);

/** Items of kinds that are not known here whose words are the caller's, not the model's. */
const CALLERS = /(?:_output|_response|^additional_tools)$/;
/** One of these that the provider itself gives. */
const PROVIDERS_OUTPUT: ReadonlySet<string> = new Set(["program_output"]);

/**
 * `instructions` and `input` as turns. Neighbouring items of the model's (thoughts, messages,
 * calls) become one turn, as other dialects have them; each part remembers its item.
 * @param bound gets the paths of items that only a provider of this dialect knows
 * @throws InvalidRequest
 */
export function readInput(fields: Fields, form: ResponsesRequestForm, bound: string[], extra: JsonObject): Message[] {
  const turns = new Turns();
  const instructions = fields.string("instructions");
  if (instructions !== undefined) {
    form.instructions = true;
    turns.add("system", [{ type: "text", text: instructions }]);
  }
  const input = fields.raw("input");
  if (typeof input === "string") {
    form.input = "string";
    turns.add("user", [{ type: "text", text: input }]);
    return turns.messages;
  }
  const items = input === undefined ? [] : fields.array("input", MAX_MESSAGES);
  if (items === undefined) return fields.fail("input", "must be a string or an array of items");
  if (items.length === 0 && !["previous_response_id", "conversation", "prompt"].some((name) => name in extra)) {
    return fields.fail("input", "is required and must have at least one item");
  }
  const shells = new Map<string, string>();
  for (const [index, value] of items.entries()) {
    const item = Fields.of(value, `input[${index}]`);
    if (ELSEWHERE.has(item.string("type") ?? "")) bound.push(`input[${index}]`);
    readItem(item, index, turns, shells);
  }
  return turns.messages;
}

/** Puts parts into turns. */
class Turns {
  readonly messages: Message[] = [];

  add(role: Message["role"], parts: Part[]): void {
    const last = this.messages.at(-1);
    if (role === "assistant" && last?.role === "assistant" && !this.#says(last, parts)) last.parts.push(...parts);
    else this.messages.push({ role, parts });
  }

  /** A second message of the model's is a turn of its own, unless a call waits for its result, which must follow the call at once. */
  #says(last: Message, parts: readonly Part[]): boolean {
    const isSaid = ({ type }: Part) => type === "text" || type === "refusal";
    return parts.some(isSaid) && last.parts.some(isSaid) && !last.parts.some(({ type }) => type === "tool-call");
  }
}

function readItem(item: Fields, index: number, turns: Turns, shells: Map<string, string>): void {
  const type = item.string("type") ?? (item.has("role") ? "message" : item.fail("type", "is required"));
  switch (type) {
    case "message": {
      const role = item.oneOf("role", ROLES) ?? item.fail("role", "is required");
      turns.add(role, standing(readContent(item, "content", role, index), item, MESSAGE));
      return;
    }
    case "function_call":
      turns.add("assistant", standing([functionCall(item, index)], item, CALL));
      return;
    case "custom_tool_call":
      turns.add("assistant", standing([customCall(item, index)], item, CUSTOM_CALL));
      return;
    case "local_shell_call":
      turns.add("assistant", standing([shellCall(item, index, shells)], item, SHELL_CALL));
      return;
    case "function_call_output":
    case "custom_tool_call_output": {
      const result = resultOf(
        item,
        index,
        item.requiredString("call_id"),
        type === "custom_tool_call_output" && "custom",
      );
      turns.add("tool", standing([result], item, RESULT));
      return;
    }
    case "local_shell_call_output": {
      const id = item.requiredString("id");
      const result = resultOf(item, index, shells.get(id) ?? id, "local_shell");
      turns.add("tool", standing([result], item, SHELL_RESULT));
      return;
    }
    case "reasoning":
      turns.add("assistant", standing(readThoughts(item, index), item, REASONING));
      return;
    default:
      readOpaque(item, type, index, turns);
  }
}

/** Parts of one item: its first one holds what belongs to the item as a whole. */
function standing(parts: Part[], item: Fields, known: ReadonlySet<string>): Part[] {
  const first = parts[0]!;
  const head: JsonObject = {};
  const isMessage = known === MESSAGE;
  if (isMessage && item.has("type")) head.type = "message";
  const extra = item.extra(known);
  let rest: JsonObject | undefined;
  for (const name in extra) {
    const value = extra[name]!;
    if (value === null) continue;
    // Ids and words only: anything else is content, which guards must see.
    if (HEAD.has(name) && typeof value === "string" && /^[\w.:-]{1,256}$/.test(value)) head[name] = value;
    else {
      rest ??= {};
      rest[name] = value;
    }
  }
  if (Object.keys(head).length > 0) first.form = { ...first.form, head };
  if (rest !== undefined) first.extra = isMessage ? { ...first.extra, item: rest } : { ...first.extra, ...rest };
  return parts;
}

function functionCall(item: Fields, index: number): ToolCallPart {
  const given = item.raw("arguments");
  const text = isObject(given) ? JSON.stringify(given) : (item.string("arguments") ?? "");
  const form: ResponsesPartForm = { item: index };
  return {
    type: "tool-call",
    id: item.requiredString("call_id"),
    name: item.requiredString("name"),
    arguments: text === "" ? "{}" : text,
    form,
  };
}

function customCall(item: Fields, index: number): ToolCallPart {
  const form: ResponsesPartForm = { item: index, as: "custom" };
  const input = item.requiredString("input");
  const id = item.requiredString("call_id");
  return { type: "tool-call", id, name: item.requiredString("name"), arguments: JSON.stringify({ input }), form };
}

function shellCall(item: Fields, index: number, shells: Map<string, string>): ToolCallPart {
  const id = item.string("call_id") ?? item.requiredString("id");
  const action = item.object("action") ?? item.fail("action", "is required and must be an object");
  const { type: _, ...rest } = action.value;
  const itemId = item.string("id");
  if (itemId !== undefined) shells.set(itemId, id);
  const form: ResponsesPartForm = { item: index, as: "local_shell" };
  return { type: "tool-call", id, name: LOCAL_SHELL, arguments: JSON.stringify(rest), form };
}

function resultOf(item: Fields, index: number, callId: string, as: ClientTool | false): ToolResultPart {
  const form: ResponsesPartForm = { item: index };
  if (as !== false) form.as = as;
  const values = item.raw("output");
  const content = readContent(item, "output", "tool", index).map((part: ContentPart, at) =>
    asResultPart(part, Array.isArray(values) ? values[at] : undefined),
  );
  return { type: "tool-result", callId, content, form };
}

/**
 * A `reasoning` item: one part for each text of its summary and its content. What OpenAI sealed
 * is for OpenAI only, so it stays beside the text; what this gateway wrapped is another provider's.
 */
function readThoughts(item: Fields, index: number): ReasoningPart[] {
  const encrypted = item.string("encrypted_content");
  const texts = [...textsOf(item, "summary"), ...textsOf(item, "content")];
  if (encrypted !== undefined && isWrapped(encrypted)) {
    const form: ResponsesPartForm = { item: index, wrapped: true };
    const part: ReasoningPart = { type: "reasoning", text: texts.map(({ text }) => text).join(""), form };
    return [{ ...part, ...unwrapped(encrypted) }];
  }
  const parts = texts.map(
    ({ text, list }): ReasoningPart => ({ type: "reasoning", text, form: { item: index, list } }),
  );
  if (parts.length === 0) parts.push({ type: "reasoning", text: "", form: { item: index } });
  const { content } = item.value;
  if (Array.isArray(content) && content.length === 0) parts[0]!.form = { ...parts[0]!.form, empty: ["content"] };
  return encrypted === undefined ? parts : [withExtra(parts[0]!, { encrypted_content: encrypted }), ...parts.slice(1)];
}

function textsOf(item: Fields, list: "summary" | "content"): { text: string; list: "summary" | "content" }[] {
  const values: Json[] = item.array(list, MAX_MESSAGES) ?? [];
  return values.map((value, at) => {
    return { text: Fields.of(value, `${item.path(list)}[${at}]`).requiredString("text"), list };
  });
}

/** What the provider ran, or what will be invented: it goes on whole. */
function readOpaque(item: Fields, type: string, index: number, turns: Turns): void {
  const form: ResponsesPartForm = { item: index, whole: true };
  const callers = CALLERS.test(type) && !PROVIDERS_OUTPUT.has(type);
  if (callers || type === "item_reference") turns.add("user", [{ type: "opaque", value: item.value, form }]);
  else {
    // What its provider ran was told in the text that followed; of a compaction nothing else is left.
    const part: Part = { type: "opaque", value: item.value, form };
    turns.add("assistant", [ELSEWHERE.has(type) ? part : { ...part, optional: true }]);
  }
}
