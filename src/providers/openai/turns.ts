import { type Json, type JsonObject, wordOf } from "../../kernel/json.ts";
import type { ChatMessageForm, ChatPartForm } from "../../spec/chat-form.ts";
import type { Message, Part, ReasoningPart, ToolCallPart, ToolResultPart } from "../../spec/message.ts";
import { isSigned, unseal } from "../../spec/sealed.ts";
import { contentItems, contentOf, documentItem, imageItem, textItem } from "./content.ts";
import type { Losses } from "./losses.ts";
import type { Quirks, ThoughtField } from "./quirks.ts";
import { unsealDetail } from "./sealed-details.ts";
import { idForServer, nameForServer } from "./tool-names.ts";
import { leaveOut } from "./unknown-fields.ts";

/** The messages of a request as this dialect has them. @throws UnsupportedFeature */
export function writeMessages(messages: readonly Message[], quirks: Quirks, losses: Losses): JsonObject[] {
  const writer = new TurnsWriter(quirks, losses);
  for (const message of messages) writer.add(message);
  return writer.end();
}

/**
 * Results of tools must follow the calls at once, each in a message of its own, and may hold
 * text only. Images and documents that another dialect put into them come right after, in a
 * message of the user's that says which call they belong to.
 */
class TurnsWriter {
  readonly #quirks: Quirks;
  readonly #losses: Losses;
  readonly #turns: JsonObject[] = [];
  #media: JsonObject[] = [];

  constructor(quirks: Quirks, losses: Losses) {
    this.#quirks = quirks;
    this.#losses = losses;
  }

  add(message: Message): void {
    const results = message.parts.filter((part): part is ToolResultPart => part.type === "tool-result");
    if (message.role === "assistant") {
      this.#flush();
      this.#turns.push(this.#assistant(message));
      return;
    }
    for (const result of results) this.#turns.push(this.#result(result, message));
    if (message.role === "tool") return;
    const rest = results.length === 0 ? message : { ...message, parts: withoutResults(message.parts) };
    if (rest.parts.length === 0 && results.length > 0) return;
    this.#turns.push(this.#plain(rest));
  }

  end(): JsonObject[] {
    this.#flush();
    return this.#turns;
  }

  /** What tools showed becomes a message of the user's, unless one follows to which it can be added. */
  #flush(): void {
    if (this.#media.length === 0) return;
    this.#turns.push({ role: "user", content: this.#media });
    this.#media = [];
  }

