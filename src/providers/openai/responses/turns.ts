import type { Json, JsonObject } from "../../../kernel/json.ts";
import type {
  Message,
  OpaquePart,
  Part,
  ReasoningPart,
  TextPart,
  ToolCallPart,
  ToolResultPart,
} from "../../../spec/message.ts";
import { typeOf } from "../../foreign.ts";
import type { Losses } from "../../losses.ts";
import { type CallIdForm, idForServer, nameForServer } from "../tool-names.ts";
import { documentItem, imageItem } from "./content.ts";
import { unseal } from "./seal.ts";

/** OpenAI takes ids of calls up to 64 characters. */
const CALL_IDS: CallIdForm = { allowed: /^.{1,64}$/s, length: 40 };

/** The conversation of another dialect as items. @throws UnsupportedFeature */
export function foreignInput(messages: readonly Message[], losses: Losses): JsonObject[] {
  return messages.flatMap((message) => itemsOf(message, losses));
}

/** One message as items: its texts and media together, calls, results and thoughts each on its own, in order. */
export function itemsOf(message: Message, losses: Losses): JsonObject[] {
  const items: JsonObject[] = [];
  let content: JsonObject[] = [];
  const flush = () => {
    if (content.length > 0) items.push(messageItem(message, content, losses));
    content = [];
  };
  for (const part of message.parts) {
    const piece = contentPart(part, message.role, losses);
    if (piece !== undefined) {
      content.push(piece);
      continue;
    }
    if (part.type !== "tool-call" && part.type !== "tool-result" && part.type !== "reasoning") continue;
    flush();
    const item = standing(part, losses);
    if (item !== undefined) items.push(item);
  }
  flush();
  if (message.name !== undefined) losses.warn("name", "the provider does not tell speakers apart by name here");
  for (const name of Object.keys(message.extra ?? {}))
    losses.warn(name, "the provider has no such field; it was left out");
  return items;
}

function messageItem({ role }: Message, content: JsonObject[], { own }: Losses): JsonObject {
  const only = content.length === 1 ? content[0]! : undefined;
  const plain = only !== undefined && (only.type === "input_text" || only.type === "output_text");
  const item: JsonObject = { role: role === "tool" ? "user" : role, content: plain ? only.text! : content };
  // Of the model's own messages llama.cpp takes none without its type.
  return role === "assistant" && !own ? { type: "message", ...item } : item;
}

/** undefined: an item of its own, or nothing. */
function contentPart(part: Part, role: Message["role"], losses: Losses): JsonObject | undefined {
  switch (part.type) {
    case "text":
      return textItem(part, role === "assistant" ? "output_text" : "input_text", losses);
    case "refusal":
      return role === "assistant" ? { type: "refusal", refusal: part.text } : { type: "input_text", text: part.text };
    case "image":
      return imageItem(part, losses);
    case "document":
      return documentItem(part, losses);
    case "audio":
      return losses.refuse("messages", "the provider takes no sounds where this model is asked");
    case "opaque":
      return opaque(part, role, losses);
    default:
      return undefined;
  }
}

function textItem(part: TextPart, type: string, losses: Losses): JsonObject {
  const item: JsonObject = { type, text: part.text };
  losses.carry(part.extra, item);
  return item;
}

/** In an answer of the model's it is work that is done and told in the text beside it; what the caller wants read may not go. */
function opaque({ value }: OpaquePart, role: Message["role"], losses: Losses): JsonObject | undefined {
  const type = typeOf({ value });
  if (role !== "assistant") losses.refuse("messages", `the provider cannot read content of type ${type}`);
  losses.warn(type, "the provider has no such content; it was left out of an earlier answer");
  return undefined;
}

function standing(part: ToolCallPart | ToolResultPart | ReasoningPart, losses: Losses): JsonObject | undefined {
  if (part.type === "reasoning") return thought(part, losses);
  if (part.type === "tool-call") {
    losses.carry(part.extra, {});
    const called = part.arguments === "" ? "{}" : part.arguments;
    return {
      type: "function_call",
      call_id: idForServer(part.id, CALL_IDS),
      name: losses.own ? part.name : nameForServer(part.name),
      arguments: called,
    };
  }
  losses.carry(part.extra, {});
  if (part.isError === true) losses.warn("is_error", "the provider cannot be told that a tool failed, but by its text");
  return {
    type: "function_call_output",
    call_id: idForServer(part.callId, CALL_IDS),
    output: outputOf(part, losses),
  };
}

function outputOf(part: ToolResultPart, losses: Losses): Json {
  const items = part.content.map((piece) => contentPart(piece, "tool", losses)).filter((piece) => piece !== undefined);
  const [only, ...others] = items;
  if (only === undefined) return "";
  // Several texts stay apart: what ends one and begins the next is not one word.
  return others.length === 0 && only.type === "input_text" ? only.text! : items;
}

/** OpenAI takes its own thoughts back, sealed; others' it refuses. */
function thought(part: ReasoningPart, losses: Losses): JsonObject | undefined {
  const sealed = unseal(part.signature) ?? unseal(part.redacted);
  if (sealed === undefined) {
    losses.warn("thinking", "the provider takes no earlier thoughts back but its own; they were left out");
    return undefined;
  }
  const item: JsonObject = {
    type: "reasoning",
    summary: part.text === "" ? [] : [{ type: "summary_text", text: part.text }],
    encrypted_content: sealed.encrypted,
  };
  if (sealed.id !== "") item.id = sealed.id;
  return item;
}
