import type { PhraseMatcher } from "../../domain/guardrails/phrases.ts";
import type { EventPart } from "../../spec/event.ts";
import { writtenIn } from "./guarded-operation.ts";
import { countInText, countInValue, leavesOf } from "./guarded-values.ts";

type OpaqueStart = Extract<EventPart, { type: "block-start" }>;

/** A block that only its dialect knows, collected until it ends. */
class OpaqueBlock {
  readonly parts: EventPart[] = [];
  /** By the place where they stand: a delta goes on where the one before it stopped. */
  readonly #texts = new Map<string, string>();

  add(part: EventPart): void {
    this.parts.push(part);
    const value = part.type === "block-start" ? (part as OpaqueStart).content : part;
    if (!("value" in value)) return;
    for (const { path, text } of leavesOf(value.value)) {
      // The same key in every delta is no text that goes on.
      if (path.endsWith("(key)")) this.#texts.set(path, text);
      else this.#texts.set(path, (this.#texts.get(path) ?? "") + text);
    }
  }

  count(matcher: PhraseMatcher): number {
    let count = 0;
    for (const text of this.#texts.values()) count += countInText(text, matcher);
    return count;
  }
}

/** A part that was judged. `pass`: what may go on in its place, in order. */
export interface Judged {
  count: number;
  pass: readonly EventPart[];
}

const NOTHING: Judged = { count: 0, pass: [] };

/**
 * Judges what an answer holds beside its texts and arguments: blocks and events that only a
 * dialect knows, citations, token lists, tool names. Whatever comes in pieces is judged as
 * one text, so that it makes no difference where it was cut. Opaque blocks are kept back until
 * they end; with a match the whole block is dropped.
 */
export class UnmaskedOutput {
  readonly #matcher: PhraseMatcher;
  readonly #opaque = new Map<string, OpaqueBlock>();
  readonly #dropped = new Set<string>();
  readonly #tails = new Map<string, string>();

  constructor(matcher: PhraseMatcher) {
    this.#matcher = matcher;
  }

  /** Whether the part belongs to a block that has been dropped. */
  isDropped(part: EventPart): boolean {
    return "block" in part && this.#dropped.has(keyOf(part));
  }

  judge(part: EventPart): Judged {
    switch (part.type) {
      case "block-start":
        return this.#start(part);
      case "opaque-delta": {
        const block = this.#opaque.get(keyOf(part));
        if (block === undefined) return this.#running(part, `delta ${keyOf(part)}`, part.value);
        block.add(part);
        return NOTHING;
      }
      case "block-end": {
        const block = this.#opaque.get(keyOf(part));
        if (block === undefined) return { count: 0, pass: [part] };
        this.#opaque.delete(keyOf(part));
        block.add(part);
        return this.#release(block);
      }
      case "citation":
        // Each is whole, in every dialect.
        return passedUnless(countInValue(part.value, this.#matcher), part);
      case "result":
        return passedUnless(countInValue(writtenIn(part.result), this.#matcher), part);
      case "unknown":
        return this.#running(part, `unknown ${part.dialect}`, part.value);
      case "logprobs":
        return this.#logprobs(part);
      default:
        return { count: 0, pass: [part] };
    }
  }

  /** The answer is over, or one choice of it: blocks that never ended. */
  end(choice?: number): Judged {
    const judged: Judged[] = [];
    for (const [key, block] of this.#opaque) {
      if (choice !== undefined && !key.startsWith(`${choice} `)) continue;
      this.#opaque.delete(key);
      judged.push(this.#release(block));
    }
    return { count: judged.reduce((sum, { count }) => sum + count, 0), pass: judged.flatMap(({ pass }) => pass) };
  }

  #start(part: OpaqueStart): Judged {
    const { content } = part;
    if (content.kind === "opaque") {
      const block = new OpaqueBlock();
      block.add(part);
      this.#opaque.set(keyOf(part), block);
      return NOTHING;
    }
    if (content.kind !== "tool-call") return { count: 0, pass: [part] };
    const count = this.#matcher.find(content.name).length;
    // A call cannot go on without its name.
    if (count > 0) this.#dropped.add(keyOf(part));
    return passedUnless(count, part);
  }

  #release(block: OpaqueBlock): Judged {
    const count = block.count(this.#matcher);
    return { count, pass: count === 0 ? block.parts : [] };
  }

  #logprobs(part: Extract<EventPart, { type: "logprobs" }>): Judged {
    let count = 0;
    for (const list of ["content", "refusal"] as const) {
      for (const { token, top } of part[list] ?? []) {
        count += this.#more(`logprobs ${part.choice} ${list}`, token);
        for (const other of top) if (other.token !== token) count += this.#matcher.find(other.token).length;
      }
    }
    return passedUnless(count, part);
  }

  #running(part: EventPart, key: string, value: unknown): Judged {
    let count = 0;
    for (const { path, text } of leavesOf(value)) {
      count += path.endsWith("(key)") ? this.#matcher.find(text).length : this.#more(`${key} ${path}`, text);
    }
    return passedUnless(count, part);
  }

  /** Matches that more of a running text completes. Keeps no more of it than could begin another match. */
  #more(key: string, text: string): number {
    const seen = (this.#tails.get(key) ?? "") + text;
    const matches = this.#matcher.find(seen);
    const from = Math.max(matches.at(-1)?.end ?? 0, seen.length - Math.max(0, this.#matcher.longest - 1));
    this.#tails.set(key, seen.slice(from));
    return matches.length;
  }
}

function passedUnless(count: number, part: EventPart): Judged {
  return { count, pass: count === 0 ? [part] : [] };
}

function keyOf(part: { choice: number; block: number }): string {
  return `${part.choice} ${part.block}`;
}
