import { MAX_OUTPUT_TOKENS, MAX_TOOLS } from "../../kernel/bounds.ts";
import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import type { Message, Part } from "../../spec/message.ts";
import type { OllamaRequestForm } from "../../spec/ollama-form.ts";
import type { ModelRequest, Tool } from "../../spec/request.ts";
import { withExtra } from "../openai-chat/content.ts";
import { Fields, readModelName } from "../read.ts";
import { refuseUpstreamFields } from "../refused-fields.ts";
import { readImages, readMessages } from "./messages.ts";

const COMMON = ["model", "stream", "options", "format", "think", "logprobs", "top_logprobs"];
const CHAT = new Set([...COMMON, "messages", "tools"]);
const GENERATE = new Set([...COMMON, "prompt", "system", "images"]);
/** Without them the prompt would be another one. */
const BOUND = ["suffix", "template", "context", "raw"];
const TOOL = new Set(["type", "function"]);
const FUNCTION = new Set(["name", "description", "parameters"]);
/** Options that are always read; `num_predict`, `stop` and `top_k` only in a shape that has a canonical name. */
const OPTIONS = new Set(["temperature", "top_p", "seed", "presence_penalty", "frequency_penalty"]);

const MAX_TEMPERATURE = 100;
const MAX_PENALTY = 100;
const MAX_TOP_K = 1_000_000;
const MAX_STOPS = 256;
const MAX_TOP_LOGPROBS = 1_000;

/** Ollama's formats have no name, and other dialects want one. */
const FORMAT_NAME = "response";

/**
 * A body of `POST /api/chat` (https://docs.ollama.com/api). Fields that say nothing are dropped
 * for other dialects, because clients of this one send every field that they know.
 * @throws InvalidRequest naming the field
 */
export function decodeChat(body: JsonObject): ModelRequest {
  const fields = new Fields(body, "");
  refuseUpstreamFields(fields);
  const request = begin(fields, readMessages(fields));
  readTools(fields, request);
  return finish(fields, request, CHAT, {});
}

/** A body of `POST /api/generate`: a prompt, perhaps with a system prompt and images. @throws InvalidRequest */
export function decodeGenerate(body: JsonObject): ModelRequest {
  const fields = new Fields(body, "");
  refuseUpstreamFields(fields);
  const prompt = fields.string("prompt");
  // Without a prompt, Ollama loads a model, or unloads it: that is the operator's business.
  if (prompt === undefined || prompt === "") return fields.fail("prompt", "is required and must not be empty");
  const messages: Message[] = [];
  const system = fields.string("system");
  if (system !== undefined && system !== "") {
    messages.push({ role: "system", parts: [{ type: "text", text: system }] });
  }
  const parts: Part[] = [{ type: "text", text: prompt }, ...readImages(fields)];
  messages.push({ role: "user", parts });
  const request = finish(fields, begin(fields, messages), GENERATE, { generate: true });
  const bound = BOUND.filter((name) => request.extra?.[name] !== undefined);
  if (bound.length > 0) request.dialectBound = bound;
  return request;
}

function begin(fields: Fields, messages: Message[]): ModelRequest {
  return {
    dialect: "ollama",
    model: readModelName(fields),
    messages,
    stream: fields.boolean("stream") ?? true,
    includeUsage: true,
  };
}

function finish(
  fields: Fields,
  request: ModelRequest,
  known: ReadonlySet<string>,
  form: OllamaRequestForm,
): ModelRequest {
  const extra: JsonObject = {};
  const blank: JsonObject = {};
  const others = fields.extra(known) ?? {};
  for (const name of Object.keys(others)) (isBlank(others[name]!) ? blank : extra)[name] = others[name]!;
  readOptions(fields, request, form, extra);
  readFormat(fields, request);
  readThink(fields, request);
  const logprobs = fields.boolean("logprobs");
  if (logprobs !== undefined) request.logprobs = logprobs;
  const top = fields.integer("top_logprobs", 0, MAX_TOP_LOGPROBS);
  if (top !== undefined && top > 0) request.topLogprobs = top;
  if (Object.keys(blank).length > 0) form.blank = blank;
  if (Object.keys(form).length > 0) request.form = form;
  return withExtra(request, Object.keys(extra).length > 0 ? extra : undefined);
}

