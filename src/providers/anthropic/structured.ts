import type { JsonObject } from "../../kernel/json.ts";
import { UnsupportedFeature } from "../../spec/adapter.ts";
import type { ModelRequest, ResponseFormat } from "../../spec/request.ts";
import type { ModelTraits } from "./models.ts";
import { nativeSchema } from "./schema.ts";

/**
 * Answers in JSON, for callers of other dialects.
 *
 * - A schema goes into `output_config.format` where model and schema allow it.
 * - Otherwise, and for JSON without a schema, which Anthropic does not know, the model gets
 *   a response tool whose arguments are the answer. It is forced where that is possible, and
 *   asked for in the system prompt where it is not (thinking is on, or the model cannot be
 *   forced). The decoder turns the call back into the answer's text, so nobody sees the tool.
 */
export type AnswerFormat =
  | { kind: "free" }
  | { kind: "native"; format: JsonObject }
  | { kind: "tool"; name: string; tool: JsonObject };

/** Where the format has no name of its own, or none that a tool may have. */
const RESPONSE_TOOL = "respond_with_json";
const TOOL_NAME = /^[\w-]{1,64}$/;

export function answerFormat(request: ModelRequest, traits: ModelTraits): AnswerFormat {
  const wanted = request.responseFormat;
  const name = responseTool(request);
  if (name === undefined || wanted === undefined || wanted.type === "text") return { kind: "free" };
  if (wanted.type === "json-schema" && wanted.schema !== undefined && traits.structured) {
    const native = nativeSchema(wanted.schema);
    if (native !== undefined) {
      const schema = withDescription(native.schema, wanted.description);
      return { kind: "native", format: { type: "json_schema", schema } };
    }
  }
  return { kind: "tool", name, tool: { name, description: describe(wanted), input_schema: inputSchema(wanted) } };
}

/**
 * The name of the response tool, whether or not it is used; undefined where none can be.
 * Encoder and decoder both call this, so it depends on the request alone.
 */
export function responseTool(request: ModelRequest): string | undefined {
  if (request.dialect === "anthropic-messages") return undefined;
  const format = request.responseFormat;
  if (format === undefined || format.type === "text") return undefined;
  let name = format.type === "json-schema" && TOOL_NAME.test(format.name) ? format.name : RESPONSE_TOOL;
  while (request.tools?.some((tool) => tool.type === "function" && tool.name === name)) name += "_";
  return name;
}

/** What is said to a model that cannot be forced. */
export function hintFor(name: string): JsonObject {
  return {
    type: "text",
    text: `Give your final answer by calling the tool ${name} once, and write nothing beside it.`,
  };
}

function describe(format: ResponseFormat): string {
  const purpose = "The answer itself: its arguments are handed to the user as JSON.";
  return format.type === "json-schema" && format.description !== undefined
    ? `${purpose} ${format.description}`
    : purpose;
}

function inputSchema(format: ResponseFormat): JsonObject {
  if (format.type !== "json-schema" || format.schema === undefined) {
    return { type: "object", properties: {}, additionalProperties: true };
  }
  const schema = format.schema;
  if (schema.type === "object") return schema;
  if (schema.type === undefined && (schema.properties !== undefined || Object.keys(schema).length === 0)) {
    return { ...schema, type: "object" };
  }
  throw new UnsupportedFeature(
    "response_format",
    "this model gives JSON objects only: the schema's root must be an object",
  );
}

function withDescription(schema: JsonObject, description: string | undefined): JsonObject {
  return description === undefined || schema.description !== undefined ? schema : { ...schema, description };
}
