import { describe, expect, test } from "bun:test";
import { AnswerParser, MAX_HEAD_BYTES, NoHttp } from "./http1.ts";

/** How the network may cut what was sent: as one, byte by byte, and in pieces of any size. */
type Cut = "whole" | "bytes" | number;
const CUTS: readonly Cut[] = ["whole", "bytes", ...Array.from({ length: 20 }, (_, seed) => seed + 1)];

function* pieces(text: string, cut: Cut): Generator<Buffer> {
  const bytes = Buffer.from(text, "latin1");
  let seed = typeof cut === "number" ? cut : 0;
  for (let at = 0; at < bytes.length; ) {
    seed = (seed * 48_271) % 2_147_483_647;
    const size = cut === "whole" ? bytes.length : cut === "bytes" ? 1 : 1 + (seed % 23);
    // A copy, as the network gives one: the parser moves what it gets.
    yield Buffer.from(bytes.subarray(at, at + size));
    at += size;
  }
}

interface Reading {
  parser: AnswerParser;
  status: number | undefined;
  headers: Record<string, string>;
  content: string;
  over: boolean;
  keepsOpen: boolean;
}

function read(text: string, cut: Cut = "whole", parser = new AnswerParser()): Reading {
  parser.next();
  let content = "";
  for (const piece of pieces(text, cut)) content += parser.push(piece)?.toString("latin1") ?? "";
  const { head, over, keepsOpen } = parser;
  return { parser, status: head?.status, headers: { ...head?.headers }, content, over, keepsOpen };
}

const OK = "HTTP/1.1 200 OK\r\n";
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;

