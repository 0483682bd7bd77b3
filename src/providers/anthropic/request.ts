import type { JsonObject } from "../../kernel/json.ts";
import { UnsupportedFeature, type UpstreamRequest, type Warning } from "../../spec/adapter.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { saysNothing } from "../losses.ts";
import { BlockWriter, textAlone, type Warn } from "./blocks.ts";
import { type ModelTraits, traitsOf } from "./models.ts";
import { ownBody } from "./own.ts";
import { writeCaller, writeLimits, writeSampling, writeThinking } from "./settings.ts";
import { answerFormat, hintFor } from "./structured.ts";
import { forcesTool, writeTools } from "./tools.ts";
import { TurnsBuilder } from "./turns.ts";
import { checkSupport, READ_EXTRA } from "./unsupported.ts";

/** The version of the dialect that this adapter reads and writes. */
const VERSION = "2023-06-01";

/** Header values are names of beta features, separated by commas. */
const BETA = /^[\w.,\- ]{1,2000}$/;

/** `POST /v1/messages`. @throws UnsupportedFeature */
export function encodeRequest(request: ModelRequest, model: string): UpstreamRequest {
  const warnings: Warning[] = [];
  const told = new Set<string>();
  const warn: Warn = (field, message) => {
    if (told.has(field)) return;
    told.add(field);
    warnings.push({ field, message });
  };
  const own = request.dialect === "anthropic-messages";
  const body = own ? ownBody(request, model, warn) : foreignBody(request, model, warn);
  const headers = betaHeaders(own ? request : {});
  return { method: "POST", path: "/v1/messages", headers, body, warnings };
}

/** For a caller who speaks Anthropic's dialects, with the features that it has switched on. */
export function betaHeaders({ headers: given = {} }: Pick<ModelRequest, "headers">): Record<string, string> {
  const headers: Record<string, string> = { "anthropic-version": VERSION };
  const beta = given["anthropic-beta"];
  if (beta !== undefined && BETA.test(beta)) headers["anthropic-beta"] = beta;
  return headers;
}

/** The body for a caller who speaks another dialect. */
function foreignBody(request: ModelRequest, model: string, warn: Warn): JsonObject {
  checkSupport(request);
  const traits = traitsOf(model);
  if (forcesTool(request) && !traits.forcedTool) {
    throw new UnsupportedFeature("tool_choice", "this model cannot be forced to call a tool");
  }
  const body: JsonObject = { model };
  writeLimits(request, traits, body, warn);
  const thinking = writeThinking(request, traits, body, warn);
  writeSampling(request, traits, thinking, body, warn);
  writeCaller(request, body, warn);
  if (request.stream) body.stream = true;
  writeConversation(request, traits, !thinking && traits.forcedTool, body, warn);
  for (const name in request.extra) {
    if (!READ_EXTRA.has(name) && !saysNothing(request.extra![name]!))
      warn(name, `Anthropic has no ${name}; it was left out`);
  }
  return body;
}

function writeConversation(
  request: ModelRequest,
  traits: ModelTraits,
  mayForce: boolean,
  body: JsonObject,
  warn: Warn,
): void {
  const writer = new BlockWriter(false, warn);
  const { system, turns } = new TurnsBuilder(traits, writer, warn).build(request.messages);
  const format = answerFormat(request, traits);
  if (format.kind === "native") body.output_config = { ...(body.output_config as JsonObject), format: format.format };
  if (format.kind === "tool" && !mayForce) system.push(hintFor(format.name));
  if (system.length > 0) body.system = textAlone(system) ?? system;
  body.messages = turns.map(({ role, content }) => ({ role, content: textAlone(content) ?? content }));
  writeTools(request, traits, format, mayForce, body, warn);
}
