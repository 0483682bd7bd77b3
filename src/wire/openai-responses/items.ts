import type { JsonObject } from "../../kernel/json.ts";
import type { ResponseHead } from "./response.ts";

/** One item of the output, from the event that adds it to the one that says it is done. */
export interface Item {
  /** Its place in the output. */
  index: number;
  id: string;
  /** As it stands now; whole when it is done. */
  value: JsonObject;
}

/** Writes events, or, for an answer that is told as a whole, only puts the output together. */
export class Output {
  readonly items: JsonObject[] = [];
  readonly head: ResponseHead;
  readonly #silent: boolean;
  #text = "";
  #sequence = 0;

  constructor(head: ResponseHead, silent: boolean) {
    this.head = head;
    this.#silent = silent;
  }

  event(type: string, fields: JsonObject): void {
    if (this.#silent) return;
    const event = { type, sequence_number: this.#sequence++, ...fields };
    this.#text += `event: ${type}\ndata: ${JSON.stringify(event)}\n\n`;
  }

  /** The one event that most of a stream consists of, written without building an object. @param place `"content_index":0` and the like */
  delta(type: string, item: Item, place: string, text: string, more = ""): void {
    if (this.#silent) return;
    this.#text += `event: ${type}\ndata: {"type":"${type}","sequence_number":${this.#sequence++},"item_id":${JSON.stringify(item.id)},"output_index":${item.index},${place}"delta":${JSON.stringify(text)}${more}}\n\n`;
  }

  /** What has been written since it was last taken. */
  take(): string {
    const text = this.#text;
    this.#text = "";
    return text;
  }

  /** An event of the provider's went out as it came. */
  skip(): void {
    this.#sequence++;
  }

  /** @param own the item's fields as its provider gave them, where it speaks this dialect */
  add(prefix: string, value: JsonObject, own: JsonObject | undefined): Item {
    const index = this.items.length;
    const id = typeof own?.id === "string" ? own.id : this.head.id(prefix, index);
    const item: Item = { index, id, value: { ...own, ...value, id } };
    this.items.push(item.value);
    this.event("response.output_item.added", { output_index: index, item: { ...item.value } });
    return item;
  }

  done(item: Item, last: JsonObject): void {
    Object.assign(item.value, last);
    this.event("response.output_item.done", { output_index: item.index, item: item.value });
  }
}
