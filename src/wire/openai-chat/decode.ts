import { MAX_CHOICES, MAX_OUTPUT_TOKENS, MAX_TOOLS } from "../../kernel/bounds.ts";
import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import type { ChatRequestForm } from "../../spec/chat-form.ts";
import type { FunctionTool, ModelRequest, Tool, ToolChoice } from "../../spec/request.ts";
import { allowedTools } from "../allowed-tools.ts";
import { Fields, readModelName } from "../read.ts";
import { refuseUpstreamFields } from "../refused-fields.ts";
import { nested, withExtra } from "./content.ts";
import { readMessages } from "./messages.ts";

/** Fields that are always read; others are read only in a shape that has a canonical name. */
const KNOWN = new Set([
  ..."model messages stream stream_options max_tokens max_completion_tokens temperature top_p n stop seed".split(" "),
  ..."presence_penalty frequency_penalty logprobs top_logprobs logit_bias user service_tier".split(" "),
  ..."tools tool_choice parallel_tool_calls functions function_call reasoning_effort".split(" "),
]);
const STREAM_OPTIONS = new Set(["include_usage"]);
const TOOL = new Set(["type", "function"]);
const REASONING = new Set(["effort", "max_tokens", "enabled"]);
const THINKING = new Set(["type", "budget_tokens"]);
const FUNCTION = new Set(["name", "description", "parameters", "strict"]);

/**
 * Bounds of numbers. OpenAI's own are narrower in places, but lookalikes take more, and each
 * provider judges its own; these only keep out what no provider can mean.
 */
const MAX_TEMPERATURE = 100;
const MAX_PENALTY = 100;
const MAX_BIAS = 1_000;
const MAX_TOP_LOGPROBS = 1_000;
const MAX_TOP_K = 1_000_000;
const MAX_STOPS = 256;

/**
 * A body of POST /v1/chat/completions. Absent and null are the same; what has no canonical
 * name, on any level, is kept in `extra`. Source: OpenAI's API reference, and what clients of
 * its lookalikes send.
 * @throws InvalidRequest naming the field
 */
export function decodeRequest(body: JsonObject): ModelRequest {
  const fields = new Fields(body, "");
  refuseUpstreamFields(fields);
  const extra = fields.extra(KNOWN) ?? {};
  const form: ChatRequestForm = {};
  const request: ModelRequest = {
    dialect: "openai-chat",
    model: readModelName(fields),
    messages: readMessages(fields),
    stream: fields.boolean("stream") ?? false,
    includeUsage: readStreamOptions(fields, extra),
  };
  readTools(fields, request, form);
  readLimits(fields, request, form);
  readSampling(fields, request, form, extra);
  readFormat(request, extra);
  readReasoning(fields, request, form, extra);
  const user = fields.string("user");
  if (user !== undefined) request.endUser = user;
  const tier = fields.string("service_tier");
  if (tier !== undefined) request.serviceTier = tier;
  if (Object.keys(extra).length > 0) request.extra = extra;
  if (Object.keys(form).length > 0) request.form = form;
  return request;
}

/** Whether usage was asked for. Options without `stream` say nothing, and are not passed on (OpenAI refuses them). */
function readStreamOptions(fields: Fields, extra: JsonObject): boolean {
  const options = fields.object("stream_options");
  if (options === undefined) return false;
  const others = options.extra(STREAM_OPTIONS);
  if (others !== undefined) extra.stream_options = others;
  return options.boolean("include_usage") ?? false;
}

function readLimits(fields: Fields, request: ModelRequest, form: ChatRequestForm): void {
  const older = fields.integer("max_tokens", 1, MAX_OUTPUT_TOKENS);
  const newer = fields.integer("max_completion_tokens", 1, MAX_OUTPUT_TOKENS);
  if (older !== undefined && newer !== undefined && older !== newer) {
    fields.fail("max_completion_tokens", "differs from max_tokens: send one of them");
  }
  const bound = newer ?? older;
  if (bound !== undefined) {
    request.maxOutputTokens = bound;
    form.maxTokens = newer === undefined ? "max_tokens" : "max_completion_tokens";
  }
  const choices = fields.integer("n", 1, MAX_CHOICES);
  if (choices !== undefined) request.choices = choices;
  const stop = readStop(fields);
  if (stop !== undefined) request.stop = stop;
  if (typeof fields.value.stop === "string") form.stop = "string";
}

