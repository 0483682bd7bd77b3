import type { Json, JsonObject } from "../../kernel/json.ts";
import type { UpstreamRequest } from "../../spec/adapter.ts";
import type { ChatRequestForm } from "../../spec/chat-form.ts";
import type { ModelRequest, Tool, ToolChoice } from "../../spec/request.ts";
import { typeOf } from "../foreign.ts";
import { writeAbsentThoughts } from "./absent-thoughts.ts";
import { answerBetween } from "./after-results.ts";
import { writeReasoning } from "./effort.ts";
import { withoutFixedSampling } from "./fixed-sampling.ts";
import { Losses } from "./losses.ts";
import { writePrivacy } from "./privacy.ts";
import type { Quirks } from "./quirks.ts";
import { refuseChoices } from "./refused.ts";
import { isStrictSchema } from "./strict.ts";
import { nameForServer } from "./tool-names.ts";
import { writeMessages } from "./turns.ts";
import { writeUnfinished } from "./unfinished.ts";
import { leaveOut } from "./unknown-fields.ts";

/**
 * POST /chat/completions, written from what was parsed and checked. A caller of this dialect
 * finds its own words again, unknown fields included; from another dialect, what has no place
 * is a warning, and what cannot be left out without asking something else is refused.
 * @throws UnsupportedFeature
 */
export function encodeRequest(asked: ModelRequest, model: string, quirks: Quirks): UpstreamRequest {
  const losses = new Losses(asked.dialect === "openai-chat");
  const request = withoutFixedSampling(asked, model, quirks, losses);
  const form = losses.own ? ((request.form ?? {}) as ChatRequestForm) : {};
  const body: JsonObject = { model, messages: writeMessages(request.messages, quirks, losses) };
  writeUnfinished(request, quirks, losses, body);
  if (request.stream) {
    body.stream = true;
    // The usage of every call is metered; `wire/openai-chat` hides it from a caller who did not ask.
    if (quirks.usageSwitch) body.stream_options = { include_usage: true };
  }
  writeTools(request, form, quirks, losses, body);
  writeLimits(request, model, form, quirks, losses, body);
  writeSampling(request, form, quirks, losses, body);
  writeFormat(request, quirks, losses, body);
  writeReasoning(request, model, form, quirks, losses, body);
  if (!losses.own) {
    writeAbsentThoughts(body, model, quirks);
    if (quirks.answersResults(model)) body.messages = answerBetween(body.messages!, losses);
  }
  writeUser(request, losses, body);
  writeTier(request, losses, body);
  writePrivacy(request, quirks.privacy, body);
  writeExtra(request, quirks, losses, body);
  leaveOut(quirks.unknownFields?.body, body, losses);
  const headers = { accept: request.stream ? "text/event-stream" : "application/json" };
  return { method: "POST", path: "/chat/completions", headers, body, warnings: losses.warnings };
}

/** The fields of the body that say how much to think, and all that are known to their server alone. */
export function thinkingFields(request: ModelRequest, model: string, quirks: Quirks): JsonObject {
  const losses = new Losses(request.dialect === "openai-chat");
  const body: JsonObject = {};
  writeReasoning(request, model, losses.own ? ((request.form ?? {}) as ChatRequestForm) : {}, quirks, losses, body);
  losses.carry(request.extra, body);
  return body;
}

function writeExtra(request: ModelRequest, quirks: Quirks, losses: Losses, body: JsonObject): void {
  const { extra } = request;
  if (extra === undefined) return;
  refuseChoices(request, quirks, losses);
  const { stream_options, ...rest } = extra;
  if (stream_options !== undefined && request.stream && quirks.usageSwitch) losses.carry({ stream_options }, body);
  losses.carryRequest(rest, body);
}

function writeTools(
  request: ModelRequest,
  form: ChatRequestForm,
  quirks: Quirks,
  losses: Losses,
  body: JsonObject,
): void {
  const { tools, toolChoice } = request;
  const some = tools !== undefined && tools.length > 0;
  if (tools !== undefined && (some || losses.own)) {
    if (form.functions) body.functions = tools.map((tool) => writeFunction(tool, losses));
    else body.tools = tools.map((tool, index) => writeTool(tool, index, quirks, losses));
  }
  // OpenAI refuses a choice, or a switch, without tools. A caller of this dialect hears so from OpenAI.
  if (!some && !losses.own) return;
  if (toolChoice !== undefined) {
    if (form.functions) body.function_call = toolChoice.type === "tool" ? { name: toolChoice.name } : toolChoice.type;
    else body.tool_choice = writeChoice(toolChoice, form, quirks, losses);
  }
  if (request.parallelToolCalls !== undefined) body.parallel_tool_calls = request.parallelToolCalls;
}

function writeTool(tool: Tool, index: number, quirks: Quirks, losses: Losses): JsonObject {
  if (tool.type === "opaque") {
    if (losses.own) return tool.value;
    return losses.refuse(`tools[${index}]`, `the provider has no tool of type ${typeOf(tool)}`);
  }
  const called: JsonObject = { name: losses.own ? tool.name : nameForServer(tool.name) };
  if (tool.description !== undefined) called.description = tool.description;
  if (tool.parameters !== undefined) called.parameters = tool.parameters;
  else if (quirks.parametersDemanded) called.parameters = { type: "object", properties: {} };
  if (losses.own || tool.strict !== true || isStrictSchema(tool.parameters)) {
    if (tool.strict !== undefined) called.strict = tool.strict;
  } else losses.warn("strict", "the provider cannot hold this tool to its schema; it was left out");
  const written: JsonObject = { type: "function", function: called };
  losses.carry(tool.extra, written);
  return written;
}

