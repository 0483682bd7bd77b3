import { MAX_MESSAGES, MAX_OUTPUT_TOKENS, MAX_TOOLS } from "../../kernel/bounds.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Message } from "../../spec/message.ts";
import type { ModelRequest, ReasoningRequest, Tool, ToolChoice } from "../../spec/request.ts";
import { Fields, readModelName } from "../read.ts";
import { refuseUpstreamFields } from "../refused-fields.ts";
import { AS_BLOCKS, readContent, withExtra } from "./content.ts";

/**
 * The body of `POST /v1/messages` (https://docs.claude.com/en/api/messages). Values that
 * Anthropic itself refuses are refused here, naming the field. Words that may grow (kinds
 * of tools, of thinking, of blocks, effort, service tier) are passed on as they are.
 *
 * Part of an object may be canonical and part of it not, as in
 * `thinking: { type: "adaptive", display: "omitted" }`. The rest stands in the request's
 * `extra` under the object's own name, and whoever writes Anthropic's dialect merges it again.
 */

const REQUEST = new Set([
  "model",
  "messages",
  "system",
  "stream",
  "max_tokens",
  "temperature",
  "top_p",
  "top_k",
  "stop_sequences",
  "tools",
  "tool_choice",
  "thinking",
  "output_config",
  "output_format",
  "metadata",
  "service_tier",
]);
const MESSAGE = new Set(["role", "content"]);
const TOOL = new Set(["type", "name", "description", "input_schema", "strict"]);
const TOOL_CHOICE = new Set(["type", "name", "disable_parallel_tool_use"]);
const THINKING = new Set(["type", "budget_tokens"]);
const BETWEEN_TOOLS = new Set<string>();
const OUTPUT_CONFIG = new Set(["effort", "format"]);
const FORMAT = new Set(["type", "schema"]);
const METADATA = new Set(["user_id"]);

/** Anthropic's own bound. */
const MAX_STOP_SEQUENCES = 8_191;
const MAX_TOP_K = 2 ** 31 - 1;

/** Anthropic's formats have no name, and other dialects want one. */
const FORMAT_NAME = "response";

export function decodeRequest(body: JsonObject): ModelRequest {
  const fields = new Fields(body, "");
  refuseUpstreamFields(fields);
  refuseThreads(fields);
  const model = readModelName(fields);
  const maxOutputTokens = fields.integer("max_tokens", 1, MAX_OUTPUT_TOKENS);
  if (maxOutputTokens === undefined) return fields.fail("max_tokens", "is required and must be a whole number");
  const request: ModelRequest = {
    dialect: "anthropic-messages",
    model,
    messages: [...readSystem(fields), ...readMessages(fields)],
    stream: fields.boolean("stream") ?? false,
    includeUsage: true,
    maxOutputTokens,
  };
  const rest: JsonObject = fields.extra(REQUEST) ?? {};
  readTools(fields, request);
  readToolChoice(fields, request, rest);
  readSampling(fields, request);
  readThinking(fields, request, rest);
  readOutput(fields, request, rest);
  readCaller(fields, request, rest);
  return withExtra(request, Object.keys(rest).length > 0 ? rest : undefined);
}

/**
 * A thread is a conversation that lies with the provider, of which a request brings the last
 * turn only. Nobody could check or price the rest, another target would not know it, and its
 * id would open it to every caller whose calls reach the same account. Anthropic's clients
 * send the whole conversation when they read the code that `errors.ts` puts into this refusal.
 */
function refuseThreads(fields: Fields): void {
  if (fields.has("thread")) fields.fail("thread", "is not taken here: send the full conversation without it");
}

/** The system prompt comes first, as a message of its own. An empty one is none. */
function readSystem(fields: Fields): Message[] {
  if (!fields.has("system") || fields.raw("system") === "") return [];
  const parts = readContent(fields, "system");
  return parts.length === 0 ? [] : [wordedAs(fields.value.system, { role: "system", parts })];
}

function readMessages(fields: Fields): Message[] {
  const values = fields.array("messages", MAX_MESSAGES);
  if (values === undefined || values.length === 0) return fields.fail("messages", "must have at least one message");
  return values.map((value, index) => {
    const message = Fields.of(value, `messages[${index}]`);
    // `system` in mid-conversation: Claude Opus 4.8 and later.
    const role = message.oneOf("role", ["user", "assistant", "system"]);
    if (role === undefined) return message.fail("role", "is required and must be one of user, assistant, system");
    const read = wordedAs(message.value.content, { role, parts: readContent(message, "content") });
    return withExtra(read, message.extra(MESSAGE));
  });
}

function wordedAs(content: Json | undefined, message: Message): Message {
  if (Array.isArray(content)) message.form = AS_BLOCKS;
  return message;
}

function readTools(fields: Fields, request: ModelRequest): void {
  const values = fields.array("tools", MAX_TOOLS);
  if (values !== undefined) request.tools = values.map((value, index) => readTool(value, `tools[${index}]`));
}

