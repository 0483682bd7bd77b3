import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { faultsOf } from "../../../test/support/recordings.ts";
import { MalformedAnswer } from "../../spec/adapter.ts";
import { DIALECT } from "./content.ts";
import { partsOfMessage } from "./unary.ts";

const MESSAGE = readFileSync(join(import.meta.dir, "fixtures/message.json"), "utf8");

test("a whole message is the parts of its stream, each block with one delta at most", () => {
  const parts = partsOfMessage(MESSAGE, undefined);
  expect(faultsOf(parts)).toEqual([]);
  expect(parts.map((part) => ("block" in part ? `${part.type} ${part.block}` : part.type))).toEqual([
    "start",
    "usage",
    "unknown",
    "block-start 0",
    "text-delta 0",
    "signature-delta 0",
    "block-end 0",
    "block-start 1",
    "block-end 1",
    "block-start 2",
    "block-end 2",
    "block-start 3",
    "block-end 3",
    "block-start 4",
    "text-delta 4",
    "citation 4",
    "block-end 4",
    "block-start 5",
    "arguments-delta 5",
    "block-end 5",
    "unknown",
    "block-start 6",
    "arguments-delta 6",
    "block-end 6",
    "finish",
    "end",
  ]);
  const usage = { input: 2112, cacheRead: 2000, cacheWrite: 100, output: 57, tier: "standard" as const };
  expect(parts[1]).toEqual({ type: "usage", usage });
  expect(parts[2]).toEqual({
    type: "unknown",
    dialect: DIALECT,
    value: {
      type: "message_start",
      message: { container: { id: "container_1" }, usage: { service_tier: "standard" } },
    },
  });
  expect(parts.find((part) => part.type === "arguments-delta")).toMatchObject({ text: '{"city":"Köln"}' });
});

test("the response tool's arguments are the answer's text", () => {
  const message = {
    content: [{ type: "tool_use", id: "t", name: "respond_with_json", input: { a: 1 } }],
    stop_reason: "tool_use",
  };
  expect(partsOfMessage(JSON.stringify(message), "respond_with_json")).toEqual([
    { type: "start" },
    { type: "block-start", choice: 0, block: 0, content: { kind: "text" } },
    { type: "text-delta", choice: 0, block: 0, text: '{"a":1}' },
    { type: "block-end", choice: 0, block: 0 },
    { type: "finish", choice: 0, reason: "stop", raw: "end_turn" },
    { type: "end" },
  ]);
});

test.each([{}, { content: null }])("a message that says nothing is an answer: %j", (content) => {
  const body = { type: "message", stop_reason: "end_turn", ...content };
  const finish = { type: "finish", choice: 0, reason: "stop", raw: "end_turn" };
  expect(partsOfMessage(JSON.stringify(body), undefined) as unknown[]).toEqual([
    { type: "start" },
    finish,
    { type: "end" },
  ]);
});

test("an error in a 200 is an error", () => {
  const body = { type: "error", error: { type: "rate_limit_error", message: "slow down" } };
  const error = { status: 429, message: "slow down", type: "rate_limit_error" };
  expect(partsOfMessage(JSON.stringify(body), undefined)).toEqual([{ type: "error", error }]);
});

describe("what is no message is malformed", () => {
  test.each(["", "null", "[]", "{}", '{"content":"x"}', '{"content":[1]}', "<html></html>", '{"id":'])("%s", (body) => {
    expect(() => partsOfMessage(body, undefined)).toThrow(MalformedAnswer);
  });
});

test.each(["[", '{"a":'])("what is nested without end by %s is malformed, wherever it stands", (open) => {
  const deep = `${open.repeat(60_000)}1${(open === "[" ? "]" : "}").repeat(60_000)}`;
  for (const body of [
    `{"content":[{"type":"tool_use","id":"t","name":"f","input":${deep}}]}`,
    `{"content":[{"type":"later","value":${deep}}]}`,
    `{"content":[],"later":${deep}}`,
  ]) {
    expect(() => JSON.stringify(partsOfMessage(body, undefined))).toThrow(MalformedAnswer);
  }
});
