import { MAX_OUTPUT_TOKENS } from "../../kernel/bounds.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { ResponsesRequestForm } from "../../spec/responses-form.ts";
import { Fields, readModelName } from "../read.ts";
import { refuseUpstreamFields } from "../refused-fields.ts";
import { readInput } from "./input.ts";
import { nameCalls } from "./namespaces.ts";
import { readToolChoice, readTools } from "./tools.ts";

/** Fields that have a canonical name, in whole or in part. */
const KNOWN = new Set([
  ..."model input instructions stream stream_options max_output_tokens temperature top_p top_logprobs".split(" "),
  ..."tools tool_choice parallel_tool_calls reasoning text user service_tier include store truncation".split(" "),
]);
const REASONING = new Set(["effort", "summary"]);
const TEXT = new Set(["format", "verbosity"]);
const FORMAT = new Set(["type", "name", "schema", "strict", "description"]);

/** Fields without which the answer would be another one, and that only a provider of this dialect can act on. */
const BOUND = ["previous_response_id", "conversation", "background", "prompt", "moderation"] as const;

/** As in Chat Completions: each provider judges its own; these keep out what no provider can mean. */
const MAX_TEMPERATURE = 100;
const MAX_TOP_LOGPROBS = 1_000;
const MAX_INCLUDES = 64;

/**
 * A body of POST /v1/responses. Absent and null are the same; what has no canonical name is
 * kept in `extra`. Nothing is stored here: `store`, `previous_response_id`, `conversation`,
 * `background` and references to items mean something to a provider of this dialect only.
 * Source: OpenAI's API reference, and what its SDKs and Codex send.
 * @throws InvalidRequest naming the field
 */
export function decodeRequest(body: JsonObject): ModelRequest {
  const fields = new Fields(body, "");
  refuseUpstreamFields(fields);
  const extra = withoutNulls(fields.extra(KNOWN));
  const form: ResponsesRequestForm = {};
  const bound: string[] = BOUND.filter((name) => extra[name] !== undefined && extra[name] !== false);
  const request: ModelRequest = {
    dialect: "openai-responses",
    model: readModelName(fields),
    messages: readInput(fields, form, bound, extra),
    stream: fields.boolean("stream") ?? false,
    includeUsage: true,
  };
  if (fields.boolean("background") === true && fields.boolean("store") === false) {
    fields.fail("background", "must not come with store: false: what is fetched later has to be kept");
  }
  readTools(fields, request);
  nameCalls(request);
  readToolChoice(fields, request, form);
  readLimits(fields, request);
  readIncludes(fields, request, form);
  readReasoning(fields, request, form, extra);
  readText(fields, request, extra);
  readStorage(fields, form, extra);
  const user = fields.string("user");
  if (user !== undefined) request.endUser = user;
  const tier = fields.string("service_tier");
  if (tier !== undefined) request.serviceTier = tier;
  if (bound.length > 0) request.dialectBound = bound;
  if (Object.keys(extra).length > 0) request.extra = extra;
  if (Object.keys(form).length > 0) request.form = form;
  return request;
}

function withoutNulls(extra: JsonObject | undefined): JsonObject {
  const kept: JsonObject = {};
  for (const name in extra) if (extra[name] !== null && name !== "__proto__") kept[name] = extra[name]!;
  return kept;
}

function readLimits(fields: Fields, request: ModelRequest): void {
  const bound = fields.integer("max_output_tokens", 1, MAX_OUTPUT_TOKENS);
  if (bound !== undefined) request.maxOutputTokens = bound;
  const temperature = fields.number("temperature", 0, MAX_TEMPERATURE);
  if (temperature !== undefined) request.temperature = temperature;
  const topP = fields.number("top_p", 0, 1);
  if (topP !== undefined) request.topP = topP;
  const parallel = fields.boolean("parallel_tool_calls");
  if (parallel !== undefined) request.parallelToolCalls = parallel;
}

