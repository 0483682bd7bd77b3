import { isObject, type JsonObject } from "../../kernel/json.ts";
import { UnsupportedFeature } from "../../spec/adapter.ts";
import type { FunctionTool, ModelRequest } from "../../spec/request.ts";
import { traitsOf } from "../anthropic/models.ts";
import { type AnswerFormat, answerFormat, hintFor, responseTool } from "../anthropic/structured.ts";
import { typeOf } from "../foreign.ts";
import type { Losses } from "../losses.ts";
import type { BlockWriter } from "./blocks.ts";
import type { Family } from "./models.ts";
import { nameForBedrock } from "./names.ts";

/** What the conversation's blocks name: Bedrock refuses such blocks where no tools are declared. */
export interface Tooling {
  toolConfig: JsonObject | undefined;
  outputConfig: JsonObject | undefined;
  /** Sentences for the system prompt, where the API has no word. */
  hints: string[];
  /** What Claude is told in its own words. */
  additional: JsonObject;
}

/** Tools, the choice among them, and answers in JSON, natively or by a tool that nobody sees. @throws UnsupportedFeature */
export function toolingOf(
  request: ModelRequest,
  model: string,
  family: Family,
  thinks: boolean,
  writer: BlockWriter,
  losses: Losses,
): Tooling {
  const format = formatOf(request, model, family);
  const tooling: Tooling = {
    toolConfig: undefined,
    outputConfig: nativeFormat(request, format),
    hints: [],
    additional: {},
  };
  const tools = functionTools(request, family, writer, losses);
  const answers = format.kind === "tool" && request.toolChoice?.type !== "tool" ? format : undefined;
  const named = tools.length > 0 ? [] : namesOfCalls(request);
  const silent = request.toolChoice?.type === "none" || (tools.length === 0 && named.length > 0);
  if (silent && answers === undefined) {
    if (!hasCalls(request)) return tooling;
    if (tools.length > 0)
      losses.warn("tool_choice", "Bedrock has no choice none; the model was asked not to call a tool");
    tooling.hints.push("Answer without calling any tool.");
  }
  for (const name of named) tools.push(toolSpec({ type: "function", name: nameForBedrock(name) }));
  if (answers !== undefined) tools.push(asSpec(answers.tool));
  if (tools.length === 0) return tooling;
  const toolConfig: JsonObject = { tools };
  const choice =
    answers === undefined ? choiceOf(request, family, silent) : choiceWithAnswer(request, answers.name, family, thinks);
  if (choice !== undefined) toolConfig.toolChoice = choice;
  else if (answers !== undefined) tooling.hints.push(hintFor(answers.name).text as string);
  tooling.toolConfig = toolConfig;
  if (request.parallelToolCalls === false && !silent) oneAtATime(family, choice, tooling, losses);
  return tooling;
}

function formatOf(request: ModelRequest, model: string, family: Family): AnswerFormat {
  return answerFormat(asForeign(request), { ...traitsOf(model), structured: family.structured });
}

/** The name of the tool whose arguments are the answer, if there may be one. */
export function answerTool(request: ModelRequest): string | undefined {
  return responseTool(asForeign(request));
}

/** Whoever speaks Anthropic's dialect has its answer made in JSON like any other caller here. */
function asForeign(request: ModelRequest): ModelRequest {
  return request.dialect === "anthropic-messages" ? { ...request, dialect: "canonical" } : request;
}

function nativeFormat({ responseFormat }: ModelRequest, format: AnswerFormat): JsonObject | undefined {
  if (format.kind !== "native" || responseFormat?.type !== "json-schema") return undefined;
  const jsonSchema: JsonObject = { schema: JSON.stringify(format.format.schema) };
  if (/^[\w-]{1,64}$/.test(responseFormat.name)) jsonSchema.name = responseFormat.name;
  if (responseFormat.description !== undefined) jsonSchema.description = responseFormat.description;
  return { textFormat: { type: "json_schema", structure: { jsonSchema } } };
}

