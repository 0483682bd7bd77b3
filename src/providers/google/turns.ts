import type { Json, JsonObject } from "../../kernel/json.ts";
import { isObject, parseBounded } from "../../kernel/json.ts";
import { isMadeUpCallId } from "../../spec/call-id.ts";
import type { GeminiMessageForm, GeminiPartForm } from "../../spec/gemini-form.ts";
import type { Message, OpaquePart, Part, ReasoningPart, ToolCallPart, ToolResultPart } from "../../spec/message.ts";
import { argumentsAsObject } from "../../spec/tool-arguments.ts";
import { typeOf } from "../foreign.ts";
import type { Losses } from "../losses.ts";
import { mediaPart } from "./media.ts";
import type { ModelTraits } from "./models.ts";
import { MessageSignatures, thoughtSignature } from "./signatures.ts";
import { nameForGemini } from "./tool-names.ts";

/** Google's word for a call that its model has not made (https://ai.google.dev/gemini-api/docs/thought-signatures, FAQ). */
const NOBODYS_SIGNATURE = "skip_thought_signature_validator";

interface Content {
  role?: string;
  parts: JsonObject[];
}

/**
 * A conversation as `systemInstruction` and `contents`. For callers of Google's own dialect it
 * writes what they sent. For the others:
 *
 * - System and developer messages become the system instruction, later ones with a warning.
 * - Turns of one role in a row become one: all results of parallel calls must stand in the one
 *   turn behind the calls, before anything else.
 * - Calls and texts get the signatures back that Google gave them; calls that were never signed
 *   get the word that Google has for them, where the model insists on one.
 */
export class TurnsWriter {
  readonly #traits: ModelTraits;
  readonly #losses: Losses;
  readonly #system: JsonObject[] = [];
  readonly #contents: Content[] = [];
  /** Names of functions by the ids of their calls: results name the function. */
  readonly #names = new Map<string, string>();

  constructor(traits: ModelTraits, losses: Losses) {
    this.#traits = traits;
    this.#losses = losses;
  }

