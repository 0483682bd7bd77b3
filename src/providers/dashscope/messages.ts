import type { JsonObject } from "../../kernel/json.ts";
import type {
  AudioPart,
  DocumentPart,
  ImagePart,
  Message,
  Part,
  ToolCallPart,
  ToolResultPart,
} from "../../spec/message.ts";
import { isSigned } from "../../spec/sealed.ts";
import { typeOf } from "../foreign.ts";
import type { Losses } from "../losses.ts";
import { nameForDashscope } from "./tool-names.ts";

/** Between texts that are joined because a message has one. */
const PARAGRAPH = "\n\n";

/** Whether anything in these messages can be seen or heard. */
export function hasMedia(messages: readonly Message[]): boolean {
  const media = (part: Part): boolean =>
    part.type === "image" || part.type === "audio" || (part.type === "tool-result" && part.content.some(media));
  return messages.some(({ parts }) => parts.some(media));
}

/**
 * The messages of a request as DashScope has them: a text, or for models that see and hear a list
 * of `{text}`, `{image}` and `{audio}`. Images in a tool's result come right behind it, in a
 * message of the user's.
 * @throws UnsupportedFeature
 */
export function writeMessages(messages: readonly Message[], multimodal: boolean, losses: Losses): JsonObject[] {
  const written: JsonObject[] = [];
  let shown: JsonObject[] = [];
  const content = (items: JsonObject[], role: string) =>
    multimodal ? items : items.map((item) => item.text).join(role === "assistant" ? "" : PARAGRAPH);
  for (const message of messages) {
    const results = message.parts.filter((part): part is ToolResultPart => part.type === "tool-result");
    for (const result of results) {
      const items = itemsOf(result.content, "tool", losses);
      const media = items.filter((item) => item.text === undefined);
      if (media.length > 0) {
        losses.warn("tool_result", "the provider takes text only as a tool's result; media follow in a user message");
        shown.push({ text: `From the result of tool call ${result.callId}:` }, ...media);
      }
      if (result.isError === true) {
        losses.warn("is_error", "the provider cannot be told that a tool failed, but by its text");
      }
      losses.carry(result.extra, {});
      const text = items.flatMap((item) => (item.text === undefined ? [] : [item.text])).join(PARAGRAPH);
      const told = text === "" && media.length > 0 ? "The result follows in the next message." : text;
      written.push({ role: "tool", tool_call_id: result.callId, content: multimodal ? [{ text: told }] : told });
    }
    losses.carry(message.extra, {});
    const rest = message.parts.filter((part) => part.type !== "tool-result");
    if (message.role === "tool" || (results.length > 0 && rest.length === 0)) continue;
    const role = message.role === "developer" ? "system" : message.role;
    if (message.name !== undefined) losses.warn("name", "the provider does not tell speakers apart; it was left out");
    const items = itemsOf(rest, role, losses);
    if (shown.length > 0 && role !== "user") written.push({ role: "user", content: content(shown, "user") });
    const turn: JsonObject = {
      role,
      content: content(shown.length > 0 && role === "user" ? [...shown, ...items] : items, role),
    };
    shown = [];
    if (role === "assistant") writeSaid(message, turn, losses);
    written.push(turn);
  }
  if (shown.length > 0) written.push({ role: "user", content: content(shown, "user") });
  return written;
}

/** What an earlier answer held beside its text. */
function writeSaid(message: Message, turn: JsonObject, losses: Losses): void {
  const thoughts = message.parts.filter((part) => part.type === "reasoning");
  const thinking = thoughts.map((part) => part.text).join("");
  if (thinking !== "") turn.reasoning_content = thinking;
  if (thoughts.some((part) => isSigned(part.signature) || part.redacted !== undefined)) {
    losses.warn("signature", "the provider takes thoughts back without their signatures");
  }
  const calls = message.parts.filter((part): part is ToolCallPart => part.type === "tool-call");
  if (calls.length === 0) return;
  turn.tool_calls = calls.map((call, index) => {
    losses.carry(call.extra, {});
    const called = { name: nameForDashscope(call.name), arguments: call.arguments === "" ? "{}" : call.arguments };
    return { index, id: call.id, type: "function", function: called };
  });
}

function itemsOf(parts: readonly Part[], role: string, losses: Losses): JsonObject[] {
  return parts.map((part) => itemOf(part, role, losses)).filter((item) => item !== undefined);
}

function itemOf(part: Part, role: string, losses: Losses): JsonObject | undefined {
  switch (part.type) {
    case "text":
    case "refusal":
      losses.carry(part.extra, {});
      return { text: part.text };
    case "image":
      return { image: addressOf(part, losses) };
    case "audio":
      return audioItem(part, losses);
    case "document":
      return documentItem(part, losses);
    case "opaque": {
      const type = typeOf(part);
      if (role !== "assistant") losses.refuse("messages", `the provider cannot read content of type ${type}`);
      losses.warn(type, "the provider has no such content; it was left out of an earlier answer");
      return undefined;
    }
    default:
      return undefined;
  }
}

function addressOf({ source, detail, extra }: ImagePart, losses: Losses): string {
  if (source.kind === "file") losses.refuse("messages", "the image is a file of another provider's");
  if (detail !== undefined && detail !== "auto") {
    losses.warn("detail", "the provider cannot be told how closely to look; it was left out");
  }
  losses.carry(extra, {});
  return source.kind === "url" ? source.url : `data:${source.mediaType};base64,${source.data}`;
}

function audioItem({ format, data, extra }: AudioPart, losses: Losses): JsonObject {
  losses.carry(extra, {});
  return { audio: `data:audio/${format};base64,${data}` };
}

function documentItem({ source, name, extra }: DocumentPart, losses: Losses): JsonObject {
  if (source.kind !== "text") return losses.refuse("messages", "the provider reads no documents but plain text");
  losses.carry(extra, {});
  return { text: name === undefined ? source.text : `${name}${PARAGRAPH}${source.text}` };
}
