import type { JsonObject } from "../../kernel/json.ts";
import type { AccountOptions, UpstreamRequest } from "../../spec/adapter.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { Losses } from "../losses.ts";
import { BlockWriter } from "./blocks.ts";
import { familyOf } from "./models.ts";
import { settingsOf } from "./settings.ts";
import { toolingOf } from "./tools.ts";
import { conversationOf } from "./turns.ts";

/** Words of Anthropic's dialect that settings.ts reads for Claude, so that nobody warns of them. */
const READ_EXTRA = ["thinking", "output_config", "output_format", "tool_choice"];

/**
 * `POST /model/{modelId}/converse` or `/converse-stream`
 * (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html).
 * @throws UnsupportedFeature
 */
export function encodeRequest(request: ModelRequest, model: string, options: AccountOptions = {}): UpstreamRequest {
  const losses = new Losses(false);
  checkStops(request, losses);
  const family = familyOf(model);
  const writer = new BlockWriter(family, losses);
  const prefill = family.claude?.prefill ?? true;
  const { system, messages } = conversationOf(request.messages, prefill, writer, losses);
  const { inferenceConfig, additional, thinks } = settingsOf(request, family, losses);
  const tooling = toolingOf(request, model, family, thinks, writer, losses);
  for (const hint of tooling.hints) system.push({ text: hint });

  const body: JsonObject = { messages: messages as unknown as JsonObject[] };
  if (system.length > 0) body.system = system;
  if (Object.keys(inferenceConfig).length > 0) body.inferenceConfig = inferenceConfig;
  if (tooling.toolConfig !== undefined) body.toolConfig = tooling.toolConfig;
  if (tooling.outputConfig !== undefined) body.outputConfig = tooling.outputConfig;
  const all = { ...additional, ...tooling.additional };
  if (Object.keys(all).length > 0) body.additionalModelRequestFields = all;
  // Which stop sequence was met is told only on request. A path that leads nowhere is passed over.
  if (family.claude !== undefined && inferenceConfig.stopSequences !== undefined) {
    body.additionalModelResponseFieldPaths = ["/stop_sequence", "/delta/stop_sequence"];
  }
  writeCaller(request, body, losses);
  writeGuardrail(options, request.stream, body);
  const extra = { ...request.extra };
  if (request.dialect === "anthropic-messages" || family.claude !== undefined)
    for (const name of READ_EXTRA) delete extra[name];
  // What else Anthropic's callers say there is no more than the end user, who is told above.
  if (request.dialect === "anthropic-messages") delete extra.metadata;
  losses.carryRequest(extra, body);
  const verb = request.stream ? "converse-stream" : "converse";
  return {
    method: "POST",
    path: `/model/${encodeURIComponent(model)}/${verb}`,
    headers: {},
    body,
    warnings: losses.warnings,
  };
}

function checkStops(request: ModelRequest, losses: Losses): void {
  if (request.stop?.some((word) => word !== "" && word.trim() === "")) {
    losses.refuse("stop", "Bedrock takes no stop sequence of white space only");
  }
}

const TIERS: Readonly<Record<string, string>> = {
  default: "default",
  standard: "default",
  flex: "flex",
  priority: "priority",
  reserved: "reserved",
};
/** Values of `requestMetadata`, which stands in the account's own logs of invocations. */
const METADATA = /^[a-zA-Z0-9\s:_@$#=/+,.-]{1,256}$/;

function writeCaller(request: ModelRequest, body: JsonObject, losses: Losses): void {
  const { endUser, serviceTier } = request;
  if (endUser !== undefined && endUser !== "") {
    if (METADATA.test(endUser)) body.requestMetadata = { user: endUser };
    else losses.warn("user", "Bedrock's request metadata cannot hold it; it was left out");
  }
  if (serviceTier === undefined || serviceTier === "auto") return;
  const type = TIERS[serviceTier];
  if (type !== undefined) body.serviceTier = { type };
  else losses.warn("service_tier", "Bedrock has no such tier; it was left out");
}

/** The guardrail that the account demands of every call. */
function writeGuardrail(options: AccountOptions, stream: boolean, body: JsonObject): void {
  if (options.guardrail === undefined) return;
  const config: JsonObject = {
    guardrailIdentifier: options.guardrail,
    guardrailVersion: options.guardrailVersion ?? "DRAFT",
  };
  // Otherwise what was not yet looked at is streamed.
  if (stream) config.streamProcessingMode = "sync";
  body.guardrailConfig = config;
}
