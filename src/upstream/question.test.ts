import { describe, expect, test } from "bun:test";
import { question } from "./question.ts";

const textOf = ({ bytes }: { bytes: string | Uint8Array }) => Buffer.from(bytes as string).toString("latin1");

test("a question says each thing once: method, path, host, what the adapter wants, and its length", () => {
  const asked = question({ body: '{"a":"ü"}' }, "/v1/chat?x=1", "llm.example:81", {
    "content-type": "application/json",
    Authorization: "Bearer k",
  });
  expect(Buffer.from(asked.bytes as string).toString()).toBe(
    'POST /v1/chat?x=1 HTTP/1.1\r\nhost: llm.example:81\r\naccept-encoding: identity\r\ncontent-type: application/json\r\nAuthorization: Bearer k\r\nuser-agent: sallyport\r\naccept: */*\r\ncontent-length: 10\r\n\r\n{"a":"ü"}',
  );
  expect(asked.length).toBe(Buffer.byteLength(asked.bytes as string));
});

test("bytes stay what they are, and a header in Latin-1 does not become another", () => {
  const body = new Uint8Array([0, 255, 13, 10]);
  for (const headers of [{}, { "x-a": "\xe9" }]) {
    const asked = question({ body }, "/", "h", headers);
    expect(asked.bytes.length).toBe(asked.length);
    expect(textOf(asked)).toEndWith("content-length: 4\r\n\r\n\0\xff\r\n");
  }
  const mixed = question({ body: "ü" }, "/", "h", { "x-a": "\xe9" });
  expect(textOf(mixed)).toContain("x-a: \xe9\r\n");
  expect(textOf(mixed)).toEndWith("content-length: 2\r\n\r\n\xc3\xbc");
  expect(mixed.bytes.length).toBe(mixed.length);
});

test("only a POST has a body; without one it says so", () => {
  for (const method of ["GET", "DELETE"] as const) {
    const asked = question({ method, body: "never" }, "/", "h", {});
    expect(textOf(asked)).toStartWith(`${method} / HTTP/1.1\r\n`);
    expect(textOf(asked)).not.toMatch(/content-length|never/);
  }
  expect(textOf(question({ body: "" }, "/", "h", {}))).toEndWith("content-length: 0\r\n\r\n");
});

test("how the connection is used is nobody's to say", () => {
  const theirs = [
    "Host",
    "connection",
    "Content-Length",
    "transfer-encoding",
    "Accept-Encoding",
    "Expect",
    "TE",
    "upgrade",
  ];
  const headers = Object.fromEntries(theirs.map((name) => [name, "theirs"]));
  expect(textOf(question({ body: "a" }, "/", "h", headers))).not.toContain("theirs");
  const own = question({ body: "a" }, "/", "h", { "User-Agent": "them", Accept: "text/plain" });
  expect(textOf(own)).not.toMatch(/user-agent: sallyport|accept: \*/);
});

describe("what could be read as something else is not written", () => {
  const bad = ["a\r\nb", "a\nb", "a\rb", "a\0b", "a\x7f", "a\u{1f600}", "a\u010a"];
  test.each(bad.map((text) => [JSON.stringify(text), text] as const))("as a header's value: %s", (_, text) => {
    expect(() => question({ body: "" }, "/", "h", { "x-a": text })).toThrow(
      expect.objectContaining({ code: "internal", internal: "a header of the request cannot be written" }),
    );
  });
  test.each([...bad, "", "a b", "a:", "ü"].map((text) => [JSON.stringify(text), text] as const))(
    "as a header's name: %s",
    (_, text) => {
      expect(() => question({ body: "" }, "/", "h", { [text]: "a" })).toThrow(
        expect.objectContaining({ code: "internal" }),
      );
    },
  );
  test.each([...bad, "a b", "a\tb"].map((text) => [JSON.stringify(text), text] as const))(
    "as a path: %s",
    (_, text) => {
      expect(() => question({ body: "" }, `/${text}`, "h", {})).toThrow(expect.objectContaining({ code: "internal" }));
    },
  );
});
