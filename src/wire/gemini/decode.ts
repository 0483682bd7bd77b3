import { MAX_CHOICES, MAX_MESSAGES, MAX_MODEL_NAME, MAX_OUTPUT_TOKENS, MAX_TOOLS } from "../../kernel/bounds.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { GeminiRequestForm, GeminiToolForm } from "../../spec/gemini-form.ts";
import { toJsonSchema } from "../../spec/gemini-schema.ts";
import type { FunctionTool, ModelRequest, ReasoningRequest, Tool, ToolChoice } from "../../spec/request.ts";
import type { RequestAddress } from "../../spec/wire.ts";
import type { Fields } from "../read.ts";
import { refuseUpstreamFields } from "../refused-fields.ts";
import { ContentReader, systemOf, withExtra } from "./content.ts";
import { camelFields, camelObject, dotted, list, refuseDots } from "./fields.ts";

/**
 * The body of `models/{model}:generateContent` and `:streamGenerateContent`
 * (https://ai.google.dev/api/generate-content). The model's name is in the address, and whether
 * the answer is a stream is told by the method. What has no canonical name stays in `extra`;
 * fields of `generationConfig` and `toolConfig` under a name with a dot.
 */

const REQUEST = new Set([
  ...["model", "contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "serviceTier"],
]);
const DECLARATION = new Set(["name", "description", "parameters", "parametersJsonSchema"]);
const DECLARATIONS = new Set(["functionDeclarations"]);
const TOOL_CONFIG = new Set(["functionCallingConfig"]);
const CALLING = new Set(["mode", "allowedFunctionNames"]);
const GENERATION = new Set([
  ...["temperature", "topP", "topK", "candidateCount", "maxOutputTokens", "stopSequences", "seed"],
  ...["presencePenalty", "frequencyPenalty", "responseLogprobs", "logprobs"],
  ...["responseMimeType", "responseSchema", "responseJsonSchema", "_responseJsonSchema"],
  ...["thinkingConfig", "responseModalities"],
]);
const THINKING = new Set(["thinkingBudget", "thinkingLevel"]);

/** Bounds of numbers that no provider exceeds; each judges its own. */
const MAX_TEMPERATURE = 100;
const MAX_TOP_K = 1_000_000;
const MAX_PENALTY = 100;
const MAX_TOP_LOGPROBS = 1_000;
const MAX_STOPS = 256;

/** Google's formats have no name, and other dialects want one. */
const FORMAT_NAME = "response";
const JSON_TYPE = "application/json";

/** Clients in Go send the place of the word in Google's list. */
const MODES = ["MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"];

/** What only Google can act on, and without which the answer would be another one: a part of the prompt, pictures, checks. */
const DIALECT_BOUND = [
  ...["cachedContent", "modelArmorConfig", "generationConfig.responseModalities", "generationConfig.responseMimeType"],
];

/** @throws InvalidRequest naming the field, in camel case. */
export function decodeRequest(body: JsonObject, address: RequestAddress | undefined, stream: boolean): ModelRequest {
  const fields = camelFields(body, "");
  refuseUpstreamFields(fields);
  const form: GeminiRequestForm = {};
  const extra: JsonObject = fields.extra(REQUEST) ?? {};
  for (const name of Object.keys(extra)) refuseDots(name, name);
  const request: ModelRequest = {
    dialect: "gemini",
    model: modelOf(fields, address),
    messages: readMessages(fields),
    stream,
    includeUsage: true,
  };
  if (stream && !/(?:^|&)(?:%24|\$)?alt=sse(?:&|$)/i.test(address?.query ?? "")) form.stream = "array";
  readTools(fields, request);
  readToolConfig(fields, request, form, extra);
  readGeneration(fields, request, form, extra);
  const tier = fields.string("serviceTier");
  if (tier !== undefined) request.serviceTier = tier;
  if (Object.keys(form).length > 0) request.form = form;
  const bound = DIALECT_BOUND.filter((name) => extra[name] !== undefined && extra[name] !== null);
  if (bound.length > 0) request.dialectBound = bound;
  return withExtra(request, Object.keys(extra).length > 0 ? extra : undefined);
}

function modelOf(fields: Fields, address: RequestAddress | undefined): string {
  const model = address?.params.model ?? fields.requiredString("model").replace(/^models\//, "");
  if (model === "" || model.length > MAX_MODEL_NAME) {
    return fields.fail("model", `must have 1 to ${MAX_MODEL_NAME} characters`);
  }
  return model;
}

function readMessages(fields: Fields): ModelRequest["messages"] {
  const contents = list(fields, "contents", MAX_MESSAGES);
  if (contents === undefined || contents.length === 0) return fields.fail("contents", "must have at least one content");
  const reader = new ContentReader();
  const messages = contents.map((value, index) => reader.content(value, `contents[${index}]`, index));
  const system = fields.has("systemInstruction")
    ? systemOf(fields.raw("systemInstruction"), "systemInstruction")
    : undefined;
  return system === undefined ? messages : [system, ...messages];
}

/** One entry may hold functions and a tool of Google's at once; here each is a tool of its own. */
function readTools(fields: Fields, request: ModelRequest): void {
  const entries = list(fields, "tools", MAX_TOOLS);
  if (entries === undefined) return;
  const tools: Tool[] = [];
  for (const [index, value] of entries.entries()) {
    const entry = camelFields(value, `tools[${index}]`);
    const declarations = list(entry, "functionDeclarations", MAX_TOOLS) ?? [];
    const path = entry.path("functionDeclarations");
    for (const [at, each] of declarations.entries()) tools.push(readFunction(camelFields(each, `${path}[${at}]`)));
    const others = entry.extra(DECLARATIONS) ?? {};
    for (const name of Object.keys(others)) tools.push({ type: "opaque", value: { [name]: others[name]! } });
  }
  if (tools.length > MAX_TOOLS) fields.fail("tools", `must have at most ${MAX_TOOLS} functions`);
  request.tools = tools;
}

function readFunction(fields: Fields): FunctionTool {
  const name = fields.requiredString("name");
  if (name === "") return fields.fail("name", "must not be empty");
  const tool: FunctionTool = { type: "function", name };
  const description = fields.string("description");
  if (description !== undefined) tool.description = description;
  const own = fields.object("parameters");
  const json = fields.object("parametersJsonSchema");
  if (own !== undefined && json !== undefined) {
    return fields.fail("parametersJsonSchema", "must not stand beside parameters");
  }
  const given = own ?? json;
  if (given !== undefined) {
    tool.parameters = own === undefined ? given.value : toJsonSchema(given.value);
    const form: GeminiToolForm = { schema: own === undefined ? "json" : "own" };
    tool.form = form;
  }
  return withExtra(tool, fields.extra(DECLARATION));
}

function readToolConfig(fields: Fields, request: ModelRequest, form: GeminiRequestForm, extra: JsonObject): void {
  const config = camelObject(fields, "toolConfig");
  if (config === undefined) return;
  dotted("toolConfig", config.extra(TOOL_CONFIG), extra);
  const calling = camelObject(config, "functionCallingConfig");
  if (calling === undefined) return;
  const names = calling.array("allowedFunctionNames", MAX_TOOLS);
  for (const [index, name] of (names ?? []).entries()) {
    if (typeof name !== "string") calling.fail(`allowedFunctionNames[${index}]`, "must be a string");
  }
  const choice = choiceOf(calling, (names ?? []) as string[], form);
  if (choice !== undefined) request.toolChoice = choice;
  if (choice?.type !== "opaque") dotted("toolConfig.functionCallingConfig", calling.extra(CALLING), extra);
}

function choiceOf(calling: Fields, names: string[], form: GeminiRequestForm): ToolChoice | undefined {
  const given = calling.raw("mode");
  const mode = typeof given === "number" ? MODES[given] : calling.string("mode")?.toUpperCase();
  const any = mode === "ANY";
  if (names.length === 1 && any) return { type: "tool", name: names[0]! };
  if (names.length > 0) {
    const among = any ? ("required" as const) : mode === "VALIDATED" ? ("auto" as const) : undefined;
    const choice = { type: "opaque" as const, value: calling.value };
    return among === undefined ? choice : { ...choice, among: { type: among, names } };
  }
  switch (mode) {
    case undefined:
    case "MODE_UNSPECIFIED":
      return undefined;
    case "AUTO":
      return { type: "auto" };
    case "ANY":
      return { type: "required" };
    case "NONE":
      return { type: "none" };
    case "VALIDATED":
      form.mode = mode;
      return { type: "auto" };
    default:
      return { type: "opaque", value: calling.value };
  }
}

function readGeneration(fields: Fields, request: ModelRequest, form: GeminiRequestForm, extra: JsonObject): void {
  const config = camelObject(fields, "generationConfig");
  if (config === undefined) return;
  dotted("generationConfig", config.extra(GENERATION), extra);
  readSampling(config, request);
  readFormat(config, request, form, extra);
  readThinking(config, request, form, extra);
  const modalities = config.array("responseModalities", 16);
  if (modalities === undefined) return;
  const textOnly = modalities.every((each) => typeof each === "string" && each.toUpperCase() === "TEXT");
  if (textOnly) form.responseModalities = modalities as string[];
  else extra["generationConfig.responseModalities"] = modalities;
}

function readSampling(config: Fields, request: ModelRequest): void {
  const set = <K extends keyof ModelRequest>(name: K, value: ModelRequest[K] | undefined) => {
    if (value !== undefined) request[name] = value;
  };
  set("temperature", config.number("temperature", 0, MAX_TEMPERATURE));
  set("topP", config.number("topP", 0, 1));
  // A float to Google, and its clients write it as one.
  set("topK", config.number("topK", 0, MAX_TOP_K));
  set("choices", config.integer("candidateCount", 1, MAX_CHOICES));
  set("maxOutputTokens", config.integer("maxOutputTokens", 1, MAX_OUTPUT_TOKENS));
  set("seed", config.integer("seed", Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER));
  set("presencePenalty", config.number("presencePenalty", -MAX_PENALTY, MAX_PENALTY));
  set("frequencyPenalty", config.number("frequencyPenalty", -MAX_PENALTY, MAX_PENALTY));
  set("logprobs", config.boolean("responseLogprobs"));
  set("topLogprobs", config.integer("logprobs", 0, MAX_TOP_LOGPROBS));
  const stop = config.array("stopSequences", MAX_STOPS);
  if (stop === undefined) return;
  for (const [index, word] of stop.entries()) {
    if (typeof word !== "string") config.fail(`stopSequences[${index}]`, "must be a string");
  }
  request.stop = stop as string[];
}

/** JSON with a schema, JSON, or plain text; another media type (one word of a list, YAML) is Google's own. */
function readFormat(config: Fields, request: ModelRequest, form: GeminiRequestForm, extra: JsonObject): void {
  const mimeType = config.string("responseMimeType");
  const own = config.object("responseSchema");
  const json = config.object("responseJsonSchema") ?? config.object("_responseJsonSchema");
  if (own !== undefined && json !== undefined) {
    config.fail("responseJsonSchema", "must not stand beside responseSchema");
  }
  const schema = own ?? json;
  if (mimeType !== undefined && mimeType !== JSON_TYPE && mimeType !== "text/plain") {
    extra["generationConfig.responseMimeType"] = mimeType;
    if (own !== undefined) extra["generationConfig.responseSchema"] = own.value;
    if (json !== undefined) extra["generationConfig.responseJsonSchema"] = json.value;
    return;
  }
  if (schema !== undefined) {
    form.schema = own === undefined ? "json" : "own";
    const written: Json = own === undefined ? schema.value : toJsonSchema(schema.value);
    request.responseFormat = { type: "json-schema", name: FORMAT_NAME, schema: written as JsonObject };
  } else if (mimeType === JSON_TYPE) request.responseFormat = { type: "json" };
  else if (mimeType !== undefined) request.responseFormat = { type: "text" };
}

/** A budget of -1 leaves the model to decide, 0 is none. */
function readThinking(config: Fields, request: ModelRequest, form: GeminiRequestForm, extra: JsonObject): void {
  const thinking = camelObject(config, "thinkingConfig");
  if (thinking === undefined) return;
  const reasoning: ReasoningRequest = {};
  const budget = thinking.integer("thinkingBudget", -1, MAX_OUTPUT_TOKENS);
  if (budget !== undefined) reasoning.enabled = budget !== 0;
  if (budget !== undefined && budget > 0) reasoning.budgetTokens = budget;
  if (budget === -1) reasoning.dynamic = true;
  const level = thinking.string("thinkingLevel")?.toLowerCase();
  if (level !== undefined && level !== "thinking_level_unspecified") reasoning.effort = level;
  request.reasoning = reasoning;
  const others = thinking.extra(THINKING);
  // Other providers tell what was thought wherever there was thinking, so this much is not lost on them.
  if (others?.includeThoughts === true) {
    reasoning.enabled ??= true;
    form.includeThoughts = true;
    delete others.includeThoughts;
  }
  dotted("generationConfig.thinkingConfig", others, extra);
}
