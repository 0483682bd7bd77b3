import { MAX_TOOLS } from "../../kernel/bounds.ts";
import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import type { FunctionTool, ModelRequest, Tool, ToolChoice } from "../../spec/request.ts";
import type { ClientTool, ResponsesRequestForm, ResponsesToolForm } from "../../spec/responses-form.ts";
import { allowedTools } from "../allowed-tools.ts";
import { Fields } from "../read.ts";
import { withExtra } from "./content.ts";
import { flattened, placeOf, regrouped } from "./namespaces.ts";

const FUNCTION = new Set(["type", "name", "description", "parameters", "strict"]);
const CUSTOM = new Set(["type", "name", "description", "format"]);
const TYPE = new Set(["type"]);
const GRAMMAR = new Set(["type", "syntax", "definition"]);

/** The name under which a local shell is offered to models that know functions only. */
export const LOCAL_SHELL = "local_shell";

/**
 * `tools`. Functions, and the two other kinds that the caller runs itself: a custom tool, whose
 * input is free text, and OpenAI's local shell. These become functions too, so that every
 * model can call them; `encode.ts` tells the calls in their own form again. Whatever else
 * there is (web search, MCP servers, what will be invented) is the provider's to run, or its
 * own: opaque, and optional where the caller brings tools of its own and forces none.
 * @throws InvalidRequest
 */
export function readTools(fields: Fields, request: ModelRequest): void {
  const values = fields.array("tools", MAX_TOOLS);
  if (values === undefined) return;
  const given = values.map((value, index) => Fields.of(value, `tools[${index}]`));
  const inNamespace = (tool: Fields) => tool.string("type") === "namespace";
  const names = new Set(given.flatMap((tool) => (inNamespace(tool) ? [] : (tool.string("name") ?? []))));
  const tools = given.flatMap((tool, index) =>
    inNamespace(tool) ? readNamespace(tool, index, names) : [readTool(tool)],
  );
  if (tools.length > MAX_TOOLS)
    fields.fail("tools", `must have at most ${MAX_TOOLS} tools, those in namespaces counted`);
  const forced = fields.raw("tool_choice") ?? "auto";
  const brings = tools.some((tool) => tool.type === "function");
  if (brings && (forced === "auto" || forced === "none")) {
    for (const tool of tools) if (tool.type === "opaque") tool.optional = true;
  }
  request.tools = tools;
}

/**
 * Its tools, or the whole of it, which only its own dialect knows: where it has none, where one is of a kind that was
 * invented later, and where two tools would be offered under one name.
 * @param names of the tools so far
 */
function readNamespace(fields: Fields, at: number, names: Set<string>): Tool[] {
  nameOf(fields);
  const values = fields.array("tools", MAX_TOOLS) ?? [];
  const members = values.map((value, index) => readTool(Fields.of(value, `${fields.path("tools")}[${index}]`)));
  const flat = flattened(at, fields.value, members);
  if (flat.length === 0 || flat.some(({ name }) => names.has(name))) return [{ type: "opaque", value: fields.value }];
  for (const { name } of flat) names.add(name);
  return flat;
}

function readTool(fields: Fields): Tool {
  switch (fields.requiredString("type")) {
    case "function":
      return readFunction(fields);
    case "custom":
      return readCustom(fields) ?? { type: "opaque", value: fields.value };
    case "local_shell": {
      const form: ResponsesToolForm = { as: "local_shell" };
      return withExtra<FunctionTool>(
        { type: "function", name: LOCAL_SHELL, description: SHELL, parameters: SHELL_PARAMETERS, form },
        fields.extra(TYPE),
      );
    }
    default:
      return { type: "opaque", value: fields.value };
  }
}

function readFunction(fields: Fields): FunctionTool {
  const tool: FunctionTool = { type: "function", name: nameOf(fields) };
  const description = fields.string("description");
  if (description !== undefined) tool.description = description;
  const parameters = fields.object("parameters");
  if (parameters !== undefined) tool.parameters = parameters.value;
  const strict = fields.boolean("strict");
  if (strict !== undefined) tool.strict = strict;
  return withExtra(tool, fields.extra(FUNCTION));
}

function nameOf(fields: Fields): string {
  const name = fields.requiredString("name");
  return name === "" ? fields.fail("name", "must not be empty") : name;
}

const ANY_TEXT = "The input of the tool: free text, as it is, without quotes or code fences around it.";

