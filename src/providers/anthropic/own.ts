import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import type { Message } from "../../spec/message.ts";
import type { FunctionTool, ModelRequest } from "../../spec/request.ts";
import { BlockWriter, textAlone, type Warn } from "./blocks.ts";

/**
 * The body for a caller who speaks Anthropic's own dialect: every field that was sent, as
 * it was sent, unknown ones included, but for the model's name and a model's empty texts. Objects of which only a
 * part is canonical are put together again (the front's decoder tells how it split them).
 */
export function ownBody(request: ModelRequest, model: string, warn: Warn): JsonObject {
  const { thinking, output_config, output_format, metadata, tool_choice, ...extra } = request.extra ?? {};
  const writer = new BlockWriter(true, warn);
  const body: JsonObject = { ...extra, model };
  if (request.maxOutputTokens !== undefined) body.max_tokens = request.maxOutputTokens;

  const [first] = request.messages;
  const system = first?.role === "system" ? first : undefined;
  if (system !== undefined) {
    body.system = contentOf(system, writer, "system");
  }
  body.messages = (system === undefined ? request.messages : request.messages.slice(1)).map((message, index) =>
    messageOf(message, writer, `messages[${index}].content`),
  );
  if (request.stream) body.stream = true;
  if (request.temperature !== undefined) body.temperature = request.temperature;
  if (request.topP !== undefined) body.top_p = request.topP;
  if (request.topK !== undefined) body.top_k = request.topK;
  if (request.stop !== undefined) body.stop_sequences = request.stop;
  if (request.serviceTier !== undefined) body.service_tier = request.serviceTier;
  if (request.endUser !== undefined || metadata !== undefined) {
    body.metadata = { ...object(metadata), ...(request.endUser === undefined ? {} : { user_id: request.endUser }) };
  }
  if (request.tools !== undefined) {
    body.tools = request.tools.map((tool) => (tool.type === "opaque" ? tool.value : toolOf(tool)));
  }
  writeToolChoice(request, object(tool_choice), body);
  writeThinking(request, object(thinking), thinking !== undefined, body);
  writeOutput(request, object(output_config), object(output_format), body);
  return body;
}

function messageOf(message: Message, writer: BlockWriter, path: string): JsonObject {
  return { role: message.role, content: contentOf(message, writer, path), ...message.extra };
}

/**
 * A model's turn without its empty texts: another provider's answer may have had some, and Anthropic
 * refuses the whole request for one. A turn that has nothing else is the caller's, as it is.
 */
function blocksOf({ role, parts }: Message, writer: BlockWriter, path: string): JsonObject[] {
  const blocks = writer.blocks(parts, path);
  if (role !== "assistant") return blocks;
  const said = blocks.filter((block) => block.type !== "text" || block.text !== "");
  return said.length === 0 ? blocks : said;
}

/** A string where a string came, or where nobody said how it was worded. */
function contentOf(message: Message, writer: BlockWriter, path: string): Json {
  const blocks = blocksOf(message, writer, path);
  return message.form?.content === "blocks" ? blocks : (textAlone(blocks) ?? blocks);
}

function toolOf(tool: FunctionTool): JsonObject {
  const value: JsonObject = { name: tool.name, input_schema: tool.parameters ?? { type: "object" } };
  if (tool.description !== undefined) value.description = tool.description;
  if (tool.strict !== undefined) value.strict = tool.strict;
  return { ...value, ...tool.extra };
}

function writeToolChoice(request: ModelRequest, rest: JsonObject, body: JsonObject): void {
  const choice = request.toolChoice;
  if (choice === undefined) return;
  if (choice.type === "opaque") {
    body.tool_choice = choice.value;
    return;
  }
  const value: JsonObject = { type: choice.type === "required" ? "any" : choice.type, ...rest };
  if (choice.type === "tool") value.name = choice.name;
  if (request.parallelToolCalls !== undefined) value.disable_parallel_tool_use = !request.parallelToolCalls;
  body.tool_choice = value;
}

function writeThinking(request: ModelRequest, rest: JsonObject, whole: boolean, body: JsonObject): void {
  const reasoning = request.reasoning;
  if (reasoning?.enabled === undefined) {
    if (whole) body.thinking = rest;
  } else if (!reasoning.enabled) {
    body.thinking = { type: "disabled", ...rest };
  } else if (reasoning.budgetTokens === undefined) {
    body.thinking = { type: "adaptive", ...rest };
  } else {
    body.thinking = { type: "enabled", budget_tokens: reasoning.budgetTokens, ...rest };
  }
}

/** `output_config`, or `output_format` where the caller still calls it so. */
function writeOutput(request: ModelRequest, config: JsonObject, betaFormat: JsonObject, body: JsonObject): void {
  const output = { ...config };
  if (request.reasoning?.effort !== undefined) output.effort = request.reasoning.effort;
  const wanted = request.responseFormat;
  const format: JsonObject = wanted?.type === "json-schema" ? { type: "json_schema", schema: wanted.schema ?? {} } : {};
  if (request.form?.format === "output_format") body.output_format = { ...format, ...betaFormat };
  else if (wanted?.type === "json-schema") output.format = { ...format, ...object(output.format) };
  if (Object.keys(output).length > 0) body.output_config = output;
}

function object(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}
