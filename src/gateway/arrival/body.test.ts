import { describe, expect, test } from "bun:test";
import { GatewayError } from "../../errors.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { Call } from "../call.ts";
import { claim, parseBody, readBody } from "./body.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const pad = `"pad":"${"x".repeat(200)}"`;

describe("a body is refused", () => {
  const rows: [string, Uint8Array, object][] = [
    ["empty", bytes(""), { code: "invalid_json" }],
    ["no JSON", bytes("{"), { code: "invalid_json" }],
    ["an array", bytes("[]"), { code: "invalid_request" }],
    ["null", bytes("null"), { code: "invalid_request" }],
    ["a byte order mark", Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d), { code: "invalid_json" }],
    ["no UTF-8", Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d), { code: "invalid_json" }],
    ["129 levels", bytes(`{"a":${"[".repeat(128)}${"]".repeat(128)}}`), { code: "invalid_json" }],
    ["100,000 brackets", bytes("[".repeat(100_000)), { code: "invalid_json" }],
    [
      "100,000 keys",
      bytes(`{${Array.from({ length: 100_000 }, (_, i) => `"k${i}":1`).join()}}`),
      { code: "invalid_json" },
    ],
    ["__proto__", bytes('{"a":[{"__proto__":{}}]}'), { code: "invalid_request", param: "a[0].__proto__" }],
    [
      "__proto__ with only its p escaped",
      bytes('{"__\\u0070roto__":1}'),
      { code: "invalid_request", param: "__proto__" },
    ],
    ["__proto__ in escapes", bytes('{"\\u005f\\u005Fproto__":1}'), { code: "invalid_request", param: "__proto__" }],
  ];
  for (const [name, body, expected] of rows) {
    test(name, () => {
      try {
        parseBody(body);
      } catch (thrown) {
        expect(thrown).toMatchObject(expected);
        return;
      }
      throw new Error("it was taken");
    });
  }
});

describe("a body is taken", () => {
  const rows: [string, string][] = [
    ["128 levels", `{"a":${"[".repeat(127)}${"]".repeat(127)}}`],
    ["brackets in strings", `{${pad},"a":"${"[{".repeat(1_000)}"}`],
    ["quotes behind backslashes", `{${pad},"a":"\\\\\\"[[[\\\\","b":"${"\\\\".repeat(50)}"}`],
    ["the word __proto__ as a value", '{"a":"__proto__"}'],
  ];
  for (const [name, body] of rows) test(name, () => expect(parseBody(bytes(body))).toEqual(JSON.parse(body)));
});

/** A call whose body comes without a length, and the writer of that body. */
function chunked() {
  const clock = { now: () => 0, ticks: () => 0 };
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const arrival = {
    request: new Request("http://a/", { method: "POST", body: readable }),
    sockets: { timeout: () => {} },
    path: "/",
    query: "",
    peer: "127.0.0.1",
  };
  const call = new Call(arrival, "call_1", openaiChat, clock, 1_000);
  return { call, writer: writable.getWriter(), ledger: { bytes: 0, max: 1_000 } };
}

describe("the ledger of bodies", () => {
  test("has what has come of a body, until its call is over", async () => {
    const { call, writer, ledger } = chunked();
    const reading = readBody(call, ledger, 100, 1_000);
    await writer.write(bytes("abc"));
    await writer.close();
    expect(await reading).toEqual(bytes("abc"));
    expect(ledger.bytes).toBe(3);
    call.end();
    expect(ledger.bytes).toBe(0);
  });

  test("has nothing of a body that goes on after its call was given up, and nobody reads on", async () => {
    const { call, writer, ledger } = chunked();
    const reading = readBody(call, ledger, 100, 1_000);
    await writer.write(bytes("abc"));
    call.abort(new GatewayError("body_timeout", "late"));
    await expect(reading).rejects.toMatchObject({ code: "body_timeout" });
    call.end();
    await writer.write(bytes("def")).catch(() => {});
    const isTaken = await writer.write(bytes("ghi")).then(
      () => true,
      () => false,
    );
    expect(isTaken).toBe(false);
    expect(ledger.bytes).toBe(0);
  });

  test("gives back at once what is claimed for a call that is over", () => {
    const { call, ledger } = chunked();
    call.end();
    claim(call, ledger, 7);
    expect(ledger.bytes).toBe(0);
  });
});