function isBlank(value: Json): boolean {
  return value === null || value === "" || value === false || (Array.isArray(value) && value.length === 0);
}

function readOptions(fields: Fields, request: ModelRequest, form: OllamaRequestForm, extra: JsonObject): void {
  const options = fields.object("options");
  if (options === undefined) return;
  const rest: JsonObject = {};
  for (const [name, value] of Object.entries(options.extra(OPTIONS) ?? {})) if (value !== null) rest[name] = value;
  const temperature = options.number("temperature", 0, MAX_TEMPERATURE);
  if (temperature !== undefined) request.temperature = temperature;
  const topP = options.number("top_p", 0, 1);
  if (topP !== undefined) request.topP = topP;
  const seed = options.integer("seed", Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  if (seed !== undefined) request.seed = seed;
  const presence = options.number("presence_penalty", -MAX_PENALTY, MAX_PENALTY);
  if (presence !== undefined) request.presencePenalty = presence;
  const frequency = options.number("frequency_penalty", -MAX_PENALTY, MAX_PENALTY);
  if (frequency !== undefined) request.frequencyPenalty = frequency;
  const topK = options.integer("top_k", 0, MAX_TOP_K);
  // 0 is "all", which has no canonical name.
  if (topK !== undefined && topK > 0) {
    request.topK = topK;
    delete rest.top_k;
  }
  delete rest.num_predict;
  const bound = options.integer("num_predict", -2, MAX_OUTPUT_TOKENS);
  if (bound !== undefined && bound > 0) request.maxOutputTokens = bound;
  else if (bound !== undefined) form.numPredict = bound;
  delete rest.stop;
  const stop = readStop(options);
  if (stop !== undefined && stop.length > 0) request.stop = stop;
  if (Object.keys(rest).length > 0) extra.options = rest;
}

function readStop(options: Fields): string[] | undefined {
  const stop = options.raw("stop");
  if (stop === undefined) return undefined;
  if (typeof stop === "string") return [stop];
  const list = options.array("stop", MAX_STOPS)!;
  list.forEach((item, index) => {
    if (typeof item !== "string") options.fail(`stop[${index}]`, "must be a string");
  });
  return list as string[];
}

/** `json`, or a JSON Schema. An empty text is none. */
function readFormat(fields: Fields, request: ModelRequest): void {
  const format = fields.raw("format");
  if (format === undefined || format === "") return;
  if (format === "json") request.responseFormat = { type: "json" };
  else if (isObject(format)) request.responseFormat = { type: "json-schema", name: FORMAT_NAME, schema: format };
  else fields.fail("format", "must be json or a JSON schema");
}

/** Whether to think, or how much: `low`, `medium`, `high`. */
function readThink(fields: Fields, request: ModelRequest): void {
  const think = fields.raw("think");
  if (think === undefined || think === "") return;
  if (typeof think === "boolean") request.reasoning = { enabled: think };
  else if (typeof think === "string") request.reasoning = { enabled: true, effort: think };
  else fields.fail("think", "must be true, false or a word");
}

function readTools(fields: Fields, request: ModelRequest): void {
  const tools = fields.array("tools", MAX_TOOLS);
  if (tools === undefined || tools.length === 0) return;
  request.tools = tools.map((tool, index) => readTool(Fields.of(tool, `tools[${index}]`)));
}

function readTool(tool: Fields): Tool {
  const type = tool.string("type") ?? "function";
  if (type !== "function") return { type: "opaque", value: tool.value };
  const given = tool.object("function") ?? tool.fail("function", "is required");
  const name = given.requiredString("name");
  if (name === "") given.fail("name", "must not be empty");
  const read: Tool = { type: "function", name };
  const description = given.string("description");
  if (description !== undefined) read.description = description;
  const parameters = given.object("parameters");
  if (parameters !== undefined) read.parameters = parameters.value;
  const inner = given.extra(FUNCTION);
  const outer = tool.extra(TOOL);
  return withExtra(read, inner === undefined ? outer : { ...outer, function: inner });
}