function readStop(fields: Fields): string[] | undefined {
  const stop = fields.raw("stop");
  if (stop === undefined) return undefined;
  if (typeof stop === "string") return [stop];
  if (!Array.isArray(stop)) return fields.fail("stop", "must be a string or an array of strings");
  if (stop.length > MAX_STOPS) return fields.fail("stop", `must have at most ${MAX_STOPS} items`);
  for (const [index, item] of stop.entries()) {
    if (typeof item !== "string") return fields.fail(`stop[${index}]`, "must be a string");
  }
  return stop as string[];
}

function readSampling(fields: Fields, request: ModelRequest, form: ChatRequestForm, extra: JsonObject): void {
  const temperature = fields.number("temperature", 0, MAX_TEMPERATURE);
  if (temperature !== undefined) request.temperature = temperature;
  const topP = fields.number("top_p", 0, 1);
  if (topP !== undefined) request.topP = topP;
  const presence = fields.number("presence_penalty", -MAX_PENALTY, MAX_PENALTY);
  if (presence !== undefined) request.presencePenalty = presence;
  const frequency = fields.number("frequency_penalty", -MAX_PENALTY, MAX_PENALTY);
  if (frequency !== undefined) request.frequencyPenalty = frequency;
  const seed = fields.integer("seed", Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  if (seed !== undefined) request.seed = seed;
  // Not OpenAI's. 0 and -1 mean "all" to vLLM and llama.cpp, which has no canonical name.
  const topK = extra.top_k;
  if (typeof topK === "number" && Number.isInteger(topK) && topK >= 1 && topK <= MAX_TOP_K) {
    request.topK = topK;
    delete extra.top_k;
  }
  const logprobs = fields.raw("logprobs");
  if (typeof logprobs === "number") {
    form.logprobs = fields.integer("logprobs", 0, MAX_TOP_LOGPROBS)!;
    request.logprobs = logprobs > 0;
  } else {
    const wanted = fields.boolean("logprobs");
    if (wanted !== undefined) request.logprobs = wanted;
  }
  const top = fields.integer("top_logprobs", 0, MAX_TOP_LOGPROBS);
  if (top !== undefined) request.topLogprobs = top;
  const bias = fields.object("logit_bias");
  if (bias !== undefined) {
    for (const token in bias.value) {
      if (bias.number(token, -MAX_BIAS, MAX_BIAS) === undefined) bias.fail(token, "must be a number");
    }
    request.logitBias = bias.value as Record<string, number>;
  }
}

function readTools(fields: Fields, request: ModelRequest, form: ChatRequestForm): void {
  const tools = fields.array("tools", MAX_TOOLS);
  const functions = fields.array("functions", MAX_TOOLS);
  if (functions !== undefined && tools !== undefined) fields.fail("functions", "cannot be given together with tools");
  if (tools !== undefined) request.tools = tools.map((tool, index) => readTool(Fields.of(tool, `tools[${index}]`)));
  const parallel = fields.boolean("parallel_tool_calls");
  if (parallel !== undefined) request.parallelToolCalls = parallel;
  const choice = fields.raw("tool_choice");
  if (choice !== undefined) request.toolChoice = readToolChoice(fields, choice, form);
  if (functions === undefined) return;
  form.functions = true;
  request.tools = functions.map((value, index) => readFunction(Fields.of(value, `functions[${index}]`)));
  const legacy = fields.raw("function_call");
  if (legacy === "auto" || legacy === "none") request.toolChoice = { type: legacy };
  else if (isObject(legacy)) {
    request.toolChoice = { type: "tool", name: new Fields(legacy, "function_call").requiredString("name") };
  } else if (legacy !== undefined) fields.fail("function_call", "must be auto, none or an object");
}

function readTool(tool: Fields): Tool {
  const type = tool.string("type") ?? (tool.has("function") ? "function" : undefined);
  const inner = type === "function" ? tool.object("function") : undefined;
  if (inner === undefined) {
    if (type === "function" && !tool.has("name")) tool.fail("function", "is required");
    if (type === undefined) tool.fail("type", "is required");
    return { type: "opaque", value: tool.value };
  }
  const read = readFunction(inner);
  const extra = nested(tool.extra(TOOL), "function", read.extra);
  return withExtra(read, extra);
}

function readFunction(given: Fields): FunctionTool {
  const tool: FunctionTool = { type: "function", name: given.requiredString("name") };
  if (tool.name === "") given.fail("name", "must not be empty");
  const description = given.string("description");
  if (description !== undefined) tool.description = description;
  const parameters = given.object("parameters");
  if (parameters !== undefined) tool.parameters = parameters.value;
  const strict = given.boolean("strict");
  if (strict !== undefined) tool.strict = strict;
  return withExtra(tool, given.extra(FUNCTION));
}

function readToolChoice(fields: Fields, choice: Json, form: ChatRequestForm): ToolChoice {
  if (choice === "auto" || choice === "none" || choice === "required") return { type: choice };
  if (choice === "any") {
    form.required = choice;
    return { type: "required" };
  }
  if (!isObject(choice)) return fields.fail("tool_choice", "must be auto, none, required or an object");
  const given = new Fields(choice, "tool_choice");
  const type = given.requiredString("type");
  if (type === "allowed_tools") return allowedTools(choice, choice.allowed_tools);
  if (type !== "function") return { type: "opaque", value: choice };
  const named = given.object("function") ?? given.fail("function", "is required");
  return { type: "tool", name: named.requiredString("name") };
}

/** `response_format`. Types that only some provider knows (grammars, patterns) stay in `extra`, whole. */
function readFormat(request: ModelRequest, extra: JsonObject): void {
  const value = extra.response_format;
  if (value === undefined) return;
  delete extra.response_format;
  if (value === null) return;
  const format = Fields.of(value, "response_format");
  const { type, ...others } = value as JsonObject;
  const kind = format.requiredString("type");
  if (kind === "text") request.responseFormat = { type: "text" };
  else if (kind === "json_object") request.responseFormat = { type: "json" };
  else if (kind === "json_schema") {
    const given = format.object("json_schema") ?? format.fail("json_schema", "is required");
    const { name, schema, strict, description, ...inner } = given.value;
    const read: ModelRequest["responseFormat"] = { type: "json-schema", name: given.string("name") ?? "response" };
    const object = given.object("schema");
    if (object !== undefined) read.schema = object.value;
    const exact = given.boolean("strict");
    if (exact !== undefined) read.strict = exact;
    const said = given.string("description");
    if (said !== undefined) read.description = said;
    request.responseFormat = read;
    delete others.json_schema;
    if (Object.keys(inner).length > 0) others.json_schema = inner;
  } else {
    extra.response_format = value;
    return;
  }
  if (Object.keys(others).length > 0) extra.response_format = others;
}

/**
 * How much to think: OpenAI's word, OpenRouter's `reasoning` or Anthropic's `thinking` (which
 * DeepSeek and Z.ai took over). Where several are given the first counts and the others stay in `extra`.
 */
function readReasoning(fields: Fields, request: ModelRequest, form: ChatRequestForm, extra: JsonObject): void {
  const effort = fields.string("reasoning_effort");
  if (effort !== undefined) {
    request.reasoning = effort === "none" ? { effort, enabled: false } : { effort };
    return;
  }
  const { reasoning, thinking } = extra;
  if (isObject(reasoning)) {
    const given = new Fields(reasoning, "reasoning");
    const word = given.string("effort");
    const budget = given.integer("max_tokens", 1, MAX_OUTPUT_TOKENS);
    const enabled = given.boolean("enabled") ?? (word === "none" ? false : undefined);
    request.reasoning = {};
    if (word !== undefined) request.reasoning.effort = word;
    if (budget !== undefined) request.reasoning.budgetTokens = budget;
    if (enabled !== undefined) request.reasoning.enabled = enabled;
    form.reasoning = "reasoning";
    replace(extra, "reasoning", given.extra(REASONING));
  } else if (isObject(thinking)) {
    const given = new Fields(thinking, "thinking");
    const type = given.requiredString("type");
    const budget = given.integer("budget_tokens", 1, MAX_OUTPUT_TOKENS);
    request.reasoning = { enabled: type !== "disabled" };
    if (budget !== undefined) request.reasoning.budgetTokens = budget;
    form.reasoning = "thinking";
    if (type !== "enabled" && type !== "disabled") form.thinking = type;
    replace(extra, "thinking", given.extra(THINKING));
  }
}

function replace(extra: JsonObject, name: string, rest: JsonObject | undefined): void {
  if (rest === undefined) delete extra[name];
  else extra[name] = rest;
}
