import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import type { EventPart } from "../../spec/event.ts";
import { decodeRequest } from "./decode.ts";
import { openaiResponses } from "./index.ts";

// Calls of tools that are no functions: blocks.ts with input-text.ts.

const context = { requestId: "call_01ab", created: 1_700_000_000 };
const ask = (body: JsonObject) => decodeRequest({ model: "m", input: "x", ...body });
const args = (block: number, text: string): EventPart => ({ type: "arguments-delta", choice: 0, block, text });

/** An answer that is one call, its arguments in pieces. */
function call(name: string, pieces: string[]): EventPart[] {
  return [
    { type: "start" },
    { type: "block-start", choice: 0, block: 0, content: { kind: "tool-call", id: "c", name } },
    ...pieces.map((piece) => args(0, piece)),
    { type: "block-end", choice: 0, block: 0 },
    { type: "finish", choice: 0, reason: "tool-calls", raw: null },
    { type: "end" },
  ];
}

/** The one item of the output, the same streamed and whole. */
function item(parts: EventPart[], tools: JsonObject[]): JsonObject {
  const unary = JSON.parse(openaiResponses.encoder(ask({ tools }), context).unary(parts)) as JsonObject;
  const last = events(parts, tools).at(-1)!.response as JsonObject;
  expect(last.output).toEqual(unary.output!);
  return (unary.output as JsonObject[])[0]!;
}

function events(parts: EventPart[], tools: JsonObject[]): JsonObject[] {
  const encoder = openaiResponses.encoder(ask({ tools, stream: true }), context);
  const text = parts.map((part) => encoder.frames([part])).join("");
  return [...text.matchAll(/^data: (.*)$/gm)].map((match) => JSON.parse(match[1]!) as JsonObject);
}

describe("a call of a custom tool", () => {
  const tools = [{ type: "custom", name: "patch" }];

  test("is free text again, while it is being written", () => {
    const pieces = ['{"inp', 'ut": "a\\', "n\\u00", "e9\\ud83d", '\\ude00"', "}"];
    const deltas = events(call("patch", pieces), tools).filter(
      ({ type }) => type === "response.custom_tool_call_input.delta",
    );
    expect(deltas.map(({ delta }) => delta)).toEqual(["a", "\n", "é", "😀"]);
    expect(item(call("patch", pieces), tools)).toMatchObject({
      type: "custom_tool_call",
      call_id: "c",
      name: "patch",
      input: "a\né😀",
    });
  });

  test("is what the model wrote where it wrote something else", () => {
    const input = (written: string) => item(call("patch", [written]), tools).input;
    expect(input("just text")).toBe("just text");
    expect(input('{"other": 1, "input": "late"}')).toBe("late");
    expect(input('{"input": "cut off')).toBe("cut off");
    expect(input('{"input": "line\nend"}')).toBe("line\nend");
  });

  test("is the same however it is cut", () => {
    const text = 'a "quoted" \\ line\nwith é, 😀, \u0001 and </patch>';
    const written = JSON.stringify({ input: text });
    const escaped = `{"input":"${[...text].map((char) => [...Array(char.length).keys()].map((at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, "0")}`).join("")).join("")}"}`;
    for (const whole of [written, escaped]) {
      for (let size = 1; size < 8; size++) {
        const pieces = whole.match(new RegExp(`[\\s\\S]{1,${size}}`, "g"))!;
        const told = events(call("patch", pieces), tools).filter(({ type }) => String(type).endsWith("input.delta"));
        expect(told.map(({ delta }) => delta).join("")).toBe(text);
      }
    }
  });
});

describe("a call of the local shell", () => {
  const tools = [{ type: "local_shell" }];

  test("is an action, and what is no command is never one", () => {
    const called = (written: string) => item(call("local_shell", [written]), tools);
    expect(called('{"command":["ls","-l"],"timeout_ms":5}')).toMatchObject({
      type: "local_shell_call",
      call_id: "c",
      status: "completed",
      action: { type: "exec", command: ["ls", "-l"], env: {}, timeout_ms: 5 },
    });
    expect(called('{"command":"rm -rf"}')).toMatchObject({ type: "function_call", name: "local_shell" });
    expect(called("{")).toMatchObject({ type: "function_call", arguments: "{" });
  });
});
