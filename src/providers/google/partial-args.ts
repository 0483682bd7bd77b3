import { isObject, type Json } from "../../kernel/json.ts";
import { MalformedAnswer } from "../../spec/adapter.ts";

/** One level of the arguments that is being written. */
interface Level {
  kind: "object" | "array";
  /** Keys that were written, or how many items. */
  keys: Set<string>;
  items: number;
}

/**
 * Arguments of a call that Google streams by place
 * (`partialArgs: [{jsonPath: "$.where.city", stringValue: "Ber", willContinue: true}]`), as JSON
 * text that only grows. The model writes its arguments from front to back, so places never go
 * back; if one does, the text could not be taken back, and the answer is malformed.
 */
export class PartialArgs {
  readonly #levels: Level[] = [];
  /** The steps that lead to the open level's last value. */
  #path: (string | number)[] = [];
  /** Whether the last value is a text that goes on. */
  #openText = false;
  begun = false;

  /** What these values add to the text. @throws MalformedAnswer */
  add(values: Json | undefined): string {
    let text = "";
    for (const value of Array.isArray(values) ? values : []) if (isObject(value)) text += this.#value(value);
    return text;
  }

  /** What closes the text; nothing where nothing was written. */
  close(): string {
    if (!this.begun) return "";
    let text = this.#endText();
    while (this.#levels.length > 0) text += this.#leave();
    return text;
  }

  #value(value: { [name: string]: Json }): string {
    const path = stepsOf(value.jsonPath);
    const going = this.#openText && samePath(path, this.#path);
    let text = going ? "" : this.#enter(path);
    const { stringValue } = value;
    if (typeof stringValue === "string") {
      const inner = JSON.stringify(stringValue).slice(1, -1);
      text += going ? inner : `"${inner}`;
      this.#openText = true;
      if (value.willContinue !== true) text += this.#endText();
      return text;
    }
    if (going) return text + (value.willContinue === true ? "" : this.#endText());
    if (typeof value.numberValue === "number") return text + JSON.stringify(value.numberValue);
    if (typeof value.boolValue === "boolean") return text + String(value.boolValue);
    return `${text}null`;
  }

  /** Goes to a place that has not been written: closes what is left, opens what is entered. */
  #enter(path: (string | number)[]): string {
    if (path.length === 0) throw new MalformedAnswer("arguments without a place");
    let text = this.#endText();
    let shared = 0;
    while (shared < path.length - 1 && shared < this.#path.length - 1 && path[shared] === this.#path[shared]) shared++;
    while (this.#levels.length > shared + 1) text += this.#leave();
    if (!this.begun) {
      this.begun = true;
      text += this.#open(path[0]!);
    }
    for (let at = shared; at < path.length; at++) {
      text += this.#step(path[at]!);
      if (at < path.length - 1) text += this.#open(path[at + 1]!);
    }
    this.#path = path;
    return text;
  }

  #open(step: string | number): string {
    const kind = typeof step === "number" ? "array" : "object";
    this.#levels.push({ kind, keys: new Set(), items: 0 });
    return kind === "array" ? "[" : "{";
  }

  #step(step: string | number): string {
    const level = this.#levels.at(-1)!;
    if (level.kind === "array") {
      if (step !== level.items) throw new MalformedAnswer("arguments that leave out, or repeat, an item");
      return level.items++ === 0 ? "" : ",";
    }
    if (typeof step !== "string" || level.keys.has(step)) throw new MalformedAnswer("arguments that go back");
    level.keys.add(step);
    return `${level.keys.size === 1 ? "" : ","}${JSON.stringify(step)}:`;
  }

  #leave(): string {
    return this.#levels.pop()!.kind === "array" ? "]" : "}";
  }

  #endText(): string {
    if (!this.#openText) return "";
    this.#openText = false;
    return '"';
  }
}

const STEP = /\.([^.[\]]+)|\[(\d{1,6})\]|\[(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]/y;
const MAX_STEPS = 64;

/** The steps of a path in RFC 9535's normal or short form: `$.a['b c'][0]`. */
function stepsOf(path: Json | undefined): (string | number)[] {
  if (typeof path !== "string" || !path.startsWith("$")) throw new MalformedAnswer("arguments without a place");
  const steps: (string | number)[] = [];
  for (let at = 1; at < path.length; at = STEP.lastIndex) {
    STEP.lastIndex = at;
    const match = STEP.exec(path);
    if (match === null || steps.length >= MAX_STEPS) throw new MalformedAnswer("a place in arguments that is none");
    const [, short, index, single, double] = match;
    steps.push(index === undefined ? (short ?? (single ?? double)!.replace(/\\(.)/g, "$1")) : Number(index));
  }
  return steps;
}

function samePath(a: readonly (string | number)[], b: readonly (string | number)[]): boolean {
  return a.length === b.length && a.every((step, at) => step === b[at]);
}
