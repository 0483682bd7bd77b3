import type { Json, JsonObject } from "../../kernel/json.ts";
import type { UpstreamRequest } from "../../spec/adapter.ts";
import type { ModelRequest, Tool } from "../../spec/request.ts";
import { typeOf } from "../foreign.ts";
import { Losses } from "../losses.ts";
import { thoughtsUnder } from "../thinking-budget.ts";
import { unfinishedText } from "../unfinished.ts";
import { hasMedia, writeMessages } from "./messages.ts";
import { nameForDashscope } from "./tool-names.ts";

const PATH = "/api/v1/services/aigc";

/** Models that are asked where pictures and sounds are taken, whether or not there are any. Source: Alibaba's list of models. */
const MULTIMODAL = /vl|omni|audio|qvq|ocr|gui|qwen3\.[5-9]|qwen[4-9]/;

/** POST to one of the two generation services. Nobody asks the gateway in this dialect. @throws UnsupportedFeature */
export function encodeRequest(request: ModelRequest, model: string): UpstreamRequest {
  const losses = new Losses(false);
  const multimodal = MULTIMODAL.test(model) || hasMedia(request.messages);
  const parameters: JsonObject = { result_format: "message" };
  if (request.stream) parameters.incremental_output = true;
  writeTools(request, losses, parameters);
  writeSampling(request, parameters);
  writeFormat(request, parameters);
  writeThinking(request, model, losses, parameters);
  checkRest(request, losses);
  const messages = writeMessages(request.messages, multimodal, losses);
  // Alibaba's guide to partial mode.
  if (unfinishedText(request) !== undefined) messages.at(-1)!.partial = true;
  const body: JsonObject = { model, input: { messages }, parameters };
  losses.carryRequest(request.extra, {});
  const headers: Record<string, string> = { accept: request.stream ? "text/event-stream" : "application/json" };
  if (request.stream) headers["x-dashscope-sse"] = "enable";
  const path = `${PATH}/${multimodal ? "multimodal-generation" : "text-generation"}/generation`;
  return { method: "POST", path, headers, body, warnings: losses.warnings };
}

function writeTools(request: ModelRequest, losses: Losses, parameters: JsonObject): void {
  const { tools, toolChoice } = request;
  if (tools === undefined || tools.length === 0) return;
  parameters.tools = tools.map((tool, index) => writeTool(tool, index, losses));
  if (request.parallelToolCalls !== undefined) parameters.parallel_tool_calls = request.parallelToolCalls;
  switch (toolChoice?.type) {
    case "auto":
    case "none":
      parameters.tool_choice = toolChoice.type;
      return;
    case "tool":
      parameters.tool_choice = { type: "function", function: { name: nameForDashscope(toolChoice.name) } };
      return;
    case "required": {
      const [only, second] = tools;
      if (second !== undefined || only?.type !== "function") {
        losses.refuse("tool_choice", "the provider can be made to call one named tool only");
      }
      parameters.tool_choice = { type: "function", function: { name: nameForDashscope(only.name) } };
      return;
    }
    case "opaque":
      losses.refuse("tool_choice", "the provider has no such choice of tools");
  }
}

function writeTool(tool: Tool, index: number, losses: Losses): JsonObject {
  if (tool.type === "opaque") {
    return losses.refuse(`tools[${index}]`, `the provider has no tool of type ${typeOf(tool)}`);
  }
  const called: JsonObject = { name: nameForDashscope(tool.name) };
  if (tool.description !== undefined) called.description = tool.description;
  if (tool.parameters !== undefined) called.parameters = tool.parameters;
  if (tool.strict === true) losses.warn("strict", "the provider cannot hold a tool to its schema; it was left out");
  losses.carry(tool.extra, {});
  return { type: "function", function: called };
}

function writeSampling(request: ModelRequest, parameters: JsonObject): void {
  const given: Record<string, Json | undefined> = {
    max_tokens: request.maxOutputTokens,
    temperature: request.temperature,
    top_p: request.topP,
    top_k: request.topK,
    seed: request.seed,
    n: request.choices,
    stop: request.stop !== undefined && request.stop.length > 0 ? request.stop : undefined,
    presence_penalty: request.presencePenalty,
    logprobs: request.logprobs,
    top_logprobs: request.topLogprobs,
  };
  for (const name in given) if (given[name] !== undefined) parameters[name] = given[name];
}

function writeFormat({ responseFormat: format }: ModelRequest, parameters: JsonObject): void {
  if (format === undefined || format.type === "text") return;
  if (format.type === "json") {
    parameters.response_format = { type: "json_object" };
    return;
  }
  const schema: JsonObject = { name: format.name };
  if (format.description !== undefined) schema.description = format.description;
  if (format.schema !== undefined) schema.schema = format.schema;
  if (format.strict !== undefined) schema.strict = format.strict;
  parameters.response_format = { type: "json_schema", json_schema: schema };
}

/** Tokens to think with, for words; `high` and above are the model's own bound. */
const BUDGETS: Readonly<Record<string, number>> = { minimal: 1_024, low: 4_096, medium: 16_384 };

/** Models that think when told to. Others refuse the switch. */
const THINKS = /qwen3|qwen[4-9]|qwq|qvq|qwen-(?:plus|turbo|flash|max)|deepseek|kimi|glm/;

function writeThinking({ reasoning }: ModelRequest, model: string, losses: Losses, parameters: JsonObject): void {
  if (reasoning === undefined) return;
  const off = reasoning.enabled === false || reasoning.effort === "none";
  if (!THINKS.test(model)) {
    if (!off) losses.warn("thinking", "the model cannot be asked to think; the wish was left out");
    return;
  }
  parameters.enable_thinking = !off;
  const budget = reasoning.budgetTokens ?? BUDGETS[reasoning.effort ?? ""];
  if (!off && budget !== undefined) parameters.thinking_budget = budget;
  if (!off && reasoning.effort !== undefined && reasoning.budgetTokens === undefined && budget === undefined) {
    losses.warn("reasoning_effort", "the provider takes a budget of tokens; the model's own was left");
  }
}

/** `max_tokens` bounds the answer alone. */
export function thoughtsOnTop(request: ModelRequest, model: string): number {
  const parameters: JsonObject = {};
  writeThinking(request, model, new Losses(false), parameters);
  return thoughtsUnder(parameters, model);
}

function checkRest(request: ModelRequest, losses: Losses): void {
  if (request.frequencyPenalty !== undefined && request.frequencyPenalty !== 0) {
    losses.warn("frequency_penalty", "the provider has no frequency_penalty; it was left out");
  }
  if (request.endUser !== undefined) losses.warn("user", "the provider takes no name of an end user; it was left out");
  if (request.serviceTier !== undefined && request.serviceTier !== "auto") {
    losses.warn("service_tier", "the provider has no such tier; it was left out");
  }
}
