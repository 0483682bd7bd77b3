import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import type { Message, Part } from "../../spec/message.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { seal } from "../../spec/sealed.ts";
import { Losses } from "../losses.ts";
import { google } from "./index.ts";
import { mediaPart } from "./media.ts";
import { MessageSignatures, thoughtSignature } from "./signatures.ts";

const NEW = "gemini-3.8-flash";
const OLD = "gemini-2.5-flash";
const DUMMY = "skip_thought_signature_validator";

function write(messages: Message[], model = NEW, dialect: ModelRequest["dialect"] = "openai-chat") {
  const { body, warnings } = google.encode(
    { dialect, model: "m", messages, stream: false, includeUsage: false },
    model,
  );
  return {
    contents: body.contents as unknown as JsonObject[],
    system: body.systemInstruction,
    warned: warnings.map(({ field }) => field),
  };
}

const text = (said: string): Part => ({ type: "text", text: said });
const call = (id: string, name = "f"): Part => ({ type: "tool-call", id, name, arguments: '{"a":1}' });
const result = (callId: string, said: string): Part => ({
  type: "tool-result",
  callId,
  content: [{ type: "text", text: said }],
});
const user: Message = { role: "user", parts: [text("Hi.")] };
const sealed = (place: "text" | "call", data: string, callId?: string): Part => ({
  type: "reasoning",
  text: "",
  redacted: seal(
    callId === undefined ? { dialect: "gemini", place, data } : { dialect: "gemini", place, data, callId },
  ),
});

describe("a conversation of another dialect's", () => {
  test("has its system messages in one instruction, later ones with a warning", () => {
    const { contents, system, warned } = write([
      { role: "system", parts: [text("A.")] },
      { role: "developer", parts: [text("B.")] },
      user,
      { role: "system", parts: [text("C.")] },
    ]);
    expect(system).toEqual({ parts: [{ text: "A." }, { text: "B." }, { text: "C." }] });
    expect(contents).toEqual([{ role: "user", parts: [{ text: "Hi." }] }]);
    expect(warned).toEqual(["messages[3]"]);
  });

  test("has a turn of the user's, also where there is none but the system's", () => {
    expect(write([{ role: "system", parts: [text("A.")] }]).contents).toEqual([
      { role: "user", parts: [{ text: "A." }] },
    ]);
    expect(write([{ role: "user", parts: [text(""), text("")] }]).contents).toEqual([
      { role: "user", parts: [{ text: "" }] },
    ]);
  });

  test("has all results of parallel calls in the turn behind them, first", () => {
    const { contents } = write(
      [
        user,
        { role: "assistant", parts: [call("a"), call("b", "g")] },
        { role: "tool", parts: [result("b", '{"x":1}')] },
        { role: "tool", parts: [{ ...result("a", "No."), isError: true } as Part] },
        user,
      ],
      OLD,
    );
    expect(contents.slice(1)).toEqual([
      {
        role: "model",
        parts: [
          { functionCall: { name: "f", args: { a: 1 }, id: "a" } },
          { functionCall: { name: "g", args: { a: 1 }, id: "b" } },
        ],
      },
      {
        role: "user",
        parts: [
          { functionResponse: { name: "g", id: "b", response: { x: 1 } } },
          { functionResponse: { name: "f", id: "a", response: { error: "No." } } },
          { text: "Hi." },
        ],
      },
    ]);
  });

  test("leaves ids out that were made up for Google's own calls", () => {
    const { contents } = write(
      [
        user,
        { role: "assistant", parts: [call("sp_call_x_0")] },
        { role: "tool", parts: [result("sp_call_x_0", "7")] },
      ],
      OLD,
    );
    expect(contents[1]!.parts).toEqual([{ functionCall: { name: "f", args: { a: 1 } } }]);
    expect(contents[2]!.parts).toEqual([{ functionResponse: { name: "f", response: { output: "7" } } }]);
  });

  const image: Part = { type: "image", source: { kind: "base64", mediaType: "image/png", data: "AA==" } };
  const shown: Message = { role: "tool", parts: [{ type: "tool-result", callId: "a", content: [image as never] }] };
  test("has pictures within a result where the model takes them there, and beside it elsewhere", () => {
    const inline = { inlineData: { mimeType: "image/png", data: "AA==" } };
    const turns: Message[] = [user, { role: "assistant", parts: [call("a")] }, shown];
    expect(write(turns).contents[2]!.parts).toEqual([
      { functionResponse: { name: "f", id: "a", response: {}, parts: [inline] } },
    ]);
    const old = write(turns, OLD);
    expect(old.contents[2]!.parts).toEqual([
      { functionResponse: { name: "f", id: "a", response: {} } },
      { text: "From the result of f:" },
      inline,
    ]);
    expect(old.warned).toEqual(["tool_result"]);
  });

  test("goes on without what another provider's tools did, and not without what the caller wants read", () => {
    const opaque: Part = { type: "opaque", value: { type: "server_tool_use" } };
    const { contents, warned } = write([user, { role: "assistant", parts: [opaque, text("Done.")] }]);
    expect([contents[1], warned]).toEqual([{ role: "model", parts: [{ text: "Done." }] }, ["server_tool_use"]]);
    expect(() => write([{ role: "user", parts: [opaque] }])).toThrow("server_tool_use");
  });
});

