import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MAX_FRAME_BYTES } from "../kernel/bounds.ts";
import { MalformedAnswer } from "../spec/adapter.ts";
import type { RawFrame } from "./framing.ts";
import { NdjsonFramer } from "./ndjson.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function frame(chunks: Uint8Array[]): RawFrame[] {
  const framer = new NdjsonFramer();
  const frames = chunks.flatMap((chunk) => framer.push(chunk));
  return [...frames, ...framer.close()];
}

const text = ({ source, start, end }: RawFrame) => new TextDecoder().decode(source.slice(start, end));

describe("lines of JSON", () => {
  const rows: [string, string, string[]][] = [
    ["end in LF", '{"a":1}\n{"b":2}\n', ['{"a":1}', '{"b":2}']],
    ["end in CRLF", '{"a":1}\r\n{"b":2}\r\n', ['{"a":1}', '{"b":2}']],
    ["may be blank, which says nothing", '\n\n{"a":1}\n \n', ['{"a":1}']],
    ["need no end at the end of the stream", '{"a":1}\n{"b":2}', ['{"a":1}', '{"b":2}']],
    ["may hold separators that end no line of JSON", '{"a":"\u2028\u0085"}\n', ['{"a":"\u2028\u0085"}']],
  ];
  for (const [name, body, lines] of rows) {
    test(name, () => expect(frame([bytes(body)]).map(({ data }) => data)).toEqual(lines));
  }
});

test("what is relayed of a line that had no end has one", () => {
  expect(frame([bytes('{"a":1}')]).map(text)).toEqual(['{"a":1}\n']);
});

test("however the network cuts a stream, the lines and their bytes are the same", () => {
  const line = fc.constantFrom('{"a":"ä€😀"}', '{"done":true}', "[1]", "");
  const end = fc.constantFrom("\n", "\r\n");
  const lines = fc.array(fc.tuple(line, end), { maxLength: 12 });
  fc.assert(
    fc.property(lines, fc.array(fc.nat(200), { maxLength: 30 }), (all, cuts) => {
      const whole = bytes(all.map((each) => each.join("")).join(""));
      const at = [...new Set(cuts.map((cut) => cut % (whole.length + 1)))].sort((a, b) => a - b);
      const chunks = [0, ...at].map((from, i) => whole.slice(from, at[i] ?? whole.length));
      expect(frame(chunks).map((each) => [each.data, text(each)])).toEqual(
        frame([whole]).map((each) => [each.data, text(each)]),
      );
      // What was cut is what came, blank lines apart.
      expect(frame(chunks).map(text).join("")).toBe(all.map(([l, e]) => (l === "" ? "" : l + e)).join(""));
    }),
  );
});

test("a frame keeps its bytes while later chunks come", () => {
  const framer = new NdjsonFramer();
  framer.push(bytes('{"a":'));
  const [first] = framer.push(bytes('1}\n{"b"'));
  framer.push(bytes(`:2}\n${'{"c":3}\n'.repeat(300)}`));
  expect(text(first!)).toBe('{"a":1}\n');
});

test("a line longer than the bound ends the stream, in one piece or in many", () => {
  expect(() => new NdjsonFramer().push(new Uint8Array(MAX_FRAME_BYTES + 1).fill(120))).toThrow(MalformedAnswer);
  const framer = new NdjsonFramer();
  const piece = new Uint8Array(1024 * 1024).fill(120);
  for (let i = 0; i < 16; i++) framer.push(piece);
  expect(() => framer.push(piece)).toThrow(MalformedAnswer);
  const ended = new Uint8Array(MAX_FRAME_BYTES + 2).fill(120);
  ended[ended.length - 1] = 10;
  expect(() => new NdjsonFramer().push(ended)).toThrow(MalformedAnswer);
});
