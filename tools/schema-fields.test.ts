import { expect, test } from "bun:test";
import { z } from "zod";
import { type Field, fieldsOf, type JsonSchema } from "./schema-fields.ts";

const fields = (schema: z.ZodType): Field[] => fieldsOf(z.toJSONSchema(schema, { io: "input" }) as JsonSchema);
const line = ({ path, type, required, meaning, default: fallback }: Field) =>
  [path, type, required ? "required" : "", meaning, fallback ?? ""].join(" | ");

test("fields of objects in lists are named by their path, outer before inner", () => {
  const schema = z.strictObject({
    version: z.literal(1),
    models: z
      .array(
        z.strictObject({
          name: z.string().min(1).max(64).describe("What callers say."),
          weight: z.int().min(0).default(1),
        }),
      )
      .optional(),
  });
  expect(fields(schema).map(line)).toEqual([
    "version | `1` | required |  | ",
    "models | list of object |  |  | ",
    "models[].name | string (1 to 64 characters) | required | What callers say. | ",
    "models[].weight | integer (at least 0) |  |  | 1",
  ]);
});

test("a field of several forms is listed once, and is required only where every form requires it", () => {
  const limit = z.union([
    z.strictObject({ per: z.enum(["minute", "day"]), requests: z.int() }),
    z.strictObject({ per: z.literal("month"), usd: z.number().max(10) }),
  ]);
  expect(fields(z.strictObject({ limits: z.array(limit) })).map(line)).toEqual([
    "limits | list of object | required |  | ",
    'limits[].per | `minute`, `day` or `"month"` | required |  | ',
    "limits[].requests | integer |  |  | ",
    "limits[].usd | number (at most 10) |  |  | ",
  ]);
});

test("a schema that refers to itself ends, and a definition is read where it is used", () => {
  const schema: JsonSchema = {
    properties: {
      secret: { $ref: "#/$defs/S" },
      tree: { $ref: "#/$defs/T" },
      any: { additionalProperties: { properties: { deep: {} } } },
    },
    required: ["secret"],
    $defs: {
      S: { type: "object", description: "A reference.", properties: { env: { type: "string" } } },
      T: { type: "object", properties: { children: { items: { $ref: "#/$defs/T" } } } },
    },
  };
  expect(fieldsOf(schema).map(({ path }) => path)).toEqual([
    "secret",
    "secret.env",
    "tree",
    "tree.children",
    "any",
    "any.*.deep",
  ]);
  expect(fieldsOf(schema)[0]).toMatchObject({ type: "object", meaning: "A reference.", required: true });
});
