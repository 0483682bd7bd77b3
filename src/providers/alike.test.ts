import { expect, test } from "bun:test";
import fc from "fast-check";
import type { AnswerDecoder } from "../spec/adapter.ts";
import type { EventPart } from "../spec/event.ts";
import type { ModelRequest } from "../spec/request.ts";
import { Alike } from "./alike.ts";
import { MessagesDecoder } from "./anthropic/events.ts";
import { ChatDecoder } from "./openai/events.ts";

const said = (text: string): EventPart[] => [{ type: "text-delta", choice: 0, block: 0, text }];
const frame = (text: string, event = "") => ({
  event,
  data: `{"id":"x","delta":{"content":${JSON.stringify(text)}},"n":null}`,
});

function learned(text: string, data = frame(text).data): Alike {
  const alike = new Alike();
  alike.learn({ event: "", data }, said(text));
  return alike;
}

test("a frame that differs in its text alone is read without being parsed", () => {
  const alike = learned("Hello");
  expect(alike.again(frame(", world"))).toEqual(said(", world"));
  expect(alike.again(frame("and on"))).toEqual(said("and on"));
});

test.each(['a "word"', "a\nb", "\\", '","x":"', "é🙂\u2028", "\ud83d"])(
  "so is a text that JSON escapes: %j",
  (text) => {
    expect(learned("Hello").again(frame(text))).toEqual(said(text));
  },
);

test("a text keeps nothing in memory but itself", () => {
  const alike = learned("Hello");
  const decoder = new TextDecoder();
  const used = () => {
    Bun.gc(true);
    return process.memoryUsage().heapUsed;
  };
  const before = used();
  const texts: string[] = [];
  for (let i = 0; i < 300; i++) {
    const { data } = frame(`the word number ${i}`);
    // As the network brings them: one among others.
    const read = decoder.decode(Buffer.from(`${data}\n${"x".repeat(100_000)}`));
    const [part] = alike.again({ event: "", data: read.slice(0, data.length) })!;
    texts.push((part as Extract<EventPart, { type: "text-delta" }>).text);
  }
  expect(used() - before).toBeLessThan(5_000_000);
  expect(texts).toHaveLength(300);
});

test.each<[string, { event: string; data: string }]>([
  ["an empty text", frame("")],
  ["another event", frame("Hi", "error")],
  ["a longer frame", { event: "", data: `${frame("Hi").data} ` }],
  ["another id", { event: "", data: frame("Hi").data.replace('"x"', '"y"') }],
  ["one field more", { event: "", data: frame("Hi").data.replace("Hi", 'Hi","role":"tool') }],
  ["a bare line feed, which JSON forbids", { event: "", data: frame("a b").data.replace("a b", "a\nb") }],
  ["less than what is around", { event: "", data: '{"id":"x","delta":{"content":""},"n":null}'.slice(0, 30) }],
])("%s must be parsed", (_, other) => {
  expect(learned("Hello").again(other)).toBeUndefined();
});

test.each([
  ["stands there twice", "stop", '{"kind":"stop","text":"stop"}'],
  ["is written with escapes, and looks like something else", "Hi", '{"kind":"Hi","text":"\\u0048i"}'],
  ["does not stand there", "Hi", '{"text":["H","i"]}'],
])("nothing is learned of a text that %s", (_, text, data) => {
  const alike = learned(text, data);
  expect(alike.again({ event: "", data: data.replace(text, "Yo") })).toBeUndefined();
});

test("nothing is learned of a frame that says more than a text", () => {
  const alike = new Alike();
  alike.learn(frame("Hello"), [...said("Hello"), { type: "ping" }]);
  expect(alike.again(frame("again"))).toBeUndefined();
});

test("what came between makes the next one strange again", () => {
  const alike = learned("Hello");
  alike.learn(frame("x"), []);
  expect(alike.again(frame("again"))).toBeUndefined();
});

test("a provider that pads its frames is left in peace after some of them", () => {
  const alike = new Alike();
  for (let i = 0; i < 100; i++) {
    const data = frame("word").data.replace('"x"', `"x${i}"`);
    expect(alike.again({ event: "", data })).toBeUndefined();
    alike.learn({ event: "", data }, said("word"));
  }
  expect(alike.again({ event: "", data: frame("more").data.replace('"x"', '"x99"') })).toBeUndefined();
});

const request = { dialect: "openai-chat", messages: [], choices: 1 } as unknown as ModelRequest;
const chat = (text: string, pad: string) =>
  JSON.stringify({ id: "c", choices: [{ index: 0, delta: { content: text }, finish_reason: null }], pad });
const thought = (text: string, pad: string) =>
  JSON.stringify({ id: "c", choices: [{ index: 0, delta: { reasoning_content: text } }], pad });
const messages = (text: string, pad: string) =>
  JSON.stringify({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text }, pad });

function read(decoder: AnswerDecoder, frames: string[]): EventPart[] {
  return frames.flatMap((data) => decoder.frame({ event: "", data }));
}

/** Words of which many stand elsewhere in a frame, and texts that JSON escapes. */
const words = fc.array(
  fc.oneof(
    fc.constantFrom("content", "c", "choices", "text_delta", "delta", "pad", "", "\\", '"', "é", "🙂", "\u2028"),
    fc.string(),
  ),
  { maxLength: 30 },
);

test.each([
  ["chat", () => new ChatDecoder(request), [chat]],
  ["chat with thoughts between", () => new ChatDecoder(request), [chat, thought]],
  ["messages", () => new MessagesDecoder(undefined), [messages]],
] as const)(
  "a stream of %s says the same whether its frames are alike or none is like another",
  (_, decoder, kinds) => {
    fc.assert(
      fc.property(words, fc.array(fc.nat(9), { minLength: 1 }), (texts, draws) => {
        const kindOf = (i: number) => kinds[draws[i % draws.length]! < 8 ? 0 : kinds.length - 1]!;
        const alike = texts.map((text, i) => kindOf(i)(text, "-"));
        const strange = texts.map((text, i) => kindOf(i)(text, String(i)));
        expect(read(decoder(), alike)).toEqual(read(decoder(), strange));
      }),
      { numRuns: 300 },
    );
  },
);
