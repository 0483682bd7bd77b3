import { isObject, type Json, type JsonObject } from "../../../kernel/json.ts";
import type { UpstreamRequest } from "../../../spec/adapter.ts";
import type { ModelRequest, ResponseFormat, Tool, ToolChoice } from "../../../spec/request.ts";
import type { ResponsesRequestForm, ResponsesToolForm } from "../../../spec/responses-form.ts";
import { typeOf } from "../../foreign.ts";
import { Losses } from "../../losses.ts";
import { BEGINS_ANEW, MAY_BEGIN_ANEW, unfinishedText } from "../../unfinished.ts";
import { effortOf } from "../effort.ts";
import { withoutFixedSampling } from "../fixed-sampling.ts";
import { writePrivacy } from "../privacy.ts";
import type { Quirks } from "../quirks.ts";
import { refuseChoices } from "../refused.ts";
import { isStrictSchema } from "../strict.ts";
import { nameForServer } from "../tool-names.ts";
import { isBackground } from "./background.ts";
import { ownInput } from "./own-turns.ts";
import { foreignInput } from "./turns.ts";

/**
 * POST /responses, written from what was parsed and checked. A caller of this dialect finds
 * its own words again, unknown fields included. For callers of others nothing is stored at
 * the provider, and thoughts come sealed, so that they can be sent back.
 * @throws UnsupportedFeature
 */
export function encodeResponses(request: ModelRequest, model: string, quirks: Quirks): UpstreamRequest {
  const losses = new Losses(request.dialect === "openai-responses");
  const body = losses.own ? ownBody(request, model, quirks, losses) : foreignBody(request, model, quirks, losses);
  const headers = { accept: request.stream ? "text/event-stream" : "application/json" };
  return { method: "POST", path: "/responses", headers, body, warnings: losses.warnings };
}

function ownBody(request: ModelRequest, model: string, quirks: Quirks, losses: Losses): JsonObject {
  refuseChoices(request, quirks, losses);
  if (isBackground(request) && !quirks.keepsResponses) {
    losses.refuse(
      "background",
      "the provider keeps no responses, so none can be fetched later; stream it, or wait for it",
    );
  }
  const form = (request.form ?? {}) as ResponsesRequestForm;
  const { reasoning: moreReasoning, text: moreText, "text.verbosity": verbosity, ...extra } = request.extra ?? {};
  const body: JsonObject = { model };
  let { messages } = request;
  const first = messages[0];
  if (form.instructions === true && first?.parts[0]?.type === "text") {
    body.instructions = first.parts[0].text;
    messages = messages.slice(1);
  }
  const only = messages.length === 1 ? messages[0]!.parts[0] : undefined;
  if (form.input === "string" && only?.type === "text") body.input = only.text;
  else if (messages.length > 0) body.input = ownInput(messages, losses);
  if (request.stream) body.stream = true;
  writeSettings(request, body);
  if (request.topLogprobs !== undefined) body.top_logprobs = request.topLogprobs;
  if (request.tools !== undefined) body.tools = ownTools(request.tools);
  if (request.toolChoice !== undefined) body.tool_choice = choiceOf(request.toolChoice, form);
  if (request.parallelToolCalls !== undefined) body.parallel_tool_calls = request.parallelToolCalls;
  if (request.serviceTier !== undefined) body.service_tier = request.serviceTier;
  if (request.endUser !== undefined) body.user = request.endUser;
  if (form.include !== undefined) body.include = form.include;
  const reasoning: JsonObject = { ...object(moreReasoning) };
  if (request.reasoning?.effort !== undefined) reasoning.effort = request.reasoning.effort;
  if (form.summary !== undefined) reasoning.summary = form.summary;
  if (hasAny(reasoning)) body.reasoning = reasoning;
  const text: JsonObject = { ...object(moreText) };
  if (request.responseFormat !== undefined)
    text.format = { ...formatOf(request.responseFormat), ...object(text.format) };
  if (verbosity !== undefined) text.verbosity = verbosity;
  if (hasAny(text)) body.text = text;
  // Part of this dialect, so every server of it knows it; what nobody forbids is stored.
  if (request.store === false) body.store = false;
  writePrivacy(request, quirks.privacy, body);
  losses.carry(form.plain, body);
  losses.carry(extra, body);
  return body;
}

