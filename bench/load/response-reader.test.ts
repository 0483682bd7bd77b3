import { describe, expect, test } from "bun:test";
import { jsonAnswer, streamAnswer } from "../answers.ts";
import { ResponseReader } from "./response-reader.ts";

const head = (...lines: string[]) => `HTTP/1.1 200 OK\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`;

const RESPONSES = [
  { name: "a body of known length", bytes: `${head("content-length: 5")}hello` },
  { name: "an empty body", bytes: head("Content-Length: 0") },
  { name: "a chunked body", bytes: `${head("Transfer-Encoding: chunked")}5\r\nhello\r\n0\r\n\r\n` },
  { name: "an empty chunked body", bytes: `${head("Transfer-Encoding: chunked")}0\r\n\r\n` },
  {
    name: "a chunk that looks like the last one",
    bytes: `${head("transfer-encoding: chunked")}3\r\na0\n\r\n0\r\n\r\n`,
  },
  { name: "no body by status", bytes: "HTTP/1.1 204 No Content\r\n\r\n" },
  { name: "the bench's JSON answer", bytes: jsonAnswer().toString() },
  { name: "the bench's stream", bytes: Buffer.concat(streamAnswer()).toString() },
];

describe("the reader of responses finds the end, and only the end, however the bytes are cut:", () => {
  test.each(RESPONSES)("$name", ({ bytes }) => {
    const whole = Buffer.from(bytes);
    for (const size of [1, 2, 3, 5, 7, 8, 64, whole.length]) {
      const reader = new ResponseReader();
      // Two responses on one connection: what the first leaves behind must not disturb the second.
      for (let round = 0; round < 2; round++) {
        const ends: number[] = [];
        for (let at = 0; at < whole.length; at += size) {
          const end = Math.min(at + size, whole.length);
          if (reader.feed(whole.subarray(at, end))) ends.push(end);
        }
        expect(ends).toEqual([whole.length]);
        expect(reader.bytes).toBe(whole.length);
        reader.reset();
      }
    }
  });

  test("a status and an announced close are reported", () => {
    const reader = new ResponseReader();
    reader.feed(Buffer.from("HTTP/1.1 503 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
    expect([reader.status, reader.closes]).toEqual([503, true]);
  });
});
