import { describe, expect, test } from "bun:test";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { sampleOf } from "./sample.ts";

describe("a sample is what its schema allows", () => {
  const required = (properties: JsonObject): JsonObject => ({
    type: "object",
    properties,
    required: Object.keys(properties),
  });
  test.each<[string, JsonObject, Json]>([
    ["nothing said", {}, {}],
    ["a constant", { const: 7 }, 7],
    ["an enum", { enum: ["x", "y"] }, "x"],
    [
      "required properties only",
      { type: "object", properties: { a: { type: "string" }, b: {} }, required: ["a"] },
      { a: "demo" },
    ],
    ["all properties where none is required", { properties: { a: { type: "boolean" } } }, { a: true }],
    ["a required property without a schema", { type: "object", required: ["a"] }, { a: "demo" }],
    ["a nullable type", required({ a: { type: ["null", "integer"] } }), { a: 1 }],
    ["upper-case types", required({ a: { type: "STRING" } }), { a: "demo" }],
    ["alternatives", required({ a: { anyOf: [{ type: "null" }, { type: "number", minimum: 3 }] } }), { a: 3 }],
    [
      "merged schemas",
      { allOf: [required({ a: { type: "string" } }), required({ b: { type: "null" } })] },
      { a: "demo", b: null },
    ],
    ["references", { ...required({ a: { $ref: "#/$defs/x" } }), $defs: { x: { enum: [5] } } }, { a: 5 }],
    ["a reference to nothing", required({ a: { $ref: "#/$defs/x" } }), { a: "demo" }],
    ["lists", required({ a: { type: "array", items: { type: "integer" }, minItems: 2 } }), { a: [1, 1] }],
    ["empty lists", required({ a: { type: "array", maxItems: 0 } }), { a: [] }],
    ["tuples", required({ a: { prefixItems: [{ const: "x" }, { const: "y" }], minItems: 2 } }), { a: ["x", "y"] }],
    [
      "lengths",
      required({ a: { type: "string", minLength: 6 }, b: { type: "string", maxLength: 2 } }),
      { a: "demoxx", b: "de" },
    ],
    ["formats", required({ a: { type: "string", format: "date" } }), { a: "2025-01-01" }],
    ["a smallest number", required({ a: { type: "integer", minimum: 10 } }), { a: 10 }],
    ["a largest number", required({ a: { type: "integer", maximum: -3 } }), { a: -3 }],
    [
      "open bounds",
      required({ a: { type: "integer", exclusiveMinimum: 4 }, b: { type: "number", exclusiveMaximum: 1 } }),
      { a: 5, b: 0.5 },
    ],
    ["steps", required({ a: { type: "integer", multipleOf: 5, minimum: 7 } }), { a: 10 }],
  ])("%s", (_, schema, value) => {
    expect(sampleOf(schema)).toEqual(value);
  });

  test("schemas without end come to one", () => {
    const node = required({ next: { $ref: "#/$defs/node" } });
    expect(JSON.stringify(sampleOf({ ...node, $defs: { node } })).length).toBeLessThan(1_000);
    const $defs: JsonObject = {};
    for (let i = 0; i < 30; i++) {
      const next = { $ref: `#/$defs/a${i + 1}` };
      $defs[`a${i}`] = required({ x: next, y: next, z: next });
    }
    expect(JSON.stringify(sampleOf({ $ref: "#/$defs/a0", $defs })).length).toBeLessThan(200_000);
    expect(sampleOf({ $ref: "#" })).toEqual({});
  });

  test("what is no schema gives an object", () => {
    for (const schema of [undefined, null, true, "x", []]) expect(sampleOf(schema)).toEqual({});
  });
});