function functionTools(request: ModelRequest, family: Family, writer: BlockWriter, losses: Losses): JsonObject[] {
  return (request.tools ?? []).flatMap((tool, index) => {
    if (tool.type === "opaque") {
      throw new UnsupportedFeature(`tools[${index}]`, `Bedrock's Converse has no tool of type ${typeOf(tool)}`);
    }
    const spec = toolSpec({ ...tool, name: nameForBedrock(tool.name) });
    if (tool.strict === true) {
      if (family.structured && tool.parameters?.additionalProperties === false)
        (spec.toolSpec as JsonObject).strict = true;
      else losses.warn("strict", "Bedrock cannot hold this tool to its schema; it was left out");
    }
    const { cache_control: _, ...rest } = tool.extra ?? {};
    losses.carry(rest, {});
    const point = writer.cachePoint(tool, true);
    return point === undefined ? [spec] : [spec, point];
  });
}

function toolSpec({ name, description, parameters }: FunctionTool): JsonObject {
  // Bedrock wants an object at the root, also for tools that take nothing, and no empty description.
  const json: JsonObject =
    parameters === undefined
      ? { type: "object", properties: {} }
      : parameters.type === "object"
        ? parameters
        : { ...parameters, type: "object" };
  const spec: JsonObject = { name, inputSchema: { json } };
  if (description !== undefined && description !== "") spec.description = description;
  return { toolSpec: spec };
}

function asSpec({ name, description, input_schema: json }: JsonObject): JsonObject {
  return { toolSpec: { name: name!, description: description!, inputSchema: { json: json! } } };
}

function namesOfCalls(request: ModelRequest): string[] {
  const names = request.messages.flatMap(({ parts }) =>
    parts.flatMap((part) => (part.type === "tool-call" ? [part.name] : [])),
  );
  return [...new Set(names)];
}

function hasCalls(request: ModelRequest): boolean {
  return request.messages.some(({ parts }) => parts.some(({ type }) => type === "tool-call" || type === "tool-result"));
}

/** @throws UnsupportedFeature where the model cannot be made to do what was chosen. */
function choiceOf(request: ModelRequest, family: Family, silent: boolean): JsonObject | undefined {
  const choice = request.toolChoice;
  if (choice === undefined || silent) return undefined;
  if (choice.type === "opaque") {
    throw new UnsupportedFeature("tool_choice", "Bedrock's Converse does not have this kind of tool choice");
  }
  // A model that does not know the word chooses by itself anyway.
  if (choice.type === "auto") return family.toolChoice === "full" ? { auto: {} } : undefined;
  if (family.toolChoice === "auto-only" || family.claude?.forcedTool === false) {
    throw new UnsupportedFeature("tool_choice", "this model cannot be forced to call a tool");
  }
  return choice.type === "tool" ? { tool: { name: nameForBedrock(choice.name) } } : { any: {} };
}

/** Beside the caller's own tools, answering is one of the calls that the model may make. undefined: it can only be asked. */
function choiceWithAnswer(
  request: ModelRequest,
  name: string,
  family: Family,
  thinks: boolean,
): JsonObject | undefined {
  if (thinks || family.toolChoice === "auto-only" || family.claude?.forcedTool === false) return undefined;
  const alone = (request.tools?.length ?? 0) === 0 || request.toolChoice?.type === "none";
  return alone ? { tool: { name } } : { any: {} };
}

/** Claude takes its own word for it. Others cannot be told. */
function oneAtATime(family: Family, choice: JsonObject | undefined, tooling: Tooling, losses: Losses): void {
  if (family.claude === undefined) {
    losses.warn("parallel_tool_calls", "this model cannot be told to call one tool at a time; it was left out");
    return;
  }
  const tool = isObject(choice?.tool) ? choice.tool.name : undefined;
  const type = tool !== undefined ? "tool" : choice?.any !== undefined ? "any" : "auto";
  tooling.additional.tool_choice = {
    type,
    ...(tool === undefined ? {} : { name: tool }),
    disable_parallel_tool_use: true,
  };
}
