import { MAX_MESSAGES } from "../../kernel/bounds.ts";
import { isObject, type JsonObject } from "../../kernel/json.ts";
import type { ChatMessageForm, ChatPartForm } from "../../spec/chat-form.ts";
import type { Message, Part, ReasoningPart, ToolCallPart, ToolResultPart } from "../../spec/message.ts";
import { Fields } from "../read.ts";
import { nested, readArguments, readContent, withExtra } from "./content.ts";

const ROLES = ["system", "developer", "user", "assistant", "tool", "function"] as const;

/** Calls of one message. */
const MAX_CALLS = 1_024;

const PLAIN = new Set(["role", "content", "name"]);
const TOOL = new Set(["role", "content", "name", "tool_call_id"]);
const ASSISTANT = new Set(["role", "content", "name", "refusal", "tool_calls", "function_call"]);
const THOUGHTS = ["reasoning_content", "reasoning"] as const;
const CALL = new Set(["id", "type", "function"]);
const CALLED_FUNCTION = new Set(["name", "arguments"]);
/** What stands beside the text of a thought and has to come back with it. */
const DETAIL_WORDS = ["type", "format", "id", "index"];

/** Calls in the form of 2023 have no id; results name the function. The last call of a name is meant. */
type LegacyCalls = Map<string, string>;

/** @throws InvalidRequest */
export function readMessages(body: Fields): Message[] {
  const list = body.array("messages", MAX_MESSAGES) ?? body.fail("messages", "is required and must be an array");
  if (list.length === 0) return body.fail("messages", "must have at least one item");
  const legacy: LegacyCalls = new Map();
  return list.map((item, index) => readMessage(Fields.of(item, `messages[${index}]`), index, legacy));
}

function readMessage(fields: Fields, index: number, legacy: LegacyCalls): Message {
  const role = fields.oneOf("role", ROLES) ?? fields.fail("role", "is required");
  if (role === "tool") return readToolMessage(fields);
  if (role === "function") return readFunctionMessage(fields, legacy);
  const message: Message = { role, parts: readContent(fields, role) };
  const name = fields.string("name");
  if (name !== undefined) message.name = name;
  if (role === "assistant") readAssistant(fields, message, index, legacy);
  else withExtra(message, fields.extra(PLAIN));
  return withForm(message, fields);
}

function readToolMessage(fields: Fields): Message {
  const result: ToolResultPart = {
    type: "tool-result",
    callId: fields.requiredString("tool_call_id"),
    content: readResult(fields),
  };
  const message: Message = { role: "tool", parts: [result] };
  const name = fields.string("name");
  if (name !== undefined) message.name = name;
  return withForm(withExtra(message, fields.extra(TOOL)), fields);
}

function readFunctionMessage(fields: Fields, legacy: LegacyCalls): Message {
  const name = fields.requiredString("name");
  const form: ChatPartForm = { field: "function_call" };
  const result: ToolResultPart = {
    type: "tool-result",
    callId: legacy.get(name) ?? name,
    content: readResult(fields),
    form,
  };
  const message: Message = { role: "tool", parts: [result], name };
  return withForm(withExtra(message, fields.extra(PLAIN)), fields);
}

function readResult(fields: Fields): ToolResultPart["content"] {
  return readContent(fields, "tool").map((part, index) => {
    if (part.type === "text" || part.type === "image" || part.type === "document" || part.type === "opaque") {
      return part;
    }
    const value = (fields.raw("content") as JsonObject[])[index]!;
    return { type: "opaque", value };
  });
}

/** Records how `content` was worded where the canonical parts would not tell. */
function withForm(message: Message, fields: Fields): Message {
  const content = fields.value.content;
  let form: ChatMessageForm["content"];
  if (content === undefined) form = "absent";
  else if (Array.isArray(content) && content.length <= 1) form = "list";
  if (form !== undefined) message.form = { ...message.form, content: form };
  return message;
}

