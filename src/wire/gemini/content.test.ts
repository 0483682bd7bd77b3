import { describe, expect, test } from "bun:test";
import type { Json } from "../../kernel/json.ts";
import type { Part } from "../../spec/message.ts";
import { seal } from "../../spec/sealed.ts";
import { ContentReader } from "./content.ts";
import { camelFields } from "./fields.ts";
import { signatureFor, signatureForCall, signatureFrom } from "./signatures.ts";

function read(...contents: Json[]) {
  const reader = new ContentReader();
  return contents.map((content, index) => reader.content(content, `contents[${index}]`, index));
}

const one = (part: Json): Part => read({ role: "model", parts: [part] })[0]!.parts[0]!;

describe("a part has its canonical form", () => {
  const rows: [Json, Part][] = [
    [{ text: "x" }, { type: "text", text: "x" }],
    [
      { text: "", thought_signature: "c2ln" },
      { type: "text", text: "", extra: { thoughtSignature: "c2ln" } },
    ],
    [
      { text: "hm", thought: true },
      { type: "reasoning", text: "hm" },
    ],
    [
      { thought: true, thoughtSignature: "c2ln" },
      { type: "reasoning", text: "", signature: seal({ dialect: "gemini", place: "thought", data: "c2ln" }) },
    ],
    [
      { inlineData: { mimeType: "image/png", data: "AA==", displayName: "a.png" } },
      {
        type: "image",
        source: { kind: "base64", mediaType: "image/png", data: "AA==" },
        extra: { inlineData: { displayName: "a.png" } },
      },
    ],
    [
      { inlineData: { mimeType: "audio/mpeg", data: "AA==" } },
      { type: "audio", format: "mp3", data: "AA==", form: { mimeType: "audio/mpeg" } },
    ],
    [
      { inlineData: { mimeType: "application/pdf", data: "AA==" } },
      { type: "document", source: { kind: "base64", mediaType: "application/pdf", data: "AA==" } },
    ],
    [
      { fileData: { mimeType: "image/png", fileUri: "https://example.com/a" } },
      { type: "image", source: { kind: "url", url: "https://example.com/a" }, form: { mimeType: "image/png" } },
    ],
    [
      {
        fileData: { mimeType: "application/pdf", fileUri: "https://generativelanguage.googleapis.com/v1beta/files/x" },
      },
      {
        type: "document",
        source: { kind: "file", fileId: "https://generativelanguage.googleapis.com/v1beta/files/x" },
        form: { mimeType: "application/pdf" },
      },
    ],
    [
      { fileData: { mimeType: "video/mp4", fileUri: "gs://b/v.mp4" } },
      { type: "opaque", value: { fileData: { mimeType: "video/mp4", fileUri: "gs://b/v.mp4" } }, optional: true },
    ],
    [{ executableCode: { code: "1" } }, { type: "opaque", value: { executableCode: { code: "1" } }, optional: true }],
    [
      { functionCall: { id: "c1", name: "f", args: { a: 1 } }, thoughtSignature: "c2ln" },
      { type: "tool-call", id: "c1", name: "f", arguments: '{"a":1}', extra: { thoughtSignature: "c2ln" } },
    ],
    [
      { functionCall: { name: "f" } },
      { type: "tool-call", id: "call_0_0", name: "f", arguments: "{}", form: { id: "absent" } },
    ],
  ];
  for (const [part, expected] of rows) test(JSON.stringify(part), () => expect(one(part)).toEqual(expected));
});

