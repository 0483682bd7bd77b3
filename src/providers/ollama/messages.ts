import type { JsonObject } from "../../kernel/json.ts";
import type { Message, Part, TextPart, ToolCallPart, ToolResultPart } from "../../spec/message.ts";
import type { OllamaPartForm } from "../../spec/ollama-form.ts";
import { isSigned } from "../../spec/sealed.ts";
import { argumentsAsObject } from "../../spec/tool-arguments.ts";
import { typeOf } from "../foreign.ts";
import type { Losses } from "../losses.ts";

/** Between texts that are joined because a message has one. */
const PARAGRAPH = "\n\n";

/**
 * The messages of a request as Ollama has them: one text, images as bytes beside it. A tool's
 * result is a message of its own, with the tool's name; images in it come right behind, in a
 * message of the user's, because the server looks for them there only.
 * @throws UnsupportedFeature
 */
export function writeMessages(messages: readonly Message[], losses: Losses): JsonObject[] {
  const names = new Map<string, string>();
  const written: JsonObject[] = [];
  for (const message of messages) {
    for (const part of message.parts) if (part.type === "tool-call") names.set(part.id, part.name);
    const results = message.parts.filter((part): part is ToolResultPart => part.type === "tool-result");
    for (const result of results) written.push(...writeResult(result, message, names, losses));
    if (message.role === "tool" || (results.length > 0 && results.length === message.parts.length)) continue;
    written.push(writeMessage(message, losses));
  }
  return written;
}

function writeMessage(message: Message, losses: Losses): JsonObject {
  const role = message.role === "developer" ? "system" : message.role;
  // What the model wrote was one text.
  const content = textOf(message.parts, role === "assistant" ? "" : PARAGRAPH, role, losses);
  const written: JsonObject = { role, content };
  const images = writeImages(message.parts, losses);
  if (images.length > 0) written.images = images;
  const thoughts = message.parts.filter((part) => part.type === "reasoning");
  const thinking = thoughts.map((part) => part.text).join("");
  if (thinking !== "") written.thinking = thinking;
  if (thoughts.some((part) => isSigned(part.signature) || part.redacted !== undefined)) {
    losses.warn("signature", "the provider takes thoughts back without their signatures");
  }
  const calls = message.parts.filter((part): part is ToolCallPart => part.type === "tool-call");
  if (calls.length > 0) written.tool_calls = calls.map((call) => writeCall(call, losses));
  if (message.name !== undefined) losses.warn("name", "the provider does not tell speakers apart; it was left out");
  losses.carry(message.extra, written);
  return written;
}

function writeCall(part: ToolCallPart, losses: Losses): JsonObject {
  const call: JsonObject = { function: { name: part.name, arguments: argumentsAsObject(part.arguments) } };
  if ((part.form as OllamaPartForm | undefined)?.madeUp !== true) call.id = part.id;
  losses.carry(part.extra, call);
  return call;
}

function writeResult(
  part: ToolResultPart,
  message: Message,
  names: ReadonlyMap<string, string>,
  losses: Losses,
): JsonObject[] {
  const form = losses.own ? ((part.form ?? {}) as OllamaPartForm) : {};
  const written: JsonObject = { role: "tool", content: textOf(part.content, PARAGRAPH, "tool", losses) };
  const name = losses.own ? form.toolName : names.get(part.callId);
  if (name !== undefined) written.tool_name = name;
  if (form.madeUp !== true) written.tool_call_id = part.callId;
  if (part.isError === true) losses.warn("is_error", "the provider cannot be told that a tool failed, but by its text");
  losses.carry(part.extra, written);
  const images = writeImages(part.content, losses);
  if (losses.own) {
    losses.carry(message.extra, written);
    return images.length > 0 ? [{ ...written, images }] : [written];
  }
  if (images.length === 0) return [written];
  losses.warn("tool_result", "the provider takes text only as a tool's result; images follow in a user message");
  if (written.content === "") written.content = "The result follows in the next message.";
  return [written, { role: "user", content: `From the result of the tool ${name ?? part.callId}:`, images }];
}

/** All there is to read, in order. Images and what has a field of its own stand beside it. */
function textOf(parts: readonly Part[], between: string, role: string, losses: Losses): string {
  const texts: string[] = [];
  for (const part of parts) {
    if (part.type === "text") texts.push(readable(part, losses));
    else if (part.type === "refusal") texts.push(part.text);
    else if (part.type === "document") {
      if (part.source.kind !== "text") losses.refuse("messages", "the provider reads no documents but plain text");
      texts.push(part.name === undefined ? part.source.text : `${part.name}${PARAGRAPH}${part.source.text}`);
    } else if (part.type === "audio") losses.refuse("messages", "the provider takes no sound");
    else if (part.type === "opaque") {
      const type = typeOf(part);
      if (role !== "assistant") losses.refuse("messages", `the provider cannot read content of type ${type}`);
      losses.warn(type, "the provider has no such content; it was left out of an earlier answer");
    }
  }
  return texts.join(between);
}

function readable(part: TextPart, losses: Losses): string {
  losses.carry(part.extra, {});
  return part.text;
}

/** Bytes in base64, without a type. */
export function writeImages(parts: readonly Part[], losses: Losses): string[] {
  const images: string[] = [];
  for (const part of parts) {
    if (part.type !== "image") continue;
    if (part.source.kind !== "base64") losses.refuse("messages", "the provider takes images as bytes only");
    images.push(part.source.data);
    if (part.detail !== undefined && part.detail !== "auto") {
      losses.warn("detail", "the provider cannot be told how closely to look; it was left out");
    }
  }
  return images;
}
