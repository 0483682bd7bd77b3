/**
 * Bad input, third part: bodies. Too large, too slow, broken off, no text, no JSON, too deep,
 * too wide, or with a key that turns into a prototype.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { requestText, sendRaw } from "../support/raw-http.ts";
import { ASKED, type DialectName, FRONTS, type Refusal, Scene } from "../support/scene.ts";

const CAP = 64 * 1024;

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.start({ settings: { maxBodyBytes: CAP } });
});
afterAll(() => scene.stop());
beforeEach(() => scene.fresh());

/** A body of exactly so many bytes that would be served. */
function bodyOf(front: DialectName, stream: boolean, bytes: number): string {
  const empty = JSON.stringify(FRONTS[front].body({ stream, messages: [{ role: "user", content: "" }] }));
  return empty.replace('"content":""', `"content":"${"a".repeat(bytes - empty.length)}"`);
}

const head = (front: DialectName, ...more: string[]) =>
  [
    `POST ${FRONTS[front].path} HTTP/1.1`,
    ["Host: gateway", `x-api-key: ${scene.app.key}`, "Content-Type: application/json", ...more],
  ] as const;

function* inChunks(front: DialectName, body: string): Generator<string> {
  yield requestText(...head(front, "Transfer-Encoding: chunked"));
  for (let at = 0; at < body.length; at += 10_000) {
    const piece = body.slice(at, at + 10_000);
    yield `${piece.length.toString(16)}\r\n${piece}\r\n`;
  }
  yield "0\r\n\r\n";
}

/** A letter for ever: by a length of a gigabyte, or in chunks. */
function* endless(
  front: DialectName,
  framing: "length" | "chunked",
  bad: string[] = [],
): Generator<string | Uint8Array> {
  const coding = framing === "length" ? "Content-Length: 1000000000" : "Transfer-Encoding: chunked";
  const [line, headers] = head(front, coding);
  yield requestText(bad[0] ?? line, bad.length > 1 ? ["Host: gateway", coding, ...bad.slice(1)] : headers);
  const letters = Buffer.alloc(65_536, "a");
  const piece =
    framing === "length" ? letters : Buffer.concat([Buffer.from("10000\r\n"), letters, Buffer.from("\r\n")]);
  for (let sent = 0; sent < 1e9; sent += letters.length) yield piece;
}

/** What socket buffers of both sides may have taken beside what the gateway read. */
const BUFFERED = 16 * 1_048_576;

describe.each(ASKED)("the size of a body, to $front, stream: $stream", ({ front, stream }) => {
  test("exactly the cap is served, with a length and in chunks", async () => {
    const body = bodyOf(front, stream, CAP);
    await scene.served(front, {}, { body });
    const answer = await sendRaw(scene.app.url, inChunks(front, body));
    expect(answer.status).toBe(200);
    expect(await scene.record()).toMatchObject({ outcome: "finished", stream });
    expect(scene.up.requests).toHaveLength(2);
  });

  test("one byte more is refused, with a length and in chunks", async () => {
    const body = bodyOf(front, stream, CAP + 1);
    await scene.refused(front, await scene.call(front, {}, { body }), { code: "body_too_large" });
    await scene.refused(front, await sendRaw(scene.app.url, inChunks(front, body)), { code: "body_too_large" });
  });

  test.each(["length", "chunked"] as const)(
    "a gigabyte (%s) is refused, little of it is read, and the connection closes",
    async (framing) => {
      const answer = await sendRaw(scene.app.url, endless(front, framing), { closeMs: 4_000 });
      await scene.refused(front, answer, { code: "body_too_large" });
      expect(answer.header("connection")).toBe("close");
      expect(answer.closed).toBe(true);
      expect(answer.sent).toBeLessThan(BUFFERED);
    },
  );

  test.each(["length", "chunked"] as const)("nor is a gigabyte (%s) read of a stranger, or to where nothing is", async (framing) => {
    const stranger = endless(front, framing, [`POST ${FRONTS[front].path} HTTP/1.1`, "x-api-key: sp_live_no"]);
    const nowhere = endless(front, framing, [`POST ${front === "openai" ? "/v1/none" : "/v1/messages/none"} HTTP/1.1`]);
    for (const [pieces, code] of [[stranger, "invalid_credential"], [nowhere, "not_found"]] as const) {
      const answer = await sendRaw(scene.app.url, pieces, { closeMs: 4_000 });
      // Whoever sends on while the connection closes may miss the answer; it must be closed all the same.
      if (answer.status !== 0) await scene.refused(front, answer, { code });
      expect(answer.closed).toBe(true);
      expect(answer.sent).toBeLessThan(BUFFERED);
      await scene.fresh();
    }
  }); // biome-ignore format: rows
});

