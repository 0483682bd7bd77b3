import type { Json, JsonObject } from "../../kernel/json.ts";
import type { UpstreamRequest } from "../../spec/adapter.ts";
import type { OllamaRequestForm } from "../../spec/ollama-form.ts";
import type { ModelRequest, Tool } from "../../spec/request.ts";
import { typeOf } from "../foreign.ts";
import { Losses } from "../losses.ts";
import { boundMachine } from "./bounds.ts";
import { writeImages, writeMessages } from "./messages.ts";

/**
 * POST /api/chat, written from what was parsed and checked; /api/generate for a caller who asked
 * there. Both stream unless told not to.
 * @throws UnsupportedFeature
 */
export function encodeRequest(request: ModelRequest, model: string): UpstreamRequest {
  const losses = new Losses(request.dialect === "ollama");
  const form = losses.own ? ((request.form ?? {}) as OllamaRequestForm) : {};
  const body: JsonObject = { model };
  if (form.generate) writePrompt(request, losses, body);
  else {
    body.messages = writeMessages(request.messages, losses);
    writeTools(request, losses, body);
  }
  body.stream = request.stream;
  writeOptions(request, form, body);
  writeFormat(request, losses, body);
  writeThink(request, model, losses, body);
  if (request.logprobs !== undefined) body.logprobs = request.logprobs;
  if (request.topLogprobs !== undefined) body.top_logprobs = request.topLogprobs;
  checkRest(request, losses);
  losses.carryRequest(request.extra, body);
  losses.carry(form.blank, body);
  boundMachine(body, losses);
  const headers = { accept: request.stream ? "application/x-ndjson" : "application/json" };
  const path = form.generate ? "/api/generate" : "/api/chat";
  return { method: "POST", path, headers, body, warnings: losses.warnings };
}

/** What came to /api/generate has one user message, perhaps behind a system message. */
function writePrompt(request: ModelRequest, losses: Losses, body: JsonObject): void {
  for (const { role, parts } of request.messages) {
    const text = parts.map((part) => (part.type === "text" ? part.text : "")).join("");
    body[role === "system" ? "system" : "prompt"] = text;
    const images = writeImages(parts, losses);
    if (images.length > 0) body.images = images;
  }
}

function writeTools(request: ModelRequest, losses: Losses, body: JsonObject): void {
  const { tools, toolChoice } = request;
  if (tools === undefined || tools.length === 0) return;
  if (toolChoice?.type === "opaque") losses.refuse("tool_choice", "the provider has no such choice of tools");
  // A model that has no tools calls none.
  if (toolChoice?.type === "none") return;
  body.tools = tools.map((tool, index) => writeTool(tool, index, losses));
}

function writeTool(tool: Tool, index: number, losses: Losses): JsonObject {
  if (tool.type === "opaque") {
    if (losses.own) return tool.value;
    return losses.refuse(`tools[${index}]`, `the provider has no tool of type ${typeOf(tool)}`);
  }
  const called: JsonObject = { name: tool.name };
  if (tool.description !== undefined) called.description = tool.description;
  // Ollama's own templates read the properties without asking whether there are any.
  if (tool.parameters !== undefined || !losses.own) {
    called.parameters = tool.parameters ?? { type: "object", properties: {} };
  }
  if (tool.strict === true) losses.warn("strict", "the provider cannot hold a tool to its schema; it was left out");
  const written: JsonObject = { type: "function", function: called };
  losses.carry(tool.extra, written);
  return written;
}

function writeOptions(request: ModelRequest, form: OllamaRequestForm, body: JsonObject): void {
  const options: Record<string, Json | undefined> = {
    num_predict: request.maxOutputTokens ?? form.numPredict,
    temperature: request.temperature,
    top_p: request.topP,
    top_k: request.topK,
    seed: request.seed,
    stop: request.stop !== undefined && request.stop.length > 0 ? request.stop : undefined,
    presence_penalty: request.presencePenalty,
    frequency_penalty: request.frequencyPenalty,
  };
  const given: JsonObject = {};
  for (const name in options) if (options[name] !== undefined) given[name] = options[name];
  if (Object.keys(given).length > 0) body.options = given;
}

function writeFormat(request: ModelRequest, losses: Losses, body: JsonObject): void {
  const format = request.responseFormat;
  if (format === undefined || format.type === "text") return;
  body.format = format.type === "json" || format.schema === undefined ? "json" : format.schema;
  if (format.type === "json-schema" && format.description !== undefined) {
    losses.warn("response_format", "the provider takes no description of a schema; it was left out");
  }
}

/** Models that can be asked to think; the server refuses the wish for others. Source: Ollama's library. */
const THINKS = /gpt-oss|qwen3|qwq|deepseek-(?:r1|v)|magistral|glm-|kimi|minimax|cogito|nemotron|thinking|reason/;
/** Models that take a word for how much. */
const MEASURES = /gpt-oss/;
const EFFORTS: Record<string, string> = { minimal: "low", max: "high", xhigh: "high" };

/** Largest budget, in tokens, that still counts as low and as medium effort. */
const LOW_BUDGET = 4_096;
const MEDIUM_BUDGET = 16_384;

function writeThink(request: ModelRequest, model: string, losses: Losses, body: JsonObject): void {
  const { reasoning } = request;
  if (reasoning === undefined) return;
  const { effort, budgetTokens } = reasoning;
  if (losses.own) {
    body.think = effort ?? reasoning.enabled ?? true;
    return;
  }
  if (reasoning.enabled === false || effort === "none") body.think = false;
  else if (!THINKS.test(model)) {
    losses.warn("thinking", "the model cannot be asked to think; the wish was left out");
  } else if (!MEASURES.test(model)) body.think = true;
  else if (effort !== undefined) body.think = EFFORTS[effort] ?? effort;
  else if (budgetTokens === undefined) body.think = true;
  else body.think = budgetTokens <= LOW_BUDGET ? "low" : budgetTokens <= MEDIUM_BUDGET ? "medium" : "high";
}

function checkRest(request: ModelRequest, losses: Losses): void {
  const { serviceTier, endUser } = request;
  if (serviceTier !== undefined && serviceTier !== "auto") {
    losses.warn("service_tier", "the provider has no tiers; it was left out");
  }
  if (endUser !== undefined) losses.warn("user", "the provider takes no name of an end user; it was left out");
}
