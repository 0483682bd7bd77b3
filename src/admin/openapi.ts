import { z } from "zod";
import { ERRORS, type ErrorCode } from "../errors.ts";
import { isObject, type Json, type JsonObject } from "../kernel/json.ts";
import type { Operation } from "./operation.ts";

/** What every operation may answer, beside what it names itself. */
const COMMON: readonly ErrorCode[] = [
  "invalid_request",
  "missing_credential",
  "invalid_credential",
  "not_allowed",
  "too_many_attempts",
  "internal",
  "store_unavailable",
];
const WITH_BODY: readonly ErrorCode[] = [
  "invalid_json",
  "body_too_large",
  "unsupported_media_type",
  "body_timeout",
  "foreign_origin",
];
const WITH_PATH: readonly ErrorCode[] = ["not_found"];

/** The OpenAPI 3.1 document of these operations. docs/openapi.json is this, written down. */
export function openApiDocument(operations: readonly Operation[], version: string): JsonObject {
  const schemas: Record<string, Json> = {};
  const paths: Record<string, Record<string, Json>> = {};
  for (const operation of operations) {
    paths[operation.path] = {
      ...paths[operation.path],
      [operation.method.toLowerCase()]: describe(operation, schemas),
    };
  }
  schemas.Problem = problemSchema();
  return {
    openapi: "3.1.0",
    info: {
      title: "Sallyport admin API",
      version,
      description:
        "Everything an administrator can do. Served on the admin listener. Errors are RFC 9457 problems whose `code` is a row of docs/errors.md; lists are pages, followed by `next`.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{ adminToken: [] }],
    paths: paths as unknown as JsonObject,
    components: {
      securitySchemes: { adminToken: { type: "http", scheme: "bearer", description: "The admin token." } },
      schemas: Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1))) as JsonObject,
    },
  };
}

function describe(operation: Operation, schemas: Record<string, Json>): Json {
  const { input } = operation;
  const status = operation.method === "POST" && operation.repeat === "id" ? "201" : "200";
  const output = schemaOf(operation.output, "output", schemas);
  const answer = { content: { "application/json": { schema: output } } };
  return {
    operationId: operation.id,
    summary: operation.summary,
    ...(operation.description === undefined ? {} : { description: operation.description }),
    tags: [operation.id.split(".")[0]!],
    "x-permission": operation.permission,
    ...(operation.audit === "none" ? {} : { "x-audit": operation.audit }),
    parameters: [
      ...parametersOf("path", input.path, schemas),
      ...parametersOf("query", input.query, schemas),
      ...headerParameters(operation),
    ],
    ...(input.body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { "application/json": { schema: schemaOf(input.body, "input", schemas) } },
          },
        }),
    responses: {
      [status]: { description: status === "201" ? "Made." : "Done.", ...answer },
      ...(status === "201" ? { "200": { description: "A repetition: what the first call made.", ...answer } } : {}),
      ...problemsOf(operation),
    },
  };
}

function parametersOf(where: "path" | "query", schema: z.ZodObject | undefined, schemas: Record<string, Json>): Json[] {
  if (schema === undefined) return [];
  const { properties, required } = schemaOf(schema, "input", schemas) as {
    properties: JsonObject;
    required?: string[];
  };
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...rest } = property as JsonObject;
    return {
      name,
      in: where,
      required: where === "path" || (required ?? []).includes(name),
      ...(description === undefined ? {} : { description }),
      schema: rest,
    };
  });
}

function headerParameters(operation: Operation): Json[] {
  const header = (name: string, description: string): Json => ({
    name,
    in: "header",
    required: false,
    description,
    schema: { type: "string", maxLength: 255 },
  });
  const list: Json[] = [];
  if (operation.method === "POST" && operation.repeat !== "harmless") {
    const twice = operation.repeat === "id" ? "makes no second resource" : "is told what the first one did";
    list.push(header("Idempotency-Key", `A text of the client's choice; a repeated call with it ${twice}.`));
  }
  if (operation.errors?.includes("precondition_failed")) {
    list.push(header("If-Match", "The ETag of the state that the client has seen; another state is refused with 412."));
  }
  return list;
}

/** One response a status; the codes that it may carry are listed in its description. */
function problemsOf(operation: Operation): Record<string, Json> {
  const codes = new Set<ErrorCode>(COMMON);
  for (const code of operation.errors ?? []) codes.add(code);
  if (operation.method !== "GET") for (const code of WITH_BODY) codes.add(code);
  if (operation.input.path !== undefined) for (const code of WITH_PATH) codes.add(code);
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const { status } = ERRORS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const rows = [...byStatus].sort(([a], [b]) => a - b);
  return Object.fromEntries(
    rows.map(([status, list]) => [
      String(status),
      {
        description: list.map((code) => `\`${code}\`: ${ERRORS[code].title}`).join(" "),
        content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
      },
    ]),
  );
}

function problemSchema(): Json {
  return {
    type: "object",
    description: "RFC 9457.",
    required: ["type", "title", "status", "detail", "code", "requestId"],
    properties: {
      type: { type: "string", format: "uri", description: "`urn:sallyport:error:` and the code." },
      title: { type: "string" },
      status: { type: "integer" },
      detail: { type: "string", description: "What is wrong with this very request." },
      code: { type: "string", enum: Object.keys(ERRORS) },
      param: { type: "string", description: "The first field at fault." },
      requestId: { type: "string", description: "Finds the request in the log." },
      errors: {
        type: "array",
        items: {
          type: "object",
          required: ["in", "field", "message"],
          properties: {
            in: { type: "string", enum: ["path", "query", "body"] },
            field: { type: "string" },
            message: { type: "string" },
          },
        },
      },
    },
  };
}

/** The JSON Schema (2020-12, as OpenAPI 3.1 takes it) of a zod schema; what has an id moves to the components. */
function schemaOf(schema: z.ZodType, io: "input" | "output", schemas: Record<string, Json>): Json {
  const {
    $schema: _,
    $defs,
    ...root
  } = z.toJSONSchema(schema, {
    io,
    override: ({ jsonSchema }) => {
      // The format says it; zod's pattern beside it is 300 characters that no reader wants.
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
      // Answers grow fields in later versions, so clients must not refuse what they do not know.
      if (io === "output" && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    },
  }) as JsonObject;
  if (isObject($defs)) {
    for (const [id, definition] of Object.entries($defs)) {
      const { id: _id, ...rest } = definition as JsonObject;
      schemas[id] = pointToComponents(rest);
    }
  }
  return pointToComponents(root);
}

function pointToComponents(value: Json): Json {
  if (Array.isArray(value)) return value.map(pointToComponents);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === "$ref" && typeof inner === "string"
        ? inner.replace("#/$defs/", "#/components/schemas/")
        : pointToComponents(inner),
    ]),
  );
}