/** The tools as the caller gave them, each namespace in one piece again. */
function ownTools(tools: readonly Tool[]): JsonObject[] {
  const written: JsonObject[] = [];
  let open: { at: number; tools: JsonObject[] } | undefined;
  for (const tool of tools) {
    const place = tool.type === "function" ? (tool.form as ResponsesToolForm | undefined)?.namespace : undefined;
    if (place === undefined || tool.type !== "function") {
      open = undefined;
      written.push(ownTool(tool));
      continue;
    }
    const { namespace, ...extra } = tool.extra ?? {};
    if (open?.at !== place.at) {
      open = { at: place.at, tools: [] };
      written.push({ ...object(namespace), tools: open.tools });
    }
    open.tools.push(ownTool({ ...tool, name: place.own, extra }));
  }
  return written;
}

function ownTool(tool: Tool): JsonObject {
  if (tool.type === "opaque") return tool.value;
  const form = (tool.form ?? {}) as ResponsesToolForm;
  if (form.as === "local_shell") return { ...tool.extra, type: "local_shell" };
  const written: JsonObject = { ...tool.extra, type: form.as ?? "function", name: tool.name };
  if (tool.description !== undefined) written.description = tool.description;
  if (form.as === "custom") {
    if (form.format !== undefined) written.format = form.format;
    return written;
  }
  if (tool.parameters !== undefined) written.parameters = tool.parameters;
  if (tool.strict !== undefined) written.strict = tool.strict;
  return written;
}

function choiceOf(choice: ToolChoice, form: ResponsesRequestForm): Json {
  if (choice.type === "tool") return { type: form.choice ?? "function", name: choice.name };
  return choice.type === "opaque" ? choice.value : choice.type;
}

function writeSettings(request: ModelRequest, body: JsonObject): void {
  if (request.maxOutputTokens !== undefined) body.max_output_tokens = request.maxOutputTokens;
  if (request.temperature !== undefined) body.temperature = request.temperature;
  if (request.topP !== undefined) body.top_p = request.topP;
}

function formatOf(format: ResponseFormat): JsonObject {
  if (format.type === "text") return { type: "text" };
  if (format.type === "json") return { type: "json_object" };
  const { name, schema, strict, description } = format;
  const written: JsonObject = { type: "json_schema", name };
  if (description !== undefined) written.description = description;
  if (schema !== undefined) written.schema = schema;
  if (strict !== undefined) written.strict = strict;
  return written;
}

/** What of Chat Completions means the same here. */
const SHARED = ["metadata", "prompt_cache_key", "prompt_cache_retention", "safety_identifier"] as const;

/** OpenAI's smallest bound. */
const MIN_OUTPUT = 16;
const MAX_USER = 64;

function foreignBody(asked: ModelRequest, model: string, quirks: Quirks, losses: Losses): JsonObject {
  const request = withoutFixedSampling(asked, model, quirks, losses);
  refuseStops(request, losses);
  refuseUnfinished(request, quirks, losses);
  const body: JsonObject = { model, input: foreignInput(request.messages, losses), store: false };
  if (request.stream) body.stream = true;
  writeSettings(request, body);
  if (request.maxOutputTokens !== undefined)
    body.max_output_tokens = boundOf(request.maxOutputTokens, model, quirks, losses);
  writeForeignTools(request, losses, body);
  const thinks = quirks.thinks(model);
  const include: string[] = thinks ? ["reasoning.encrypted_content"] : [];
  if (request.logprobs === true) {
    include.push("message.output_text.logprobs");
    if (request.topLogprobs !== undefined) body.top_logprobs = request.topLogprobs;
  }
  if (include.length > 0) body.include = include;
  writeReasoning(request, thinks, losses, body);
  const text: JsonObject = {};
  const format = request.responseFormat;
  if (format !== undefined) {
    text.format = formatOf(format);
    if (format.type === "json-schema" && format.strict === undefined) {
      text.format = { ...text.format, strict: isStrictSchema(format.schema) };
    }
  }
  const extra: JsonObject = { ...request.extra };
  if (request.dialect === "openai-chat") {
    if (extra.verbosity !== undefined) text.verbosity = extra.verbosity;
    delete extra.verbosity;
    for (const name of SHARED) {
      if (extra[name] !== undefined && extra[name] !== null) body[name] = extra[name];
      delete extra[name];
    }
  }
  if (hasAny(text)) body.text = text;
  writeCaller(request, losses, body);
  losses.carryRequest(extra, body);
  return body;
}