describe("Google's signatures come back to where they stood", () => {
  test("on calls by id, wherever the client put them", () => {
    const parts = [sealed("call", "Yg==", "b"), sealed("call", "YQ==", "a"), text("Look."), call("a"), call("b")];
    const [, model] = write([user, { role: "assistant", parts }]).contents;
    expect(model!.parts).toEqual([
      { text: "Look." },
      { functionCall: { name: "f", args: { a: 1 }, id: "a" }, thoughtSignature: "YQ==" },
      { functionCall: { name: "f", args: { a: 1 }, id: "b" }, thoughtSignature: "Yg==" },
    ]);
  });

  test("on the last text, or on a part of its own", () => {
    const signed = (...parts: Part[]) => write([user, { role: "assistant", parts }]).contents[1]!.parts;
    expect(signed(sealed("text", "dA=="), text("a"), text("b"))).toEqual([
      { text: "a" },
      { text: "b", thoughtSignature: "dA==" },
    ]);
    expect(signed(sealed("text", "dA=="), sealed("text", "dQ=="), text("a"))).toEqual([
      { text: "a", thoughtSignature: "dA==" },
      { text: "", thoughtSignature: "dQ==" },
    ]);
  });

  test("in the ways of OpenRouter and of Google's own compatibility layer", () => {
    const detail: Part = {
      type: "reasoning",
      text: "",
      redacted: "YQ==",
      form: { field: "reasoning_details", detail: { format: "google-gemini-v1", id: "a" } },
    };
    const compatible = { ...call("b"), extra: { extra_content: { google: { thought_signature: "Yg==" } } } } as Part;
    const { contents, warned } = write([user, { role: "assistant", parts: [detail, call("a"), compatible] }]);
    expect((contents[1]!.parts as JsonObject[]).map((part) => part.thoughtSignature)).toEqual(["YQ==", "Yg=="]);
    expect(warned).toEqual([]);
  });

  test("calls that nobody signed have the word for that where the model insists, the first of each turn", () => {
    const turns: Message[] = [user, { role: "assistant", parts: [call("a"), call("b")] }];
    const signatures = (model: string, dialect?: "gemini") =>
      (write(turns, model, dialect).contents[1]!.parts as JsonObject[]).map((part) => part.thoughtSignature);
    expect(signatures(NEW)).toEqual([DUMMY, undefined]);
    expect(signatures(OLD)).toEqual([undefined, undefined]);
    expect(signatures(NEW, "gemini")).toEqual([undefined, undefined]);
  });

  test("thoughts are sent back, other providers' seals are not", () => {
    const own: Part = {
      type: "reasoning",
      text: "Hm.",
      signature: seal({ dialect: "gemini", place: "thought", data: "aA==" }),
    };
    const foreign: Part = { type: "reasoning", text: "Ha.", signature: "EqAB" };
    const secret: Part = { type: "reasoning", text: "", redacted: "EqAB" };
    const { contents, warned } = write([user, { role: "assistant", parts: [own, foreign, secret, text("So.")] }]);
    expect(contents[1]!.parts).toEqual([
      { text: "Hm.", thought: true, thoughtSignature: "aA==" },
      { text: "Ha.", thought: true },
      { text: "So." },
    ]);
    expect(warned.sort()).toEqual(["reasoning", "signature"]);
    expect(thoughtSignature({ type: "reasoning", text: "" })).toBeUndefined();
    expect(new MessageSignatures({ role: "assistant", parts: [secret] }).foreign).toBe(true);
  });
});

describe("media", () => {
  const rows: [Parameters<typeof mediaPart>[0], JsonObject, string[]][] = [
    [{ type: "audio", format: "mp3", data: "AA==" }, { inlineData: { mimeType: "audio/mp3", data: "AA==" } }, []],
    [{ type: "audio", format: "wav", data: "AA==" }, { inlineData: { mimeType: "audio/wav", data: "AA==" } }, []],
    [
      { type: "image", source: { kind: "url", url: "https://x/a.PNG?s=1" }, detail: "high" },
      { fileData: { mimeType: "image/png", fileUri: "https://x/a.PNG?s=1" } },
      ["detail"],
    ],
    [{ type: "image", source: { kind: "url", url: "https://x/a" } }, { fileData: { fileUri: "https://x/a" } }, []],
    [
      { type: "document", source: { kind: "url", url: "https://x/a" } },
      { fileData: { mimeType: "application/pdf", fileUri: "https://x/a" } },
      [],
    ],
    [
      { type: "image", source: { kind: "url", url: "data:image/webp;base64,AA==" } },
      { inlineData: { mimeType: "image/webp", data: "AA==" } },
      [],
    ],
    [
      { type: "document", source: { kind: "text", mediaType: "text/plain", text: "T." }, name: "n" },
      { text: "n\n\nT." },
      [],
    ],
  ];
  for (const [part, written, warned] of rows) {
    test(JSON.stringify(part), () => {
      const losses = new Losses(false);
      expect(mediaPart(part, losses)).toEqual(written);
      expect(losses.warnings.map(({ field }) => field)).toEqual(warned);
    });
  }

  test("files that lie with another provider are refused", () => {
    const part = { type: "image" as const, source: { kind: "file" as const, fileId: "file-1" } };
    expect(() => mediaPart(part, new Losses(false))).toThrow("not known to Google");
    expect(mediaPart(part, new Losses(true))).toEqual({ fileData: { fileUri: "file-1" } });
  });
});