describe.each(ASKED)("the body of a refused call, to $front, stream: $stream", ({ front, stream }) => {
  test.each<[string, string[], Refusal]>([
    ["of a stranger", ["POST", "/v1/messages", "x-api-key: sp_live_no"], { code: "invalid_credential" }],
    ["to where nothing is", ["POST", "/v1/messages/none", "x-api-key: KEY"], { code: "not_found" }],
    ["with the wrong method", ["PUT", "/v1/messages", "x-api-key: KEY"], { code: "method_not_allowed" }],
    ["of the wrong type", ["POST", "/v1/messages", "x-api-key: KEY\r\nContent-Type: text/plain"], { code: "unsupported_media_type" }],
    ["with a forbidden header", ["POST", "/v1/messages", "x-api-key: KEY\r\nx-base-url: a"], { code: "forbidden_header" }],
  ])("%s is not taken for the next request", async (_, [method, path, headers], wanted) => {
    const [line, head_] = head(front);
    const hidden = requestText(line, head_, JSON.stringify(FRONTS[front].body({ stream })));
    const outer = ["Host: gateway", headers!.replace("KEY", scene.app.key)];
    const chunked = `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`;
    for (const text of [
      requestText(`${method} ${path} HTTP/1.1`, outer, hidden),
      requestText(`${method} ${path} HTTP/1.1`, [...outer, "Transfer-Encoding: chunked"], chunked),
    ]) {
      const answer = await sendRaw(scene.app.url, [text], { closeMs: 60 });
      expect(answer.text.match(/HTTP\/1\.1/g)).toBeNull();
      await scene.refused("anthropic", answer, wanted);
    }
  });
}); // biome-ignore format: rows

describe.each(ASKED)("a body that does not come, to $front, stream: $stream", ({ front, stream }) => {
  test.each(["length", "chunked"] as const)("in time (%s): refused, and the connection closes", async (framing) => {
    const slow = await Scene.start({ settings: { deadlines: { bodyMs: 60 } } });
    const coding = framing === "length" ? "Content-Length: 100" : "Transfer-Encoding: chunked";
    const text = requestText(`POST ${FRONTS[front].path} HTTP/1.1`, ["Host: a", `x-api-key: ${slow.app.key}`, "Content-Type: application/json", coding]);
    const begun = framing === "length" ? `{"stream":${stream},` : '5\r\n{"a":\r\n';
    const answer = await sendRaw(slow.app.url, [text, begun], { closeMs: 2_000 });
    await slow.refused(front, answer, { code: "body_timeout" });
    expect(answer.closed).toBe(true);
    await slow.stop();
  });

  test.each(["length", "chunked"] as const)("because the caller left (%s): a record, and nothing upstream", async (framing) => {
    const coding = framing === "length" ? "Content-Length: 100" : "Transfer-Encoding: chunked";
    const begun = framing === "length" ? `{"stream":${stream},` : '5\r\n{"a":\r\n';
    await sendRaw(scene.app.url, [requestText(...head(front, coding)), begun], { answerMs: 30 });
    expect(await scene.record()).toMatchObject({ outcome: "cancelled", errorCode: "client_closed", status: 499 });
    expect(scene.up.requests).toEqual([]);
    await scene.quiet();
  });
}); // biome-ignore format: rows

