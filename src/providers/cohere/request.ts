import type { Json, JsonObject } from "../../kernel/json.ts";
import type { UpstreamRequest } from "../../spec/adapter.ts";
import type { FunctionTool, ModelRequest, ReasoningRequest } from "../../spec/request.ts";
import { typeOf } from "../foreign.ts";
import { Losses } from "../losses.ts";
import { withFormTold } from "../told-form.ts";
import { MAY_BEGIN_ANEW, unfinishedText } from "../unfinished.ts";
import { ConversationWriter } from "./messages.ts";
import { nameForCohere } from "./tool-names.ts";

/** Cohere's own bounds. */
const MAX_STOPS = 5;
const MIN_P = 0.01;
const MAX_P = 0.99;

/** POST /v2/chat. Nobody asks the gateway in this dialect. @throws UnsupportedFeature */
export function encodeRequest(asked: ModelRequest, model: string): UpstreamRequest {
  const losses = new Losses(false);
  const request = withoutFormBesideTools(asked, losses);
  const thinks = THINKS.test(model);
  const writer = new ConversationWriter(losses, thinks, mayGround(request));
  const body: JsonObject = { model, messages: writer.write(request.messages), stream: request.stream };
  if (writer.documents.length > 0) body.documents = writer.documents;
  writeTools(request, losses, body);
  writeSampling(request, losses, body);
  writeFormat(request, losses, body);
  if (unfinishedText(request) !== undefined) losses.warn("messages", MAY_BEGIN_ANEW);
  if (request.reasoning !== undefined) writeThinking(request.reasoning, thinks, losses, body);
  checkRest(request, losses);
  losses.carryRequest(request.extra, body);
  const headers = { accept: request.stream ? "text/event-stream" : "application/json" };
  return { method: "POST", path: "/v2/chat", headers, body, warnings: losses.warnings };
}

/** Cohere holds no answer to a form beside tools (API reference, `response_format`): the model is told of it instead. */
function withoutFormBesideTools(request: ModelRequest, losses: Losses): ModelRequest {
  const told = (request.tools?.length ?? 0) > 0 ? withFormTold(request) : request;
  if (told === request) return request;
  losses.warn("response_format", "the provider holds no answer to a form beside tools: the model is told of it");
  const { responseFormat: _, ...rest } = told;
  return rest;
}

/** Documents to answer from stand beside the messages. Cohere takes them neither with tools nor with a form of the answer. */
function mayGround({ tools, responseFormat }: ModelRequest): boolean {
  return (
    (tools === undefined || tools.length === 0) && (responseFormat === undefined || responseFormat.type === "text")
  );
}

/** One tool that must be called is the only one offered, and must be called. */
function writeTools(request: ModelRequest, losses: Losses, body: JsonObject): void {
  const { toolChoice } = request;
  if (request.tools === undefined || request.tools.length === 0) return;
  let tools = request.tools.map((tool, index): FunctionTool => {
    if (tool.type === "function") return tool;
    return losses.refuse(`tools[${index}]`, `the provider has no tool of type ${typeOf(tool)}`);
  });
  if (toolChoice?.type === "opaque") losses.refuse("tool_choice", "the provider has no such choice of tools");
  if (toolChoice?.type === "tool") {
    tools = tools.filter(({ name }) => name === toolChoice.name);
    if (tools.length === 0) losses.refuse("tool_choice", "names a tool that is not among the tools");
  }
  body.tools = tools.map((tool) => writeTool(tool, losses));
  if (toolChoice?.type === "required" || toolChoice?.type === "tool") body.tool_choice = "REQUIRED";
  else if (toolChoice?.type === "none") body.tool_choice = "NONE";
  if (tools.some(({ strict }) => strict === true)) body.strict_tools = true;
}

function writeTool(tool: FunctionTool, losses: Losses): JsonObject {
  const called: JsonObject = { name: nameForCohere(tool.name) };
  if (tool.description !== undefined) called.description = tool.description;
  called.parameters = tool.parameters ?? { type: "object", properties: {} };
  losses.carry(tool.extra, {});
  return { type: "function", function: called };
}

function writeSampling(request: ModelRequest, losses: Losses, body: JsonObject): void {
  const { topP, stop } = request;
  const given: Record<string, Json | undefined> = {
    max_tokens: request.maxOutputTokens,
    temperature: request.temperature,
    p: topP === undefined ? undefined : Math.min(Math.max(topP, MIN_P), MAX_P),
    k: request.topK,
    seed: request.seed,
    frequency_penalty: penalty("frequency_penalty", request.frequencyPenalty, losses),
    presence_penalty: penalty("presence_penalty", request.presencePenalty, losses),
    stop_sequences: stop !== undefined && stop.length > 0 ? stop : undefined,
    logprobs: request.logprobs,
  };
  for (const name in given) if (given[name] !== undefined) body[name] = given[name];
  if (stop !== undefined && stop.length > MAX_STOPS) {
    losses.refuse("stop", `the provider takes at most ${MAX_STOPS} stop sequences`);
  }
}

/** From 0 to 1 here. */
function penalty(field: string, value: number | undefined, losses: Losses): number | undefined {
  if (value === undefined || (value >= 0 && value <= 1)) return value;
  losses.warn(field, "the provider takes 0 to 1; the nearest was sent");
  return value < 0 ? 0 : 1;
}

function writeFormat(request: ModelRequest, losses: Losses, body: JsonObject): void {
  const format = request.responseFormat;
  if (format === undefined || format.type === "text") return;
  const written: JsonObject = { type: "json_object" };
  if (format.type === "json-schema" && format.schema !== undefined) written.json_schema = format.schema;
  if (format.type === "json-schema" && format.description !== undefined) {
    losses.warn("response_format", "the provider takes no description of a schema; it was left out");
  }
  body.response_format = written;
}

/** Models that think; others refuse the field. Source: Cohere's list of models. */
const THINKS = /reasoning|command-a-plus/;

/** Tokens to think with, for words; `high` and above are unbounded. */
const BUDGETS: Readonly<Record<string, number>> = { minimal: 512, low: 2_048, medium: 8_192 };

function writeThinking(reasoning: ReasoningRequest, thinks: boolean, losses: Losses, body: JsonObject): void {
  const { enabled, effort, budgetTokens } = reasoning;
  const off = enabled === false || effort === "none";
  if (!thinks) {
    if (!off) losses.warn("thinking", "the model cannot be asked to think; the wish was left out");
    return;
  }
  const budget = budgetTokens ?? (effort === undefined ? undefined : BUDGETS[effort]);
  body.thinking = off
    ? { type: "disabled" }
    : { type: "enabled", ...(budget === undefined ? {} : { token_budget: budget }) };
}

function checkRest(request: ModelRequest, losses: Losses): void {
  if ((request.topLogprobs ?? 0) > 0) losses.refuse("top_logprobs", "the provider tells of no other tokens");
  if (request.endUser !== undefined) losses.warn("user", "the provider takes no name of an end user; it was left out");
  if (request.serviceTier !== undefined && request.serviceTier !== "auto") {
    losses.warn("service_tier", "the provider has no such tier; it was left out");
  }
}