function refuseStops(request: ModelRequest, losses: Losses): void {
  if ((request.stop?.filter((word) => word !== "").length ?? 0) > 0) {
    losses.refuse("stop", "the provider takes no stop where this model is asked");
  }
}

/** An item of the assistant's is a turn that is whole, in this dialect. */
function refuseUnfinished(request: ModelRequest, { continues }: Quirks, losses: Losses): void {
  if (unfinishedText(request) === undefined) return;
  if (continues === "unknown") losses.warn("messages", MAY_BEGIN_ANEW);
  else losses.refuse("messages", BEGINS_ANEW);
}

function boundOf(wanted: number, model: string, quirks: Quirks, losses: Losses): number {
  const most = quirks.maxOutput(model) ?? wanted;
  const bound = Math.max(MIN_OUTPUT, Math.min(wanted, most));
  if (bound !== wanted)
    losses.warn("max_tokens", `this model writes ${MIN_OUTPUT} to ${most} tokens; ${bound} were asked for`);
  return bound;
}

function writeForeignTools(request: ModelRequest, losses: Losses, body: JsonObject): void {
  const { tools, toolChoice } = request;
  if (tools === undefined || tools.length === 0) return;
  body.tools = tools.map((tool, index) => {
    if (tool.type === "opaque") {
      return losses.refuse(`tools[${index}]`, `the provider has no tool of type ${typeOf(tool)}`);
    }
    losses.carry(tool.extra, {});
    const parameters = tool.parameters ?? { type: "object", properties: {} };
    const written: JsonObject = { type: "function", name: nameForServer(tool.name), parameters };
    if (tool.description !== undefined) written.description = tool.description;
    // Here tools are strict unless they say that they are not.
    written.strict = tool.strict === true && isStrictSchema(parameters);
    if (tool.strict === true && !written.strict) {
      losses.warn("strict", "the provider cannot hold this tool to its schema; it was left out");
    }
    return written;
  });
  if (toolChoice?.type === "opaque") losses.refuse("tool_choice", "the provider has no such choice of tools");
  if (toolChoice?.type === "tool") body.tool_choice = { type: "function", name: nameForServer(toolChoice.name) };
  else if (toolChoice !== undefined) body.tool_choice = toolChoice.type;
  if (request.parallelToolCalls !== undefined) body.parallel_tool_calls = request.parallelToolCalls;
}

/** Words of other dialects for more than OpenAI's `high`. */
const EFFORTS: Readonly<Record<string, string>> = { max: "high", xhigh: "high" };

function writeReasoning(request: ModelRequest, thinks: boolean, losses: Losses, body: JsonObject): void {
  const { reasoning } = request;
  if (reasoning === undefined) return;
  const { enabled, effort, budgetTokens } = reasoning;
  if (!thinks) {
    if (enabled !== false) losses.warn("thinking", "the model cannot be asked to think; the wish was left out");
    return;
  }
  // The words of Chat Completions are the same, and which of them a model takes is its own to say.
  if (request.dialect === "openai-chat" && effort !== undefined) {
    body.reasoning = { effort };
    return;
  }
  if (enabled === false) {
    losses.warn("thinking", "thinking cannot be switched off here; the model's default holds");
    return;
  }
  const wanted = effort ?? (budgetTokens === undefined ? undefined : effortOf(budgetTokens));
  if (wanted !== undefined) body.reasoning = { effort: EFFORTS[wanted] ?? wanted };
}

function writeCaller(request: ModelRequest, losses: Losses, body: JsonObject): void {
  const { endUser, serviceTier } = request;
  const chat = request.dialect === "openai-chat";
  if (endUser !== undefined) {
    if (chat || endUser.length <= MAX_USER) body.user = endUser;
    else losses.warn("metadata.user_id", `the provider takes at most ${MAX_USER} characters; it was left out`);
  }
  if (serviceTier === undefined) return;
  if (chat || serviceTier === "auto") body.service_tier = serviceTier;
  else losses.warn("service_tier", `the provider has no tier ${serviceTier}; it was left out`);
}

function object(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}

function hasAny(value: JsonObject): boolean {
  for (const _ in value) return true;
  return false;
}