function writeFunction(tool: Tool, losses: Losses): JsonObject {
  if (tool.type === "opaque") return tool.value;
  const written: JsonObject = { name: tool.name };
  if (tool.description !== undefined) written.description = tool.description;
  if (tool.parameters !== undefined) written.parameters = tool.parameters;
  losses.carry(tool.extra, written);
  return written;
}

function writeChoice(choice: ToolChoice, form: ChatRequestForm, quirks: Quirks, losses: Losses): Json {
  switch (choice.type) {
    case "auto":
    case "none":
      return choice.type;
    case "required":
      return form.required ?? quirks.required;
    case "tool":
      return { type: "function", function: { name: losses.own ? choice.name : nameForServer(choice.name) } };
    case "opaque":
      return losses.own ? choice.value : losses.refuse("tool_choice", "the provider has no such choice of tools");
  }
}

function writeLimits(
  request: ModelRequest,
  model: string,
  form: ChatRequestForm,
  quirks: Quirks,
  losses: Losses,
  body: JsonObject,
): void {
  if (request.maxOutputTokens !== undefined) {
    let name = form.maxTokens ?? "max_tokens";
    if (quirks.maxTokens === "max_tokens-only") name = "max_tokens";
    else if (quirks.maxTokens === "by-model" && quirks.thinks(model)) name = "max_completion_tokens";
    body[name] = boundOf(request.maxOutputTokens, quirks.maxOutput(model), losses);
  }
  if (request.choices !== undefined) body.n = request.choices;
  if (request.stop === undefined) return;
  if (!losses.own && request.stop.length > quirks.maxStops) {
    losses.refuse("stop", `the provider takes at most ${quirks.maxStops} stop sequences`);
  }
  const one = form.stop === "string" && request.stop.length === 1;
  if (request.stop.length > 0 || losses.own) body.stop = one ? request.stop[0]! : request.stop;
}

/** Anthropic's callers must give a bound, and give what their usual model can; more than this one can is refused. */
function boundOf(wanted: number, most: number | undefined, losses: Losses): number {
  if (losses.own || most === undefined || wanted <= most) return wanted;
  losses.warn("max_tokens", `this model writes at most ${most} tokens, which were asked for`);
  return most;
}

function writeSampling(
  request: ModelRequest,
  form: ChatRequestForm,
  quirks: Quirks,
  losses: Losses,
  body: JsonObject,
): void {
  if (request.temperature !== undefined) body.temperature = request.temperature;
  if (request.topP !== undefined) body.top_p = request.topP;
  if (request.topK !== undefined) {
    if (losses.own || quirks.topK) body.top_k = request.topK;
    else losses.warn("top_k", "the provider has no top_k; it was left out");
  }
  if (request.seed !== undefined) body[quirks.seed] = request.seed;
  if (request.presencePenalty !== undefined) body.presence_penalty = request.presencePenalty;
  if (request.frequencyPenalty !== undefined) body.frequency_penalty = request.frequencyPenalty;
  if (request.logprobs !== undefined) body.logprobs = form.logprobs ?? request.logprobs;
  if (request.topLogprobs !== undefined) body.top_logprobs = request.topLogprobs;
  if (request.logitBias !== undefined) body.logit_bias = request.logitBias;
}

/** A schema of another dialect's binds the model there; here it does so where it is a strict one. */
function writeFormat(request: ModelRequest, quirks: Quirks, losses: Losses, body: JsonObject): void {
  const format = request.responseFormat;
  if (format === undefined) return;
  if (format.type === "text") body.response_format = { type: "text" };
  else if (format.type === "json") body.response_format = { type: "json_object" };
  else {
    const schema: JsonObject = { name: format.name };
    if (format.description !== undefined) schema.description = format.description;
    if (format.schema !== undefined) schema.schema = format.schema;
    if (format.strict !== undefined) schema.strict = format.strict;
    else if (!losses.own && quirks.strictSchemas && isStrictSchema(format.schema)) schema.strict = true;
    body.response_format = { type: "json_schema", json_schema: schema };
  }
}

/**
 * Longest name of an end user from another dialect. OpenAI takes 64 characters, OpenRouter and
 * Zhipu 128, and all of them refuse the request beyond that; Claude Code sends 150.
 */
const MAX_USER = 64;

function writeUser({ endUser }: ModelRequest, losses: Losses, body: JsonObject): void {
  if (endUser === undefined) return;
  if (losses.own || endUser.length <= MAX_USER) body.user = endUser;
  else losses.warn("metadata.user_id", `the provider takes at most ${MAX_USER} characters; it was left out`);
}

/** Tiers are each provider's own; `auto` is the one word that means the same everywhere. */
function writeTier(request: ModelRequest, losses: Losses, body: JsonObject): void {
  const { serviceTier } = request;
  if (serviceTier === undefined) return;
  if (losses.own || serviceTier === "auto") body.service_tier = serviceTier;
  else losses.warn("service_tier", `the provider has no tier ${serviceTier}; it was left out`);
}
