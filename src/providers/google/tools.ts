import type { Json, JsonObject } from "../../kernel/json.ts";
import type { GeminiRequestForm, GeminiToolForm } from "../../spec/gemini-form.ts";
import { toGeminiSchema } from "../../spec/gemini-schema.ts";
import type { FunctionTool, ModelRequest, ToolChoice } from "../../spec/request.ts";
import { typeOf } from "../foreign.ts";
import type { Losses } from "../losses.ts";
import { geminiJsonSchema } from "./schema.ts";
import type { ResponseFunction } from "./structured.ts";
import { nameForGemini } from "./tool-names.ts";

/** Writes `tools` and `toolConfig`. @throws UnsupportedFeature */
export function writeTools(
  request: ModelRequest,
  response: ResponseFunction | undefined,
  losses: Losses,
  body: JsonObject,
): void {
  const declarations: Json[] = [];
  // All functions stand in one entry, where the first of them stood; every tool of Google's has an entry.
  const tools: Json[] = [];
  const entry = (declaration: JsonObject) => {
    if (declarations.push(declaration) === 1) tools.push({ functionDeclarations: declarations });
  };
  for (const [index, tool] of (request.tools ?? []).entries()) {
    if (tool.type === "function") entry(writeFunction(tool, losses));
    else if (losses.own) tools.push(tool.value);
    else losses.refuse(`tools[${index}]`, `Gemini has no tool of type ${typeOf(tool)}`);
  }
  if (response !== undefined) entry(response.declaration);
  if (tools.length > 0 || (losses.own && request.tools !== undefined)) body.tools = tools;
  // Gemini refuses a choice without functions.
  if (declarations.length === 0 && !losses.own) return;
  const calling = response === undefined ? callingOf(request, losses) : callingWithAnswer(request, response);
  if (calling !== undefined) body.toolConfig = { functionCallingConfig: calling };
}

function writeFunction(tool: FunctionTool, losses: Losses): JsonObject {
  const { own } = losses;
  const written: JsonObject = { name: own ? tool.name : nameForGemini(tool.name) };
  if (tool.description !== undefined) written.description = tool.description;
  const { parameters } = tool;
  if (own && parameters !== undefined) {
    if ((tool.form as GeminiToolForm | undefined)?.schema === "own") written.parameters = toGeminiSchema(parameters);
    else written.parametersJsonSchema = parameters;
  } else if (parameters !== undefined) {
    written.parametersJsonSchema = geminiJsonSchema({ type: "object", ...parameters });
  }
  if (tool.strict === true) losses.warn("strict", "Gemini holds no single function to its schema; it was left out");
  losses.carry(tool.extra, written);
  return written;
}

function callingOf(request: ModelRequest, losses: Losses): JsonObject | undefined {
  const choice: ToolChoice | undefined = request.toolChoice;
  switch (choice?.type) {
    case undefined:
      return undefined;
    case "auto":
      return { mode: (losses.own && (request.form as GeminiRequestForm | undefined)?.mode) || "AUTO" };
    case "none":
      return { mode: "NONE" };
    case "required":
      return { mode: "ANY" };
    case "tool":
      return { mode: "ANY", allowedFunctionNames: [losses.own ? choice.name : nameForGemini(choice.name)] };
    case "opaque":
      if (losses.own) return choice.value as JsonObject;
      return losses.refuse("tool_choice", "Gemini has no such choice of tools");
  }
}

/** Beside the caller's own functions, answering is one of the calls that the model may make. */
function callingWithAnswer({ toolChoice }: ModelRequest, response: ResponseFunction): JsonObject {
  return toolChoice?.type === "none" ? { mode: "ANY", allowedFunctionNames: [response.name] } : { mode: "ANY" };
}