  #plain(message: Message): JsonObject {
    const { own } = this.#losses;
    const role = message.role === "developer" && !this.#quirks.developer ? "system" : message.role;
    const items = contentItems(message, this.#losses, this.#quirks, true);
    for (const part of message.parts) {
      if (part.type === "reasoning" || part.type === "tool-call") {
        this.#losses.warn(part.type, `the provider takes none in a message of the ${role}'s; it was left out`);
      }
    }
    let content: Json;
    if (this.#media.length > 0 && role === "user") {
      content = [...this.#media, ...items];
      this.#media = [];
    } else {
      this.#flush();
      content = contentOf(items, message, this.#quirks, own);
    }
    const turn: JsonObject = { role };
    if (!(own && items.length === 0 && absent(message))) turn.content = content;
    return this.#named(turn, message);
  }

  #result(part: ToolResultPart, message: Message): JsonObject {
    const losses = this.#losses;
    const { own } = losses;
    if (part.isError === true)
      losses.warn("is_error", "the provider cannot be told that a tool failed, but by its text");
    const items: JsonObject[] = [];
    const shownBefore = this.#media.length;
    for (const piece of part.content) {
      if (piece.type === "text") items.push(textItem(piece, losses));
      else if (piece.type === "opaque" && own) items.push(piece.value);
      else if (piece.type === "opaque") {
        losses.refuse("messages", `the provider cannot read a tool result of type ${wordOf(piece.value.type)}`);
      } else {
        const item = piece.type === "image" ? imageItem(piece, losses) : documentItem(piece, losses, this.#quirks);
        if (own || item.type === "text") items.push(item);
        else this.#media.push(...this.#shown(idForServer(part.callId, this.#quirks.callIds), item));
      }
    }
    const legacy = (part.form as ChatPartForm | undefined)?.field === "function_call";
    const turn: JsonObject = legacy
      ? { role: "function" }
      : { role: "tool", tool_call_id: idForServer(part.callId, this.#quirks.callIds) };
    const content = contentOf(items, message, this.#quirks, own);
    if (!(own && items.length === 0 && absent(message))) turn.content = content;
    if (!own && items.length === 0 && this.#media.length > shownBefore)
      turn.content = "The result follows in the next message.";
    losses.carry(part.extra, turn);
    return this.#named(turn, message);
  }

  #shown(callId: string, item: JsonObject): JsonObject[] {
    this.#losses.warn("tool_result", "the provider takes text only as a tool's result; media follow in a user message");
    return [{ type: "text", text: `From the result of tool call ${callId}:` }, item];
  }

  #assistant(given: Message): JsonObject {
    const losses = this.#losses;
    const message = this.#keepsRefusals() ? given : withRefusalsAsText(given);
    const items = contentItems(message, losses, this.#quirks, this.#takes("content"));
    const turn: JsonObject = { role: "assistant" };
    if (!(losses.own && items.length === 0 && absent(message))) {
      turn.content = contentOf(items, message, this.#quirks, losses.own);
    }
    this.#thoughts(message, turn);
    const calls: Json[] = [];
    for (const part of message.parts) {
      if (part.type === "tool-call") this.#call(part, calls, turn);
      else if (part.type === "refusal" && (part.form as ChatPartForm | undefined)?.field !== "content") {
        turn.refusal = part.text;
      } else if (part.type === "opaque" && losses.own && Array.isArray(part.value.tool_calls)) {
        calls.push(...part.value.tool_calls);
      }
    }
    if (calls.length > 0) turn.tool_calls = calls;
    // Neither text nor calls, only thoughts that were left out: some servers refuse null then.
    if (!losses.own && turn.content === null && calls.length === 0) turn.content = "";
    return this.#named(turn, message);
  }

  #keepsRefusals(): boolean {
    const { refusals } = this.#quirks;
    return refusals === "as-written" ? this.#losses.own : refusals === "field";
  }

  #call(part: ToolCallPart, calls: Json[], turn: JsonObject): void {
    const name = this.#losses.own ? part.name : nameForServer(part.name);
    const called: JsonObject = { name, arguments: part.arguments === "" ? "{}" : part.arguments };
    if ((part.form as ChatPartForm | undefined)?.field === "function_call") {
      this.#losses.carry(part.extra, called);
      turn.function_call = called;
      return;
    }
    const id = idForServer(part.id, this.#quirks.callIds);
    const call: JsonObject = { id, type: "function", function: called };
    this.#losses.carry(part.extra, call);
    leaveOut(this.#quirks.unknownFields?.messages, call, this.#losses);
    calls.push(call);
  }

  #thoughts(message: Message, turn: JsonObject): void {
    const { thoughtsTaken } = this.#quirks;
    const moved: ReasoningPart[] = [];
    const details: Json[] = [];
    let text = "";
    for (const part of message.parts) {
      if (part.type !== "reasoning") continue;
      const form = this.#losses.own ? (part.form as ChatPartForm | undefined) : undefined;
      const field = form?.field as ThoughtField | undefined;
      if (field === undefined || !this.#takes(field)) {
        moved.push(part);
        continue;
      }
      text += part.text;
      if (field === "reasoning_details") details.push(this.#detail(part, form!.detail ?? {}));
      else if (field !== "content") turn[field] = `${turn[field] ?? ""}${part.text}`;
    }
    if (details.length > 0) turn.reasoning_details = details;
    if (moved.length > 0) this.#move(moved, turn);
    else if (thoughtsTaken.length > 0) {
      const repeated = (message.form as ChatMessageForm | undefined)?.reasoning ?? [];
      for (const field of repeated) if (this.#takes(field as ThoughtField)) turn[field] = text;
    }
  }

  #takes(field: ThoughtField): boolean {
    const { thoughtsTaken } = this.#quirks;
    return thoughtsTaken === "any" || thoughtsTaken.includes(field);
  }

  #detail(part: ReasoningPart, beside: JsonObject): JsonObject {
    const { own } = this.#losses;
    const type = part.redacted === undefined ? "reasoning.text" : "reasoning.encrypted";
    const sealed = unsealDetail(part.redacted ?? part.signature);
    const detail: JsonObject = { type, ...beside, ...sealed };
    // A caller of another dialect says by an empty one that there is none.
    const given = own ? part.signature : part.signature || undefined;
    const known = unseal(given);
    const bare = known === undefined ? given : known.data || undefined;
    const signature = sealed === undefined ? bare : sealed.signature;
    // What another provider gave is told bare: OpenRouter goes by `format` and `id`.
    if (part.redacted !== undefined && sealed === undefined) detail.data = unseal(part.redacted)?.data ?? part.redacted;
    else if (detail.type === "reasoning.summary") detail.summary = part.text;
    else if (detail.type === "reasoning.text" && (part.text !== "" || signature === undefined)) detail.text = part.text;
    if (signature !== undefined) detail.signature = signature;
    this.#losses.carry(part.extra, detail);
    return detail;
  }

  /** Thoughts that came in another dialect, or in a field that this server refuses, go where it reads them, or nowhere. */
  #move(thoughts: readonly ReasoningPart[], turn: JsonObject): void {
    const field = this.#quirks.thoughtsWritten;
    const text = thoughts.map((part) => part.text).join("");
    const signed = thoughts.some((part) => isSigned(part.signature) || part.redacted !== undefined);
    if (field === null) {
      this.#losses.warn("thinking", "the provider takes no earlier thoughts back; they were left out");
      return;
    }
    if (field === "reasoning_details") {
      turn.reasoning_details = thoughts.map((part, index) => this.#detail(part, { index }));
      return;
    }
    if (signed) this.#losses.warn("signature", "the provider takes thoughts back without their signatures");
    if (text === "") return;
    if (field === "content") {
      const said = turn.content;
      const list = typeof said === "string" ? [{ type: "text", text: said }] : Array.isArray(said) ? said : [];
      turn.content = [{ type: "thinking", thinking: [{ type: "text", text }] }, ...list];
    } else turn[field] = text;
  }

  #named(turn: JsonObject, message: Message): JsonObject {
    if (message.name !== undefined) turn.name = message.name;
    this.#losses.carry(message.extra, turn);
    const unknown = this.#quirks.unknownFields?.messages;
    // The result of a tool has a name everywhere.
    leaveOut(message.role === "tool" ? unknown?.filter((name) => name !== "name") : unknown, turn, this.#losses);
    return turn;
  }
}

function withRefusalsAsText(message: Message): Message {
  const parts = message.parts.map((part): Part => (part.type === "refusal" ? { type: "text", text: part.text } : part));
  return { ...message, parts };
}

function withoutResults(parts: readonly Part[]): Part[] {
  return parts.filter((part) => part.type !== "tool-result");
}

function absent(message: Message): boolean {
  return (message.form as ChatMessageForm | undefined)?.content === "absent";
}