/** undefined: a format that was invented later. */
function readCustom(fields: Fields): FunctionTool | undefined {
  const format = fields.object("format");
  let input = ANY_TEXT;
  const form: ResponsesToolForm = { as: "custom" };
  if (format !== undefined) {
    if (format.extra(GRAMMAR) !== undefined) return undefined;
    form.format = format.value;
    const type = format.requiredString("type");
    if (type === "grammar") {
      const { syntax, definition } = {
        syntax: format.requiredString("syntax"),
        definition: format.requiredString("definition"),
      };
      input = `${ANY_TEXT} It must follow this grammar (${syntax}):\n${definition}`;
    } else if (type !== "text" || Object.keys(format.value).length > 1) return undefined;
  }
  const tool: FunctionTool = {
    type: "function",
    name: nameOf(fields),
    parameters: {
      type: "object",
      properties: { input: { type: "string", description: input } },
      required: ["input"],
      additionalProperties: false,
    },
    form,
  };
  const description = fields.string("description");
  if (description !== undefined) tool.description = description;
  return withExtra(tool, fields.extra(CUSTOM));
}

const SHELL = "Runs a command in the user's local shell and returns its output.";

/** The fields of OpenAI's `local_shell_call.action`. */
const SHELL_PARAMETERS: JsonObject = {
  type: "object",
  properties: {
    command: { type: "array", items: { type: "string" }, description: "The program and its arguments." },
    working_directory: { type: "string", description: "Where to run it; the current directory if absent." },
    timeout_ms: { type: "integer", description: "After how many milliseconds to give up." },
    env: { type: "object", additionalProperties: { type: "string" }, description: "Variables to set." },
  },
  required: ["command"],
};

/** @throws InvalidRequest */
export function readToolChoice(fields: Fields, request: ModelRequest, form: ResponsesRequestForm): void {
  const choice = fields.raw("tool_choice");
  if (choice === undefined) return;
  request.toolChoice = choiceOf(choice, fields, form);
}

function choiceOf(choice: Json, fields: Fields, form: ResponsesRequestForm): ToolChoice {
  if (choice === "auto" || choice === "none" || choice === "required") return { type: choice };
  if (!isObject(choice)) return fields.fail("tool_choice", "must be auto, none, required or an object");
  const given = new Fields(choice, "tool_choice");
  const type = given.requiredString("type");
  if (type === "allowed_tools") return allowedTools(choice, choice);
  if (type === "custom") form.choice = type;
  else if (type !== "function") return { type: "opaque", value: choice };
  // Chat Completions nests the name, and some clients send that here.
  const inner = given.object("function");
  return { type: "tool", name: (inner ?? given).requiredString("name") };
}

/** How the calls of a tool are told that are not told as those of a function without a namespace. */
export interface CalledAs {
  kind: ClientTool | undefined;
  /** With the tool's name in it. */
  place: { namespace: string; own: string } | undefined;
}

/** Which of the request's tools are called otherwise than functions, by name. */
export function clientTools(request: ModelRequest): ReadonlyMap<string, CalledAs> {
  const kinds = new Map<string, CalledAs>();
  if (request.dialect !== "openai-responses") return kinds;
  for (const tool of request.tools ?? []) {
    if (tool.type !== "function") continue;
    const kind = (tool.form as ResponsesToolForm | undefined)?.as;
    const place = placeOf(tool);
    if (kind !== undefined || place !== undefined) kinds.set(tool.name, { kind, place });
  }
  return kinds;
}

/** The tools as the answer repeats them. */
export function writeTools(tools: readonly Tool[]): JsonObject[] {
  return regrouped(tools, writeTool);
}

function writeTool(tool: Tool): JsonObject {
  if (tool.type === "opaque") return tool.value;
  const { name, description = null, parameters = null, strict = null } = tool;
  const form = tool.form as ResponsesToolForm | undefined;
  if (form?.as === "local_shell") return { type: "local_shell" };
  if (form?.as === "custom") return { type: "custom", name, description, format: form.format ?? { type: "text" } };
  return { type: "function", name, description, parameters, strict };
}

export function writeChoice(choice: ToolChoice | undefined, form: ResponsesRequestForm): Json {
  if (choice === undefined) return "auto";
  if (choice.type === "tool") return { type: form.choice ?? "function", name: choice.name };
  return choice.type === "opaque" ? choice.value : choice.type;
}
