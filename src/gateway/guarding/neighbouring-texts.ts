import { countReadings, type PhraseMatcher } from "../../domain/guardrails/phrases.ts";
import type { Message, Part, Role } from "../../spec/message.ts";

/** An escape of JSON is up to so many characters for one letter. */
const ESCAPED = 6;

/** What providers put between texts that they join. */
const JOINTS = ["", "\n"];

/**
 * Matches that no text has alone, but two or more have together that stand beside each other: a provider whose
 * messages have one text joins what the caller sent in parts, and a model reads parts one after the other anyway.
 * Texts of one kind are neighbours within a message, within a tool result, and in messages of one role that follow
 * each other.
 */
export function countAcross(messages: readonly Message[], matcher: PhraseMatcher): number {
  let count = 0;
  let role: Role | undefined;
  let said = new Seam(matcher);
  let thought = new Seam(matcher);
  for (const message of messages) {
    if (message.role !== role) [role, said, thought] = [message.role, new Seam(matcher), new Seam(matcher)];
    for (const part of message.parts) {
      if (part.type === "reasoning") count += thought.add(part.text);
      else if (part.type === "tool-result") count += inResult(part.content, matcher);
      else if (part.type === "text" || part.type === "refusal") count += said.add(part.text);
    }
  }
  return count;
}

function inResult(content: readonly Part[], matcher: PhraseMatcher): number {
  const seam = new Seam(matcher);
  let count = 0;
  for (const part of content) if (part.type === "text") count += seam.add(part.text);
  return count;
}

/** Where texts meet. Keeps no more of what came before than could begin a match. */
class Seam {
  readonly #matcher: PhraseMatcher;
  readonly #reach: number;
  /** By what may stand between the texts. */
  readonly #before: (string | undefined)[] = JOINTS.map(() => undefined);

  constructor(matcher: PhraseMatcher) {
    this.#matcher = matcher;
    this.#reach = matcher.longest * ESCAPED;
  }

  /** One more text, none of whose own matches are counted; it must have none. */
  add(text: string): number {
    if (text === "") return 0;
    let most = 0;
    for (const [at, joint] of JOINTS.entries()) {
      const before = this.#before[at];
      const seam = before === undefined ? "" : before + joint;
      const count = before === undefined ? 0 : countReadings(seam + text.slice(0, this.#reach), this.#matcher);
      most = Math.max(most, count);
      // What was counted is not counted again with the next text.
      const rest = count > 0 ? text : seam + text;
      this.#before[at] = rest.slice(-this.#reach);
    }
    return most;
  }
}