describe("results find their calls", () => {
  const call = (name: string, id?: string): Json => ({ functionCall: id === undefined ? { name } : { name, id } });
  const result = (name: string, response: Json, id?: string): Json => ({
    functionResponse: id === undefined ? { name, response } : { name, response, id },
  });
  const idsOf = (...contents: Json[]) =>
    read(...contents).flatMap(({ parts }) =>
      parts.flatMap((part) => (part.type === "tool-result" ? [part.callId] : [])),
    );

  test("by id, in any order", () => {
    expect(
      idsOf(
        { role: "model", parts: [call("f", "a"), call("f", "b")] },
        { parts: [result("f", {}, "b"), result("f", {}, "a")] },
      ),
    ).toEqual(["b", "a"]);
  });

  test("by name, in the order of the calls, where ids are absent on either side", () => {
    expect(
      idsOf(
        { role: "model", parts: [call("f"), call("g"), call("f")] },
        { parts: [result("g", {}), result("f", {}), result("f", {})] },
      ),
    ).toEqual(["call_0_1", "call_0_0", "call_0_2"]);
    expect(idsOf({ role: "model", parts: [call("f", "a")] }, { role: "function", parts: [result("f", {})] })).toEqual([
      "a",
    ]);
    expect(idsOf({ role: "model", parts: [call("f")] }, { parts: [result("f", {}, "own")] })).toEqual(["call_0_0"]);
  });

  test("and what they say is told alone where it stands alone", () => {
    const [message] = read({
      parts: [
        result("f", { output: "12" }),
        result("f", { error: "No." }),
        result("f", { a: 1 }),
        result("f", { output: 7 }),
      ],
    });
    expect(message!.parts.map((part) => (part.type === "tool-result" ? [part.content, part.isError] : part))).toEqual([
      [[{ type: "text", text: "12" }], undefined],
      [[{ type: "text", text: "No." }], true],
      [[{ type: "text", text: '{"a":1}' }], undefined],
      [[{ type: "text", text: '{"output":7}' }], undefined],
    ]);
  });

  test("pictures within a result belong to it", () => {
    const image = { inlineData: { mimeType: "image/png", data: "AA==" } };
    const [message] = read({ parts: [{ functionResponse: { name: "f", response: {}, parts: [image] } }] });
    expect(message!.parts[0]).toMatchObject({ type: "tool-result", content: [{ type: "image" }] });
  });
});

test("roles are the user's and the model's", () => {
  const roles = read(
    { parts: [] },
    { role: "user", parts: [] },
    { role: "model", parts: [] },
    { role: "function", parts: [] },
  );
  expect(roles.map(({ role, form }) => [role, form])).toEqual([
    ["user", { role: "" }],
    ["user", undefined],
    ["assistant", undefined],
    ["user", { role: "function" }],
  ]);
});

test("another provider's signature comes back letter by letter, also from a client that writes base64 its own way", () => {
  for (const kind of ["signature", "redacted"] as const) {
    for (const text of ["EqAB+/==", "gAAAA_-x", "ünï", "sp1:gemini", "openai-responses:rs_1:gAAA"]) {
      const sent = signatureFor(kind, text);
      expect(sent).toMatch(/^[A-Za-z0-9+/]+=*$/);
      const again = Buffer.from(sent, "base64").toString("base64url");
      for (const got of [sent, again]) expect(signatureFrom(got)).toEqual({ kind, text });
    }
  }
  expect(signatureFor("signature", seal({ dialect: "gemini", place: "thought", data: "c2ln" }))).toBe("c2ln");
});

test("an object is read in camel case, and says nothing twice", () => {
  expect(camelFields({ a_b: 1, cD: 2 }, "x").value).toEqual({ aB: 1, cD: 2 });
  expect(() => camelFields({ a_b: 1, aB: 2 }, "x")).toThrow("x.aB");
  expect(() => camelFields([], "x")).toThrow("x must be an object");
});

describe("thoughts of another provider's that stand in the signature of a call", () => {
  const thoughtSignature = signatureForCall([{ text: "Hm.", signature: "sig" }]);
  const call = { functionCall: { id: "c", name: "f" }, thoughtSignature };
  const partsRead = (...parts: Json[]) => read({ role: "model", parts })[0]!.parts.map(({ form: _, ...part }) => part);
  const thought = { type: "reasoning", text: "Hm.", signature: "sig" } as const;
  const made = { type: "tool-call", id: "c", name: "f", arguments: "{}" } as const;

  test("come back before what was said since the call before, for a client that forgot them", () => {
    const other = { functionCall: { id: "b", name: "f" } };
    expect(partsRead(other, { text: "I look." }, call)).toEqual([
      { ...made, id: "b" },
      thought,
      { type: "text", text: "I look." },
      made,
    ]);
  });

  test("do not come back twice, for a client that sends thoughts too", () => {
    const sent = { text: "Hm.", thought: true, thoughtSignature: signatureFor("signature", "sig") };
    expect(partsRead(sent, call)).toEqual([thought, made]);
  });

  test.each(["thoughts:{", "thoughts:7", "thoughts:[7]"])("are none where a stranger wrote %p", (text) => {
    const signed = { ...call, thoughtSignature: Buffer.from(`sallyport:${text}`).toString("base64") };
    expect(partsRead(signed).filter(({ type }) => type === "reasoning")).toEqual([]);
  });
});