function readTool(value: Json, path: string): Tool {
  const fields = Fields.of(value, path);
  const type = fields.string("type");
  // Every kind but `custom` is run by Anthropic or defined by it: computer use, web search, toolsets.
  if (type !== undefined && type !== "custom") return { type: "opaque", value: fields.value };
  const name = fields.requiredString("name");
  if (name === "") return fields.fail("name", "must not be empty");
  const schema = fields.object("input_schema");
  if (schema === undefined) return fields.fail("input_schema", "is required and must be an object");
  const tool: Tool = { type: "function", name, parameters: schema.value };
  const description = fields.string("description");
  if (description !== undefined) tool.description = description;
  const strict = fields.boolean("strict");
  if (strict !== undefined) tool.strict = strict;
  const extra = fields.extra(TOOL);
  return withExtra(tool, type === undefined ? extra : { ...extra, type });
}

function readToolChoice(fields: Fields, request: ModelRequest, rest: JsonObject): void {
  const choice = fields.object("tool_choice");
  if (choice === undefined) return;
  const disable = choice.boolean("disable_parallel_tool_use");
  if (disable !== undefined) request.parallelToolCalls = !disable;
  request.toolChoice = toolChoice(choice);
  const extra = request.toolChoice.type === "opaque" ? undefined : choice.extra(TOOL_CHOICE);
  if (extra !== undefined) rest.tool_choice = extra;
}

function toolChoice(choice: Fields): ToolChoice {
  switch (choice.requiredString("type")) {
    case "auto":
      return { type: "auto" };
    case "none":
      return { type: "none" };
    case "any":
      return { type: "required" };
    case "tool":
      return { type: "tool", name: choice.requiredString("name") };
    default:
      return { type: "opaque", value: choice.value };
  }
}

function readSampling(fields: Fields, request: ModelRequest): void {
  const temperature = fields.number("temperature", 0, 1);
  if (temperature !== undefined) request.temperature = temperature;
  const topP = fields.number("top_p", 0, 1);
  if (topP !== undefined) request.topP = topP;
  const topK = fields.integer("top_k", 0, MAX_TOP_K);
  if (topK !== undefined) request.topK = topK;
  const stop = fields.array("stop_sequences", MAX_STOP_SEQUENCES);
  if (stop === undefined) return;
  request.stop = stop.map((word, index) =>
    typeof word === "string" ? word : fields.fail(`stop_sequences[${index}]`, "must be a string"),
  );
}

/**
 * `enabled` has a budget, `adaptive` has none, `disabled` and `between_tools` think
 * nothing up front. Another word is left alone.
 */
function readThinking(fields: Fields, request: ModelRequest, rest: JsonObject): void {
  const thinking = fields.object("thinking");
  if (thinking === undefined) return;
  const budget = thinking.integer("budget_tokens", 1, MAX_OUTPUT_TOKENS);
  let known: ReadonlySet<string> = THINKING;
  switch (thinking.requiredString("type")) {
    case "enabled":
      request.reasoning = {
        enabled: true,
        budgetTokens: budget ?? thinking.fail("budget_tokens", "is required and must be a whole number"),
      };
      break;
    case "adaptive":
      request.reasoning = { enabled: true };
      break;
    case "disabled":
      request.reasoning = { enabled: false };
      break;
    case "between_tools":
      request.reasoning = { enabled: false };
      known = BETWEEN_TOOLS;
      break;
    default:
      rest.thinking = thinking.value;
      return;
  }
  const extra = thinking.extra(known);
  if (extra !== undefined) rest.thinking = extra;
}

/** `output_config`, and `output_format` as it was called while structured outputs were a beta. */
function readOutput(fields: Fields, request: ModelRequest, rest: JsonObject): void {
  const config = fields.object("output_config");
  if (config !== undefined) {
    const extra: JsonObject = config.extra(OUTPUT_CONFIG) ?? {};
    const effort = config.string("effort");
    if (effort !== undefined) request.reasoning = withEffort(request.reasoning, effort);
    const format = readFormat(config.object("format"), request);
    if (format !== undefined) extra.format = format;
    if (Object.keys(extra).length > 0) rest.output_config = extra;
  }
  const format = fields.object("output_format");
  if (format === undefined) return;
  if (request.responseFormat !== undefined) fields.fail("output_format", "must not stand beside output_config.format");
  request.form = { format: "output_format" };
  const extra = readFormat(format, request);
  if (extra !== undefined) rest.output_format = extra;
}

function withEffort(reasoning: ReasoningRequest | undefined, effort: string): ReasoningRequest {
  return { ...reasoning, effort };
}

/** @returns what is not canonical: the rest of a JSON schema's format, or a format of another type, whole. */
function readFormat(format: Fields | undefined, request: ModelRequest): JsonObject | undefined {
  if (format === undefined) return undefined;
  if (format.requiredString("type") !== "json_schema") return format.value;
  const schema = format.object("schema");
  if (schema === undefined) return format.fail("schema", "is required and must be an object");
  request.responseFormat = { type: "json-schema", name: FORMAT_NAME, schema: schema.value };
  return format.extra(FORMAT);
}

function readCaller(fields: Fields, request: ModelRequest, rest: JsonObject): void {
  const metadata = fields.object("metadata");
  if (metadata !== undefined) {
    const user = metadata.string("user_id");
    if (user !== undefined) request.endUser = user;
    const extra = metadata.extra(METADATA);
    if (extra !== undefined) rest.metadata = extra;
  }
  const tier = fields.string("service_tier");
  if (tier !== undefined) request.serviceTier = tier;
}