function readAssistant(fields: Fields, message: Message, index: number, legacy: LegacyCalls): void {
  const extra = fields.extra(ASSISTANT);
  const thoughts = extra === undefined ? [] : readThoughts(message, extra);
  if (thoughts.length > 0) message.parts.unshift(...thoughts);
  const refusal = fields.string("refusal");
  if (refusal !== undefined) message.parts.push({ type: "refusal", text: refusal });
  const calls = fields.array("tool_calls", MAX_CALLS);
  const path = fields.path("tool_calls");
  calls?.forEach((call, at) => {
    message.parts.push(readCall(Fields.of(call, `${path}[${at}]`)));
  });
  const legacyCall = fields.object("function_call");
  if (legacyCall !== undefined) message.parts.push(readLegacyCall(legacyCall, index, legacy));
  if (extra !== undefined && Object.keys(extra).length > 0) message.extra = extra;
}

/**
 * What the model thought, as clients send it back: `reasoning_content` (DeepSeek, Qwen, xAI,
 * Z.ai), `reasoning` (Groq, Ollama) or `reasoning_details` (OpenRouter, and this gateway's
 * answers where a thought was signed or sealed). What is read is taken out of `extra`;
 * a value of another shape stays there.
 */
function readThoughts(message: Message, extra: JsonObject): ReasoningPart[] {
  const parts = readDetails(extra);
  const repeated: string[] = [];
  let text = parts.reduce((sum, part) => sum + part.text, "");
  for (const field of THOUGHTS) {
    const value = extra[field];
    if (typeof value !== "string") continue;
    delete extra[field];
    // A signed thought may come without its text, which then stands beside it (a stream of OpenRouter's).
    const signed = text === "" ? parts.find((part) => part.signature !== undefined) : undefined;
    if (signed !== undefined) signed.text = value;
    const form: ChatPartForm = { field };
    if (parts.length > 0 && (signed !== undefined || value === text)) repeated.push(field);
    else parts.push({ type: "reasoning", text: value, form });
    text ||= value;
  }
  if (repeated.length > 0) message.form = { ...message.form, reasoning: repeated };
  return parts;
}

/** What is read is taken out of `extra`. */
export function readDetails(extra: JsonObject): ReasoningPart[] {
  const details = extra.reasoning_details;
  if (!Array.isArray(details) || !details.every(isObject)) return [];
  delete extra.reasoning_details;
  return details.map(readDetail);
}

/** One item of `reasoning_details`. Clients put them together from pieces and lose some: nothing is required. */
function readDetail(detail: JsonObject): ReasoningPart {
  const beside: JsonObject = {};
  for (const name of DETAIL_WORDS) if (detail[name] !== undefined) beside[name] = detail[name];
  const form: ChatPartForm = { field: "reasoning_details", detail: beside };
  const part: ReasoningPart = { type: "reasoning", text: "", form };
  const { type, text, summary, signature, data } = detail;
  const read = new Set(DETAIL_WORDS);
  if (type === "reasoning.encrypted" && typeof data === "string") {
    part.redacted = data;
    read.add("data");
  }
  if (type === "reasoning.text" && typeof text === "string") {
    part.text = text;
    read.add("text");
  }
  if (type === "reasoning.summary" && typeof summary === "string") {
    part.text = summary;
    read.add("summary");
  }
  if (typeof signature === "string") {
    part.signature = signature;
    read.add("signature");
  }
  return withExtra(part, new Fields(detail, "").extra(read));
}

/** A call of a function; calls of other kinds (`custom`) stay whole, under the name of their list. */
function readCall(call: Fields): Part {
  const type = call.string("type") ?? "function";
  if (type !== "function") return { type: "opaque", value: { tool_calls: [call.value] } };
  const called = call.object("function") ?? call.fail("function", "is required");
  const part: ToolCallPart = {
    type: "tool-call",
    id: call.requiredString("id"),
    name: called.requiredString("name"),
    arguments: readArguments(called),
  };
  return withExtra(part, nested(call.extra(CALL), "function", called.extra(CALLED_FUNCTION)));
}

function readLegacyCall(call: Fields, index: number, legacy: LegacyCalls): ToolCallPart {
  const name = call.requiredString("name");
  const id = `call_function_${index}`;
  legacy.set(name, id);
  const form: ChatPartForm = { field: "function_call" };
  const part: ToolCallPart = { type: "tool-call", id, name, arguments: readArguments(call), form };
  return withExtra(part, call.extra(CALLED_FUNCTION));
}
