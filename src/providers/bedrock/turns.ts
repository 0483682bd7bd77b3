import type { JsonObject } from "../../kernel/json.ts";
import { UnsupportedFeature } from "../../spec/adapter.ts";
import type { Message, Part } from "../../spec/message.ts";
import { typeOf } from "../foreign.ts";
import type { Losses } from "../losses.ts";
import type { BlockWriter } from "./blocks.ts";

type Turn = { role: "user" | "assistant"; content: JsonObject[] };

export interface Conversation {
  system: JsonObject[];
  messages: Turn[];
}

/**
 * The conversation as Converse takes it: system texts apart, turns of user and assistant in
 * turns, results of tools before anything else that the user says with them, and a text beside
 * every document (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html).
 *
 * @param prefill whether the model continues an assistant's turn. @throws UnsupportedFeature
 */
export function conversationOf(
  messages: readonly Message[],
  prefill: boolean,
  writer: BlockWriter,
  losses: Losses,
): Conversation {
  const system: JsonObject[] = [];
  const turns: Turn[] = [];
  for (const [index, message] of messages.entries()) {
    const field = `messages[${index}]`;
    // A tool's name stands with its call.
    if (message.name !== undefined && message.role !== "tool")
      losses.warn("name", "Bedrock does not tell speakers apart by name; it was left out");
    losses.carry(message.extra, {});
    const blocks = writer.blocks(readable(message, losses), `${field}.content`);
    if (message.role === "system" || message.role === "developer") {
      if (turns.length > 0 && blocks.length > 0) {
        losses.warn(field, "Bedrock takes no system message at this place; it was moved to the system prompt");
      }
      system.push(...blocks);
    } else if (blocks.length > 0) append(turns, message.role === "assistant" ? "assistant" : "user", blocks);
  }
  if (turns.length === 0) turns.push(lastSystemAsUser(system, losses));
  for (const turn of turns) {
    turn.content = resultsFirst(turn.content);
    besideDocuments(turn);
  }
  endOfTurns(turns, prefill, `messages[${messages.length - 1}]`);
  return { system, messages: turns };
}

/** Work that another provider's tools did in an earlier answer may go; what the caller wants read may not. */
function readable({ role, parts }: Message, losses: Losses): Part[] {
  if (role !== "assistant") return parts;
  return parts.filter((part) => {
    if (part.type !== "opaque") return true;
    losses.warn(typeOf(part), "Bedrock has no such content; it was left out of an earlier answer");
    return false;
  });
}

function append(turns: Turn[], role: Turn["role"], blocks: JsonObject[]): void {
  const last = turns.at(-1);
  if (last?.role !== role) turns.push({ role, content: [...blocks] });
  else for (const block of blocks) last.content.push(block);
}

function resultsFirst(blocks: JsonObject[]): JsonObject[] {
  const isResult = (block: JsonObject) => block.toolResult !== undefined;
  return blocks.some(isResult) ? [...blocks.filter(isResult), ...blocks.filter((block) => !isResult(block))] : blocks;
}

function lastSystemAsUser(system: JsonObject[], losses: Losses): Turn {
  const at = system.findLastIndex((block) => block.text !== undefined);
  if (at === -1) throw new UnsupportedFeature("messages", "Bedrock needs a message that says something");
  losses.warn("messages", "Bedrock needs a user turn; the last system message was sent as one");
  return { role: "user", content: system.splice(at) };
}

/** A turn with a document needs a text; its name says nothing that the document does not. */
function besideDocuments(turn: Turn): void {
  const hasDocument = turn.content.some((block) => block.document !== undefined);
  if (!hasDocument || turn.content.some((block) => block.text !== undefined)) return;
  const names = turn.content.flatMap(({ document }) => (document === undefined ? [] : [(document as JsonObject).name]));
  turn.content.push({ text: names.join(", ") });
}

function endOfTurns(turns: Turn[], prefill: boolean, field: string): void {
  const last = turns.at(-1);
  if (last?.role !== "assistant") return;
  if (!prefill) {
    throw new UnsupportedFeature(
      field,
      "this model does not continue an assistant's turn; the last must be the user's",
    );
  }
  const block = last.content.at(-1);
  if (typeof block?.text === "string") block.text = block.text.trimEnd();
}