/** Encodings of "a" that are no UTF-8, and texts in other encodings (RFC 3629 sections 3 and 10). */
const notUtf8: Record<string, (text: string) => Uint8Array> = {
  "a lone continuation byte": (text) => spliced(text, [0x80]),
  "a byte that never occurs": (text) => spliced(text, [0xff]),
  "an overlong slash": (text) => spliced(text, [0xc0, 0xaf]),
  "an overlong NUL": (text) => spliced(text, [0xc0, 0x80]),
  "a surrogate": (text) => spliced(text, [0xed, 0xa0, 0x80]),
  "a character beyond U+10FFFF": (text) => spliced(text, [0xf4, 0x90, 0x80, 0x80]),
  "a character that breaks off": (text) => spliced(text, [0xe2, 0x82]),
  "Latin-1": (text) => spliced(text, [0xe9]),
  "UTF-16 with a byte order mark": (text) => Buffer.from(`\ufeff${text}`, "utf16le"),
  "UTF-16 without one": (text) => Buffer.from(text, "utf16le"),
  "a byte order mark before UTF-8": (text) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(text)]),
};

/** The bytes in place of the marked letter. */
function spliced(text: string, bytes: number[]): Uint8Array {
  const at = text.indexOf("@");
  return Buffer.concat([Buffer.from(text.slice(0, at)), Buffer.from(bytes), Buffer.from(text.slice(at + 1))]);
}

describe.each(ASKED)("text that is none, to $front, stream: $stream", ({ front, stream }) => {
  const text = JSON.stringify(FRONTS[front].body({ stream, messages: [{ role: "user", content: "@" }] }));

  test.each(Object.entries(notUtf8))("%s is refused", async (_, spoil) => {
    await scene.refused(front, await scene.call(front, {}, { body: spoil(text) }), {
      code: "invalid_json",
      param: null,
    });
  });

  test("the same text unspoilt is served", () => scene.served(front, {}, { body: text }).then(() => {}));

  test.each(["\ud800", "\udc00", "\udc00\ud800"])(
    "a lone surrogate as an escape (%j) is taken, and nothing breaks",
    async (half) => {
      const { text: answer } = await scene.served(
        front,
        {},
        { body: text.replace("@", JSON.stringify(half).slice(1, -1)) },
      );
      expect(answer).toContain("Hello.");
    },
  );

  test.each(["", " ", "null", "true", "1", '"text"', "[]", "[{}]"])("%j as the whole body is refused", async (body) => {
    const code = body.trim() === "" ? "invalid_json" : "invalid_request";
    await scene.refused(front, await scene.call(front, {}, { body }), { code, param: null });
  });

  test.each(["}", ",", "\u0000", " x", "//", "{}", "\n[]"])("%j after the body is refused", async (more) => {
    await scene.refused(front, await scene.call(front, {}, { body: text + more }), { code: "invalid_json" });
  });

  test.each([
    "'",
    "{model:'small'}",
    "{'model':1}",
    '{"a":NaN}',
    '{"a":Infinity}',
    '{"a":01}',
    '{"a":1,}',
    '{"a":"\u0001"}',
    '{"a":"\\x41"}',
  ])("%j is refused", async (body) => {
    await scene.refused(front, await scene.call(front, {}, { body }), { code: "invalid_json" });
  });
});

describe.each(ASKED)("structures beyond the bounds, to $front, stream: $stream", ({ front, stream }) => {
  const open = JSON.stringify(FRONTS[front].body({ stream })).slice(0, -1);
  const keys = Array.from({ length: 100_000 }, (_, i) => `"k${i}":1`).join();

  test.each<[string, string]>([
    ["100,000 nested arrays", `${"[".repeat(100_000)}${"]".repeat(100_000)}`],
    ["100,000 arrays that never end", "[".repeat(100_000)],
    ["100,000 nested objects", `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`],
    ["100,000 nested arrays in a field", `${open},"x":${"[".repeat(100_000)}${"]".repeat(100_000)}}`],
    ["129 levels in a tool's schema", `${open},"tools":[{"type":"function","function":{"name":"f","parameters":${'{"a":'.repeat(128)}1${"}".repeat(128)}}}]}`],
    ["100,000 keys", `${open},${keys}}`],
    ["100,000 keys in a field", `${open},"metadata":{${keys}}}`],
    ["100,000 items", `${open},"stop":[${"1,".repeat(99_999)}1]}`],
    ["100,000 empty messages", `${open},"messages":[${"{},".repeat(99_999)}{}]}`],
  ])("%s are refused at once", async (_, body) => {
    const wide = await Scene.start();
    const started = performance.now();
    const response = await wide.call(front, {}, { body });
    expect(performance.now() - started).toBeLessThan(1_000);
    await wide.refused(front, response, { code: "invalid_json", param: null });
    await wide.stop();
  });

  test("10,001 messages are refused by name", async () => {
    const wide = await Scene.start();
    const list = Array.from({ length: 10_001 }, () => ({ role: "user", content: "" }));
    await wide.refused(front, await wide.call(front, { stream, messages: list }), { code: "invalid_request", param: "messages" });
    await wide.stop();
  });
}); // biome-ignore format: rows

