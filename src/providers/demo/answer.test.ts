import { describe, expect, test } from "bun:test";
import { faultsOf } from "../../../test/support/recordings.ts";
import { isObject } from "../../kernel/json.ts";
import type { EventPart } from "../../spec/event.ts";
import type { Message } from "../../spec/message.ts";
import type { FunctionTool, ModelRequest } from "../../spec/request.ts";
import { demoAnswer } from "./answer.ts";
import { demo } from "./index.ts";

const hello: Message = { role: "user", parts: [{ type: "text", text: "Say\n  hello 👋" }] };

function ask(fields: Partial<ModelRequest> = {}): { parts: EventPart[]; batches: EventPart[][] } {
  const request: ModelRequest = {
    dialect: "openai-chat",
    model: "demo",
    messages: [hello],
    stream: true,
    includeUsage: true,
    ...fields,
  };
  const batches = [...demoAnswer(request, "demo")];
  return { parts: batches.flat(), batches };
}

function said(parts: EventPart[], choice = 0): string {
  return parts
    .map((part) =>
      (part.type === "text-delta" || part.type === "arguments-delta") && part.choice === choice ? part.text : "",
    )
    .join("");
}

function finish(parts: EventPart[]): EventPart | undefined {
  return parts.find((part) => part.type === "finish");
}

const tool = (name: string): FunctionTool => ({
  type: "function",
  name,
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
});

describe("the demo model", () => {
  test("says that it is canned, and repeats the question", () => {
    const { parts, batches } = ask();
    expect(faultsOf(parts)).toEqual([]);
    expect(said(parts)).toContain("demo model: canned text, no language model");
    expect(said(parts)).toContain('You wrote: "Say hello 👋".');
    expect(batches.length).toBeGreaterThan(5);
    expect(finish(parts)).toEqual({ type: "finish", choice: 0, reason: "stop", raw: null });
  });

  test("repeats no more than a little of a long question", () => {
    const long: Message = { role: "user", parts: [{ type: "text", text: "👋".repeat(5_000) }] };
    expect(said(ask({ messages: [long] }).parts).length).toBeLessThan(800);
  });

  test("says the same each time", () => {
    expect(ask().batches).toEqual(ask().batches);
  });

  test("counts tokens, the question's and its own", () => {
    const { parts } = ask();
    expect(parts.findLast((part) => part.type === "usage")).toEqual({
      type: "usage",
      usage: { input: Math.ceil("Say\n  hello 👋".length / 4), output: Math.ceil(said(parts).length / 4) },
    });
  });

  test("gives as many answers as are asked for", () => {
    const { parts } = ask({ choices: 3 });
    expect(faultsOf(parts)).toEqual([]);
    expect([0, 1, 2].map((choice) => said(parts, choice))).toEqual(Array(3).fill(said(ask().parts)));
  });

  test("stops at a stop sequence, the earliest of them", () => {
    const { parts } = ask({ stop: ["canned", "demo", ""] });
    expect(said(parts)).toBe("This is Sallyport's ");
    expect(finish(parts)).toMatchObject({ reason: "stop-sequence", stopSequence: "demo" });
  });

  test("stops at the token limit", () => {
    const { parts } = ask({ maxOutputTokens: 2 });
    expect(said(parts)).toBe("This is ");
    expect(finish(parts)).toMatchObject({ reason: "length" });
  });

  test("tells probabilities where they are asked for", () => {
    const tokens = ask({ logprobs: true, topLogprobs: 2 }).parts.flatMap((part) =>
      part.type === "logprobs" ? (part.content ?? []) : [],
    );
    expect(tokens.map((token) => token.token).join("")).toBe(said(ask().parts));
    expect(tokens[0]).toMatchObject({ logprob: 0, bytes: [84, 104, 105, 115], top: [{ token: "This" }] });
  });
});

describe("with tools", () => {
  test.each<[string, Partial<ModelRequest>, string | undefined]>([
    ["it calls the first", {}, "a"],
    ["or the one that is named", { toolChoice: { type: "tool", name: "b" } }, "b"],
    ["or none, where none may be called", { toolChoice: { type: "none" } }, undefined],
    ["or none, where only others can run them", { tools: [{ type: "opaque", value: {} }] }, undefined],
  ])("%s", (_, fields, name) => {
    const { parts } = ask({ tools: [tool("a"), tool("b")], ...fields });
    const [call] = parts.flatMap((part) =>
      part.type === "block-start" && part.content.kind === "tool-call" ? [part.content] : [],
    );
    expect(call?.name).toBe(name as string);
    if (name === undefined) return;
    expect(JSON.parse(said(parts))).toEqual({ city: "demo" });
    expect(finish(parts)).toMatchObject({ reason: "tool-calls" });
  });

  test("it answers once the result is there, and later calls have ids of their own", () => {
    const call: Message = {
      role: "assistant",
      parts: [{ type: "tool-call", id: "call_demo_1", name: "a", arguments: "{}" }],
    };
    const result: Message = {
      role: "tool",
      parts: [{ type: "tool-result", callId: "call_demo_1", content: [{ type: "text", text: "12 degrees" }] }],
    };
    const answered = ask({ tools: [tool("a")], messages: [hello, call, result] });
    expect(said(answered.parts)).toContain('gave back: "12 degrees"');
    const again = ask({ tools: [tool("a")], messages: [hello, call, result, hello] });
    expect(again.parts).toContainEqual(
      expect.objectContaining({ type: "block-start", content: { kind: "tool-call", id: "call_demo_2", name: "a" } }),
    );
  });
});

test("asked for JSON it gives JSON", () => {
  const schema = { type: "object", properties: { a: { type: "integer" } }, required: ["a"] };
  const bySchema = ask({ responseFormat: { type: "json-schema", name: "x", schema } });
  expect(JSON.parse(said(bySchema.parts))).toEqual({ a: 1 });
  expect(isObject(JSON.parse(said(ask({ responseFormat: { type: "json" } }).parts)))).toBe(true);
});

test("it costs nothing, needs no key, and has no upstream", () => {
  expect(demo).toMatchObject({ kind: "demo", needsKey: false, test: true, baseUrl: null, models: ["demo"] });
  expect(demo.local).toBe(demoAnswer);
  expect(() => demo.encode({} as ModelRequest, "demo")).toThrow("locally");
});
