import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MAX_FRAME_BYTES } from "../kernel/bounds.ts";
import { MalformedAnswer } from "../spec/adapter.ts";
import { type RawFrame, SseFramer, sseComment } from "./framing.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function frame(chunks: Uint8Array[]) {
  const framer = new SseFramer();
  const frames = chunks.flatMap((chunk) => framer.push(chunk));
  return [...frames, ...framer.close()];
}

const bytesOf = ({ source, start, end }: RawFrame) => source.slice(start, end);

const said = (text: string) => frame([bytes(text)]).map(({ event, data }) => [event, data]);

describe("server-sent events are read as WHATWG says", () => {
  const rows: [string, string, [string, string][]][] = [
    ["one line of data", "data: a\n\n", [["", "a"]]],
    ["no space after the colon", "data:a\n\n", [["", "a"]]],
    [
      "CRLF",
      "data: a\r\n\r\ndata: b\r\n\r\n",
      [
        ["", "a"],
        ["", "b"],
      ],
    ],
    [
      "CR alone",
      "data: a\r\rdata: b\r\r",
      [
        ["", "a"],
        ["", "b"],
      ],
    ],
    ["several data lines", "data: a\ndata: b\n\n", [["", "a\nb"]]],
    ["named events", "event: ping\ndata: {}\n\n", [["ping", "{}"]]],
    ["id and unknown fields are passed over", "id: 1\nfoo\ndata: a\n\n", [["", "a"]]],
    [
      "a comment is a frame that says nothing",
      ": OPENROUTER\n\ndata: a\n\n",
      [
        ["", ""],
        ["", "a"],
      ],
    ],
    [
      "blank lines between events are nothing",
      "\n\ndata: a\n\n\n\ndata: b\n\n",
      [
        ["", "a"],
        ["", "b"],
      ],
    ],
    [
      "the last event needs no blank line",
      "data: a\n\ndata: b",
      [
        ["", "a"],
        ["", "b"],
      ],
    ],
    ["data with line separators of JSON strings", "data: \u2028x\u0085\n\n", [["", "\u2028x\u0085"]]],
  ];
  for (const [name, text, expected] of rows) test(name, () => expect(said(text)).toEqual(expected));
});

test("however the network cuts a stream, the events and their bytes are the same", () => {
  const line = fc.constantFrom('data: {"a":"ä€😀"}', "data: [DONE]", "event: x", ": c", "data:", "id: 7");
  const end = fc.constantFrom("\n", "\r\n", "\r");
  const event = fc.tuple(fc.array(line, { minLength: 1, maxLength: 3 }), end).map(([l, e]) => l.join(e) + e + e);
  fc.assert(
    fc.property(fc.array(event, { maxLength: 8 }), fc.array(fc.nat(400), { maxLength: 30 }), (events, cuts) => {
      const whole = bytes(events.join(""));
      const at = [...new Set(cuts.map((cut) => cut % (whole.length + 1)))].sort((a, b) => a - b);
      const chunks = [0, ...at].map((from, i) => whole.slice(from, at[i] ?? whole.length));
      const cut = frame(chunks);
      expect(cut.map(({ event, data }) => [event, data])).toEqual(
        frame([whole]).map(({ event, data }) => [event, data]),
      );
      const relayed = Buffer.concat(cut.map(bytesOf)).toString();
      expect(relayed.replace(/\r\n|\r|\n/g, "")).toBe(events.join("").replace(/\r\n|\r|\n/g, ""));
    }),
    { numRuns: 500 },
  );
});

test("whole events in one read are cut without a copy, and their bytes are where they say", () => {
  const chunk = bytes("data: 1\n\n\nevent: x\ndata: 2\ndata: 3\n\n: hi\n\ndata: 4\n\n");
  const frames = new SseFramer().push(chunk);
  expect(frames.map(({ event, data }) => [event, data])).toEqual([
    ["", "1"],
    ["x", "2\n3"],
    ["", ""],
    ["", "4"],
  ]);
  for (const cut of frames) expect(cut.source).toBe(chunk);
  expect(frames.map((cut) => Buffer.from(bytesOf(cut)).toString())).toEqual([
    "data: 1\n\n",
    "event: x\ndata: 2\ndata: 3\n\n",
    ": hi\n\n",
    "data: 4\n\n",
  ]);
});

test("relayed bytes of well-formed events are the bytes that came", () => {
  const text = "event: a\ndata: 1\n\n: hi\n\ndata: 2\n\n";
  expect(Buffer.concat(frame([...bytes(text)].map((b) => Uint8Array.of(b))).map(bytesOf)).toString()).toBe(text);
});

describe("an event that the stream's end left open gets the line ends that it lacks", () => {
  const rows: [string, string, string][] = [
    ["in the middle of a line", 'data: {"a":1}', 'data: {"a":1}\n\n'],
    ["after its line", "event: x\ndata: b\n", "event: x\ndata: b\n\n"],
    ["after a line that ended in CRLF", "data: b\r\n", "data: b\r\n\n"],
    ["between CR and LF", "data: b\r", "data: b\r\n\n"],
    ["between CR and LF of the blank line", "data: b\r\n\r", "data: b\r\n\r"],
    ["after a CR that is the blank line", "data: b\r\r", "data: b\r\r"],
    ["in a comment", ": b", ": b\n\n"],
  ];
  for (const [name, text, expected] of rows) {
    test.each([
      ["in one read", [bytes(`data: a\n\n${text}`)]],
      ["byte by byte", [...bytes(`data: a\n\n${text}`)].map((byte) => Uint8Array.of(byte))],
    ])(`${name}, %s`, (_, chunks) => {
      const frames = frame(chunks);
      expect(frames).toHaveLength(2);
      const last = frames[1]!;
      expect(Buffer.from(bytesOf(last)).toString()).toBe(expected);
      expect([last.start, last.end]).toEqual([0, last.source.length]);
      // What is written after it stands alone.
      const followed = Buffer.concat([...frames.map(bytesOf), bytes("data: next\n\n")]).toString();
      expect(said(followed)).toEqual([
        ["", "a"],
        [last.event, last.data],
        ["", "next"],
      ]);
    });
  }
});

test("an event longer than the bound is refused, and not kept", () => {
  const framer = new SseFramer();
  const chunk = new Uint8Array(1024 * 1024).fill(97);
  expect(() => {
    for (let i = 0; i <= MAX_FRAME_BYTES / chunk.length; i++) framer.push(chunk);
  }).toThrow(MalformedAnswer);
});

test.each([
  ["lines that end in LF", "data: a\n\n"],
  ["lines that end in CR or LF", "data: a\r\n\r\n"],
])("a long line that comes in small reads is searched once: %s", (_, before) => {
  const framer = new SseFramer();
  framer.push(bytes(before));
  const chunk = new Uint8Array(1_024).fill(97);
  const reads = 12 * 1_024;
  const begun = performance.now();
  // Some 50 ms; many seconds where every read searches from the line's beginning.
  for (let read = 0; read < reads && performance.now() - begun < 3_000; read++) framer.push(chunk);
  expect(performance.now() - begun).toBeLessThan(3_000);
  expect(framer.push(bytes("\n\n")).map(({ end }) => end)).toEqual([reads * 1_024 + 2]);
});

test("a comment cannot break out of its line", () => {
  expect(sseComment("a\n\ndata: x")).toBe(": a data: x\n\n");
});
