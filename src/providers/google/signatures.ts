import { isObject, type JsonObject } from "../../kernel/json.ts";
import type { ChatPartForm } from "../../spec/chat-form.ts";
import type { Message, ReasoningPart, ToolCallPart } from "../../spec/message.ts";
import { unseal } from "../../spec/sealed.ts";

/**
 * Google's signatures of one message's calls and texts, as they come back through other dialects:
 * sealed thoughts with our mark (`spec/sealed.ts`), OpenRouter's `reasoning.encrypted` with the
 * call's id, or `extra_content.google.thought_signature` on a call, which is the way of Google's
 * own compatibility layer. Order tells little there, so calls are found by id first.
 */
export class MessageSignatures {
  readonly #byCall = new Map<string, string>();
  readonly #calls: string[] = [];
  readonly #texts: string[] = [];
  /** Whether a thought that another provider sealed was left out. */
  foreign = false;

  constructor(message: Message) {
    for (const part of message.parts) if (part.type === "reasoning") this.#read(part);
  }

  #read(part: ReasoningPart): void {
    const { redacted } = part;
    if (redacted === undefined) return;
    const known = unseal(redacted);
    if (known?.dialect === "gemini") {
      if (known.place === "text") this.#texts.push(known.data);
      else if (known.place === "call") this.#call(known.data, known.callId);
      return;
    }
    const detail = (part.form as ChatPartForm | undefined)?.detail;
    if (known === undefined && detail?.format === "google-gemini-v1") {
      this.#call(redacted, typeof detail.id === "string" ? detail.id : undefined);
    } else this.foreign = true;
  }

  #call(data: string, id: string | undefined): void {
    if (id === undefined) this.#calls.push(data);
    else this.#byCall.set(id, data);
  }

  ofCall(part: ToolCallPart): string | undefined {
    return compatible(part.extra) ?? this.#byCall.get(part.id) ?? this.#calls.shift();
  }

  /** What signs the texts of this message, in order. */
  takeText(): string | undefined {
    return this.#texts.shift();
  }
}

/** A thought's own signature, where Google gave it. */
export function thoughtSignature({ signature }: ReasoningPart): string | undefined {
  const known = unseal(signature);
  return known?.dialect === "gemini" ? known.data : undefined;
}

function compatible(extra: JsonObject | undefined): string | undefined {
  const content = extra?.extra_content;
  const google = isObject(content) ? content.google : undefined;
  const signature = isObject(google) ? google.thought_signature : undefined;
  return typeof signature === "string" ? signature : undefined;
}