/** Every way of writing the key `__proto__` in JSON with at most so many escapes, and with all of them. */
function* spellings(most: 1 | 2): Generator<string> {
  const letters = [..."__proto__"];
  const escaped = (letter: string, upper: boolean) => {
    const hex = letter.charCodeAt(0).toString(16).padStart(4, "0");
    return `\\u${upper ? hex.toUpperCase() : hex}`;
  };
  yield letters.join("");
  for (let a = 0; a < letters.length; a++) {
    for (let b = a; b < (most === 1 ? a + 1 : letters.length); b++) {
      for (const upper of [false, true]) {
        yield letters.map((letter, i) => (i === a || i === b ? escaped(letter, upper) : letter)).join("");
      }
    }
  }
  yield letters.map((letter) => escaped(letter, false)).join("");
}

describe.each(ASKED)("the key __proto__, to $front, stream: $stream", ({ front, stream }) => {
  const open = JSON.stringify(FRONTS[front].body({ stream })).slice(0, -1);
  const poison = '{"polluted":"yes","model":"claude"}';

  test.each<[string, (key: string) => string, string]>([
    ["at the top", (key) => `${open},"${key}":${poison}}`, "__proto__"],
    ["in a field", (key) => `${open},"metadata":{"${key}":${poison}}}`, "metadata.__proto__"],
    ["in an unknown field", (key) => `${open},"x":[1,{"y":{"${key}":1}}]}`, "x[1].y.__proto__"],
    ["in a message", (key) => `${open},"messages":[{"role":"user","content":"a","${key}":${poison}}]}`, "messages[0].__proto__"],
    ["in a content block", (key) => `${open},"messages":[{"role":"user","content":[{"type":"text","text":"a","${key}":1}]}]}`, "messages[0].content[0].__proto__"],
    ["in a tool's schema", (key) => `${open},"tools":[{"type":"function","name":"f","input_schema":{"${key}":{}}}]}`, "tools[0].input_schema.__proto__"],
  ])("%s is refused in every spelling", async (_, write, param) => {
    for (const key of spellings(param === "__proto__" ? 2 : 1)) {
      const response = await scene.call(front, {}, { body: write(key) });
      await scene.refused(front, response, { code: "invalid_request", param });
    }
    expect(({} as { polluted?: string }).polluted).toBeUndefined();
  });

  test.each(["constructor", "prototype", "toString", "hasOwnProperty", "__defineGetter__"])("%s is a key like any other", async (name) => {
    const { record } = await scene.served(front, { stream, [name]: { polluted: "yes" } });
    expect(record.model).toBe("small");
    expect(({} as { polluted?: string }).polluted).toBeUndefined();
  });

  test("as a value it is text", async () => {
    await scene.served(front, { stream, messages: [{ role: "user", content: "__proto__" }] });
    expect(scene.up.requests[0]!.json().messages[0].content).toBe("__proto__");
  });

  test("of a key that comes twice the checked value is what goes upstream", async () => {
    const body = `{"model":"forbidden","max_tokens":1,${open.slice(1)}}`;
    await scene.served(front, {}, { body });
    expect(scene.up.requests[0]!.rawText()).not.toContain("forbidden");
    const last = `${open},"model":"forbidden"}`;
    const response = await scene.call(front, {}, { body: last });
    await scene.refused(front, response, { code: "model_not_found", param: "model", upstream: 1 });
  });
}); // biome-ignore format: rows