describe.each(CUTS)("cut %p", (cut) => {
  test.each<[string, string, Partial<Reading>]>([
    ["a length", `${OK}Content-Length: 5\r\n\r\nhello`, { content: "hello", over: true, keepsOpen: true }],
    ["no content", `${OK}Content-Length: 0\r\n\r\n`, { content: "", over: true, keepsOpen: true }],
    ["one length twice", `${OK}Content-Length: 2\r\nContent-Length: 2\r\n\r\nab`, { content: "ab", over: true }],
    ["chunks", `${CHUNKED}3\r\nabc\r\n1A\r\n${"d".repeat(26)}\r\n0\r\n\r\n`, { content: `abc${"d".repeat(26)}`, over: true, keepsOpen: true }],
    ["no chunks", `${CHUNKED}0\r\n\r\n`, { content: "", over: true, keepsOpen: true }],
    ["chunks with extensions and trailers", `${CHUNKED}2;a="b;c"\r\nab\r\n1 \t; x\r\nc\r\n000 \r\nX-Sum: 1\r\nY: 2\r\n\r\n`, { content: "abc", over: true, keepsOpen: true }],
    ["chunks that hold line ends", `${CHUNKED}4\r\n\r\n\r\n\r\n2\r\n0\r\r\n0\r\n\r\n`, { content: "\r\n\r\n0\r", over: true, keepsOpen: true }],
    ["a coding in capitals", `${OK}TRANSFER-ENCODING: Chunked\r\n\r\n1\r\na\r\n0\r\n\r\n`, { content: "a", over: true }],
    ["neither length nor coding", `${OK}\r\nabc`, { content: "abc", over: false, keepsOpen: false }],
    ["no headers, as long as it goes", `HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na`, { content: "a", over: true, keepsOpen: false }],
    ["a last word", `${OK}Connection: keep-alive, Close\r\nContent-Length: 1\r\n\r\na`, { content: "a", over: true, keepsOpen: false }],
    ["a name that only looks like the last word", `${OK}Connection: closed\r\nContent-Length: 1\r\n\r\na`, { over: true, keepsOpen: true }],
    ["204, which has no content", "HTTP/1.1 204 No Content\r\n\r\n", { status: 204, content: "", over: true, keepsOpen: true }],
    ["304, which tells another answer's length", "HTTP/1.1 304 X\r\nContent-Length: 99\r\n\r\n", { status: 304, over: true, keepsOpen: true }],
    ["no reason", "HTTP/1.1 429\r\nContent-Length: 0\r\n\r\n", { status: 429, over: true }],
    ["a reason in another tongue", "HTTP/1.1 503 \xfcberlastet\r\nContent-Length: 0\r\n\r\n", { status: 503, over: true }],
    ["a status that nobody knows", "HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", { status: 999, over: true }],
    ["what comes before an answer", `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${OK}Content-Length: 1\r\n\r\na`, { status: 200, headers: { "content-length": "1" }, content: "a", over: true }],
    ["headers of any spelling", `${OK}X-A:1\r\nx-a: \t2 \r\nx!#$%&'*+-.^_\`|~9: \xe9\r\nEmpty:\r\nContent-Length: 0\r\n\r\n`, { headers: { "x-a": "1, 2", "x!#$%&'*+-.^_`|~9": "\xe9", empty: "", "content-length": "0" } }],
    ["names of an object's own", `${OK}__proto__: a\r\nconstructor: b\r\nContent-Length: 0\r\n\r\n`, { headers: { ["__proto__"]: "a", constructor: "b", "content-length": "0" } }],
    ["more than it said", `${OK}Content-Length: 2\r\n\r\nab${OK}`, { content: "ab", over: true, keepsOpen: false }],
    ["more after its chunks", `${CHUNKED}1\r\na\r\n0\r\n\r\nx`, { content: "a", over: true, keepsOpen: false }],
    ["more after an answer without content", `HTTP/1.1 204 X\r\n\r\nx`, { over: true, keepsOpen: false }],
    ["a part of what it said", `${OK}Content-Length: 3\r\n\r\nab`, { content: "ab", over: false }],
    ["chunks without an end", `${CHUNKED}1\r\na\r\n0\r\n`, { content: "a", over: false }],
  ])("an answer with %s", (_, text, expected) => {
    expect(read(text, cut)).toMatchObject(expected);
  });

  test.each<[string, string]>([
    ["no HTTP", "SSH-2.0-OpenSSH_9.9\r\n\r\n"],
    ["no HTTP, and no end of a line", "\x15\x03\x01\x00\x02\x02"],
    ["another version", "HTTP/2 200 OK\r\n\r\n"],
    ["a version that is none", "HTTP/1.2 200 OK\r\n\r\n"],
    ["a status of two digits", "HTTP/1.1 20 OK\r\n\r\n"],
    ["a status that begins with 0", "HTTP/1.1 020 OK\r\n\r\n"],
    ["two spaces", "HTTP/1.1  200 OK\r\n\r\n"],
    ["a space before it", " HTTP/1.1 200 OK\r\n\r\n"],
    ["a line end before it", "\r\nHTTP/1.1 200 OK\r\n\r\n"],
    ["line feeds alone", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"],
    ["a line feed in its reason", "HTTP/1.1 200 O\nK\r\n\r\n"],
    ["a line feed between headers", `${OK}A: b\nContent-Length: 0\r\n\r\n`],
    ["a carriage return in a header", `${OK}A: b\rC: d\r\n\r\n`],
    ["a carriage return before a name", `${OK}A: b\r\n\rC: d\r\n\r\n`],
    ["NUL in a header", `${OK}A: b\0c\r\n\r\n`],
    ["a control character around a value", `${OK}Content-Length: 1\x0b\r\n\r\na`],
    ["a line that is continued", `${OK}A: b\r\n c\r\n\r\n`],
    ["a first line that is continued", `${OK} A: b\r\n\r\n`],
    ["a header without a colon", `${OK}Content-Length\r\n\r\n`],
    ["a header without a name", `${OK}: 1\r\n\r\n`],
    ["a space before the colon", `${OK}Content-Length : 1\r\n\r\na`],
    ["a name that is no token", `${OK}A(b): 1\r\n\r\n`],
    ["two lengths", `${OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`],
    ["two lengths in one", `${OK}Content-Length: 1, 2\r\n\r\nab`],
    ["a negative length", `${OK}Content-Length: -1\r\n\r\n`],
    ["a length with a sign", `${OK}Content-Length: +1\r\n\r\na`],
    ["a length in hexadecimal", `${OK}Content-Length: 0x1\r\n\r\na`],
    ["a length that is empty", `${OK}Content-Length:\r\n\r\n`],
    ["a length beyond numbers", `${OK}Content-Length: ${"9".repeat(16)}\r\n\r\n`],
    ["a length and chunks", `${OK}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ["chunks in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["another coding", `${OK}Transfer-Encoding: gzip\r\n\r\n`],
    ["two codings", `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
    ["chunks twice", `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ["a coding with a space of another kind", `${OK}Transfer-Encoding: chunked\xa0\r\n\r\n0\r\n\r\n`],
    ["identity as a coding", `${OK}Transfer-Encoding: identity\r\n\r\n`],
    ["a switch to another protocol", "HTTP/1.1 101 X\r\nUpgrade: x\r\n\r\n"],
    ["interim answers without end", "HTTP/1.1 100 Continue\r\n\r\n".repeat(9)],
    ["too many headers", `${OK}${"A: b\r\n".repeat(257)}\r\n`],
    ["a chunk size that is none", `${CHUNKED}zz\r\n`],
    ["a chunk size that is empty", `${CHUNKED}\r\n`],
    ["a chunk size that is negative", `${CHUNKED}-1\r\n`],
    ["a chunk size with a prefix", `${CHUNKED}0x1\r\na\r\n`],
    ["a chunk size with a space before it", `${CHUNKED} 1\r\na\r\n`],
    ["two chunk sizes", `${CHUNKED}1 1\r\na\r\n`],
    ["a chunk size of nine digits", `${CHUNKED}000000001\r\na\r\n`],
    ["a chunk size that ends in a line feed", `${CHUNKED}1\na\r\n`],
    ["a chunk size that ends in a carriage return", `${CHUNKED}1\ra\r\n`],
    ["a chunk that is longer than it said", `${CHUNKED}1\r\nab\r\n`],
    ["a chunk that ends in a line feed", `${CHUNKED}1\r\na\n0\r\n\r\n`],
    ["a chunk that ends in a carriage return", `${CHUNKED}1\r\na\r0\r\n\r\n`],
    ["an extension with a line feed", `${CHUNKED}1;a\nb\r\na\r\n`],
    ["a trailer with a line feed", `${CHUNKED}0\r\nA: b\n\r\n`],
    ["a trailer that ends in a carriage return", `${CHUNKED}0\r\nA: b\rC\r\n\r\n`],
    ["an end that is none", `${CHUNKED}0\r\n\rX`],
  ])("%s is no HTTP", (_, text) => {
    expect(() => read(text, cut)).toThrow(NoHttp);
  });
}); // biome-ignore format: tables

test.each([
  ["one header", `${OK}A: ${"b".repeat(MAX_HEAD_BYTES)}`],
  ["extensions", `${CHUNKED}1;${"x".repeat(20_000)}\r\na\r\n`.replace(CHUNKED, "").repeat(4).replace(/^/, CHUNKED)],
  ["trailers", `${CHUNKED}0\r\n${`A: ${"b".repeat(1_000)}\r\n`.repeat(66)}`],
])("more than 64 kB in %s is no HTTP, whether it ends or not", (_, text) => {
  expect(() => read(text)).toThrow(NoHttp);
  expect(() => read(text, 7)).toThrow(NoHttp);
});

test("the end of the connection ends what has no other end, and nothing else", () => {
  for (const [text, whole] of [
    [`${OK}\r\nabc`, true],
    ["", true],
    [`${OK}Content-Length: 2\r\n\r\na`, false],
    [`${CHUNKED}1\r\na\r\n`, false],
    ["HTTP/1.1 200", false],
  ] as const) {
    expect(read(text).parser.end()).toBe(whole);
  }
});

test("one parser reads the answers of one connection, each by itself", () => {
  const parser = new AnswerParser();
  read(`${CHUNKED}1;x\r\na\r\n0\r\nB: c\r\n\r\n`, "whole", parser);
  expect(parser.keepsOpen).toBe(true);
  expect(read("HTTP/1.1 204 X\r\n\r\n", "whole", parser)).toMatchObject({ status: 204, headers: {}, over: true });
  expect(read(`${OK}Content-Length: 1\r\n\r\nb`, "whole", parser)).toMatchObject({ status: 200, content: "b" });
});

test("a name that providers invent is not kept for ever, and is read all the same", () => {
  for (let i = 0; i < 2_500; i++) {
    expect(read(`${OK}X-${i}: ${i}\r\nContent-Length: 0\r\n\r\n`).headers[`x-${i}`]).toBe(String(i));
  }
});
