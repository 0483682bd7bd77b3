import type { JsonObject } from "../../kernel/json.ts";
import type {
  DocumentPart,
  ImagePart,
  Message,
  Part,
  ReasoningPart,
  TextPart,
  ToolCallPart,
  ToolResultPart,
} from "../../spec/message.ts";
import { isSigned } from "../../spec/sealed.ts";
import { typeOf } from "../foreign.ts";
import type { Losses } from "../losses.ts";
import { isPlan } from "./plan.ts";
import { nameForCohere } from "./tool-names.ts";

/** Between a document's name and its text. */
const PARAGRAPH = "\n\n";

/**
 * The messages of a request as Cohere has them. Plain texts to answer from become `documents`,
 * which the answer then cites. A tool's result is a message of its own and holds text only, so
 * what else was in it comes right behind all results of the turn.
 */
export class ConversationWriter {
  readonly documents: JsonObject[] = [];
  readonly #losses: Losses;
  readonly #thinks: boolean;
  readonly #grounds: boolean;

  /** @param thinks whether the model takes its thoughts back; @param grounds whether documents may stand beside the messages */
  constructor(losses: Losses, thinks: boolean, grounds: boolean) {
    this.#losses = losses;
    this.#thinks = thinks;
    this.#grounds = grounds;
  }

  /** @throws UnsupportedFeature */
  write(messages: readonly Message[]): JsonObject[] {
    const written: JsonObject[] = [];
    let shown: JsonObject[] = [];
    for (const message of messages) {
      const results = message.parts.filter((part): part is ToolResultPart => part.type === "tool-result");
      for (const result of results) written.push(this.#result(result, shown));
      this.#losses.carry(message.extra, {});
      const rest = message.parts.filter((part) => part.type !== "tool-result");
      if (message.role === "tool" || (results.length > 0 && rest.length === 0)) continue;
      if (shown.length > 0 && message.role === "user") {
        written.push({ role: "user", content: [...shown, ...this.#items(rest, "user")] });
      } else {
        if (shown.length > 0) written.push({ role: "user", content: shown });
        written.push(this.#message({ ...message, parts: rest }));
      }
      shown = [];
    }
    if (shown.length > 0) written.push({ role: "user", content: shown });
    return written;
  }

  #message(message: Message): JsonObject {
    if (message.name !== undefined) {
      this.#losses.warn("name", "the provider does not tell speakers apart; it was left out");
    }
    if (message.role === "assistant") return this.#assistant(message);
    const role = message.role === "user" ? "user" : "system";
    return { role, content: plainly(this.#items(message.parts, role)) };
  }

  #assistant(message: Message): JsonObject {
    const items = this.#items(message.parts, "assistant");
    const calls = message.parts.filter((part): part is ToolCallPart => part.type === "tool-call");
    const thoughts = message.parts.filter((part) => part.type === "reasoning");
    if (thoughts.some((part) => isSigned(part.signature) || part.redacted !== undefined)) {
      this.#losses.warn("signature", "the provider takes thoughts back without their signatures");
    }
    const written: JsonObject = { role: "assistant" };
    const plan = textOf(calls.length > 0 ? thoughts.filter(isPlan) : []);
    const thinking = textOf(calls.length > 0 ? thoughts.filter((part) => !isPlan(part)) : thoughts);
    if (plan !== "") written.tool_plan = plan;
    if (thinking !== "" && this.#thinks) items.unshift({ type: "thinking", thinking });
    // What a model that does not think says before its calls is its plan.
    else if (thinking !== "" && calls.length > 0 && plan === "") written.tool_plan = thinking;
    else if (thinking !== "")
      this.#losses.warn("thinking", "the model takes no earlier thoughts back; they were left out");
    if (items.length > 0 || calls.length === 0) written.content = plainly(items);
    if (calls.length > 0) written.tool_calls = calls.map((call) => this.#call(call));
    return written;
  }

  #call(part: ToolCallPart): JsonObject {
    this.#losses.carry(part.extra, {});
    const called = { name: nameForCohere(part.name), arguments: part.arguments === "" ? "{}" : part.arguments };
    return { id: part.id, type: "function", function: called };
  }

  #result(part: ToolResultPart, shown: JsonObject[]): JsonObject {
    if (part.isError === true) {
      this.#losses.warn("is_error", "the provider cannot be told that a tool failed, but by its text");
    }
    this.#losses.carry(part.extra, {});
    const items = this.#items(part.content, "tool");
    const texts = items.filter((item) => item.type === "text");
    const others = items.filter((item) => item.type !== "text");
    if (others.length > 0) {
      this.#losses.warn(
        "tool_result",
        "the provider takes text only as a tool's result; media follow in a user message",
      );
      shown.push({ type: "text", text: `From the result of tool call ${part.callId}:` }, ...others);
    }
    const content =
      texts.length === 0 && others.length > 0 ? "The result follows in the next message." : plainly(texts);
    return { role: "tool", tool_call_id: part.callId, content };
  }

  #items(parts: readonly Part[], role: string): JsonObject[] {
    return parts.map((part) => this.#item(part, role)).filter((item) => item !== undefined);
  }

  #item(part: Part, role: string): JsonObject | undefined {
    const losses = this.#losses;
    switch (part.type) {
      case "text":
      case "refusal":
        return this.#text(part.text, part.extra);
      case "image":
        return this.#image(part);
      case "document":
        return this.#document(part, role);
      case "audio":
        return losses.refuse("messages", "the provider takes no sound");
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

  #text(text: string, extra: TextPart["extra"]): JsonObject {
    this.#losses.carry(extra, {});
    return { type: "text", text };
  }

  #image(part: ImagePart): JsonObject {
    const { source } = part;
    if (source.kind === "file") this.#losses.refuse("messages", "the image is a file of another provider's");
    this.#losses.carry(part.extra, {});
    const url = source.kind === "url" ? source.url : `data:${source.mediaType};base64,${source.data}`;
    return { type: "image_url", image_url: part.detail === undefined ? { url } : { url, detail: part.detail } };
  }

  /** The answer cites its documents unasked. */
  #document(part: DocumentPart, role: string): JsonObject | undefined {
    const { source, name } = part;
    if (source.kind !== "text") {
      return this.#losses.refuse("messages", "the provider reads no documents but plain text");
    }
    const { citations: _cited, ...rest } = part.extra ?? {};
    this.#losses.carry(rest, {});
    if (!this.#grounds || role !== "user") {
      return { type: "text", text: name === undefined ? source.text : `${name}${PARAGRAPH}${source.text}` };
    }
    const data: JsonObject = name === undefined ? { text: source.text } : { title: name, text: source.text };
    this.documents.push({ id: `doc:${this.documents.length}`, data });
    return undefined;
  }
}

function textOf(thoughts: readonly ReasoningPart[]): string {
  return thoughts.map((part) => part.text).join("");
}

/** One text alone is a string. */
function plainly(items: JsonObject[]): JsonObject[] | string {
  if (items.length === 0) return "";
  return items.length === 1 && items[0]!.type === "text" ? (items[0]!.text as string) : items;
}
