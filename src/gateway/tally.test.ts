import { expect, test } from "bun:test";
import type { EventPart } from "../spec/event.ts";
import type { ModelRequest } from "../spec/request.ts";
import { Tally } from "./tally.ts";

const request: ModelRequest = {
  dialect: "openai-chat",
  model: "m",
  messages: [{ role: "user", parts: [{ type: "text", text: "x".repeat(40) }] }],
  stream: true,
  includeUsage: false,
};

function tallied(...parts: EventPart[]) {
  const tally = new Tally(request, true);
  tally.see({ parts });
  return tally;
}
const text = (value: string): EventPart => ({ type: "text-delta", choice: 0, block: 0, text: value });
const usage = (input: number, output: number): EventPart => ({ type: "usage", usage: { input, output } });

test("a whole answer is charged as reported", () => {
  expect(tallied(text("hi"), usage(5, 6), { type: "end" }).usage()).toEqual({
    usage: { input: 5, output: 6 },
    source: "reported",
  });
});

test("cumulative reports replace one another", () => {
  expect(tallied(usage(5, 1), usage(5, 2), usage(5, 9), { type: "end" }).usage().usage.output).toBe(9);
});

test("an answer that was cut is charged for the prompt and what was streamed", () => {
  expect(tallied(text("x".repeat(400))).usage()).toEqual({ usage: { input: 14, output: 100 }, source: "counted" });
});

test("a report that cannot be true is replaced by what was counted", () => {
  for (const [input, output] of [
    [-1, 5],
    [5, -1],
    [1e12, 5],
    [5, 1.5],
    [Number.NaN, 5],
  ] as const) {
    expect(tallied(text("x".repeat(40)), usage(input, output), { type: "end" }).usage().source).toBe("counted");
  }
});

test("bytes are counted as UTF-8", () => {
  expect(tallied(text("é".repeat(40))).usage().usage.output).toBe(20);
  expect(tallied(text("😀".repeat(40))).usage().usage.output).toBe(40);
});

test("text is kept only where the API captures, and only what has passed the guards", () => {
  const capturing = tallied(text("a secret"));
  capturing.keep({ parts: [text("a ***"), text("b")] });
  expect(capturing.capture()?.answer).toBe("a ***b");
  const other = new Tally(request, false);
  other.keep({ parts: [text("a")] });
  expect(other.capture()).toBeNull();
});