/** Log probabilities are asked for in `include`, or by the number of alternatives. */
function readIncludes(fields: Fields, request: ModelRequest, form: ResponsesRequestForm): void {
  const include = fields.array("include", MAX_INCLUDES);
  if (include !== undefined) {
    for (const [index, word] of include.entries()) {
      // They are passed on unread, so they must be words.
      if (typeof word !== "string" || !/^[\w.]{1,128}$/.test(word)) {
        fields.fail(`include[${index}]`, "must be the name of something that an answer can include");
      }
    }
    form.include = include as string[];
  }
  const top = fields.integer("top_logprobs", 0, MAX_TOP_LOGPROBS);
  if (top !== undefined) request.topLogprobs = top;
  if (include?.includes("message.output_text.logprobs") || (top ?? 0) > 0) request.logprobs = true;
}

function readReasoning(fields: Fields, request: ModelRequest, form: ResponsesRequestForm, extra: JsonObject): void {
  const reasoning = fields.object("reasoning");
  if (reasoning === undefined) return;
  const effort = reasoning.string("effort");
  if (effort !== undefined) request.reasoning = effort === "none" ? { effort, enabled: false } : { effort };
  const summary = reasoning.string("summary");
  if (summary !== undefined) {
    if (!/^[\w-]{1,64}$/.test(summary)) reasoning.fail("summary", "must be auto, concise or detailed");
    form.summary = summary;
  }
  const rest = withoutNulls(reasoning.extra(REASONING));
  if (Object.keys(rest).length > 0) extra.reasoning = rest;
}

/** `text`. What has no canonical name stands in `extra` by its path, so that a warning names it. */
function readText(fields: Fields, request: ModelRequest, extra: JsonObject): void {
  const text = fields.object("text");
  if (text === undefined) return;
  const verbosity = text.string("verbosity");
  if (verbosity !== undefined) extra["text.verbosity"] = verbosity;
  const rest = withoutNulls(text.extra(TEXT));
  const format = text.object("format");
  if (format !== undefined) {
    const other = readFormat(format, request);
    if (other !== undefined) rest.format = other;
  }
  if (Object.keys(rest).length > 0) extra.text = rest;
}

/** @returns what of the format is not canonical: one of an unknown type whole. */
function readFormat(format: Fields, request: ModelRequest): JsonObject | undefined {
  switch (format.requiredString("type")) {
    case "text":
      request.responseFormat = { type: "text" };
      return undefined;
    case "json_object":
      request.responseFormat = { type: "json" };
      return undefined;
    case "json_schema": {
      const read: ModelRequest["responseFormat"] = { type: "json-schema", name: format.string("name") ?? "response" };
      const schema = format.object("schema");
      if (schema !== undefined) read.schema = schema.value;
      const strict = format.boolean("strict");
      if (strict !== undefined) read.strict = strict;
      const description = format.string("description");
      if (description !== undefined) read.description = description;
      request.responseFormat = read;
      const rest = withoutNulls(format.extra(FORMAT));
      return Object.keys(rest).length > 0 ? rest : undefined;
    }
    default:
      return format.value;
  }
}

/**
 * `store: false`, `truncation: "disabled"` and the options of a stream ask for what is so
 * anyhow, and are no loss elsewhere. To have something stored or cut is one.
 */
function readStorage(fields: Fields, form: ResponsesRequestForm, extra: JsonObject): void {
  const plain: JsonObject = {};
  const store = fields.boolean("store");
  if (store === true) extra.store = true;
  else if (store === false) plain.store = false;
  const truncation = fields.string("truncation");
  if (truncation === "disabled") plain.truncation = truncation;
  else if (truncation !== undefined) extra.truncation = truncation;
  const options = fields.object("stream_options");
  if (options !== undefined) {
    const hidden = options.boolean("include_obfuscation");
    if (hidden !== undefined) plain.stream_options = { include_obfuscation: hidden };
    const rest = withoutNulls(options.extra(new Set(["include_obfuscation"])));
    if (Object.keys(rest).length > 0) extra.stream_options = rest;
  }
  for (const _ in plain) {
    form.plain = plain;
    break;
  }
}
