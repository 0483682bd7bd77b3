import type { JsonObject } from "../../kernel/json.ts";
import { UnsupportedFeature } from "../../spec/adapter.ts";
import type { Message } from "../../spec/message.ts";
import { saysNothing } from "../losses.ts";
import type { BlockWriter, Warn } from "./blocks.ts";
import type { ModelTraits } from "./models.ts";

interface Turn {
  role: "user" | "assistant" | "system";
  content: JsonObject[];
}

export interface Conversation {
  system: JsonObject[];
  turns: Turn[];
}

/**
 * A conversation in another dialect's order, as Anthropic wants it:
 *
 * - System and developer messages at the start become `system`. Later ones keep their
 *   place where the model takes system turns, moved behind the user turn that follows
 *   them, since they may only stand there. Other models have them in `system`, with a warning.
 * - Turns of one role in a row become one. All results of parallel tool calls must stand in
 *   the one user turn behind the calls, before any text.
 * - The last turn, if it is the assistant's, must not end in white space, and is refused
 *   where the model does not continue a turn.
 */
export class TurnsBuilder {
  readonly #system: JsonObject[] = [];
  readonly #turns: Turn[] = [];
  /** System blocks that wait for a user turn to stand behind, and the message they came from. */
  #waiting: JsonObject[] = [];
  #waitingField = "";
  readonly #traits: ModelTraits;
  readonly #writer: BlockWriter;
  readonly #warn: Warn;

  constructor(traits: ModelTraits, writer: BlockWriter, warn: Warn) {
    this.#traits = traits;
    this.#writer = writer;
    this.#warn = warn;
  }

  /** @throws UnsupportedFeature */
  build(messages: readonly Message[]): Conversation {
    for (let i = 0; i < messages.length; i++) this.#add(messages[i]!, `messages[${i}]`);
    if (!this.#placeSystemTurn()) this.#hoist(this.#waiting, this.#waitingField);
    for (const turn of this.#turns) turn.content = resultsFirst(turn.content);
    this.#endOfTurns(`messages[${messages.length - 1}]`);
    if (this.#turns.length === 0 && this.#system.length > 0) {
      this.#warn("messages", "Anthropic needs a user turn; the last system message was sent as one");
      this.#turns.push({ role: "user", content: [this.#system.pop()!] });
    }
    if (this.#turns.length === 0) {
      throw new UnsupportedFeature("messages", "Anthropic needs a message that says something");
    }
    return { system: this.#system, turns: this.#turns };
  }

  #add(message: Message, field: string): void {
    // A tool's name stands with its call.
    if (message.name !== undefined && message.role !== "tool")
      this.#warn("name", "Anthropic does not tell speakers apart by name; it was left out");
    for (const name in message.extra) {
      if (saysNothing(message.extra[name]!)) continue;
      this.#warn(name, `Anthropic's messages have no ${name}; it was left out`);
    }
    const blocks = this.#writer.blocks(message.parts, `${field}.content`);
    if (blocks.length === 0) return;
    switch (message.role) {
      case "system":
      case "developer":
        this.#addSystem(blocks, field);
        return;
      case "user":
      case "tool":
        this.#append("user", blocks);
        return;
      case "assistant":
        this.#placeSystemTurn();
        this.#append("assistant", blocks);
    }
  }

  #addSystem(blocks: JsonObject[], field: string): void {
    if (this.#turns.length === 0) {
      this.#system.push(...blocks);
    } else if (this.#traits.systemTurns) {
      this.#waiting.push(...blocks);
      this.#waitingField = field;
    } else {
      this.#hoist(blocks, field);
    }
  }

  #hoist(blocks: JsonObject[], field: string): void {
    if (blocks.length === 0) return;
    this.#system.push(...blocks);
    this.#warn(field, "the model takes no system message at this place; it was moved to the system prompt");
  }

  /** @returns whether nothing waits any more. */
  #placeSystemTurn(): boolean {
    if (this.#waiting.length > 0 && this.#turns.at(-1)?.role === "user") {
      this.#turns.push({ role: "system", content: this.#waiting });
      this.#waiting = [];
    }
    return this.#waiting.length === 0;
  }

  #append(role: "user" | "assistant", blocks: JsonObject[]): void {
    const last = this.#turns.at(-1);
    if (last?.role !== role) this.#turns.push({ role, content: [...blocks] });
    else for (const block of blocks) last.content.push(block);
  }

  #endOfTurns(field: string): void {
    const last = this.#turns.at(-1);
    if (last?.role !== "assistant") return;
    if (!this.#traits.prefill) {
      throw new UnsupportedFeature(
        field,
        "this model does not continue an assistant's turn; the last must be the user's",
      );
    }
    const block = last.content.at(-1);
    if (block?.type === "text") block.text = String(block.text).trimEnd();
  }
}

function resultsFirst(blocks: JsonObject[]): JsonObject[] {
  const first = blocks.findIndex((block) => block.type !== "tool_result");
  const isLate = first >= 0 && blocks.slice(first).some((block) => block.type === "tool_result");
  if (!isLate) return blocks;
  return [
    ...blocks.filter((block) => block.type === "tool_result"),
    ...blocks.filter((block) => block.type !== "tool_result"),
  ];
}
