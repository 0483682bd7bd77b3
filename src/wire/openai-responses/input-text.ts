import { isObject, parseBounded } from "../../kernel/json.ts";

/** The arguments up to the text itself, as models write them for a tool with the one parameter `input`. */
const OPENING = /^\s*\{\s*"input"\s*:\s*"/;

/**
 * The free text of a custom tool's call, out of the arguments of the function that stands for
 * it: `{"input": "…"}`, in fragments that are cut anywhere.
 */
export class InputText {
  #arguments = "";
  /** Where in the arguments the next character of the text stands; -1 before the text. */
  #at = -1;
  #closed = false;
  #said = "";

  /** @returns what of the text this fragment completes */
  push(fragment: string): string {
    this.#arguments += fragment;
    if (this.#closed) return "";
    if (this.#at === -1) {
      const opening = OPENING.exec(this.#arguments);
      if (opening === null) return "";
      this.#at = opening[0].length;
    }
    const end = this.#end();
    const raw = this.#arguments.slice(this.#at, end);
    const text = raw === "" ? "" : unescaped(raw);
    if (text === undefined) return "";
    this.#at = end;
    this.#said += text;
    return text;
  }

  /** The whole text. Arguments in another form than was asked for are the text themselves. */
  close(): string {
    const value = parseBounded(this.#arguments);
    if (isObject(value) && typeof value.input === "string") return value.input;
    return this.#at === -1 ? this.#arguments : this.#said;
  }

  /** Up to where the text is whole: before its closing quote, or before an escape that is not. */
  #end(): number {
    const text = this.#arguments;
    for (let i = this.#at; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code === 34) {
        this.#closed = true;
        return i;
      }
      if (code !== 92) continue;
      // A character beyond the first plane is written as two escapes, which stay together.
      const surrogate = /^\\u[dD][89abAB]/.test(text.slice(i, i + 4));
      const length = text[i + 1] === "u" ? (surrogate ? 12 : 6) : 2;
      if (i + length > text.length) return i;
      i += surrogate && text[i + 6] !== "\\" ? 5 : length - 1;
    }
    return text.length;
  }
}

function unescaped(raw: string): string | undefined {
  try {
    // Models write line ends as they are, which JSON does not allow.
    return JSON.parse(`"${raw.replace(/\n/g, "\\n").replace(/\r/g, "\\r").replace(/\t/g, "\\t")}"`) as string;
  } catch {
    return undefined;
  }
}
