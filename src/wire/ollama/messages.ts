import { MAX_MESSAGES } from "../../kernel/bounds.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { ImagePart, Message, Part, ReasoningPart, ToolCallPart, ToolResultPart } from "../../spec/message.ts";
import type { OllamaPartForm } from "../../spec/ollama-form.ts";
import { pictureTypeOf } from "../../spec/picture.ts";
import { readArguments, withExtra } from "../openai-chat/content.ts";
import { readDetails } from "../openai-chat/messages.ts";
import { sourceOf } from "../openai-chat/source.ts";
import { Fields } from "../read.ts";

const PLAIN = new Set(["role", "content", "images"]);
const ASSISTANT = new Set([...PLAIN, "thinking", "tool_calls"]);
const TOOL = new Set([...PLAIN, "tool_name", "tool_call_id"]);
const CALL = new Set(["id", "type", "function"]);
const CALLED = new Set(["name", "arguments", "index"]);
const MAX_CALLS = 1_024;
const MAX_IMAGES = 1_024;

/** Calls that have had no result yet. */
type Open = { id: string; name: string }[];

/**
 * The `messages` of a chat. Calls and their results had no ids in this dialect for long, and
 * many clients still send none: an id is made up from the call's place, and a result belongs
 * to the first call of its `tool_name` that has none yet, or to the first call at all.
 * @throws InvalidRequest
 */
export function readMessages(fields: Fields): Message[] {
  const values = fields.array("messages", MAX_MESSAGES);
  // Without a message, Ollama loads a model, or unloads it: that is the operator's business.
  if (values === undefined || values.length === 0) return fields.fail("messages", "must have at least one message");
  let open: Open = [];
  return values.map((value, index) => {
    const message = Fields.of(value, `messages[${index}]`);
    const role = message.oneOf("role", ["system", "user", "assistant", "tool"]);
    if (role === undefined) return message.fail("role", "is required and must be system, user, assistant or tool");
    if (role === "tool") return readResult(message, open, index);
    if (role === "assistant") {
      open = [];
      return readAssistant(message, open, index);
    }
    const parts = [...readText(message), ...readImages(message)];
    if (parts.length === 0) parts.push({ type: "text", text: "" });
    return withExtra<Message>({ role, parts }, message.extra(PLAIN));
  });
}

/** An empty text beside something else says nothing. */
function readText(message: Fields): Part[] {
  const text = message.string("content") ?? "";
  return text === "" ? [] : [{ type: "text", text }];
}

function readAssistant(message: Fields, open: Open, index: number): Message {
  const extra: JsonObject = message.extra(ASSISTANT) ?? {};
  const parts: Part[] = [...readThoughts(message, extra), ...readText(message), ...readImages(message)];
  const calls = message.array("tool_calls", MAX_CALLS);
  calls?.forEach((value, at) => {
    const call = readCall(Fields.of(value, `${message.path("tool_calls")}[${at}]`), `call_${index}_${at}`);
    open.push(call);
    parts.push(call);
  });
  if (parts.length === 0) parts.push({ type: "text", text: "" });
  return withExtra<Message>({ role: "assistant", parts }, Object.keys(extra).length > 0 ? extra : undefined);
}

/** `thinking` is the text; where this gateway signed or sealed it, `reasoning_details` say it again with the signature. */
function readThoughts(message: Fields, extra: JsonObject): ReasoningPart[] {
  const details = readDetails(extra);
  const thinking = message.string("thinking") ?? "";
  if (details.length > 0) {
    const text = details.map((part) => part.text).join("");
    return text === "" && thinking !== "" ? [{ type: "reasoning", text: thinking }, ...details] : details;
  }
  return thinking === "" ? [] : [{ type: "reasoning", text: thinking }];
}

function readCall(call: Fields, madeUp: string): ToolCallPart {
  const called = call.object("function") ?? call.fail("function", "is required");
  const id = call.string("id") ?? "";
  const part: ToolCallPart = {
    type: "tool-call",
    id: id === "" ? madeUp : id,
    name: called.requiredString("name"),
    arguments: readArguments(called),
  };
  const form: OllamaPartForm = { madeUp: true };
  if (id === "") part.form = form;
  const inner = called.extra(CALLED);
  const outer = call.extra(CALL);
  return withExtra(part, inner === undefined ? outer : { ...outer, function: inner });
}

function readResult(message: Fields, open: Open, index: number): Message {
  const name = message.string("tool_name") ?? "";
  const given = message.string("tool_call_id") ?? "";
  const form: OllamaPartForm = {};
  if (name !== "") form.toolName = name;
  if (given === "") form.madeUp = true;
  const named = open.findIndex((call) => (given === "" ? call.name === name : call.id === given));
  const at = named === -1 && given === "" ? 0 : named;
  const [answered] = at === -1 ? [] : open.splice(at, 1);
  const content = [...readText(message), ...readImages(message)] as ToolResultPart["content"];
  const callId = given === "" ? (answered?.id ?? `call_${index}`) : given;
  const part: ToolResultPart = { type: "tool-result", callId, content };
  if (Object.keys(form).length > 0) part.form = form;
  return withExtra<Message>({ role: "tool", parts: [part] }, message.extra(TOOL));
}

/** `images`: bytes in base64, which do not say what they are but by how they begin. */
export function readImages(fields: Fields): ImagePart[] {
  const images = fields.array("images", MAX_IMAGES) ?? [];
  return images.map((data, index) => {
    if (typeof data !== "string" || data === "") return fields.fail(`images[${index}]`, "must be base64");
    const source = data.startsWith("data:") ? sourceOf(data) : undefined;
    if (source?.kind === "base64") return { type: "image", source };
    if (/^https?:/i.test(data.slice(0, 6))) return fields.fail(`images[${index}]`, "must be base64, not an address");
    return { type: "image", source: { kind: "base64", mediaType: pictureTypeOf(data), data } };
  });
}
