/** Parts of an answer, in short words: what encoders' tests write down. */
import type { EventPart, FinishReason } from "../../src/spec/event.ts";

export const START: EventPart = { type: "start", id: "a1", model: "big-2026", created: 5 };
export const END: EventPart = { type: "end" };
export const at = (block: number, choice = 0) => ({ choice, block });
export const begin = (
  block: number,
  content: Extract<EventPart, { type: "block-start" }>["content"],
  choice = 0,
): EventPart => ({
  type: "block-start",
  ...at(block, choice),
  content,
});
export const say = (block: number, text: string, choice = 0): EventPart => ({
  type: "text-delta",
  ...at(block, choice),
  text,
});
const write = (block: number, text: string): EventPart => ({ type: "arguments-delta", ...at(block), text });
export const over = (block: number, choice = 0): EventPart => ({ type: "block-end", ...at(block, choice) });
export const finish = (reason: FinishReason, choice = 0): EventPart => ({ type: "finish", choice, reason, raw: null });
export const usage: EventPart = { type: "usage", usage: { input: 10, output: 4, cacheRead: 6, reasoning: 2 } };
export const text = (block: number, ...pieces: string[]): EventPart[] => [
  begin(block, { kind: "text" }),
  ...pieces.map((piece) => say(block, piece)),
  over(block),
];
export const call = (block: number, id: string, name: string, ...pieces: string[]): EventPart[] => [
  begin(block, { kind: "tool-call", id, name }),
  ...pieces.map((piece) => write(block, piece)),
  over(block),
];
