import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { nativeSchema } from "./schema.ts";

const object = (properties: JsonObject, more: JsonObject = {}): JsonObject => ({
  type: "object",
  properties,
  additionalProperties: false,
  ...more,
});

describe("a schema that constrained decoding takes", () => {
  test.each<[string, JsonObject, JsonObject]>([
    [
      "as it is",
      object({ a: { type: "string" } }, { required: ["a"] }),
      object({ a: { type: "string" } }, { required: ["a"] }),
    ],
    [
      "open by silence is closed",
      { type: "object", properties: { a: { type: "null" } } },
      object({ a: { type: "null" } }),
    ],
    [
      "definitions and references",
      object({ a: { $ref: "#/$defs/b" } }, { $defs: { b: { type: "string" } } }),
      object({ a: { $ref: "#/$defs/b" } }, { $defs: { b: { type: "string" } } }),
    ],
    [
      "alternatives, enums and nullable types",
      object({ a: { anyOf: [{ const: 1 }, { enum: ["x"] }] }, b: { type: ["string", "null"] } }),
      object({ a: { anyOf: [{ const: 1 }, { enum: ["x"] }] }, b: { type: ["string", "null"] } }),
    ],
    [
      "lists and known formats",
      object({ a: { type: "array", minItems: 1, items: { type: "string", format: "date" } } }),
      object({ a: { type: "array", minItems: 1, items: { type: "string", format: "date" } } }),
    ],
    ["notes about itself are dropped", object({}, { $schema: "x", $comment: "y" }), object({})],
  ])("%s", (_, schema, expected) => {
    expect(nativeSchema(schema)).toEqual({ schema: expected, exact: true });
  });

  test("what it cannot enforce is told to the model", () => {
    const given = object({
      a: { type: "integer", minimum: 1, description: "How many" },
      b: { oneOf: [{ type: "null" }] },
    });
    expect(nativeSchema(given)).toEqual({
      schema: object({
        a: { type: "integer", description: 'How many\nMust also satisfy: {"minimum":1}' },
        b: { anyOf: [{ type: "null" }] },
      }),
      exact: false,
    });
  });
});

describe("a schema that cannot be said natively", () => {
  const tree = object({ children: { type: "array", items: { $ref: "#/$defs/tree" } } });
  test.each<[string, JsonObject]>([
    ["an object that may hold anything", { type: "object" }],
    ["an object open by its word", object({ a: { type: "string" } }, { additionalProperties: true })],
    ["a map", { type: "object", additionalProperties: { type: "number" } }],
    ["anything at all", {}],
    ["a property of any kind", object({ a: {} })],
    ["a property that is true", object({ a: true })],
    ["recursion", object({ a: { $ref: "#/$defs/tree" } }, { $defs: { tree } })],
    ["a reference to itself", object({ a: { $ref: "#" } })],
    ["a reference to elsewhere", object({ a: { $ref: "https://x.example/s" } })],
    ["a reference to nothing", object({ a: { $ref: "#/$defs/none" } })],
  ])("%s", (_, schema) => {
    expect(nativeSchema(schema)).toBeUndefined();
  });

  test("definitions that fan out are followed once each", () => {
    const $defs: JsonObject = { a24: { type: "string" } };
    for (let i = 0; i < 24; i++) {
      const next = { $ref: `#/$defs/a${i + 1}` };
      $defs[`a${i}`] = { anyOf: [next, next, next] };
    }
    expect(nativeSchema(object({ a: { $ref: "#/$defs/a0" } }, { $defs }))).toBeDefined();
  });

  test("nested beyond all measure comes to an end", () => {
    let schema: JsonObject = { type: "string" };
    for (let i = 0; i < 100; i++) schema = { type: "array", items: schema };
    expect(nativeSchema(schema)).toBeUndefined();
  });
});
