import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../kernel/json.ts";
import { camelName, toGeminiSchema, toJsonSchema } from "./gemini-schema.ts";

describe("Gemini's schema and JSON Schema say the same", () => {
  const rows: [gemini: JsonObject, json: JsonObject][] = [
    [{ type: "STRING" }, { type: "string" }],
    [
      { type: "STRING", nullable: true, enum: ["a", "b"] },
      { anyOf: [{ type: "string", enum: ["a", "b"] }, { type: "null" }] },
    ],
    [
      { type: "STRING", format: "enum", description: "One of them", nullable: true, enum: ["a"] },
      { description: "One of them", anyOf: [{ type: "string", enum: ["a"], format: "enum" }, { type: "null" }] },
    ],
    [{ type: "INTEGER", nullable: true }, { type: ["integer", "null"] }],
    [
      {
        type: "OBJECT",
        properties: { type: { type: "INTEGER", minimum: 1 } },
        required: ["type"],
        propertyOrdering: ["type"],
      },
      {
        type: "object",
        properties: { type: { type: "integer", minimum: 1 } },
        required: ["type"],
        propertyOrdering: ["type"],
      },
    ],
    [
      { type: "ARRAY", items: { anyOf: [{ type: "NUMBER" }, { type: "NULL" }] }, maxItems: 3 },
      { type: "array", items: { anyOf: [{ type: "number" }, { type: "null" }] }, maxItems: 3 },
    ],
  ];
  for (const [gemini, json] of rows) {
    test(JSON.stringify(gemini), () => {
      expect(toJsonSchema(gemini)).toEqual(json);
      expect(toGeminiSchema(json)).toEqual(gemini);
    });
  }
});

test("what Google takes in other spellings is read too", () => {
  expect(
    toJsonSchema({ type: 6, properties: { a: { type: 1, max_length: "5" } }, any_of: [], property_ordering: ["a"] }),
  ).toEqual({
    type: "object",
    properties: { a: { type: "string", maxLength: 5 } },
    anyOf: [],
    propertyOrdering: ["a"],
  });
  expect(toJsonSchema({ type: "TYPE_UNSPECIFIED", nullable: true, anyOf: [{ type: "string" }] })).toEqual({
    anyOf: [{ type: "string" }, { type: "null" }],
  });
});

test("names of properties are the caller's, and keep their spelling", () => {
  expect(toJsonSchema({ type: "OBJECT", properties: { user_id: { type: "STRING" } } })).toEqual({
    type: "object",
    properties: { user_id: { type: "string" } },
  });
  expect(camelName("function_calling_config")).toBe("functionCallingConfig");
  expect(camelName("_responseJsonSchema")).toBe("_responseJsonSchema");
});
