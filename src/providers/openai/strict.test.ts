import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { isStrictSchema } from "./strict.ts";

const closed = (properties: JsonObject, more: JsonObject = {}): JsonObject => ({
  type: "object",
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
  ...more,
});
const text = { type: "string" };

describe("a schema that OpenAI takes as strict", () => {
  test.each<[string, JsonObject]>([
    ["closed, with everything required", closed({ a: text, b: { type: ["number", "null"], description: "d" } })],
    ["nested", closed({ a: { type: "array", items: closed({ b: { enum: ["x"] } }) } })],
    ["with definitions", closed({ a: { $ref: "#/$defs/b" } }, { $defs: { b: closed({}) } })],
    ["with alternatives", closed({ a: { anyOf: [text, closed({})] } })],
  ])("%s", (_, schema) => expect(isStrictSchema(schema)).toBe(true));
});

describe("a schema that it would refuse", () => {
  const deep = (levels: number): JsonObject => (levels === 0 ? text : { type: "array", items: deep(levels - 1) });
  test.each<[string, JsonObject | undefined]>([
    ["none", undefined],
    ["an open object", { type: "object", properties: {}, required: [] }],
    ["an optional property", closed({ a: text }, { required: [] })],
    ["an open object further down", closed({ a: { type: "object", properties: {} } })],
    ["an open alternative", closed({ a: { anyOf: [{ type: "object" }] } })],
    ["an open definition", closed({}, { $defs: { b: { properties: {} } } })],
    ["another root", { type: "array", items: text }],
    ["a keyword that it does not know", closed({ a: { type: "string", minLength: 2 } })],
    ["too deep", closed({ a: deep(11) })],
    ["no schema", closed({ a: true })],
  ])("%s", (_, schema) => expect(isStrictSchema(schema)).toBe(false));
});
