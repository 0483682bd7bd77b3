import type { JsonObject } from "../../kernel/json.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { ModelTraits } from "./models.ts";
import { geminiJsonSchema } from "./schema.ts";

/**
 * Models before Gemini 3 refuse a schema for the answer beside functions to call. There the model
 * gets a response function whose arguments are the answer, and must call one of the functions.
 * The decoder turns that call back into the answer's text, so nobody sees the function.
 */
export interface ResponseFunction {
  name: string;
  declaration: JsonObject;
}

const NAME = "respond_with_json";

/**
 * The name of the response function, whether or not it is used; undefined where none can be.
 * Encoder and decoder both call this, so it depends on the request alone.
 */
export function responseFunctionName(request: ModelRequest): string | undefined {
  const { responseFormat, tools, toolChoice } = request;
  if (request.dialect === "gemini" || responseFormat === undefined || responseFormat.type === "text") return undefined;
  if (tools === undefined || tools.length === 0 || toolChoice?.type === "tool") return undefined;
  let name = NAME;
  while (tools.some((tool) => tool.type === "function" && tool.name === name)) name += "_";
  return name;
}

export function responseFunction(request: ModelRequest, traits: ModelTraits): ResponseFunction | undefined {
  const name = responseFunctionName(request);
  const format = request.responseFormat;
  if (name === undefined || traits.jsonWithTools || format === undefined) return undefined;
  const declaration: JsonObject = {
    name,
    description: "Gives the final answer. Its arguments are handed to the user as JSON.",
  };
  const schema = format.type === "json-schema" ? format.schema : undefined;
  declaration.parametersJsonSchema = schema === undefined ? { type: "object" } : geminiJsonSchema(schema);
  if (format.type === "json-schema" && format.description !== undefined) {
    declaration.description += ` ${format.description}`;
  }
  return { name, declaration };
}
