import { isObject, type JsonObject } from "../../kernel/json.ts";
import { UnsupportedFeature } from "../../spec/adapter.ts";
import type { FunctionTool, ModelRequest, ToolChoice } from "../../spec/request.ts";
import { typeOf } from "../foreign.ts";
import { saysNothing } from "../losses.ts";
import type { Warn } from "./blocks.ts";
import type { ModelTraits } from "./models.ts";
import { nativeSchema } from "./schema.ts";
import type { AnswerFormat } from "./structured.ts";
import { nameForAnthropic } from "./tool-names.ts";

/** Anthropic's bound on strict tools of one request. */
const MAX_STRICT_TOOLS = 20;

/** Writes `tools` and `tool_choice`. @param mayForce whether the model can be made to call the response tool. */
export function writeTools(
  request: ModelRequest,
  traits: ModelTraits,
  format: AnswerFormat,
  mayForce: boolean,
  body: JsonObject,
  warn: Warn,
): void {
  const tools = functionTools(request, traits, warn);
  const answerByTool = format.kind === "tool" && request.toolChoice?.type !== "tool";
  if (answerByTool) tools.push(format.tool);
  if (tools.length === 0) return;
  body.tools = tools;
  const choice = answerByTool ? choiceWithAnswer(request, format.name, mayForce) : choiceOf(request.toolChoice);
  if (request.parallelToolCalls === false && choice?.type !== "none") {
    body.tool_choice = { ...(choice ?? { type: "auto" }), disable_parallel_tool_use: true };
  } else if (choice !== undefined) {
    body.tool_choice = choice;
  }
}

/** Whether the caller leaves the model no choice but to call a tool. */
export function forcesTool(request: ModelRequest): boolean {
  const type = request.toolChoice?.type;
  return (type === "required" || type === "tool") && (request.tools?.length ?? 0) > 0;
}

function functionTools(request: ModelRequest, traits: ModelTraits, warn: Warn): JsonObject[] {
  let strict = 0;
  return (request.tools ?? []).map((tool, index) => {
    if (tool.type === "opaque") {
      throw new UnsupportedFeature(`tools[${index}]`, `Anthropic has no tool of type ${typeOf(tool)}`);
    }
    const value: JsonObject = { name: nameForAnthropic(tool.name), input_schema: objectSchema(tool.parameters) };
    if (tool.description !== undefined) value.description = tool.description;
    for (const name in tool.extra) {
      const given = tool.extra[name]!;
      if (name === "cache_control" && isObject(given)) value.cache_control = given;
      else if (!saysNothing(given)) warn(name, `Anthropic's tools have no ${name}; it was left out`);
    }
    if (tool.strict === true) {
      if (strict < MAX_STRICT_TOOLS && isStrict(tool, traits)) {
        value.strict = true;
        strict++;
      } else {
        warn("strict", "Anthropic cannot hold this tool to its schema; it was left out");
      }
    }
    return value;
  });
}

function isStrict(tool: FunctionTool, traits: ModelTraits): boolean {
  if (!traits.structured || tool.parameters === undefined) return false;
  return tool.parameters.additionalProperties === false && nativeSchema(tool.parameters)?.exact === true;
}

/** Anthropic wants an object at the root, also for tools that take nothing. */
function objectSchema(parameters: JsonObject | undefined): JsonObject {
  if (parameters === undefined) return { type: "object", properties: {} };
  return parameters.type === "object" ? parameters : { ...parameters, type: "object" };
}

function choiceOf(choice: ToolChoice | undefined): JsonObject | undefined {
  if (choice === undefined) return undefined;
  switch (choice.type) {
    case "required":
      return { type: "any" };
    case "tool":
      return { type: "tool", name: nameForAnthropic(choice.name) };
    case "opaque":
      throw new UnsupportedFeature("tool_choice", "Anthropic does not have this kind of tool choice");
    default:
      return { type: choice.type };
  }
}

/** Beside the caller's own tools, answering is one of the calls that the model may make. */
function choiceWithAnswer(request: ModelRequest, name: string, mayForce: boolean): JsonObject {
  if (request.toolChoice?.type === "opaque") choiceOf(request.toolChoice);
  if (!mayForce) return { type: "auto" };
  const alone = (request.tools?.length ?? 0) === 0 || request.toolChoice?.type === "none";
  return alone ? { type: "tool", name, disable_parallel_tool_use: true } : { type: "any" };
}
