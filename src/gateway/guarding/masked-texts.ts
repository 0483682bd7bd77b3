import { type Decided, type PhraseMatcher, SlidingMask } from "../../domain/guardrails/phrases.ts";
import { asJson, type Read } from "../../domain/guardrails/reading.ts";
import type { EventPart } from "../../spec/event.ts";

export type TextPart = Extract<EventPart, { type: "text-delta" | "arguments-delta" }>;

export function isTextPart(part: EventPart): part is TextPart {
  return part.type === "text-delta" || part.type === "arguments-delta";
}

/**
 * Which text each delta goes on. Texts of one kind of one choice are one text however many
 * blocks they come in, because most dialects have one field for all of them; the arguments of
 * each call are a text of their own.
 */
export class TextKeys {
  readonly #kinds = new Map<string, string>();

  /** To be told of every part, in order. */
  see(part: EventPart): void {
    if (part.type === "block-start" && part.content.kind !== "text") this.#kinds.set(blockOf(part), part.content.kind);
    else if (part.type === "block-end") this.#kinds.delete(blockOf(part));
  }

  of(part: TextPart): string {
    if (part.type === "arguments-delta") return argumentsOf(part);
    return `${part.choice} ${this.#kinds.get(blockOf(part)) ?? "text"}`;
  }
}

function blockOf(part: { choice: number; block: number }): string {
  return `${part.choice} ${part.block}`;
}

/** The key of a call's arguments. */
function argumentsOf(part: { choice: number; block: number }): string {
  return `${blockOf(part)} arguments`;
}

interface Slot {
  part: EventPart;
  /** Characters of a text that are not decided yet. */
  open: number;
  /** What of a text may go on now. */
  clean: string;
  /** Whether some of its text has gone on. */
  begun: boolean;
}

interface Text {
  mask: SlidingMask;
  /** Where the characters stand that the mask holds back, in order. */
  slots: Slot[];
}

/**
 * Masks the texts of an answer and keeps its parts in order: what comes after a text that may
 * be the beginning of a phrase waits until that is decided, even if it is the end of its block.
 */
export class MaskedTexts {
  readonly #matcher: PhraseMatcher;
  readonly #mark: string;
  readonly #read: Read;
  readonly #keys = new TextKeys();
  readonly #texts = new Map<string, Text>();
  #queue: Slot[] = [];
  /** How many of the queue have gone on. */
  #gone = 0;
  /** Places masked so far. */
  count = 0;

  /** @param read how texts are read; arguments are JSON */
  constructor(matcher: PhraseMatcher, mark: string, read: Read) {
    this.#read = read;
    this.#matcher = matcher;
    this.#mark = mark;
  }

  /** One more part, of any kind. */
  add(part: EventPart): void {
    this.#keys.see(part);
    const slot: Slot = { part, open: 0, clean: "", begun: false };
    if (isTextPart(part)) this.#text(part, slot);
    else if (part.type === "block-end") this.#end(argumentsOf(part));
    else if (part.type === "error" || part.type === "end") this.end();
    this.#queue.push(slot);
  }

  /** No more text comes. */
  end(): void {
    for (const key of this.#texts.keys()) this.#end(key);
  }

  /** The parts that may go on by now, in order. */
  ready(): EventPart[] {
    const out: EventPart[] = [];
    for (; this.#gone < this.#queue.length; this.#gone++) {
      const slot = this.#queue[this.#gone]!;
      const { part } = slot;
      if (!isTextPart(part)) {
        out.push(part);
        continue;
      }
      if (!slot.begun && slot.open === 0 && slot.clean === part.text) out.push(part);
      else if (slot.clean !== "") out.push({ ...part, text: slot.clean });
      slot.begun = true;
      slot.clean = "";
      if (slot.open > 0) break;
    }
    if (this.#gone * 2 >= this.#queue.length) {
      this.#queue = this.#queue.slice(this.#gone);
      this.#gone = 0;
    }
    return out;
  }

  #text(part: TextPart, slot: Slot): void {
    const key = this.#keys.of(part);
    let text = this.#texts.get(key);
    if (text === undefined) {
      const read = part.type === "arguments-delta" ? asJson : this.#read;
      text = { mask: new SlidingMask(this.#matcher, this.#mark, read), slots: [] };
      this.#texts.set(key, text);
    }
    if (part.text === "") return;
    slot.open = part.text.length;
    text.slots.push(slot);
    this.#spread(text, text.mask.decide(part.text));
  }

  #end(key: string): void {
    const text = this.#texts.get(key);
    if (text === undefined) return;
    this.#texts.delete(key);
    this.#spread(text, text.mask.decideRest());
  }

  /** Gives every delta its share of what is decided. A mark stands in the delta in which its phrase began. */
  #spread(text: Text, { written, matches }: Decided): void {
    this.count += matches.length;
    let place = 0;
    let done = 0;
    let next = 0;
    for (const slot of text.slots) {
      const end = Math.min(place + slot.open, written.length);
      slot.open -= end - place;
      for (; next < matches.length && matches[next]!.start < end; next++) {
        const match = matches[next]!;
        if (match.start >= place) slot.clean += written.slice(place, match.start) + this.#mark;
        place = Math.min(match.end, end);
        if (match.end > end) break;
      }
      slot.clean += written.slice(place, end);
      place = end;
      if (slot.open > 0) break;
      done++;
    }
    text.slots.splice(0, done);
  }
}