  /** @throws UnsupportedFeature */
  write(messages: readonly Message[], body: JsonObject): void {
    if (this.#losses.own) this.#writeOwn(messages, body);
    else this.#writeForeign(messages, body);
  }

  #writeOwn(messages: readonly Message[], body: JsonObject): void {
    const [first] = messages;
    const system = first?.role === "system" ? first : undefined;
    if (system !== undefined) {
      const { role } = (system.form ?? {}) as GeminiMessageForm;
      const content: JsonObject = { parts: this.#parts(system) };
      if (role !== undefined) content.role = role;
      body.systemInstruction = { ...system.extra, ...content };
    }
    body.contents = (system === undefined ? messages : messages.slice(1)).map((message) => {
      const { role = message.role === "assistant" ? "model" : "user" } = (message.form ?? {}) as GeminiMessageForm;
      const content: JsonObject = { ...message.extra, parts: this.#parts(message) };
      if (role !== "") content.role = role;
      return content;
    });
  }

  #writeForeign(messages: readonly Message[], body: JsonObject): void {
    for (let i = 0; i < messages.length; i++) this.#add(messages[i]!, `messages[${i}]`);
    if (this.#contents.length === 0 && this.#system.length > 0) {
      this.#losses.warn("messages", "Gemini needs a user turn; the last system message was sent as one");
      this.#contents.push({ role: "user", parts: [this.#system.pop()!] });
    }
    for (const content of this.#contents) content.parts = resultsFirst(content.parts);
    if (this.#contents.length === 0) this.#losses.refuse("messages", "Gemini needs a message that says something");
    if (this.#system.length > 0) body.systemInstruction = { parts: this.#system };
    body.contents = this.#contents as unknown as Json;
  }

  #add(message: Message, field: string): void {
    if (message.name !== undefined && message.role !== "tool") {
      this.#losses.warn("name", "Gemini does not tell speakers apart by name; it was left out");
    }
    this.#losses.carry(message.extra, {});
    const parts = this.#parts(message);
    // A question without words is still a turn.
    if (parts.length === 0 && message.role === "user" && message.parts.length > 0) parts.push({ text: "" });
    if (parts.length === 0) return;
    if (message.role === "system" || message.role === "developer") {
      if (this.#contents.length > 0) {
        this.#losses.warn(field, "the model takes no system message at this place; it was moved to the system prompt");
      }
      this.#system.push(...parts);
      return;
    }
    const role = message.role === "assistant" ? "model" : "user";
    const last = this.#contents.at(-1);
    if (last?.role !== role) this.#contents.push({ role, parts });
    else for (const part of parts) last.parts.push(part);
  }

  #parts(message: Message): JsonObject[] {
    const parts: JsonObject[] = [];
    const signatures = new MessageSignatures(message);
    if (signatures.foreign) {
      this.#losses.warn("reasoning", "a thought that another provider sealed was left out");
    }
    let signed = false;
    for (const part of message.parts) {
      const written = this.#part(part, message, signatures);
      if (written === undefined) continue;
      if (part.type === "tool-call" && !this.#losses.own) {
        // Of parallel calls, Google signs the first only.
        if (!signed && written.thoughtSignature === undefined && this.#traits.signed) {
          written.thoughtSignature = NOBODYS_SIGNATURE;
        }
        signed = true;
      }
      parts.push(written);
    }
    signTexts(parts, signatures);
    for (const part of message.parts) {
      if (part.type === "tool-result" && !this.#losses.own) parts.push(...this.#shown(part));
    }
    return parts;
  }

  /** undefined: it says nothing. */
  #part(part: Part, message: Message, signatures: MessageSignatures): JsonObject | undefined {
    switch (part.type) {
      case "text":
      case "refusal":
        if (part.text === "" && !this.#losses.own) return undefined;
        return this.#with(part.extra, { text: part.text });
      case "image":
      case "audio":
      case "document":
        return mediaPart(part, this.#losses);
      case "reasoning":
        return this.#thought(part);
      case "tool-call":
        return this.#call(part, signatures);
      case "tool-result":
        return this.#result(part, message);
      case "opaque":
        return this.#opaque(part, message);
    }
  }

  #thought(part: ReasoningPart): JsonObject | undefined {
    if (part.redacted !== undefined) return undefined;
    const signature = thoughtSignature(part);
    if (part.text === "" && signature === undefined && part.extra === undefined) return undefined;
    if (signature === undefined && part.signature) {
      this.#losses.warn("signature", "Gemini reads no other provider's signatures; they were left out");
    }
    const written: JsonObject = part.text === "" ? { thought: true } : { text: part.text, thought: true };
    if (signature !== undefined) written.thoughtSignature = signature;
    return this.#with(part.extra, written);
  }

  #call(part: ToolCallPart, signatures: MessageSignatures): JsonObject {
    const { own } = this.#losses;
    const name = own ? part.name : nameForGemini(part.name);
    this.#names.set(part.id, name);
    const call: JsonObject = { name, args: argumentsAsObject(part.arguments) };
    if (!this.#nameless(part.id, part.form)) call.id = part.id;
    const written: JsonObject = { functionCall: call };
    const signature = own ? undefined : signatures.ofCall(part);
    if (signature !== undefined) written.thoughtSignature = signature;
    const { extra_content: _read, ...extra } = part.extra ?? {};
    return this.#with(own ? part.extra : extra, written);
  }

  #nameless(id: string, form: JsonObject | undefined): boolean {
    return (this.#losses.own && (form as GeminiPartForm | undefined)?.id === "absent") || isMadeUpCallId(id);
  }

  #result(part: ToolResultPart, message: Message): JsonObject {
    const result: JsonObject = { name: this.#nameOf(part, message) };
    if (!this.#nameless(part.callId, part.form)) result.id = part.callId;
    result.response = this.#response(part);
    const media = this.#inResult(part);
    if (media.length > 0) result.parts = media;
    return this.#with(part.extra, { functionResponse: result });
  }

  #nameOf(part: ToolResultPart, message: Message): string {
    const inner = this.#losses.own ? part.extra?.functionResponse : undefined;
    if (isObject(inner) && typeof inner.name === "string") return inner.name;
    return this.#names.get(part.callId) ?? nameForGemini(message.name ?? (part.callId || "function"));
  }

  #response(part: ToolResultPart): JsonObject {
    const texts = part.content.filter((each) => each.type === "text");
    const text = texts.map((each) => each.text).join("\n");
    const form = this.#losses.own ? (part.form as GeminiPartForm | undefined)?.response : undefined;
    if (form !== undefined && form !== "") return { [form]: text };
    if (texts.length === 0) return {};
    const value = parseBounded(text);
    if (isObject(value)) return value;
    return part.isError === true ? { error: text } : { output: text };
  }

  /** Pictures and documents within a result, where the model takes them there. */
  #inResult(part: ToolResultPart): JsonObject[] {
    if (!this.#losses.own && !this.#traits.mediaInResults) return [];
    const media: JsonObject[] = [];
    for (const each of part.content) {
      if (each.type === "image" || each.type === "document") media.push(mediaPart(each, this.#losses));
      else if (each.type === "opaque" && this.#losses.own) media.push(each.value);
    }
    return media;
  }

  /** Pictures and documents of a result, beside it, where the model takes none within. */
  #shown(part: ToolResultPart): JsonObject[] {
    const shown: JsonObject[] = [];
    for (const each of part.content) {
      if (each.type === "opaque") {
        const type = typeOf(each);
        this.#losses.refuse("messages", `Gemini cannot read a tool result of type ${type}`);
      }
      if (each.type === "text" || this.#traits.mediaInResults) continue;
      if (shown.length === 0) {
        shown.push({ text: `From the result of ${this.#names.get(part.callId) ?? part.callId}:` });
        this.#losses.warn("tool_result", "this model takes text only as a function's result; media follow beside it");
      }
      shown.push(mediaPart(each, this.#losses));
    }
    return shown;
  }

  /** Work that another provider's tools did in an earlier answer may go; what the caller wants read may not. */
  #opaque(part: OpaquePart, message: Message): JsonObject | undefined {
    if (this.#losses.own) return part.value;
    const type = typeOf(part);
    if (message.role !== "assistant") this.#losses.refuse("messages", `Gemini cannot read content of type ${type}`);
    this.#losses.warn(type, "Gemini has no such content; it was left out of an earlier answer");
    return undefined;
  }

  #with(extra: JsonObject | undefined, written: JsonObject): JsonObject {
    this.#losses.carry(extra, written);
    return written;
  }
}

/** A signature of text stands on the last text that has none, or on a part of its own. */
function signTexts(parts: JsonObject[], signatures: MessageSignatures): void {
  for (let data = signatures.takeText(); data !== undefined; data = signatures.takeText()) {
    const text = parts.findLast((part) => typeof part.text === "string" && part.thought !== true);
    if (text !== undefined && text.thoughtSignature === undefined) text.thoughtSignature = data;
    else parts.push({ text: "", thoughtSignature: data });
  }
}

function resultsFirst(parts: JsonObject[]): JsonObject[] {
  const first = parts.findIndex((part) => !("functionResponse" in part));
  const late = first >= 0 && parts.slice(first).some((part) => "functionResponse" in part);
  if (!late) return parts;
  const results = parts.filter((part) => "functionResponse" in part);
  return [...results, ...parts.filter((part) => !("functionResponse" in part))];
}
